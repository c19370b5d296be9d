// What the engine needs of a file system. Reads and writes are synchronous (a write goes to the page cache, a read
// mostly comes from it); syncs exist in both forms, because a log on the main thread must not wait for the disk while a
// worker may. Two implementations: node-file-system.ts and memory-file-system.ts, which can cut the power.
//
// Errors: every method throws EngineError: FILE_MISSING when the path does not exist, DISK_FULL for ENOSPC and EDQUOT,
// IO_FAILED for the rest, with details.path, details.syscall and details.errno, and the system's error as cause.

import { EngineError } from '../base/errors.js'

export type OpenMode =
  /** Existing file, reading only. */
  | 'read'
  /** Existing file, reading and writing. */
  | 'write'
  /** New file, reading and writing; IO_FAILED with errno EEXIST when it is there. */
  | 'create'

export interface FileSystem {
  open(path: string, mode: OpenMode): File
  exists(path: string): boolean
  /** Size of a file in bytes. */
  fileBytes(path: string): number
  /** How many names a file has. */
  linkCount(path: string): number
  isDirectory(path: string): boolean
  /** The names in a directory, sorted, without `.` and `..`. */
  list(directory: string): string[]
  /** Makes the directory and its parents, durably; not an error when it is there. */
  makeDirectory(directory: string): void
  /** Renames a file, replacing `to` atomically. Durable after syncDirectory of both parents. */
  rename(from: string, to: string): void
  /**
   * Gives a file another name; IO_FAILED with errno EEXIST when `to` is there, and with EXDEV, EPERM, EMLINK or ENOTSUP
   * where the system cannot. Durable after syncDirectory of the new parent.
   */
  link(from: string, to: string): void
  remove(path: string): void
  /** As remove, off the calling thread: freeing a large file takes the system milliseconds. */
  removeAsync(path: string): Promise<void>
  /** Bytes that may still be written where the path lies; undefined where the system does not tell. */
  freeBytes(path: string): number | undefined
  /** Makes creations, renames, links and removals in the directory durable. */
  syncDirectory(directory: string): void
  /** As syncDirectory, off the calling thread. */
  syncDirectoryAsync(directory: string): Promise<void>
}

export interface File {
  readonly path: string
  /** Reads up to target.length bytes; returns how many, fewer only at the end of the file. */
  read(target: Uint8Array, offsetBytes: number): number
  /** Writes all of data at the offset, growing the file with zeros where needed. Loops over short writes. */
  write(data: Uint8Array, offsetBytes: number): void
  /** As write, off the calling thread: new pages cost the system milliseconds a MiB. Data must not change meanwhile. */
  writeAsync(data: Uint8Array, offsetBytes: number): Promise<void>
  /**
   * Writes all of data inside of the file, and makes that durable, before it returns; other writes still wait for a sync. A
   * failure is final, as that of a sync.
   */
  writeDurably(data: Uint8Array, offsetBytes: number): void
  /** Makes the contents durable before it returns (fdatasync). A failure is final: never retry, abandon the file. */
  syncNow(): void
  /** Makes the contents durable, off the calling thread. Same failure rule. */
  sync(): Promise<void>
  truncate(bytes: number): void
  sizeBytes(): number
  /** Idempotent. */
  close(): void
}

/** What `link` fails with where the file has to be copied instead. */
const UNLINKABLE_ERRNOS: ReadonlySet<unknown> = new Set([
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
])

/** Whether the error says that a link is impossible here. */
export function isUnlinkable(error: unknown): boolean {
  return error instanceof EngineError && UNLINKABLE_ERRNOS.has(error.details['errno'])
}

/** Reads a whole file. */
export function readFile(fs: FileSystem, path: string): Uint8Array {
  const file = fs.open(path, 'read')
  try {
    const bytes = new Uint8Array(file.sizeBytes())
    const got = file.read(bytes, 0)
    return got === bytes.length ? bytes : bytes.subarray(0, got)
  } finally {
    file.close()
  }
}
