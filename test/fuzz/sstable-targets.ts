// Data blocks, and sstables whose checksums are made right after each change.
import { SEQ_NUM_MAX, type SeqNum } from '../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { loadU32, loadU64, storeU32 } from '../../dist/codec/bytes.js'
import { decompress } from '../../dist/codec/compression.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import { placedChecksum, placeSeedOf } from '../../dist/codec/file-header.js'
import { hashBytes } from '../../dist/kernels/bytes.js'
import { Block, BLOCK_FOUND, BlockEntries, findInBlock } from '../../dist/sstable/block.js'
import { BlockBuilder } from '../../dist/sstable/block-builder.js'
import {
  type DirectoryRow,
  encodeDirectory,
  type IndexPlace,
} from '../../dist/sstable/directory.js'
import { decodeFooter, encodeFooter, encodeProperties } from '../../dist/sstable/format.js'
import { encodeGarbage } from '../../dist/sstable/garbage-block.js'
import type { TableIndex } from '../../dist/sstable/index-block.js'
import { isOlderBlock, readOlderBlock } from '../../dist/sstable/older-block.js'
import { TableFile } from '../../dist/sstable/table-file.js'
import type { TableReader } from '../../dist/sstable/table-reader.js'
import { Seeded } from '../model/seeded.js'
import { olderBlock } from '../unit/sstable/older-block-kit.js'
import {
  bytesOf,
  compareEntries,
  type Entry,
  keyOf,
  makeTable,
  openTable,
  type Table,
  verified,
  wholeCursor,
  withBytes,
} from '../unit/sstable/table-kit.js'
import { accepts, type Target } from './codec-targets.js'
import { mutated } from './mutator.js'
import { OneFile } from './one-file.js'

const TENANTS = 2
const NO_KEY = new Uint8Array(0)

function sampleEntries(count: number): Entry[] {
  const random = new Seeded(4)
  return Array.from({ length: count }, (_, i) => ({
    key: keyOf(1 + (i % TENANTS), `k${Math.floor(i / 6)}`),
    seqNum: (100 + i) as SeqNum,
    kind: i % 9 === 0 ? 2 : 1,
    value: Uint8Array.from({ length: i % 9 === 0 ? 0 : 12 }, () => random.below(256)),
  }))
}

function blockTarget(): Target {
  const builder = new BlockBuilder()
  let before = new Uint8Array(0)
  const entries = sampleEntries(60).sort(compareEntries).slice(0, 30)
  for (const { key, seqNum, kind, value } of entries) {
    let shared = 0
    while (shared < before.length - 8 && before[8 + shared] === key[8 + shared]) shared++
    builder.add(shared, key, 8, key.length, seqNum, kind, value, 0, value.length)
    before = new Uint8Array(key)
  }
  const seeds = [builder.finish().slice(), olderBlock(entries, 8)]
  const place = { path: '/x', offsetBytes: 64 }
  const key = keyOf(1, 'k3')
  const keyHash = hashBytes(key, 0, key.length)
  const slot = new EntrySlot()
  function checkBlock(block: Block): void {
    const { bytes, entryCount } = block
    // By order, then by hash.
    for (let i = 0; i < 3; i++) {
      if (findInBlock(block, key, 8, keyHash, 150 as SeqNum, slot) === BLOCK_FOUND) {
        assertInside(slot)
      }
    }
    const loader = new BlockEntries()
    const { entry } = loader
    loader.setBlock(block)
    for (let i = 0; i < entryCount; i++) {
      loader.load(i)
      if (entry.valueStart > entry.valueEnd || entry.valueEnd > bytes.length) {
        throw new Error('out of bounds')
      }
    }
  }
  return {
    name: 'data blocks',
    cost: 2,
    make: (random) => mutated(random, seeds),
    check(input) {
      return accepts(() => {
        checkBlock(isOlderBlock(input) ? readOlderBlock(input, place) : new Block(input, place))
      })
    },
  }
}

/** A table with nothing compressed in it, so that the checksums of changed parts can be made right, wherever they stand. */
function plainTable(): Table {
  const table = makeTable(sampleEntries(30), { blockBytes: 120 })
  const packed = bytesOf(table)
  const placeSeed = placeSeedOf(packed)
  const file = TableFile.open(table.fs, table.path, {}, IDENTITY_TRANSFORM)
  const parts = [packed.subarray(0, 64)]
  let end = 64
  const append = (part: Uint8Array): number => {
    const checksum = placedChecksum(placeSeed, end, part)
    parts.push(part)
    end += part.length
    return checksum
  }
  const appendBlocks = (tenant: number, place: IndexPlace, index: TableIndex): IndexPlace => {
    const { offsetBytes: packedAt, storedBytes, rawBytes, codecId } = place
    const stored = packed.subarray(packedAt, packedAt + storedBytes)
    const raw = decompress(codecId, stored, rawBytes).slice()
    const { blockCount } = index
    for (let i = 0; i < blockCount; i++) {
      const { bytes } = file.readBlock(tenant, index, i)
      storeU32(raw, 12 + 4 * i, bytes.length)
      storeU32(raw, 12 + 8 * blockCount + 4 * i, append(bytes))
      raw[12 + 12 * blockCount + i] = 0
    }
    const offsetBytes = end
    const checksum = append(raw)
    return { offsetBytes, storedBytes: raw.length, rawBytes: raw.length, checksum, codecId: 0 }
  }
  const rows: DirectoryRow[] = []
  let historyBytes = 0
  const { directory } = file
  for (let tenant = 0; tenant < TENANTS; tenant++) {
    const startBytes = end
    const historyPlace = directory.historyOf(tenant)!
    const history = appendBlocks(tenant, historyPlace, file.readHistoryIndex(tenant)!)
    historyBytes += end - startBytes
    rows.push({
      tenantHash: directory.tenantHashes[tenant]!,
      tenantId: directory.tenantIdOf(tenant),
      history,
      index: appendBlocks(tenant, directory.indexOf(tenant), file.readIndex(tenant)),
      filterBytes: directory.filterBytes[tenant]!,
      filterChecksum: append(bytesOfWords(file.readFilter(tenant))),
    })
  }
  const directoryOffsetBytes = end
  const directoryChecksum = append(encodeDirectory(rows))
  const directoryBytes = end - directoryOffsetBytes
  const garbageChecksum = append(encodeGarbage(file.readGarbage()))
  const garbageBytes = end - directoryOffsetBytes - directoryBytes
  const properties = encodeProperties(file.properties)
  const propertiesChecksum = append(properties)
  const fileBytes = end + 64
  append(
    encodeFooter(
      {
        directoryOffsetBytes,
        directoryBytes,
        directoryRawBytes: directoryBytes,
        directoryChecksum,
        directoryCodecId: 0,
        propertiesBytes: properties.length,
        propertiesChecksum,
        fileBytes,
        garbageBytes,
        garbageRawBytes: garbageBytes,
        garbageChecksum,
        garbageCodecId: 0,
      },
      placeSeed,
    ),
  )
  const history = { ...table.meta.history!, bytes: historyBytes }
  const meta = { ...table.meta, fileBytes, history }
  return withBytes({ ...table, meta }, new Uint8Array(Buffer.concat(parts)))
}

/** Makes checksums of the sample table right again: of the parts that differ from the good ones, from the inner to the outer. */
class TableRepair {
  readonly #good: Buffer
  readonly #placeSeed: number
  readonly #footerAt: number
  readonly #footer: ReturnType<typeof decodeFooter>
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(good: Uint8Array) {
    this.#good = Buffer.from(good)
    this.#placeSeed = placeSeedOf(good)
    this.#footerAt = good.length - 64
    this.#footer = decodeFooter(good.subarray(this.#footerAt), this.#placeSeed, good.length, '/x')
  }

  /** @returns the checksum of the footer */
  repair(bytes: Uint8Array): number {
    this.#bytes = bytes
    const footerAt = this.#footerAt
    const { directoryOffsetBytes: directoryAt, directoryBytes, garbageBytes } = this.#footer
    // Both tenants have history.
    const historyAt = directoryAt + 4 + 37 * TENANTS + 4 + 4 * TENANTS
    let at = 64
    for (let i = 0; i < TENANTS; i++) {
      at = this.#repairIndex(historyAt, i, at)
      at = this.#repairIndex(directoryAt + 4 + 8 * TENANTS, i, at)
      const filterEnd = at + loadU32(this.#good, directoryAt + 4 + 29 * TENANTS + 4 * i)
      this.#repairSum(directoryAt + 4 + 33 * TENANTS + 4 * i, at, filterEnd)
      at = filterEnd
    }
    const garbageAt = directoryAt + directoryBytes
    const propertiesAt = garbageAt + garbageBytes
    this.#repairSum(footerAt + 16, directoryAt, garbageAt)
    this.#repairSum(footerAt + 45, garbageAt, propertiesAt)
    this.#repairSum(footerAt + 24, propertiesAt, footerAt)
    return this.#repairSum(footerAt + 52, footerAt, footerAt + 52)
  }

  /** Index and blocks whose place stands in columns over the tenants; returns where they end. */
  #repairIndex(columnsAt: number, i: number, dataAt: number): number {
    const good = this.#good
    const indexAt = loadU64(good, columnsAt + 8 * i)
    const indexEnd = indexAt + loadU32(good, columnsAt + 8 * TENANTS + 4 * i)
    if (!this.#isGood(dataAt, indexEnd)) this.#repairBlocks(dataAt, indexAt)
    this.#repairSum(columnsAt + 16 * TENANTS + 4 * i, indexAt, indexEnd)
    return indexEnd
  }

  /** The blocks that the index says, which may be others than those of the good table. */
  #repairBlocks(dataAt: number, indexAt: number): void {
    const bytes = this.#bytes
    const count = loadU32(bytes, indexAt)
    if (count > 100) return
    let at = dataAt
    for (let i = 0; i < count; i++) {
      const stored = loadU32(bytes, indexAt + 12 + 4 * i)
      if (at + stored > indexAt) return
      const sum = placedChecksum(this.#placeSeed, at, bytes, at, at + stored)
      storeU32(bytes, indexAt + 12 + 8 * count + 4 * i, sum)
      at += stored
    }
  }

  /** The checksum of a part, which stands at a place that is the same in every table. */
  #repairSum(sumAt: number, start: number, end: number): number {
    const bytes = this.#bytes
    const sum = this.#isGood(start, end)
      ? loadU32(this.#good, sumAt)
      : placedChecksum(this.#placeSeed, start, bytes, start, end)
    storeU32(bytes, sumAt, sum)
    return sum
  }

  #isGood(start: number, end: number): boolean {
    return this.#good.compare(this.#bytes, start, end, start, end) === 0
  }
}

function tableTarget(): Target {
  const table = plainTable()
  const good = bytesOf(table)
  const repair = new TableRepair(good)
  const changed = good.slice()
  const bytes = good.slice()
  const fs = new OneFile('/', table.path.slice(1))
  const found = new EntrySlot()
  const questions = [
    { key: keyOf(1, 'k3'), maxSeqNum: 150 as SeqNum },
    { key: keyOf(2, 'k2'), maxSeqNum: 114 as SeqNum },
    { key: keyOf(2, 'k9'), maxSeqNum: 1000 as SeqNum },
  ].map((question) => ({ ...question, hash: hashBytes(question.key, 0, question.key.length) }))
  const check = (reader: TableReader): boolean => {
    // Where this is refused, all that follows is.
    if (!accepts(() => void reader.directory())) return false
    let nextCount = -1
    let prevCount = -1
    accepts(() => {
      nextCount = countEntries(reader, 'next')
    })
    accepts(() => {
      prevCount = countEntries(reader, 'prev')
    })
    for (const { key, hash, maxSeqNum } of questions) {
      accepts(() => {
        if (reader.get(key, hash, maxSeqNum, found)) assertInside(found)
      })
    }
    accepts(() => void reader.garbage())
    return accepts(() => {
      const { entryCount } = verified(reader)
      if (nextCount === entryCount && prevCount === entryCount) return
      throw new Error(`${entryCount} verified, ${nextCount} forward, ${prevCount} backward`)
    })
  }
  const feed = (): boolean => {
    const footerChecksum = repair.repair(bytes)
    const meta = { ...table.meta, footerChecksum }
    const reader = openTable({ fs: fs.holds(bytes), path: table.path, meta })
    const isAccepted = check(reader)
    reader.close()
    fs.assertClosed()
    return isAccepted
  }
  if (!feed()) throw new Error('the sample table is no table')
  return {
    name: 'sstables',
    cost: 60,
    make(random) {
      changed.set(good)
      for (let remaining = 1 + random.below(3); remaining > 0; remaining--) {
        const at = 64 + random.below(good.length - 72)
        const change = mutated(random, [good.subarray(at, at + 8)])
        changed.set(change.subarray(0, Math.min(8, good.length - 8 - at)), at)
      }
      return changed
    },
    check(input) {
      if (input.length !== good.length) return false
      bytes.set(input)
      return feed()
    },
  }
}

/** Walks over all there is. */
function countEntries(reader: TableReader, move: 'next' | 'prev'): number {
  const cursor = wholeCursor(reader)
  let count = 0
  if (move === 'next') cursor.seek(NO_KEY, SEQ_NUM_MAX)
  else cursor.seekLast()
  for (; cursor.isValid; cursor[move]()) {
    assertInside(cursor.entry)
    if (++count > reader.meta.fileBytes) throw new Error('more entries than bytes')
  }
  cursor.close()
  return count
}

function assertInside({ keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd }: EntrySlot) {
  const isInside =
    keyStart <= keyEnd &&
    keyEnd <= keyBytes.length &&
    valueStart <= valueEnd &&
    valueEnd <= valueBytes.length
  if (!isInside) throw new Error('out of bounds')
}

export const SSTABLE_TARGETS: readonly Target[] = [blockTarget(), tableTarget()]

function bytesOfWords({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
