// Errors on their way between threads. A structured clone of an error keeps its message and stack but not what the
// engine adds, so typed errors travel as plain data.

import { EngineError, type ErrorCode, engineError } from '../base/errors.js'
import type { CommitOutcome } from '../base/errors.js'

/** How many causes behind causes travel along. */
const CAUSE_MAX_DEPTH = 8

export interface ErrorMessage {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Of a typed error. */
  readonly code?: ErrorCode
  readonly details?: Readonly<Record<string, string | number>>
  readonly committed?: CommitOutcome
  readonly cause?: ErrorMessage
}

export function encodeError(error: unknown, depth: number = 0): ErrorMessage {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined }
  }
  const { name, message, stack } = error
  const cause =
    error.cause === undefined || depth >= CAUSE_MAX_DEPTH
      ? {}
      : { cause: encodeError(error.cause, depth + 1) }
  if (!(error instanceof EngineError)) return { name, message, stack, ...cause }
  const { code, details, committed } = error
  return { name, message, stack, code, details, committed, ...cause }
}

export function decodeError(encoded: ErrorMessage): Error {
  const { name, message, stack, code, details, committed } = encoded
  const cause = encoded.cause === undefined ? undefined : decodeError(encoded.cause)
  let error: Error
  if (code === undefined) {
    error = new Error(message, cause === undefined ? undefined : { cause })
    error.name = name
  } else {
    error = engineError(code, message.slice(`${code}: `.length), {
      ...(details === undefined ? {} : { details }),
      ...(committed === undefined ? {} : { committed }),
      cause,
    })
  }
  // Where it happened in the other thread says more than where it arrived in this one.
  if (stack !== undefined) error.stack = stack
  return error
}
