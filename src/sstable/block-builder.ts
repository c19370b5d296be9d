import { invariant } from '../base/assert.js'
import { ByteWriter } from '../codec/bytes.js'
import { RESTART_INTERVAL, VERSION_BYTES } from './format.js'

const TWO_32 = 0x1_0000_0000

/** Builds one data block after another, as drawn in format.ts. */
export class BlockBuilder {
  readonly #writer = new ByteWriter(32 * 1024)
  #restarts = new Uint32Array(64)
  #restartCount = 0
  #entryCount = 0

  get isEmpty(): boolean {
    return this.#entryCount === 0
  }

  /** Length of the block if it were finished now. */
  get rawBytes(): number {
    return this.#writer.length + 4 * this.#restartCount + 4
  }

  /** True when an entry would not push a block that has some beyond the limit. */
  hasRoom(restBytes: number, valueBytes: number, blockMaxBytes: number): boolean {
    if (this.#entryCount === 0) return true
    // Three varints of at most 5 bytes; a restart may be due.
    const entryMaxBytes = 15 + restBytes + VERSION_BYTES + valueBytes + 4
    return this.rawBytes + entryMaxBytes <= blockMaxBytes
  }

  /**
   * Appends an entry; the caller keeps the order.
   *
   * @param sharedBytes  longest common prefix of the key's rest with the rest of the key before it in this block
   * @returns how many bytes it takes
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
    const writer = this.#writer
    const start = writer.length
    const shared = this.#entryCount % RESTART_INTERVAL === 0 ? this.#restart() : sharedBytes
    const unsharedBytes = restEnd - restStart - shared
    writer.varint(shared)
    writer.varint(unsharedBytes)
    writer.varint(valueEnd - valueStart)
    writer.raw(keyBytes, restStart + shared, restEnd)
    writer.reserve(VERSION_BYTES)
    storeVersion(writer.bytes, writer.length, seqNum, kind)
    writer.length += VERSION_BYTES
    writer.raw(valueBytes, valueStart, valueEnd)
    this.#entryCount++
    return writer.length - start
  }

  /** The block, valid until the next call of add. Starts over. */
  finish(): Uint8Array {
    invariant(this.#entryCount > 0, 'a block has an entry')
    const writer = this.#writer
    for (let i = 0; i < this.#restartCount; i++) writer.u32(this.#restarts[i]!)
    writer.u32(this.#restartCount)
    const block = writer.view()
    writer.reset()
    this.#restartCount = 0
    this.#entryCount = 0
    return block
  }

  /** Marks a restart at the end of what is written; returns how much the next entry shares: nothing. */
  #restart(): 0 {
    if (this.#restartCount === this.#restarts.length) {
      const grown = new Uint32Array(this.#restartCount * 2)
      grown.set(this.#restarts)
      this.#restarts = grown
    }
    this.#restarts[this.#restartCount++] = this.#writer.length
    return 0
  }
}

/** Writes the version suffix: the inverted SeqNum in 7 bytes, big-endian, then the kind. */
function storeVersion(bytes: Uint8Array, at: number, seqNum: number, kind: number): void {
  const high = ~Math.floor(seqNum / TWO_32)
  const low = ~(seqNum >>> 0)
  bytes[at] = high >>> 16
  bytes[at + 1] = high >>> 8
  bytes[at + 2] = high
  bytes[at + 3] = low >>> 24
  bytes[at + 4] = low >>> 16
  bytes[at + 5] = low >>> 8
  bytes[at + 6] = low
  bytes[at + 7] = kind
}
