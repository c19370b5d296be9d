// Framed files and the superblock, with right checksums and a content that is not: what is behind the checksums must hold as
// well.
import type { FileId, SeqNum } from '../../dist/base/ids.js'
import { storeU32 } from '../../dist/codec/bytes.js'
import {
  encodeFileHeader,
  FILE_TYPE_WAL,
  placedChecksum,
  placeSeedOf,
} from '../../dist/codec/file-header.js'
import { FrameBatch, FrameWriter, scanFrames } from '../../dist/codec/frame.js'
import { ManifestReplay } from '../../dist/lsm/manifest-state.js'
import { readSuperblock } from '../../dist/lsm/superblock.js'
import { encodeStart } from '../../dist/wal/format.js'
import { recoverWal } from '../../dist/wal/recovery.js'
import type { Seeded } from '../model/seeded.js'
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
    batch.append(type, seqNum as SeqNum, (out) => out.raw(payload))
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
    if (input.length < 64) return false
    let end = 64
    const result = scanFrames(input, {}, ({ offsetBytes, payload }) => {
      if (offsetBytes !== end) throw new Error('frames have a gap')
      end = offsetBytes + 40 + ((payload.length + 7) & ~7)
    })
    if (result.endBytes !== end || end > input.length) throw new Error('the end is elsewhere')
    return result.frameCount > 0
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
    const isAccepted = accepts(() => {
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
    return isAccepted && count > 0
  },
}

const manifestTarget: Target = {
  name: 'manifest replay',
  cost: 6,
  make: (random) => framedFile(random, FIRST_EDITS, EDITS),
  check(input) {
    if (input.length < 64) return false
    const replay = new ManifestReplay('/db/000042.manifest')
    const isAccepted = accepts(() => void scanFrames(input, {}, (frame) => void replay.add(frame)))
    return isAccepted && replay.editNumber > 0
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
    const isAccepted = accepts(() => void readSuperblock(superblockDirectory, '/db'))
    superblockDirectory.assertClosed()
    return isAccepted
  },
}

export const FILE_TARGETS: readonly Target[] = [
  framesTarget,
  walTarget,
  manifestTarget,
  superblockTarget,
]
