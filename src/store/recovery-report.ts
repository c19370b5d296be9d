import type { FileId } from '../base/ids.js'

/** What opening found in the log and cleaned up. */
export interface RecoveryReport {
  readonly walFileCount: number
  readonly commitCount: number
  /** Bytes of a torn tail; no acknowledged commit was in them. */
  readonly tornBytes: number
  /** Files that no manifest named and that were removed: leftovers of interrupted jobs. */
  readonly orphanFileIds: readonly FileId[]
}
