// Files whose checksums are right and whose content is not: what is behind the checksums must hold as well.
import { type FileId, SEQ_NUM_MAX, type SeqNum } from '../../dist/base/ids.js'
import { loadU32, loadU64, storeU32 } from '../../dist/codec/bytes.js'
import { decompress } from '../../dist/codec/compression.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import {
  encodeFileHeader,
  FILE_TYPE_WAL,
  placedChecksum,
  placeSeedOf,
} from '../../dist/codec/file-header.js'
import { FrameBatch, FrameWriter, scanFrames } from '../../dist/codec/frame.js'
import { hashBytes } from '../../dist/kernels/bytes.js'
import { ManifestReplay } from '../../dist/lsm/manifest-state.js'
import { readSuperblock } from '../../dist/lsm/superblock.js'
import { Block, BLOCK_FOUND, EntryDecoder, findInBlock } from '../../dist/sstable/block.js'
import { BlockBuilder } from '../../dist/sstable/block-builder.js'
import { decodeFooter, encodeFooter } from '../../dist/sstable/format.js'
import type { TableReader } from '../../dist/sstable/table-reader.js'
import { encodeStart } from '../../dist/wal/format.js'
import { recoverWal } from '../../dist/wal/recovery.js'
import { Seeded } from '../model/seeded.js'
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
import { accepts, commitSeeds, manifestSeeds, type Target } from './codec-targets.js'
import { mutated, untouched } from './mutator.js'
import { OneFile } from './one-file.js'

const DATABASE_ID = new Uint8Array(16).fill(3)
const HEADER = encodeFileHeader({
  fileType: FILE_TYPE_WAL,
  databaseId: DATABASE_ID,
  incarnation: new Uint8Array(8).fill(7),
  fileId: 42 as FileId,
  epoch: 9,
  transformId: 0,
})

/** Frames of the file that is being made; the next one takes its place. */
const frames = new Uint8Array(64 * 1024)
const batch = new FrameBatch()

/** A framed file with right checksums: payloads changed, types and numbers odd now and then. */
function framedFile(random: Seeded, first: readonly Uint8Array[], others: readonly Uint8Array[]) {
  const writer = new FrameWriter(HEADER)
  let seqNum = random.chance(0.8) ? 0 : random.below(5)
  let end = 0
  const count = random.below(6)
  for (let i = 0; i < count; i++) {
    const seeds = i === 0 ? first : others
    const payload = random.chance(0.5) ? mutated(random, seeds) : random.pick(seeds)
    const type = random.chance(0.9) ? (i === 0 ? 1 : 2) : 1 + random.below(4)
    batch.reset()
    batch.append(type, seqNum as SeqNum, payload, 0, payload.length)
    seqNum += random.chance(0.9) ? 1 : random.below(4)
    const bytes = writer.seal(batch)
    frames.set(bytes, end)
    end += bytes.length
    if (random.chance(0.5)) writer.markSynced()
  }
  if (random.chance(0.5)) {
    const spaceEnd = end + random.below(300)
    frames.fill(0, end, spaceEnd)
    end = spaceEnd
  }
  const body = frames.subarray(0, end)
  return random.chance(0.5) ? mutated(random, [body], HEADER) : untouched(body, HEADER)
}

const START = encodeStart({
  previous: { fileId: 0 as FileId, endBytes: 0, seqNum: 0 as SeqNum },
  spaceBytes: 100,
})
const STARTS = [START]
const COMMITS = commitSeeds()
const EDITS = manifestSeeds()
const FIRST_EDITS = EDITS.slice(0, 1)

const framesTarget: Target = {
  name: 'frames',
  cost: 4,
  make: (random) => framedFile(random, STARTS, COMMITS),
  check(input) {
    if (input.length < 64) return
    let end = 64
    const result = scanFrames(input, {}, ({ offsetBytes, payload }) => {
      if (offsetBytes !== end) throw new Error('frames have a gap')
      end = offsetBytes + 40 + ((payload.length + 7) & ~7)
    })
    if (result.endBytes !== end || end > input.length) throw new Error('the end is elsewhere')
  },
}

const walDirectory = new OneFile('/db', '000042.wal')
const WAL_OPTIONS = {
  fs: walDirectory,
  directory: '/db',
  databaseId: DATABASE_ID,
  afterSeqNum: 0 as SeqNum,
}

const walTarget: Target = {
  name: 'WAL recovery',
  cost: 30,
  make: (random) => framedFile(random, STARTS, COMMITS),
  check(input) {
    walDirectory.holds(input)
    let last = -1
    let count = 0
    accepts(() => {
      const log = recoverWal({
        ...WAL_OPTIONS,
        onCommit: (seqNum) => {
          if (seqNum <= last) throw new Error('commits out of order')
          last = seqNum
          count++
        },
      })
      if (log.commitCount !== count) throw new Error('counts other commits than it gives')
      const again = recoverWal({ ...WAL_OPTIONS, onCommit: () => undefined })
      if (again.commitCount !== count) throw new Error('a second look sees other commits')
    })
    walDirectory.assertClosed()
  },
}

const manifestTarget: Target = {
  name: 'manifest replay',
  cost: 6,
  make: (random) => framedFile(random, FIRST_EDITS, EDITS),
  check(input) {
    if (input.length < 64) return
    const replay = new ManifestReplay('/db/000042.manifest')
    accepts(() => void scanFrames(input, {}, (frame) => void replay.add(frame)))
  },
}

const SECTORS = 4
/** What of a sector is not zero. */
const SECTOR_USED_BYTES = 128
const superblockFile = new Uint8Array(SECTORS * 4096)
const superblockDirectory = new OneFile('/db', 'SUPERBLOCK')

const superblockTarget: Target = {
  name: 'superblock',
  cost: 25,
  make(random) {
    const sector = new Uint8Array(SECTOR_USED_BYTES)
    const header = encodeFileHeader({
      fileType: 4,
      databaseId: DATABASE_ID,
      incarnation: new Uint8Array(8),
      fileId: 0 as FileId,
      epoch: random.below(2 ** 32),
      transformId: 0,
    })
    sector.set(header)
    for (let at = 64; at < 120; at += 8) sector[at] = random.below(5)
    const sectors = [sector]
    for (let i = 0; i < SECTORS; i++) {
      const at = i * 4096
      const bytes = superblockFile.subarray(at, at + SECTOR_USED_BYTES)
      const used = mutated(random, sectors).subarray(0, SECTOR_USED_BYTES)
      bytes.set(used)
      bytes.fill(0, used.length)
      const checksum = placedChecksum(placeSeedOf(bytes), at + 64, bytes, 64, 120)
      if (random.chance(0.8)) storeU32(bytes, 120, checksum)
    }
    if (random.chance(0.9)) return superblockFile
    return superblockFile.subarray(0, random.below(superblockFile.length))
  },
  check(input) {
    superblockDirectory.holds(input)
    accepts(() => void readSuperblock(superblockDirectory, '/db'))
    superblockDirectory.assertClosed()
  },
}

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
  const seeds = [builder.finish().slice()]
  const place = { path: '/x', offsetBytes: 64 }
  const key = keyOf(1, 'k3')
  const slot = new EntrySlot()
  return {
    name: 'data blocks',
    cost: 2,
    make: (random) => mutated(random, seeds),
    check(input) {
      let block: Block | undefined
      accepts(() => {
        block = new Block(input, place)
      })
      if (block === undefined) return
      accepts(() => {
        if (findInBlock(block!, key, 8, 150 as SeqNum, slot) === BLOCK_FOUND) assertInside(slot)
      })
      accepts(() => {
        const decoder = new EntryDecoder()
        let count = 0
        for (let at = 0; at < block!.entriesEnd && count++ <= input.length; ) {
          at = decoder.decode(block!, at, block!.entriesEnd)
          if (decoder.valueStart > decoder.valueEnd || decoder.valueEnd > input.length) {
            throw new Error('out of bounds')
          }
        }
        if (count > input.length) throw new Error('more entries than bytes')
      })
    },
  }
}

/** A table whose directory and garbage block are not compressed, so that checksums within them can be made right. */
function plainTable(): Table {
  const table = makeTable(sampleEntries(30), { blockBytes: 120 })
  const packed = bytesOf(table)
  const placeSeed = placeSeedOf(packed)
  const packedEnd = packed.length - 64
  const footer = decodeFooter(packed.subarray(packedEnd), placeSeed, packed.length, '/x')
  const { directoryOffsetBytes, directoryBytes, garbageBytes, propertiesBytes } = footer
  const garbageAt = directoryOffsetBytes + directoryBytes
  const parts = [
    packed.subarray(0, directoryOffsetBytes),
    decompress(
      footer.directoryCodecId,
      packed.subarray(directoryOffsetBytes, garbageAt),
      footer.directoryRawBytes,
    ),
    decompress(
      footer.garbageCodecId,
      packed.subarray(garbageAt, garbageAt + garbageBytes),
      footer.garbageRawBytes,
    ),
    packed.subarray(packedEnd - propertiesBytes, packedEnd),
  ]
  const plain = {
    ...footer,
    directoryBytes: footer.directoryRawBytes,
    directoryCodecId: 0,
    garbageBytes: footer.garbageRawBytes,
    garbageCodecId: 0,
    fileBytes: parts.reduce((sum, part) => sum + part.length, 64),
  }
  const bytes = new Uint8Array(Buffer.concat([...parts, encodeFooter(plain, placeSeed)]))
  return withBytes({ ...table, meta: { ...table.meta, fileBytes: bytes.length } }, bytes)
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
    const isPlain = good[columnsAt + 20 * TENANTS + i] === 0
    if (isPlain && !this.#isGood(dataAt, indexEnd)) this.#repairBlocks(dataAt, indexAt)
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
  const check = (reader: TableReader): void => {
    // Where this is refused, all that follows is.
    if (!accepts(() => void reader.directory())) return
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
    accepts(() => {
      const { entryCount } = verified(reader)
      if (nextCount === entryCount && prevCount === entryCount) return
      throw new Error(`${entryCount} verified, ${nextCount} forward, ${prevCount} backward`)
    })
  }
  const feed = (): void => {
    const footerChecksum = repair.repair(bytes)
    const meta = { ...table.meta, footerChecksum }
    const reader = openTable({ fs: fs.holds(bytes), path: table.path, meta })
    check(reader)
    reader.close()
    fs.assertClosed()
  }
  feed()
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
      if (input.length !== good.length) return
      bytes.set(input)
      feed()
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

export const FILE_TARGETS: readonly Target[] = [
  framesTarget,
  walTarget,
  manifestTarget,
  superblockTarget,
  blockTarget(),
  tableTarget(),
]
