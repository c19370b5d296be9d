// The garbage block: what of a table can become garbage, and when. One row for each table of a tenant, which is the finest
// that retention is told apart by, and only where there are superseded versions or tombstones. Before compression,
// little-endian:
//
//   bytes  field                  meaning
//       4  rowCount               u32, at least 1
//     60n  rows                   in the order of their prefixes, each:
//
//      12  prefix                 the first bytes of the keys: tenant hash, tenant id, table id; big-endian as in keys
//       8  historyBytes           u64 raw bytes of superseded versions
//       8  firstEndSeqNum         u64 when the first of them was superseded; 0 without any
//       8  lastEndSeqNum          u64 when the last was
//       8  tombstoneBytes         u64 raw bytes of tombstones
//       8  firstTombstoneSeqNum   u64 the oldest tombstone; 0 without any
//       8  lastTombstoneSeqNum    u64 the newest
//
// A superseded version is garbage as soon as the watermark has reached its end. A tombstone is when the watermark has
// reached it and nothing older lies below its table. So of a row all history is garbage from lastEndSeqNum on, none of it
// below firstEndSeqNum.
//
// Valid:  its checksum, which the footer holds, matches, and the rows are what the entries of the table give rise to.
// Crash:  a table is there as a whole or not at all.
// Compat: see sstable/format.ts; tables of format version 1 have no such block.

import { type SeqNum, SEQ_NUM_ZERO } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import { TABLE_PREFIX_BYTES } from '../codec/tenant-key.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const ROW_BYTES = TABLE_PREFIX_BYTES + 6 * 8

export interface GarbageRow {
  readonly prefix: Uint8Array
  readonly historyBytes: number
  readonly firstEndSeqNum: SeqNum
  readonly lastEndSeqNum: SeqNum
  readonly tombstoneBytes: number
  readonly firstTombstoneSeqNum: SeqNum
  readonly lastTombstoneSeqNum: SeqNum
}

type OpenRow = { -readonly [Name in keyof GarbageRow]: GarbageRow[Name] }

/** Gathers the rows of a table whose entries come in order. */
export class GarbageBuilder {
  readonly #rows: GarbageRow[] = []
  readonly #prefix = new Uint8Array(TABLE_PREFIX_BYTES)
  #open: OpenRow | undefined

  /** The entries that follow have the prefix of this key, which none of those before has. */
  beginPrefix(keyBytes: Uint8Array, keyStart: number, keyEnd: number): void {
    this.#open = undefined
    for (let i = 0; i < TABLE_PREFIX_BYTES; i++) {
      this.#prefix[i] = keyStart + i < keyEnd ? keyBytes[keyStart + i]! : 0
    }
  }

  addSuperseded(rawBytes: number, endSeqNum: SeqNum): void {
    const row = this.#row()
    const isFirst = row.historyBytes === 0
    row.historyBytes += rawBytes
    if (isFirst || endSeqNum < row.firstEndSeqNum) row.firstEndSeqNum = endSeqNum
    if (endSeqNum > row.lastEndSeqNum) row.lastEndSeqNum = endSeqNum
  }

  addTombstone(rawBytes: number, seqNum: SeqNum): void {
    const row = this.#row()
    const isFirst = row.tombstoneBytes === 0
    row.tombstoneBytes += rawBytes
    if (isFirst || seqNum < row.firstTombstoneSeqNum) row.firstTombstoneSeqNum = seqNum
    if (seqNum > row.lastTombstoneSeqNum) row.lastTombstoneSeqNum = seqNum
  }

  finish(): readonly GarbageRow[] {
    return this.#rows
  }

  #row(): OpenRow {
    if (this.#open !== undefined) return this.#open
    this.#open = {
      prefix: this.#prefix.slice(),
      historyBytes: 0,
      firstEndSeqNum: SEQ_NUM_ZERO,
      lastEndSeqNum: SEQ_NUM_ZERO,
      tombstoneBytes: 0,
      firstTombstoneSeqNum: SEQ_NUM_ZERO,
      lastTombstoneSeqNum: SEQ_NUM_ZERO,
    }
    this.#rows.push(this.#open)
    return this.#open
  }
}

/** When the first superseded version of all rows ended, and the last; 0 without any. */
export function endsOf(rows: readonly GarbageRow[]) {
  let firstEndSeqNum = SEQ_NUM_ZERO
  let lastEndSeqNum = SEQ_NUM_ZERO
  for (const row of rows) {
    if (row.historyBytes === 0) continue
    const isFirst = lastEndSeqNum === SEQ_NUM_ZERO
    if (isFirst || row.firstEndSeqNum < firstEndSeqNum) firstEndSeqNum = row.firstEndSeqNum
    if (row.lastEndSeqNum > lastEndSeqNum) lastEndSeqNum = row.lastEndSeqNum
  }
  return { firstEndSeqNum, lastEndSeqNum }
}

export function encodeGarbage(rows: readonly GarbageRow[]): Uint8Array {
  const writer = new ByteWriter(4 + ROW_BYTES * rows.length)
  writer.u32(rows.length)
  for (const row of rows) {
    writer.raw(row.prefix)
    writer.u64(row.historyBytes)
    writer.u64(row.firstEndSeqNum)
    writer.u64(row.lastEndSeqNum)
    writer.u64(row.tombstoneBytes)
    writer.u64(row.firstTombstoneSeqNum)
    writer.u64(row.lastTombstoneSeqNum)
  }
  return writer.view()
}

/** @throws SSTABLE_CORRUPT */
export function decodeGarbage(bytes: Uint8Array, place: PartPlace): GarbageRow[] {
  const reader = new ByteReader(bytes)
  const rowCount = bytes.length < 4 ? 0 : reader.u32()
  if (rowCount === 0 || bytes.length !== 4 + ROW_BYTES * rowCount) {
    throw tableCorrupt(place, 'the garbage block does not fit its row count')
  }
  const rows: GarbageRow[] = []
  try {
    for (let i = 0; i < rowCount; i++) rows.push(readRow(reader))
  } catch (error) {
    if (!(error instanceof EndOfBytes)) throw error
    throw tableCorrupt(place, 'the garbage block holds a number that is none', error)
  }
  return rows
}

function readRow(reader: ByteReader): GarbageRow {
  return {
    prefix: reader.raw(TABLE_PREFIX_BYTES).slice(),
    historyBytes: reader.u64(),
    firstEndSeqNum: reader.u64() as SeqNum,
    lastEndSeqNum: reader.u64() as SeqNum,
    tombstoneBytes: reader.u64(),
    firstTombstoneSeqNum: reader.u64() as SeqNum,
    lastTombstoneSeqNum: reader.u64() as SeqNum,
  }
}
