// Everything that users may import from 'tabularium'. What is not listed here is private and may change.

export {
  type CommitOutcome,
  ClosedError,
  ConflictError,
  CorruptError,
  DeniedError,
  EngineError,
  type ErrorCode,
  type ErrorKind,
  InternalError,
  InvalidError,
  QuotaError,
  UnavailableError,
} from './base/errors.js'
export type { EngineEvents, EventListener, EventName } from './base/events.js'
export type { SeqNum } from './base/ids.js'
export type { RawBytes, RawKeyRange } from './codec/raw-key.js'
export { t } from './catalog/column-types.js'
export type { TableDefinition } from './catalog/definition.js'
export {
  type AnyTable,
  type IndexName,
  type Insert,
  type Key,
  type KeyValue,
  type Row,
  type Table,
  table,
  type Update,
} from './catalog/table.js'
export type { Consistency } from './db/consistency.js'
export type { Database, DatabaseStats, DatabaseTransaction } from './db/database.js'
export type { WriteOptions } from './db/durability.js'
export type { KeyScan } from './db/key-scan.js'
export type { KeyBatch, KeyScanOptions, KeySnapshot, KeySpace } from './db/key-space.js'
export { type Components, type OpenOptions, open } from './db/open.js'
export type { DatabaseSettings, OpenSettings } from './db/options.js'
export type { Pin, PinOptions } from './db/pin.js'
export type {
  Hold,
  HoldOptions,
  Retention,
  RetentionOptions,
  TableRetention,
} from './db/retention.js'
export type { RewindCounts, RewindOptions, RewindResult } from './db/rewind.js'
export type { BatchTable, BatchTenant, RowBatch } from './db/row-batch.js'
export type { RowStream } from './db/row-stream.js'
export type { SqlParameters, SqlResult, SqlRow } from './db/sql.js'
export type {
  HistoryOptions,
  RowBlame,
  RowChange,
  RowCommit,
  RowVersion,
} from './db/row-history.js'
export type {
  PastTable,
  RowScanOptions,
  TableSession,
  TransactionTable,
} from './db/table-session.js'
export type { PastTenant, Tables, Tenant, TransactionTenant } from './db/tenant-session.js'
export type { Moment } from './db/time.js'
export type { TxnStatus } from './db/tokens.js'
export type { TransactOptions } from './db/transact.js'
export type { Checkpoint } from './store/checkpoint.js'
export type { Durability } from './store/commit-log.js'
export type { LostLog, LostTable, SalvageReport } from './store/salvage.js'
export type { SnapshotInfo } from './store/snapshots.js'
export type { StoreState } from './store/stats.js'
export type { VerifyProgress, VerifyReport } from './store/verify.js'
