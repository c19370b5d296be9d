// Reading one data block, as drawn in format.ts. Blocks come here with their checksum proven; what is checked on top is
// what keeps a reader inside the block.

import type { SeqNum } from '../base/ids.js'
import { loadU32 } from '../codec/bytes.js'
import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT, type EntrySlot } from '../codec/entry.js'
import { TENANT_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'
import { VERSION_BYTES } from './format.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const TWO_32 = 0x1_0000_0000

/** No version of the key at or below the SeqNum. */
export const BLOCK_ABSENT = 0
export const BLOCK_FOUND = 1
/** Every entry of the block is before (key, seqNum): the answer may be in the next block. */
export const BLOCK_PAST_END = 2

/** The bytes of a decompressed block and where its parts lie. */
export class Block {
  readonly bytes: Uint8Array
  readonly place: PartPlace
  readonly restartCount: number
  /** Where entries end and restarts begin. */
  readonly entriesEnd: number

  /** @throws SSTABLE_CORRUPT */
  constructor(bytes: Uint8Array, place: PartPlace) {
    this.bytes = bytes
    this.place = place
    const restartCount = bytes.length < 4 ? 0 : loadU32(bytes, bytes.length - 4)
    this.restartCount = restartCount
    this.entriesEnd = bytes.length - 4 - 4 * restartCount
    if (restartCount === 0 || this.entriesEnd <= 0 || this.restartAt(0) !== 0) {
      throw this.corrupt('the block has no restarts')
    }
    for (let i = 1; i < restartCount; i++) {
      const at = this.restartAt(i)
      if (at <= this.restartAt(i - 1) || at >= this.entriesEnd) {
        throw this.corrupt('the restarts of the block are out of order')
      }
    }
  }

  restartAt(restartIndex: number): number {
    return loadU32(this.bytes, this.entriesEnd + 4 * restartIndex)
  }

  /** Where the entries of a restart end. */
  restartEnd(restartIndex: number): number {
    return restartIndex + 1 < this.restartCount ? this.restartAt(restartIndex + 1) : this.entriesEnd
  }

  /** The last restart whose entry is at or before (rest of key, seqNum); -1 when there is none. */
  findRestart(key: Uint8Array, restStart: number, restEnd: number, seqNum: number): number {
    const { bytes, entriesEnd } = this
    let low = 0
    let high = this.restartCount
    while (low < high) {
      const middle = (low + high) >>> 1
      let at = loadU32(bytes, entriesEnd + 4 * middle) + 1 // sharedBytes is 0, in one byte
      const unsharedBytes = readVarint(bytes, at)
      at += varintLength(unsharedBytes)
      at += varintLength(readVarint(bytes, at))
      const end = at + unsharedBytes
      if (end > entriesEnd) throw this.corrupt('an entry leaves the block')
      const order = compareBytes(bytes, at, end, key, restStart, restEnd)
      if (order < 0 || (order === 0 && loadSeqNum(bytes, end) >= seqNum)) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  corrupt(problem: string) {
    return tableCorrupt(this.place, problem)
  }
}

/**
 * Finds the newest version of a key at or below a SeqNum in the block that would hold it. Keys are compared where they
 * lie, none is put together: an entry that shares more with its predecessor than the predecessor with the key sorts like
 * the predecessor, one that shares less sorts behind the key.
 *
 * @param slot  on BLOCK_FOUND gets version and value, not the key
 * @returns BLOCK_FOUND, BLOCK_ABSENT or BLOCK_PAST_END
 * @throws SSTABLE_CORRUPT
 */
export function findInBlock(
  block: Block,
  key: Uint8Array,
  restStart: number,
  seqNum: SeqNum,
  slot: EntrySlot,
): number {
  const { bytes, entriesEnd } = block
  const restBytes = key.length - restStart
  const restart = block.findRestart(key, restStart, key.length, seqNum)
  let at = restart < 0 ? 0 : block.restartAt(restart)
  // How much of the key the entry before has in common with it, that entry being before the key or one of its versions.
  let matched = 0
  while (at < entriesEnd) {
    const shared = readVarint(bytes, at)
    at += varintLength(shared)
    const unshared = readVarint(bytes, at)
    at += varintLength(unshared)
    const valueLength = readVarint(bytes, at)
    at += varintLength(valueLength)
    const restEnd = at + unshared
    const valueStart = restEnd + VERSION_BYTES
    const next = valueStart + valueLength
    if (next > entriesEnd) throw block.corrupt('an entry leaves the block')
    if (shared === 0) matched = 0
    if (shared < matched) return BLOCK_ABSENT
    if (shared === matched) {
      const limit = unshared < restBytes - matched ? unshared : restBytes - matched
      const from = restStart + matched
      let i = 0
      while (i < limit && bytes[at + i] === key[from + i]) i++
      matched += i
      if (i === unshared) {
        if (matched === restBytes && loadSeqNum(bytes, restEnd) <= seqNum) {
          slot.seqNum = loadSeqNum(bytes, restEnd) as SeqNum
          slot.kind = kindOf(block, valueStart - 1)
          slot.valueBytes = bytes
          slot.valueStart = valueStart
          slot.valueEnd = next
          return BLOCK_FOUND
        }
      } else if (matched === restBytes || bytes[at + i]! > key[from + i]!) {
        return BLOCK_ABSENT
      }
    }
    at = next
  }
  return BLOCK_PAST_END
}

/** Goes through the entries of a block one after another, putting their keys together in a buffer of its own. */
export class EntryDecoder {
  /** The whole key: tenant prefix, then rest. The buffer grows, so read it anew after each step. */
  key = new Uint8Array(64)
  keyEnd = TENANT_PREFIX_BYTES
  sharedBytes = 0
  seqNum = 0
  kind = 0
  valueStart = 0
  valueEnd = 0

  /** Puts the first 8 bytes of all keys that follow in place. */
  setTenantPrefix(prefix: Uint8Array): void {
    this.key.set(prefix)
  }

  /** Forgets the key before: the next entry is the first of a restart. */
  restart(): void {
    this.keyEnd = TENANT_PREFIX_BYTES
  }

  /**
   * Decodes the entry at a position: a restart, or where the entry decoded last ended.
   *
   * @returns the position after it, not beyond `end`
   * @throws SSTABLE_CORRUPT
   */
  decode(block: Block, position: number, end: number): number {
    const { bytes } = block
    const shared = readVarint(bytes, position)
    let at = position + varintLength(shared)
    const unshared = readVarint(bytes, at)
    at += varintLength(unshared)
    const valueLength = readVarint(bytes, at)
    at += varintLength(valueLength)
    const restEnd = at + unshared
    const valueStart = restEnd + VERSION_BYTES
    const valueEnd = valueStart + valueLength
    if (valueEnd > end) throw block.corrupt('an entry leaves the block')
    const keyStart = TENANT_PREFIX_BYTES + shared
    if (keyStart > this.keyEnd) throw block.corrupt('an entry shares more than there is')
    const keyEnd = keyStart + unshared
    if (keyEnd > this.key.length) this.#growKey(keyEnd)
    const { key } = this
    for (let i = 0; i < unshared; i++) key[keyStart + i] = bytes[at + i]!
    this.sharedBytes = shared
    this.keyEnd = keyEnd
    this.seqNum = loadSeqNum(bytes, restEnd)
    this.kind = kindOf(block, valueStart - 1)
    this.valueStart = valueStart
    this.valueEnd = valueEnd
    return valueEnd
  }

  #growKey(neededBytes: number): void {
    const grown = new Uint8Array(neededBytes * 2)
    grown.set(this.key.subarray(0, this.keyEnd))
    this.key = grown
  }
}

/** An unknown kind would read as absent. */
function kindOf(block: Block, at: number): number {
  const kind = block.bytes[at]!
  if (kind === ENTRY_KIND_PUT || kind === ENTRY_KIND_DELETE) return kind
  throw block.corrupt(`an entry has the unknown kind ${kind}`)
}

/** The SeqNum of a version suffix: 7 bytes, inverted and big-endian. */
function loadSeqNum(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  const low =
    (bytes[at + 3]! << 24) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!
  return (high ^ 0xff_ffff) * TWO_32 + (~low >>> 0)
}

/** Beyond the end of the bytes it reads zeros; callers check where the entry ends. */
function readVarint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  return first < 128 ? first : readLongVarint(bytes, at)
}

function readLongVarint(bytes: Uint8Array, at: number): number {
  let value = bytes[at]! & 0x7f
  let scale = 128
  for (let i = 1; i < 5; i++) {
    const byte = bytes[at + i]!
    value += (byte & 0x7f) * scale
    if (byte < 128) break
    scale *= 128
  }
  return value
}

/** How many bytes the writer gave a varint of this value. */
function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}
