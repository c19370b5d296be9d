// Ways to damage a directory, each one small change to a copy of the reference image.
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { scanFrames } from '../../dist/codec/frame.js'
import type { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { describeTable } from '../../dist/sstable/describe.js'
import type { Seeded } from '../model/seeded.js'
import { DIRECTORY, filesOf, type Reference } from './reference.js'

export interface Damage {
  /** Cases are counted by it. */
  readonly kind: string
  readonly what: string
  /** The files whose bytes or name it changes. */
  readonly files: readonly string[]
  /** Of damage inside one file. */
  readonly place?: { readonly startBytes: number; readonly endBytes: number }
  apply(fs: MemoryFileSystem): void
}

/** A stretch of a file that is checked as one: a frame, a block, a sector of the superblock. */
export interface Piece {
  readonly file: string
  readonly what: string
  readonly offsetBytes: number
  readonly byteCount: number
}

const SECTOR_BYTES = 512
/** Behind the last byte that is not zero, this much of a preallocated file is looked at. */
const ZERO_TAIL_BYTES = 128

const at = (file: string): string => `${DIRECTORY}/${file}`

function overwrite(fs: MemoryFileSystem, file: string, bytes: Uint8Array, offset: number): void {
  const handle = fs.open(at(file), 'write')
  handle.write(bytes, offset)
  handle.close()
}

function truncate(fs: MemoryFileSystem, file: string, bytes: number): void {
  const handle = fs.open(at(file), 'write')
  handle.truncate(bytes)
  handle.close()
}

function replace(fs: MemoryFileSystem, file: string, bytes: Uint8Array): void {
  truncate(fs, file, 0)
  overwrite(fs, file, bytes, 0)
}

function randomBytes(random: Seeded, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256))
}

/** Where the content of a file ends and its preallocated zeros begin. */
export function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return Math.min(bytes.length, end + ZERO_TAIL_BYTES)
}

type Files = ReadonlyMap<string, Uint8Array>

export function* sectorDamage(files: Files, random: Seeded): Generator<Damage> {
  for (const [file, bytes] of files) {
    for (let start = 0; start < usedBytes(bytes); start += SECTOR_BYTES) {
      const end = Math.min(start + SECTOR_BYTES, bytes.length)
      const fills: [string, Uint8Array][] = [
        ['zeros', new Uint8Array(end - start)],
        ['ones', new Uint8Array(end - start).fill(255)],
        ['noise', randomBytes(random, end - start)],
      ]
      for (const [name, content] of fills) {
        yield {
          kind: `sector of ${name}`,
          what: `${file} ${start}..${end} ${name}`,
          files: [file],
          place: { startBytes: start, endBytes: end },
          apply: (fs) => overwrite(fs, file, content, start),
        }
      }
    }
  }
}

export function* lengthDamage(files: Files, random: Seeded, step: number): Generator<Damage> {
  for (const [file, bytes] of files) {
    const used = usedBytes(bytes)
    for (let length = 0; length < used; length += step) {
      yield {
        kind: 'truncated',
        what: `${file} cut to ${length}`,
        files: [file],
        place: { startBytes: length, endBytes: bytes.length },
        apply: (fs) => truncate(fs, file, length),
      }
    }
    for (const count of [1, 8, 64, 512, 5000]) {
      const garbage = count === 64 ? new Uint8Array(count) : randomBytes(random, count)
      yield {
        kind: 'appended',
        what: `${file} and ${count} more bytes`,
        files: [file],
        place: { startBytes: bytes.length, endBytes: bytes.length + count },
        apply: (fs) => overwrite(fs, file, garbage, bytes.length),
      }
    }
  }
}

export function piecesOf(image: MemoryFileSystem): Piece[] {
  const pieces: Piece[] = []
  for (const [file, bytes] of filesOf(image)) {
    if (file.endsWith('.sst')) pieces.push(...tablePieces(image, file))
    else if (file === 'SUPERBLOCK') {
      for (let sector = 0; sector < 4; sector++) {
        const offsetBytes = sector * 4096
        pieces.push({ file, what: `sector ${sector}`, offsetBytes, byteCount: 128 })
      }
    } else {
      scanFrames(bytes, {}, ({ offsetBytes, payload, type }) => {
        const byteCount = 40 + ((payload.length + 7) & ~7)
        pieces.push({ file, what: `frame of type ${type}`, offsetBytes, byteCount })
      })
    }
  }
  return pieces
}

function* tablePieces(fs: MemoryFileSystem, file: string): Generator<Piece> {
  const options = { transform: IDENTITY_TRANSFORM, withEntries: false }
  for (const item of describeTable(fs, at(file), options)) {
    if (item.what === 'tenant') {
      const offsetBytes = item.dataOffsetBytes + item.dataBytes
      const { history, indexBytes, filterBytes } = item
      if (history !== undefined) {
        const byteCount = history.indexBytes
        const place = history.dataOffsetBytes + history.dataBytes
        yield { file, what: 'history index', offsetBytes: place, byteCount }
      }
      yield { file, what: 'index', offsetBytes, byteCount: indexBytes }
      yield { file, what: 'filter', offsetBytes: offsetBytes + indexBytes, byteCount: filterBytes }
    } else if (item.what === 'block') {
      const { offsetBytes, storedBytes } = item
      yield { file, what: 'block', offsetBytes, byteCount: storedBytes }
    } else if (item.what === 'table') {
      const { fileBytes, footer } = item
      const offsetBytes = footer.directoryOffsetBytes
      const { directoryBytes, garbageBytes } = footer
      yield { file, what: 'directory', offsetBytes, byteCount: directoryBytes }
      if (garbageBytes > 0) {
        const place = offsetBytes + directoryBytes
        yield { file, what: 'garbage', offsetBytes: place, byteCount: garbageBytes }
      }
      yield { file, what: 'footer', offsetBytes: fileBytes - 64, byteCount: 64 }
    }
  }
}

/** Each piece in the place of each other one, and each two exchanged. */
export function* pieceDamage(files: Files, pieces: readonly Piece[]): Generator<Damage> {
  const bytesOf = ({ file, offsetBytes, byteCount }: Piece) =>
    files.get(file)!.slice(offsetBytes, offsetBytes + byteCount)
  for (const [i, a] of pieces.entries()) {
    for (const [j, b] of pieces.entries()) {
      if (i === j) continue
      const name = ({ file, what, offsetBytes }: Piece) => `${file} ${what} at ${offsetBytes}`
      const place = { startBytes: b.offsetBytes, endBytes: b.offsetBytes + b.byteCount }
      const copied = bytesOf(a).subarray(0, b.byteCount)
      yield {
        kind: 'piece in another place',
        what: `${name(a)} copied to ${name(b)}`,
        files: [b.file],
        place,
        apply: (fs) => overwrite(fs, b.file, copied, b.offsetBytes),
      }
      if (j < i) continue
      yield {
        kind: 'pieces exchanged',
        what: `${name(a)} exchanged with ${name(b)}`,
        files: [a.file, b.file],
        apply: (fs) => {
          overwrite(fs, b.file, copied, b.offsetBytes)
          overwrite(fs, a.file, bytesOf(b).subarray(0, a.byteCount), a.offsetBytes)
        },
      }
    }
  }
}

/** What was there earlier, as a whole file or a sector of it: a write that got lost. */
export function* staleDamage(reference: Reference, files: Files): Generator<Damage> {
  const seen = new Set<string>()
  for (const earlier of reference.earlier) {
    for (const [file, old] of earlier) {
      const now = files.get(file)
      if (now === undefined || Buffer.compare(now, old) === 0) continue
      const text = `${file} ${Buffer.from(old).toString('base64')}`
      if (seen.has(text)) continue
      seen.add(text)
      yield {
        kind: 'older version of the file',
        what: `${file} as it was earlier`,
        files: [file],
        apply: (fs) => replace(fs, file, old),
      }
      for (let start = 0; start < usedBytes(now); start += SECTOR_BYTES) {
        const end = Math.min(start + SECTOR_BYTES, now.length, old.length)
        const sector = old.subarray(start, end)
        if (Buffer.compare(sector, now.subarray(start, end)) === 0) continue
        yield {
          kind: 'older version of a sector',
          what: `${file} ${start}..${end} as it was earlier`,
          files: [file],
          place: { startBytes: start, endBytes: end },
          apply: (fs) => overwrite(fs, file, sector, start),
        }
      }
    }
  }
}

export function* nameDamage(files: Files): Generator<Damage> {
  const typeOf = (file: string) => file.slice(file.lastIndexOf('.') + 1)
  for (const file of files.keys()) {
    yield {
      kind: 'deleted',
      what: `${file} deleted`,
      files: [file],
      apply: (fs) => fs.remove(at(file)),
    }
    for (const other of files.keys()) {
      if (other === file || typeOf(other) !== typeOf(file)) continue
      yield {
        kind: 'renamed over another',
        what: `${file} renamed to ${other}`,
        files: [file, other],
        apply: (fs) => fs.rename(at(file), at(other)),
      }
      if (other < file) continue
      yield {
        kind: 'names exchanged',
        what: `${file} and ${other} under each other's names`,
        files: [file, other],
        apply: (fs) => {
          fs.rename(at(file), at('other'))
          fs.rename(at(other), at(file))
          fs.rename(at('other'), at(other))
        },
      }
    }
  }
}

/** Bits of what files hold, every one when there are no more than asked for. */
export function* bitDamage(files: Files, random: Seeded, count: number): Generator<Damage> {
  const spans = [...files].map(([file, bytes]) => ({ file, bytes, bits: usedBytes(bytes) * 8 }))
  const total = spans.reduce((sum, { bits }) => sum + bits, 0)
  const isEvery = count >= total
  for (let i = 0; i < (isEvery ? total : count); i++) {
    let bit = isEvery ? i : random.below(total)
    const span = spans.find(({ bits }) => {
      if (bit < bits) return true
      bit -= bits
      return false
    })!
    const { file, bytes } = span
    const offset = bit >>> 3
    const flipped = Uint8Array.of(bytes[offset]! ^ (1 << (bit & 7)))
    yield {
      kind: 'bit flipped',
      what: `${file} byte ${offset} bit ${bit & 7}`,
      files: [file],
      place: { startBytes: offset, endBytes: offset + 1 },
      apply: (fs) => overwrite(fs, file, flipped, offset),
    }
  }
}
