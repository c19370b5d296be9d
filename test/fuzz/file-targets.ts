// Files whose checksums are right and whose content is not: what is behind the checksums must hold as well.
import type { FileId, SeqNum } from '../../dist/base/ids.js'
import { decompress } from '../../dist/codec/compression.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import {
  encodeFileHeader,
  FILE_TYPE_WAL,
  placedChecksum,
  placeSeedOf,
} from '../../dist/codec/file-header.js'
import { FrameBatch, FrameWriter, scanFrames } from '../../dist/codec/frame.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { ManifestReplay } from '../../dist/lsm/manifest-state.js'
import { readSuperblock } from '../../dist/lsm/superblock.js'
import { Block, EntryDecoder, findInBlock } from '../../dist/sstable/block.js'
import { BlockBuilder } from '../../dist/sstable/block-builder.js'
import { decodeFooter, encodeFooter } from '../../dist/sstable/format.js'
import { encodeStart } from '../../dist/wal/format.js'
import { recoverWal } from '../../dist/wal/recovery.js'
import { Seeded } from '../model/seeded.js'
import {
  bytesOf,
  compareEntries,
  type Entry,
  getEntry,
  keyOf,
  makeTable,
  openTable,
  scanBackward,
  scanForward,
  type Table,
  withBytes,
  verified,
} from '../unit/sstable/table-kit.js'
import { accepts, commitSeeds, manifestSeeds, type Target } from './codec-targets.js'
import { mutated } from './mutator.js'

const DATABASE_ID = new Uint8Array(16).fill(3)
const HEADER = encodeFileHeader({
  fileType: FILE_TYPE_WAL,
  databaseId: DATABASE_ID,
  incarnation: new Uint8Array(8).fill(7),
  fileId: 42 as FileId,
  epoch: 9,
  transformId: 0,
})

/** A framed file with right checksums: payloads changed, types and numbers odd now and then. */
function framedFile(random: Seeded, first: readonly Uint8Array[], others: readonly Uint8Array[]) {
  const writer = new FrameWriter(HEADER)
  const parts: Uint8Array[] = [HEADER]
  let seqNum = random.chance(0.8) ? 0 : random.below(5)
  const count = random.below(6)
  for (let i = 0; i < count; i++) {
    const batch = new FrameBatch()
    const seeds = i === 0 ? first : others
    const payload = random.chance(0.5) ? mutated(random, seeds) : random.pick(seeds)
    const type = random.chance(0.9) ? (i === 0 ? 1 : 2) : 1 + random.below(4)
    batch.append(type, seqNum as SeqNum, payload, 0, payload.length)
    seqNum += random.chance(0.9) ? 1 : random.below(4)
    parts.push(writer.seal(batch).slice())
    if (random.chance(0.5)) writer.markSynced()
  }
  if (random.chance(0.5)) parts.push(new Uint8Array(random.below(300)))
  const file = new Uint8Array(Buffer.concat(parts))
  return random.chance(0.5) ? mutatedBehind(random, file) : file
}

function mutatedBehind(random: Seeded, file: Uint8Array): Uint8Array {
  const body = mutated(random, [file.subarray(64)])
  return new Uint8Array(Buffer.concat([file.subarray(0, 64), body]))
}

const START = encodeStart({
  previous: { fileId: 0 as FileId, endBytes: 0, seqNum: 0 as SeqNum },
  spaceBytes: 100,
})

function memoryFile(path: string, bytes: Uint8Array): MemoryFileSystem {
  const fs = new MemoryFileSystem()
  fs.makeDirectory('/db')
  const file = fs.open(path, 'create')
  file.write(bytes, 0)
  file.close()
  return fs
}

const framesTarget: Target = {
  name: 'frames',
  cost: 4,
  make: (random) => framedFile(random, [START], commitSeeds()),
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

const walTarget: Target = {
  name: 'WAL recovery',
  cost: 30,
  make: (random) => framedFile(random, [START], commitSeeds()),
  check(input) {
    const fs = memoryFile('/db/000042.wal', input)
    let last = -1
    accepts(() => {
      const options = { fs, directory: '/db', databaseId: DATABASE_ID, afterSeqNum: 0 as SeqNum }
      const log = recoverWal({
        ...options,
        onCommit: (seqNum) => {
          if (seqNum <= last) throw new Error('commits out of order')
          last = seqNum
        },
      })
      const again = recoverWal({ ...options, onCommit: () => undefined })
      if (again.commitCount !== log.commitCount) throw new Error('a second look sees other commits')
    })
  },
}

const manifestTarget: Target = {
  name: 'manifest replay',
  cost: 6,
  make: (random) => framedFile(random, manifestSeeds().slice(0, 1), manifestSeeds()),
  check(input) {
    if (input.length < 64) return
    const replay = new ManifestReplay('/db/000042.manifest')
    accepts(() => void scanFrames(input, {}, (frame) => void replay.add(frame)))
  },
}

const SECTORS = 4
const superblockTarget: Target = {
  name: 'superblock',
  cost: 25,
  make(random) {
    const sector = new Uint8Array(128)
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
    const file = new Uint8Array(SECTORS * 4096)
    for (let i = 0; i < SECTORS; i++) {
      const bytes = new Uint8Array(128)
      bytes.set(mutated(random, [sector]).subarray(0, 128))
      const view = new DataView(bytes.buffer)
      const checksum = placedChecksum(placeSeedOf(bytes), i * 4096 + 64, bytes, 64, 120)
      if (random.chance(0.8)) view.setUint32(120, checksum, true)
      file.set(bytes, i * 4096)
    }
    return random.chance(0.9) ? file : file.slice(0, random.below(file.length))
  },
  check(input) {
    const fs = memoryFile('/db/SUPERBLOCK', input)
    accepts(() => void readSuperblock(fs, '/db'))
  },
}

const TENANTS = 2

function sampleEntries(): Entry[] {
  const random = new Seeded(4)
  return Array.from({ length: 60 }, (_, i) => ({
    key: keyOf(1 + (i % TENANTS), `k${Math.floor(i / 6)}`),
    seqNum: (100 + i) as SeqNum,
    kind: i % 9 === 0 ? 2 : 1,
    value: Uint8Array.from({ length: i % 9 === 0 ? 0 : 12 }, () => random.below(256)),
  }))
}

function blockTarget(): Target {
  const builder = new BlockBuilder()
  let before = new Uint8Array(0)
  const entries = sampleEntries().sort(compareEntries).slice(0, 30)
  for (const { key, seqNum, kind, value } of entries) {
    let shared = 0
    while (shared < before.length - 8 && before[8 + shared] === key[8 + shared]) shared++
    builder.add(shared, key, 8, key.length, seqNum, kind, value, 0, value.length)
    before = new Uint8Array(key)
  }
  const seed = builder.finish().slice()
  return {
    name: 'data blocks',
    cost: 2,
    make: (random) => mutated(random, [seed]),
    check(input) {
      const key = keyOf(1, 'k3')
      const slot = new EntrySlot()
      accepts(() => {
        const block = new Block(input, { path: '/x', offsetBytes: 64 })
        findInBlock(block, key, 8, 150 as SeqNum, slot)
      })
      accepts(() => {
        const block = new Block(input, { path: '/x', offsetBytes: 64 })
        const decoder = new EntryDecoder()
        let count = 0
        for (let at = 0; at < block.entriesEnd && count++ <= input.length; ) {
          at = decoder.decode(block, at, block.entriesEnd)
        }
        if (count > input.length) throw new Error('more entries than bytes')
      })
    },
  }
}

/** A table whose directory and garbage block are not compressed, so that checksums within them can be made right. */
function plainTable(): Table {
  const table = makeTable(sampleEntries(), { blockBytes: 300 })
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

/** Where the checksum of each part of the sample table is stored, so that it can be made right again. */
function tableTarget(): Target {
  const table = plainTable()
  const good = bytesOf(table)
  const placeSeed = placeSeedOf(good)
  const footerAt = good.length - 64
  const footer = decodeFooter(good.subarray(footerAt), placeSeed, good.length, '/x')
  const directoryAt = footer.directoryOffsetBytes
  const repair = (bytes: Uint8Array): number => {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const sum = (start: number, end: number) => placedChecksum(placeSeed, start, bytes, start, end)
    const good32 = new DataView(good.buffer, good.byteOffset)
    /** Makes index and blocks right whose place stands in a column of `count` at `columnsAt`; returns where they end. */
    const repairIndex = (columnsAt: number, count: number, i: number, dataAt: number): number => {
      const indexAt = Number(good32.getBigUint64(columnsAt + 8 * i, true))
      const indexEnd = indexAt + good32.getUint32(columnsAt + 8 * count + 4 * i, true)
      if (good[columnsAt + 20 * count + i] === 0) repairBlocks(view, sum, dataAt, indexAt)
      view.setUint32(columnsAt + 16 * count + 4 * i, sum(indexAt, indexEnd), true)
      return indexEnd
    }
    // Both tenants have history.
    const historyAt = directoryAt + 4 + 37 * TENANTS + 4 + 4 * TENANTS
    let at = 64
    for (let i = 0; i < TENANTS; i++) {
      at = repairIndex(historyAt, TENANTS, i, at)
      at = repairIndex(directoryAt + 4 + 8 * TENANTS, TENANTS, i, at)
      const filterBytes = good32.getUint32(directoryAt + 4 + 29 * TENANTS + 4 * i, true)
      const filterSum = sum(at, at + filterBytes)
      view.setUint32(directoryAt + 4 + 33 * TENANTS + 4 * i, filterSum, true)
      at += filterBytes
    }
    view.setUint32(footerAt + 16, sum(directoryAt, directoryAt + footer.directoryBytes), true)
    const garbageAt = directoryAt + footer.directoryBytes
    const propertiesAt = garbageAt + footer.garbageBytes
    view.setUint32(footerAt + 45, sum(garbageAt, propertiesAt), true)
    view.setUint32(footerAt + 24, sum(propertiesAt, footerAt), true)
    const checksum = sum(footerAt, footerAt + 52)
    view.setUint32(footerAt + 52, checksum, true)
    return checksum
  }
  const repairedTable = (bytes: Uint8Array): Table => {
    const meta = { ...table.meta, footerChecksum: repair(bytes) }
    return withBytes({ ...table, meta }, bytes)
  }
  verified(openTable(repairedTable(good.slice())))
  return {
    name: 'sstables',
    cost: 60,
    make(random) {
      const bytes = good.slice()
      for (let remaining = 1 + random.below(3); remaining > 0; remaining--) {
        const at = 64 + random.below(good.length - 72)
        const change = mutated(random, [good.subarray(at, at + 8)]).subarray(0, 8)
        bytes.set(change.subarray(0, good.length - 8 - at), at)
      }
      return bytes
    },
    check(input) {
      if (input.length !== good.length) return
      const damaged = repairedTable(input.slice())
      accepts(() => {
        const reader = openTable(damaged)
        accepts(() => void scanForward(reader))
        accepts(() => void scanBackward(reader))
        accepts(() => void getEntry(reader, keyOf(1, 'k3'), 150))
        accepts(() => void getEntry(reader, keyOf(2, 'k9'), 1000))
        accepts(() => void reader.garbage())
        accepts(() => void verified(reader))
        reader.close()
      })
    },
  }
}

function repairBlocks(
  view: DataView,
  sum: (start: number, end: number) => number,
  dataAt: number,
  indexAt: number,
): void {
  const count = view.getUint32(indexAt, true)
  if (count > 100) return
  let at = dataAt
  for (let i = 0; i < count; i++) {
    const stored = view.getUint32(indexAt + 12 + 4 * i, true)
    if (at + stored > indexAt) return
    view.setUint32(indexAt + 12 + 8 * count + 4 * i, sum(at, at + stored), true)
    at += stored
  }
}

export const FILE_TARGETS: readonly Target[] = [
  framesTarget,
  walTarget,
  manifestTarget,
  superblockTarget,
  blockTarget(),
  tableTarget(),
]
