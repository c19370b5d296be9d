import { ERROR_TABLE, type ErrorCode, type ErrorKind } from './error-table.js'

export type { ErrorCode, ErrorKind } from './error-table.js'

/** Did the commit that failed happen all the same? */
export type CommitOutcome = 'yes' | 'no' | 'unknown'

export interface ErrorOptions {
  /** Facts for programs: file, offsetBytes, expected, found, line, column, pid ... Never row content. */
  readonly details?: Readonly<Record<string, string | number>>
  readonly cause?: unknown
  readonly committed?: CommitOutcome
}

/**
 * The base of everything the engine throws. `code` is stable, `kind` says what the caller can do, `advice` says it in
 * words, `message` is for people and may change.
 */
export class EngineError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly advice: string
  readonly details: Readonly<Record<string, string | number>>
  readonly committed: CommitOutcome

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(`${code}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = ERROR_TABLE[code].kind
    this.advice = ERROR_TABLE[code].advice
    this.details = options.details ?? {}
    this.committed = options.committed ?? 'no'
    this.name = new.target.name
  }

  /** True when nothing was written, and the same call may succeed later without a change by the caller. */
  get isRetryable(): boolean {
    if (this.committed !== 'no') return false
    return this.kind === 'conflict' || this.kind === 'quota' || this.kind === 'unavailable'
  }
}

/** Fix the call. */
export class InvalidError extends EngineError {}
/** Retry the transaction. */
export class ConflictError extends EngineError {}
/** Ask for a grant. */
export class DeniedError extends EngineError {}
/** Wait, or raise the quota. */
export class QuotaError extends EngineError {}
/** Retry with back-off. */
export class UnavailableError extends EngineError {}
/** Restore or repair; never retried. */
export class CorruptError extends EngineError {}
/** Reopen. */
export class ClosedError extends EngineError {}
/** Report it. */
export class InternalError extends EngineError {}

const CLASS_OF_KIND: Readonly<Record<ErrorKind, typeof EngineError>> = {
  invalid: InvalidError,
  conflict: ConflictError,
  denied: DeniedError,
  quota: QuotaError,
  unavailable: UnavailableError,
  corrupt: CorruptError,
  closed: ClosedError,
  internal: InternalError,
}

/** Makes the error of the class that the code's kind asks for. */
export function engineError(code: ErrorCode, message: string, options?: ErrorOptions): EngineError {
  return new CLASS_OF_KIND[ERROR_TABLE[code].kind](code, message, options)
}
