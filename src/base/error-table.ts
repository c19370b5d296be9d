// Every error code once: what kind of answer it asks of the caller, what happened, and what to do.
// docs/errors.md is generated from this table. Codes are never renamed and never reused.

/** What a caller can do: fix the call, retry, ask for a grant, wait, retry later, restore, reopen, report. */
export type ErrorKind =
  | 'invalid'
  | 'conflict'
  | 'denied'
  | 'quota'
  | 'unavailable'
  | 'corrupt'
  | 'closed'
  | 'internal'

export interface ErrorRow {
  readonly kind: ErrorKind
  /** What happened, for docs/errors.md. */
  readonly meaning: string
  /** What the caller should do; every error carries it as `advice`. */
  readonly advice: string
}

const row = (kind: ErrorKind, meaning: string, advice: string): ErrorRow => ({
  kind,
  meaning,
  advice,
})

export const ERROR_TABLE = {
  // invalid: fix the call
  ARGUMENT_INVALID: row(
    'invalid',
    'An argument has the wrong type or form.',
    'Pass what the message names.',
  ),
  OPTION_UNKNOWN: row(
    'invalid',
    'An option has a name that does not exist.',
    'Check the spelling against docs/options.md.',
  ),
  OPTION_OUT_OF_RANGE: row(
    'invalid',
    'An option has a value outside its range.',
    'Choose a value in the range that the message names.',
  ),
  TENANT_NAME_INVALID: row(
    'invalid',
    'A tenant name is empty, too long or holds characters that are not allowed.',
    'Use 1 to 256 bytes of text without control characters or lone surrogates.',
  ),
  KEY_TOO_LARGE: row(
    'invalid',
    'An encoded key is longer than 2,048 bytes.',
    'Use a shorter key; keep long text in a column that no key covers.',
  ),
  VALUE_TOO_LARGE: row(
    'invalid',
    'An encoded row is larger than 16 MiB.',
    'Split the row or keep large objects elsewhere.',
  ),
  SCHEMA_INVALID: row(
    'invalid',
    'A table definition is not possible.',
    'Correct the definition as the message says.',
  ),
  SCHEMA_MISMATCH: row(
    'invalid',
    'A declared table differs from the stored one in a way that cannot be applied.',
    'Declare the table as it is stored, or choose another table name and copy the rows.',
  ),
  SCHEMA_UNKNOWN_COLUMN: row(
    'invalid',
    'The table has no column of this name.',
    'Check the spelling; the message lists the columns.',
  ),
  SCHEMA_UNKNOWN_INDEX: row(
    'invalid',
    'The table has no index of this name.',
    'Check the spelling; the message lists the indexes.',
  ),
  SCHEMA_MISSING_COLUMN: row(
    'invalid',
    'A row lacks a column that is neither nullable nor has a default.',
    'Give the column a value.',
  ),
  SCHEMA_TYPE_MISMATCH: row(
    'invalid',
    'A value does not fit the type of its column.',
    'Pass a value of the type that the message names.',
  ),
  ROW_DUPLICATE_KEY: row(
    'invalid',
    'A row with this primary key exists.',
    'Use upsert to replace rows, or choose another key.',
  ),
  ROW_UNIQUE_VIOLATION: row(
    'invalid',
    'Another row holds the same values in a unique index.',
    'Choose other values or change the other row first.',
  ),
  TXN_TOO_LARGE: row(
    'invalid',
    'A transaction holds more than 64 MiB of keys and values.',
    'Commit in smaller batches.',
  ),
  TXN_FINISHED: row(
    'invalid',
    'The transaction, or the savepoint, was already committed or rolled back.',
    'Use the transaction only inside its callback, and await every call.',
  ),
  TXN_SNAPSHOT_TOO_OLD: row(
    'invalid',
    'The asked-for time is older than the retained history, or the snapshot was open for so long that it was revoked.',
    'Ask for a later time, or read sooner. To keep more: historyWindowMs, the retention of table or tenant, a hold, a pin.',
  ),
  TXN_READ_ONLY: row(
    'invalid',
    'A transaction with readOnly was asked to write, or to lock a row.',
    'Run it without readOnly.',
  ),
  TXN_SAVEPOINT_OPEN: row(
    'invalid',
    'A transaction was used while one of its savepoints was open.',
    'Inside of savepoint() use the transaction that its callback receives; outside, await savepoint() first.',
  ),
  SQL_SYNTAX: row(
    'invalid',
    'The SQL text cannot be parsed.',
    'Correct the text at the place the caret shows.',
  ),
  SQL_UNSUPPORTED: row(
    'invalid',
    'The SQL text is correct but uses a feature that is not there.',
    'Rewrite the statement with what docs/sql.md lists.',
  ),
  SQL_UNKNOWN_NAME: row(
    'invalid',
    'The SQL text names a table, column or function that does not exist.',
    'Check the spelling; the message says what is there.',
  ),
  SQL_AMBIGUOUS_NAME: row(
    'invalid',
    'A column name fits several tables of the statement.',
    'Qualify the column with its table.',
  ),
  SQL_TYPE: row(
    'invalid',
    'An expression combines values that do not go together.',
    'Cast one side, or compare like with like.',
  ),
  SQL_PARAMETER: row(
    'invalid',
    'The bound parameters do not match the placeholders.',
    'Pass one value for each placeholder.',
  ),
  DB_NOT_FOUND: row(
    'invalid',
    'The directory holds no database.',
    'Check the path; open() with createIfMissing makes a new database.',
  ),
  DB_NOT_A_DATABASE: row(
    'invalid',
    'The path is not a Tabularium database: a file, or a directory of something else.',
    'Choose an empty or new directory; nothing in the present one was touched.',
  ),
  CHECKPOINT_TARGET_INVALID: row(
    'invalid',
    'The directory for a checkpoint is not empty, is a file, or lies inside of the database.',
    'Choose a directory that is empty or does not exist, outside of the database; nothing in the present one was touched.',
  ),
  CHECKPOINT_UNFINISHED: row(
    'invalid',
    'The directory holds a checkpoint that is still being made, or was cut off.',
    'Unless it is still being made, delete the directory and make another one; the database it copies is untouched.',
  ),
  FORMAT_UNSUPPORTED: row(
    'invalid',
    'The files were written by a newer format than this version can read.',
    'Upgrade the tabularium package; nothing was touched.',
  ),
  // conflict: retry the transaction
  TXN_CONFLICT: row(
    'conflict',
    'Something that the transaction read, under snapshot isolation wrote, was changed by another commit, or is locked by another transaction.',
    'Run the transaction again; transact() does so by itself.',
  ),
  // unavailable: retry with back-off
  TXN_TIMEOUT: row(
    'unavailable',
    'A transaction did not end within its timeoutMs.',
    'Where `committed` is no, nothing was written: run it again, with more time if need be. Where it is unknown, its commit was under way: look whether it happened.',
  ),
  DB_LOCKED: row(
    'unavailable',
    'Another process, or another handle of this one, has the directory open.',
    'Close the holder that the message names, or use the handle that is open.',
  ),
  DISK_FULL: row(
    'unavailable',
    'The disk or a quota has no room: the database is read-only but for deletes.',
    'Free space and try again; an open database takes writes again by itself within a second or two.',
  ),
  DB_READ_ONLY: row(
    'unavailable',
    'The database was opened with salvage: nothing is written; reads go on.',
    'Copy out what can be read, or close the database and open it again without salvage.',
  ),
  TABLET_READ_ONLY: row(
    'unavailable',
    'Flushes or compactions of a tablet failed three times in a row: its tenants are read-only, others go on.',
    'Remove the cause that the message names, then close the database and open it again; nothing is lost.',
  ),
  IO_FAILED: row(
    'unavailable',
    'The operating system refused a file operation.',
    'Check the disk and the rights of what the message names; the database stays as it was.',
  ),
  // corrupt: restore or repair, never retried
  WAL_CORRUPT: row(
    'corrupt',
    'The write-ahead log is damaged before its proven end.',
    'Restore from a backup, or save the state before the damage with tabularium salvage; nothing was truncated.',
  ),
  SSTABLE_CORRUPT: row(
    'corrupt',
    'An sstable is damaged; the keys of the damaged block cannot be read.',
    'Run tabularium verify, then restore the range from a backup; tabularium salvage saves what can be read.',
  ),
  MANIFEST_CORRUPT: row(
    'corrupt',
    'The manifest or the superblock is damaged.',
    'Restore from a backup; nothing was changed.',
  ),
  FILE_MISSING: row(
    'corrupt',
    'A file that the manifest names is not there.',
    'Put the file back, or restore from a backup; tabularium salvage saves what can be read, unless it is SUPERBLOCK or the manifest.',
  ),
  ROW_CORRUPT: row(
    'corrupt',
    'A stored row or catalog entry cannot be decoded although its checksum fits.',
    'Report it with the details; restore from a backup if it persists.',
  ),
  // closed: reopen
  DB_CLOSED: row('closed', 'The database handle was closed.', 'Open the database again.'),
  DB_POISONED: row(
    'closed',
    'A sync failed earlier, or the lock of the directory was lost: nothing can be promised any more.',
    'Close, check disk and directory, and open again: recovery decides what is durable.',
  ),
  COMMIT_UNKNOWN: row(
    'closed',
    'The sync of a commit failed: it may or may not survive.',
    'Open the database again and look.',
  ),
  // internal: report it
  INTERNAL: row(
    'internal',
    'A promise inside the engine was broken.',
    'Report it with the message, the cause and the steps that led here.',
  ),
} as const satisfies Record<string, ErrorRow>

/** A stable error code; docs/errors.md says what each means. */
export type ErrorCode = keyof typeof ERROR_TABLE
