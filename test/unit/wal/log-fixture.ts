// A database's log and nothing else: opens it as the store does (recover, remove what is not needed, start a new file) and
// appends commits whose payload follows from their SeqNum.

import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { type WalRecovery, recoverWal, type RecoverWalOptions } from '../../../dist/wal/recovery.js'
import { walFileIdOf, walFileName } from '../../../dist/wal/format.js'
import { WalWriter } from '../../../dist/wal/writer.js'
import type { PowerCutFiles } from './power-cut-files.js'

export const DIRECTORY = 'd'
export const DATABASE_ID = new Uint8Array(16).fill(0xdb)

export function payloadOf(seqNum: number): Uint8Array {
  const bytes = (seqNum * 7919) % 97
  return Uint8Array.from(
    { length: seqNum % 10 === 0 ? bytes * 11 : bytes },
    (_, i) => (seqNum + i) & 0xff,
  )
}

export function append(wal: WalWriter, seqNum: number): void {
  const payload = payloadOf(seqNum)
  wal.append(seqNum as SeqNum, payload, 0, payload.length)
}

export interface Recovered extends WalRecovery {
  readonly seqNums: number[]
  readonly isIntact: boolean
}

export function recover(
  fs: PowerCutFiles,
  options: Partial<RecoverWalOptions> & { after?: number } = {},
): Recovered {
  const seqNums: number[] = []
  let isIntact = true
  const recovery = recoverWal({
    fs,
    directory: DIRECTORY,
    databaseId: DATABASE_ID,
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

/** Goes on behind what was recovered. */
export function openWriter(
  fs: PowerCutFiles,
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
export function reopen(fs: PowerCutFiles, settings: WalSettings & { after?: number } = {}) {
  const recovery = recover(fs, settings)
  const wal = openWriter(fs, recovery, settings)
  for (const fileId of recovery.unneededFileIds) fs.remove(pathOf(fileId))
  return { recovery, wal }
}

export function pathOf(fileId: number): string {
  return `${DIRECTORY}/${walFileName(fileId as FileId)}`
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
