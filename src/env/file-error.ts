// How failures of file operations become typed errors, the same for every file system.

import { type EngineError, type ErrorCode, engineError } from '../base/errors.js'

const CODE_OF_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'FILE_MISSING',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
}

/** Where a failure happened: the path and the operation, as the system calls it. */
export interface FileOperation {
  readonly path: string
  readonly syscall: string
}

/** The typed error of a failed operation. */
export function fileError(errno: string, at: FileOperation, cause?: unknown): EngineError {
  return engineError(CODE_OF_ERRNO[errno] ?? 'IO_FAILED', `${at.syscall} ${at.path}: ${errno}`, {
    details: { path: at.path, syscall: at.syscall, errno },
    cause,
  })
}

/** The errno name that an error of the system carries: 'ENOENT'. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'UNKNOWN'
}
