import { EngineError, type ErrorCode, type ErrorKind } from '../index.js'

const CODES: Partial<Record<ErrorCode, string>> = {
  KEY_TOO_LARGE: 'LEVEL_INVALID_KEY',
  VALUE_TOO_LARGE: 'LEVEL_INVALID_VALUE',
  DB_LOCKED: 'LEVEL_LOCKED',
  TXN_SNAPSHOT_TOO_OLD: 'LEVEL_SNAPSHOT_NOT_OPEN',
}

const CODES_OF_KINDS: Partial<Record<ErrorKind, string>> = {
  closed: 'LEVEL_DATABASE_NOT_OPEN',
  corrupt: 'LEVEL_CORRUPTION',
  unavailable: 'LEVEL_IO_ERROR',
}

/**
 * An error of the engine as users of Level databases know it, with the engine's own as cause. One that Level has no code
 * for stays as it is.
 */
export function levelError(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const code = CODES[error.code] ?? CODES_OF_KINDS[error.kind]
  return code === undefined ? error : codedError(code, error.message, error)
}

export function codedError(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code })
}
