import { invariant } from '../base/assert.js'
import { ByteWriter, varintBytes } from '../codec/bytes.js'
import { BLOCK_TRAILER_BYTES, ENTRY_COUNT_MARK, KIND_SHIFT, VERSION_BYTES } from './format.js'

const TWO_32 = 0x1_0000_0000

/** Builds one data block after another, as drawn in format.ts. */
export class BlockBuilder {
  /** The values come first in a block, so they are written where they stay. */
  readonly #block = new ByteWriter(32 * 1024)
  /** The rests of keys, and their versions. */
  readonly #keys = new ByteWriter(8 * 1024)
  readonly #versions = new ByteWriter(2 * 1024)
  /** Of the rests, and of values. */
  readonly #keyLengths: number[] = []
  readonly #valueLengths: number[] = []
  /** What these take at most. */
  #lengthsBytes = 0
  #entryCount = 0
  /** What all rests begin with. */
  #prefixBytes = 0

  get isEmpty(): boolean {
    return this.#entryCount === 0
  }

  get entryCount(): number {
    return this.#entryCount
  }

  /** Length of the block if it were finished now, or a little more. */
  get rawBytes(): number {
    return this.#entryCount === 0 ? 0 : this.#lengthWith(0, 0, 0, this.#prefixBytes)
  }

  /** True when an entry would not push a block that has some beyond the limit. */
  hasRoom(sharedBytes: number, restBytes: number, valueBytes: number, blockMaxBytes: number) {
    if (this.#entryCount === 0) return true
    const prefixBytes = Math.min(this.#prefixBytes, sharedBytes)
    return this.#lengthWith(1, restBytes, valueBytes, prefixBytes) <= blockMaxBytes
  }

  /**
   * Appends an entry; the caller keeps the order.
   *
   * @param sharedBytes  longest common prefix of the key's rest with the rest of the key before it in this block
   * @returns how many bytes the entry counts as in the garbage block
   */
  add(
    sharedBytes: number,
    keyBytes: Uint8Array,
    restStart: number,
    restEnd: number,
    seqNum: number,
    kind: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const restBytes = restEnd - restStart
    if (this.#entryCount === 0) this.#prefixBytes = restBytes
    else if (sharedBytes < this.#prefixBytes) this.#prefixBytes = sharedBytes
    this.#keys.raw(keyBytes, restStart, restEnd)
    this.#block.raw(valueBytes, valueStart, valueEnd)
    const high = Math.floor(seqNum / TWO_32)
    this.#versions.u32(seqNum - high * TWO_32)
    this.#versions.u32((high | (kind << KIND_SHIFT)) >>> 0)
    const valueLength = valueEnd - valueStart
    this.#keyLengths[this.#entryCount] = restBytes
    this.#valueLengths[this.#entryCount] = valueLength
    this.#lengthsBytes += varintBytes(restBytes) + varintBytes(valueLength)
    this.#entryCount++
    return restBytes + VERSION_BYTES + valueLength
  }

  /** The block, valid until the next call of add. Starts over. */
  finish(): Uint8Array {
    const entryCount = this.#entryCount
    const prefixBytes = this.#prefixBytes
    invariant(entryCount > 0, 'a block has an entry')
    const writer = this.#block
    const valuesBytes = writer.length
    writer.reserve(this.rawBytes - valuesBytes)
    const { bytes } = this.#keys
    writer.raw(bytes, 0, prefixBytes)
    let start = 0
    for (let i = 0; i < entryCount; i++) {
      const end = start + this.#keyLengths[i]!
      writer.raw(bytes, start + prefixBytes, end)
      start = end
    }
    writer.raw(this.#versions.bytes, 0, this.#versions.length)
    for (let i = 0; i < entryCount; i++) writer.varint(this.#keyLengths[i]! - prefixBytes)
    for (let i = 0; i < entryCount; i++) writer.varint(this.#valueLengths[i]!)
    writer.u32(prefixBytes)
    writer.u32(this.#keys.length - entryCount * prefixBytes)
    writer.u32(valuesBytes)
    writer.u32(ENTRY_COUNT_MARK + entryCount)
    const block = writer.view()
    writer.reset()
    this.#keys.reset()
    this.#versions.reset()
    this.#lengthsBytes = 0
    this.#entryCount = 0
    return block
  }

  /** Length of the block with a prefix, and perhaps one more entry, or a little more. */
  #lengthWith(
    addedCount: number,
    restBytes: number,
    valueBytes: number,
    prefixBytes: number,
  ): number {
    const count = this.#entryCount + addedCount
    const keysBytes = this.#keys.length + restBytes - (count - 1) * prefixBytes
    const lengthsBytes =
      this.#lengthsBytes + (addedCount === 0 ? 0 : varintBytes(restBytes) + varintBytes(valueBytes))
    const valuesBytes = this.#block.length + valueBytes
    return valuesBytes + keysBytes + VERSION_BYTES * count + lengthsBytes + BLOCK_TRAILER_BYTES
  }
}
