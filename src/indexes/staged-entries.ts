import { engineError } from '../base/errors.js'
import { KEY_MAX_BYTES, VALUE_MAX_BYTES } from '../base/limits.js'
import { ByteWriter } from '../codec/bytes.js'
import { type KeyPrefix, storeKeyPrefix } from '../codec/tenant-key.js'
import { compareBytes } from '../kernels/bytes.js'
import type { WriteView } from '../store/view.js'

const NOTHING = 0
const PUT = 1
const DELETE = 2
/** Above this many bytes the buffer of an unusually large row is let go. */
const KEPT_BUFFER_MAX_BYTES = 1 << 20

/**
 * The entries that one row change writes, encoded in full before the first is handed over: a change that is refused
 * half-way, because a key is too long or a value is taken, leaves nothing in the transaction.
 */
export class StagedEntries {
  /** Keys and values are appended here, between the calls that mark their ends. */
  writer = new ByteWriter(1024)
  #count = 0
  readonly #kinds: number[] = []
  readonly #keyStarts: number[] = []
  readonly #keyEnds: number[] = []
  readonly #valueEnds: number[] = []

  reset(): void {
    this.#count = 0
    if (this.writer.bytes.length > KEPT_BUFFER_MAX_BYTES) this.writer = new ByteWriter(1024)
    this.writer.reset()
  }

  get count(): number {
    return this.#count
  }

  /** Drops the entries from this one on. */
  truncate(count: number): void {
    if (count === this.#count) return
    this.writer.length = this.#keyStarts[count]!
    this.#count = count
  }

  /** Puts the prefix into the room that was left for it in front of a key. */
  placeKey(entry: number, place: KeyPrefix): void {
    storeKeyPrefix(this.writer.bytes, this.#keyStarts[entry]!, place)
  }

  /** The key that was appended since `start` ends here, or before a value that is there already. @throws KEY_TOO_LARGE */
  endKey(start: number, end: number = this.writer.length): void {
    const i = this.#count
    if (end - start > KEY_MAX_BYTES) {
      throw engineError('KEY_TOO_LARGE', `an encoded key has ${end - start} bytes`, {
        details: { bytes: end - start, limit: KEY_MAX_BYTES },
      })
    }
    this.#keyStarts[i] = start
    this.#keyEnds[i] = end
  }

  /** The value that was appended behind the key ends here. Returns the entry's number. @throws VALUE_TOO_LARGE */
  endPut(): number {
    const i = this.#count
    const end = this.writer.length
    const valueBytes = end - this.#keyEnds[i]!
    if (valueBytes > VALUE_MAX_BYTES) {
      throw engineError('VALUE_TOO_LARGE', `an encoded row has ${valueBytes} bytes`, {
        details: { bytes: valueBytes, limit: VALUE_MAX_BYTES },
      })
    }
    this.#kinds[i] = PUT
    this.#valueEnds[i] = end
    this.#count++
    return i
  }

  endDelete(): number {
    const i = this.#count
    this.#kinds[i] = DELETE
    this.#valueEnds[i] = this.writer.length
    this.#count++
    return i
  }

  /** Takes the entry out again; its key stays readable. */
  drop(entry: number): void {
    this.#kinds[entry] = NOTHING
  }

  hasSameKey(a: number, b: number): boolean {
    const { bytes } = this.writer
    const starts = this.#keyStarts
    const ends = this.#keyEnds
    return compareBytes(bytes, starts[a]!, ends[a]!, bytes, starts[b]!, ends[b]!) === 0
  }

  /** Appends what an earlier entry's key has behind its first bytes. */
  appendKeyTail(entry: number, skippedBytes: number): void {
    const { writer } = this
    writer.raw(writer.bytes, this.#keyStarts[entry]! + skippedBytes, this.#keyEnds[entry]!)
  }

  keyBytes(entry: number): number {
    return this.#keyEnds[entry]! - this.#keyStarts[entry]!
  }

  /** The key in place: valid until the next write. */
  key(entry: number): Uint8Array {
    return this.writer.bytes.subarray(this.#keyStarts[entry], this.#keyEnds[entry])
  }

  /** Whether the key from `skippedBytes` on equals a byte range. */
  isKeyTail(
    entry: number,
    skippedBytes: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const from = this.#keyStarts[entry]! + skippedBytes
    return compareBytes(this.writer.bytes, from, this.#keyEnds[entry]!, bytes, start, end) === 0
  }

  /** Hands everything over. */
  apply(view: WriteView): void {
    this.applyFrom(view, 0)
  }

  /** Hands the entries from this one on over. */
  applyFrom(view: WriteView, first: number): void {
    for (let i = first; i < this.#count; i++) this.applyEntry(view, i)
  }

  applyEntry(view: WriteView, entry: number): void {
    const kind = this.#kinds[entry]!
    if (kind === NOTHING) return
    const { bytes } = this.writer
    const keyStart = this.#keyStarts[entry]!
    const keyEnd = this.#keyEnds[entry]!
    if (kind === DELETE) view.delete(bytes.subarray(keyStart, keyEnd))
    else view.putEntry(bytes, keyStart, keyEnd, this.#valueEnds[entry]!)
  }
}
