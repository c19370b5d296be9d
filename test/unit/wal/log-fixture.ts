// A database's log and nothing else: opens it as the store does (recover, start a new file, remove what is not needed) and
// appends commits whose payload follows from their SeqNum.

import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { readFile } from '../../../dist/env/file-system.js'
import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { walFileIdOf, walFileName } from '../../../dist/wal/format.js'
import { type RecoverWalOptions, recoverWal, type WalRecovery } from '../../../dist/wal/recovery.js'
import { WalWriter } from '../../../dist/wal/writer.js'

export const DIRECTORY = '/d'
const DATABASE_ID = new Uint8Array(16).fill(0xdb)

export function newFiles(): MemoryFileSystem {
  const fs = new MemoryFileSystem({ isLogging: true })
  fs.makeDirectory(DIRECTORY)
  return fs
}

/** What is left when only what was synced survives. */
export function syncedOnly(fs: MemoryFileSystem): MemoryFileSystem {
  return fs.crashImage({ float: () => 0 }, 'lost')
}

export function pathOf(fileId: number): string {
  return `${DIRECTORY}/${walFileName(fileId as FileId)}`
}

export function contentsOf(fs: MemoryFileSystem, fileId: number): Uint8Array {
  return readFile(fs, pathOf(fileId))
}

/** A copy of the file system in which a file holds other bytes. */
export function withFile(
  fs: MemoryFileSystem,
  fileId: number,
  bytes: Uint8Array,
): MemoryFileSystem {
  const changed = fs.clone()
  if (changed.exists(pathOf(fileId))) changed.remove(pathOf(fileId))
  changed.open(pathOf(fileId), 'create').write(bytes, 0)
  return changed
}

/** A copy in which a bit of one byte is flipped. */
export function withDamage(fs: MemoryFileSystem, fileId: number, at: number): MemoryFileSystem {
  const changed = fs.clone()
  const file = changed.open(pathOf(fileId), 'write')
  const byte = new Uint8Array(1)
  file.read(byte, at)
  byte[0]! ^= 0x10
  file.write(byte, at)
  return changed
}

export function without(fs: MemoryFileSystem, fileId: number): MemoryFileSystem {
  const changed = fs.clone()
  changed.remove(pathOf(fileId))
  return changed
}

/** Seeded chance. */
export function chanceOf(seed: number): { float(): number } {
  let state = seed >>> 0
  const float = () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32
  }
  return { float }
}

export function payloadOf(seqNum: number): Uint8Array {
  const bytes = (seqNum * 7919) % 97
  const count = seqNum % 10 === 0 ? bytes * 11 : bytes
  return Uint8Array.from({ length: count }, (_, i) => (seqNum + i) & 0xff)
}

export function append(wal: WalWriter, seqNum: number): void {
  const payload = payloadOf(seqNum)
  wal.append(seqNum as SeqNum, (out) => out.raw(payload))
}

/** Makes everything appended so far durable. */
export async function flush(wal: WalWriter): Promise<void> {
  await wal.write()
  await wal.sync()
}

export interface Recovered extends WalRecovery {
  readonly seqNums: number[]
  /** Was every payload the one that was appended? */
  readonly isIntact: boolean
}

export function recover(
  fs: MemoryFileSystem,
  options: Partial<RecoverWalOptions> & { after?: number } = {},
): Recovered {
  const seqNums: number[] = []
  let isIntact = true
  const recovery = recoverWal({
    fs,
    directory: DIRECTORY,
    databaseId: options.databaseId ?? DATABASE_ID,
    afterSeqNum: (options.after ?? 0) as SeqNum,
    provenHint: options.provenHint,
    onCommit: (seqNum, payload) => {
      seqNums.push(seqNum)
      if (Buffer.compare(payload, payloadOf(seqNum)) !== 0) isIntact = false
    },
  })
  return { ...recovery, seqNums, isIntact }
}

export interface WalSettings {
  readonly fileBytes?: number
  readonly yield?: () => Promise<void>
}

export function openWriter(
  fs: MemoryFileSystem,
  recovery?: WalRecovery,
  settings: WalSettings = {},
): WalWriter {
  let lastFileId = Math.max(0, ...fs.list(DIRECTORY).map((name) => walFileIdOf(name) ?? 0))
  return WalWriter.create({
    fs,
    directory: DIRECTORY,
    databaseId: DATABASE_ID,
    incarnation: new Uint8Array(8).fill(lastFileId),
    allocateFileId: () => ++lastFileId as FileId,
    randomUint32: () => Math.imul(lastFileId, 0x9e3779b1) >>> 0,
    fileBytes: settings.fileBytes ?? 4096,
    yield: settings.yield ?? (() => Promise.resolve()),
    previous: recovery?.last,
    sealed: recovery?.files,
  })
}

/** Recovers and goes on, as an opening store does. */
export function reopen(
  fs: MemoryFileSystem,
  settings: WalSettings & { after?: number } = {},
): WalWriter {
  const recovery = recover(fs, settings)
  const wal = openWriter(fs, recovery, settings)
  for (const fileId of recovery.unneededFileIds) fs.remove(pathOf(fileId))
  return wal
}

export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
