import { statfsSync } from 'node:fs'

/** Bytes that may still be written where the path lies; undefined where the system does not tell. */
export function freeBytesOf(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}
