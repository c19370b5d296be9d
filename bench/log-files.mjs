// Files of a write-ahead log, of whatever engine.
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { diskBytes } from './machine.mjs'

/** Bytes of log files in a directory, without the zeros that one made ahead of its use ends with. */
export function logBytes(path) {
  if (!existsSync(path)) return 0
  return readdirSync(path)
    .filter(isLog)
    .reduce((total, file) => total + usedBytes(join(path, file)), 0)
}

/** What of the disk is no data: log files as they are, and what is set apart for a full disk. */
export function logAndReserveDiskBytes(path) {
  if (!statSync(path).isDirectory()) return 0
  return readdirSync(path)
    .filter((file) => isLog(file) || file === 'RESERVE')
    .reduce((total, file) => total + diskBytes(join(path, file)), 0)
}

const isLog = (file) => /\.(wal|log)$|-wal$/.test(file)

function usedBytes(file) {
  const fd = openSync(file, 'r')
  const piece = Buffer.alloc(1 << 20)
  const zeros = Buffer.alloc(piece.length)
  let end = fstatSync(fd).size
  for (let isZero = true; isZero && end > 0; ) {
    const start = Math.max(0, end - piece.length)
    const read = piece.subarray(0, readSync(fd, piece, 0, end - start, start))
    const isEmpty = read.equals(zeros.subarray(0, read.length))
    const last = isEmpty ? -1 : read.findLastIndex((byte) => byte !== 0)
    isZero = last < 0
    end = start + last + 1
  }
  closeSync(fd)
  return end
}
