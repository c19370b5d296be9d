// The only public settings. docs/options.md is generated from this table.

import { engineError } from '../base/errors.js'
import { type GivenSettings, setting, type Settings } from '../base/options.js'
import { isWellFormed } from '../codec/bytes.js'
import { GiB, HISTORY_WINDOW_MAX_MS, KiB, MiB } from '../base/limits.js'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** @throws ARGUMENT_INVALID when the argument cannot name a directory */
export function checkDirectoryName(argument: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return
  throw engineError('ARGUMENT_INVALID', `${argument} must be the name of a directory`)
}

/** @throws ARGUMENT_INVALID */
export function checkText(what: string, value: unknown, maxBytes: number): void {
  const isFit =
    typeof value === 'string' &&
    value !== '' &&
    isWellFormed(value) &&
    Buffer.byteLength(value) <= maxBytes
  if (isFit) return
  throw engineError('ARGUMENT_INVALID', `${what} must be a text of 1 to ${maxBytes} bytes`)
}

export const SETTINGS = {
  createIfMissing: setting.boolean({
    default: true,
    doc: 'Create the database when the directory is missing or empty. Off: opening fails with DB_NOT_FOUND.',
  }),
  tabletCount: setting.count({
    default: 4,
    min: 1,
    max: 256,
    doc: 'Tablets that a new database begins with; tenants are spread over them by hash. They split as they grow, and idle ones merge, but do not become fewer than this.',
  }),
  memoryBudgetBytes: setting.bytes({
    default: 256 * MiB,
    min: 4 * MiB,
    max: 256 * GiB,
    doc: 'Memory for all tenants together: memtables, of which the largest is flushed once they have a quarter of it, and in all that they leave, blocks of sstables that were read lately, and up to an eighth of it copies of what was read more than once.',
  }),
  rowCacheBytes: setting.bytes({
    default: 0,
    min: 0,
    max: 128 * GiB,
    doc: 'Memory, at most half of memoryBudgetBytes and a part of it, for rows that get() and getSync() have read: who asks again gets the same row, which is frozen. Pays where rows are read many times between two writes of them.',
  }),
  walFileBytes: setting.bytes({
    default: 32 * MiB,
    min: 64 * KiB,
    max: 1 * GiB,
    doc: 'Size to which files of the write-ahead log are preallocated.',
  }),
  relaxedWindowMs: setting.milliseconds({
    default: 100,
    min: 1,
    max: 60_000,
    doc: "How long a commit with durability 'relaxed' may wait for a sync of the log: what a power failure can take back.",
  }),
  salvage: setting.boolean({
    default: false,
    doc: 'Open a damaged database read-only and take what can be read; nothing on disk is changed. salvageReport() says what is lost.',
  }),
  tokenWindowMs: setting.milliseconds({
    default: 7 * DAY_MS,
    min: 1000,
    max: 3650 * DAY_MS,
    doc: 'How long the result of a transaction with an idempotency token is kept for repeats and txnStatus().',
  }),
  historyWindowMs: setting.milliseconds({
    default: DAY_MS,
    min: 0,
    max: HISTORY_WINDOW_MAX_MS,
    doc: 'How long superseded row versions stay readable through at() and history(), where neither table nor tenant says otherwise.',
  }),
  snapshotMaxAgeMs: setting.milliseconds({
    default: HOUR_MS,
    min: 1,
    max: HISTORY_WINDOW_MAX_MS,
    doc: 'How long a scan, query or transaction may hold back the removal of history; then it is ended with TXN_SNAPSHOT_TOO_OLD.',
  }),
} as const

/** Settings that open() takes beside path and tables; see docs/options.md. */
export type OpenSettings = GivenSettings<typeof SETTINGS>
/** All settings with the values in force. */
export type DatabaseSettings = Settings<typeof SETTINGS>
