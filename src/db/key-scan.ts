import { engineError } from '../base/errors.js'
import { ByteReader } from '../codec/bytes.js'
import type { EntrySlot } from '../codec/entry.js'
import type { RawBytes, RawKeyCodec } from '../codec/raw-key.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareKeys } from '../kernels/bytes.js'
import type { Snapshot } from '../store/store.js'
import type { EntryScan } from '../store/view.js'

export interface KeyScanSource {
  /** Closed with the scan. */
  readonly view: Snapshot
  /** Absent like `range`: there is nothing to walk. */
  readonly codec: RawKeyCodec | undefined
  readonly range: { readonly lower: Uint8Array; readonly upper: Uint8Array } | undefined
  readonly reverse: boolean
}

const NO_BYTES = new Uint8Array(0)

/**
 * A walk over raw keys, before the first of them at first; `key` and `value` are of the entry that the last `next()` found.
 * Close it also when it has come to its end: until then it can be sent back with `seek()`.
 */
export class KeyScan {
  readonly #source: KeyScanSource
  readonly #keyText = new ByteReader(NO_BYTES)
  readonly #valueText = new ByteReader(NO_BYTES)
  #scan: EntryScan | undefined
  #isAtEnd: boolean
  #isOnEntry = false
  #isClosed = false

  constructor(source: KeyScanSource) {
    this.#source = source
    this.#isAtEnd = source.range === undefined
  }

  /** Moves to the next entry; false when there is none. @throws DB_CLOSED */
  next(): boolean {
    if (this.#isAtEnd) return false
    this.#scan ??= this.#open(this.#source.range!)
    this.#isOnEntry = this.#scan.next()
    this.#isAtEnd = !this.#isOnEntry
    return this.#isOnEntry
  }

  /** A copy of the key. @throws ARGUMENT_INVALID where there is no entry, as all of these */
  get key(): Uint8Array {
    const { keyBytes, keyStart, keyEnd } = this.#entry
    return keyBytes.slice(keyStart + KEY_PREFIX_BYTES, keyEnd)
  }

  /** The key as text, which its bytes are in UTF-8. */
  get keyText(): string {
    const { keyBytes, keyStart, keyEnd } = this.#entry
    return textOf(this.#keyText, keyBytes, keyStart + KEY_PREFIX_BYTES, keyEnd)
  }

  /** A copy of the value. */
  get value(): Uint8Array {
    return this.#entry.copyValue()
  }

  get valueText(): string {
    const { valueBytes, valueStart, valueEnd } = this.#entry
    return textOf(this.#valueText, valueBytes, valueStart, valueEnd)
  }

  /**
   * Goes on with the first key at or behind `target`, in reverse with the last one at or before it, also backwards and
   * from the end. A target outside of the range ends the scan.
   */
  seek(target: RawBytes): void {
    const { codec, range, reverse } = this.#source
    if (codec === undefined || range === undefined || this.#isClosed) return
    const at = codec.bound(target)
    this.#scan?.close()
    this.#scan = undefined
    this.#isOnEntry = false
    this.#isAtEnd = compareKeys(at, range.lower) < 0 || compareKeys(at, range.upper) >= 0
    if (this.#isAtEnd) return
    this.#scan = this.#open(
      reverse
        ? { lower: range.lower, upper: codec.bound(target, true) }
        : { lower: at, upper: range.upper },
    )
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#isAtEnd = true
    this.#isOnEntry = false
    this.#scan?.close()
    this.#source.view.close()
  }

  get #entry(): EntrySlot {
    if (this.#isOnEntry) return this.#scan!.entry
    throw engineError(
      'ARGUMENT_INVALID',
      'the scan is on no entry: call next() until it gives false',
    )
  }

  #open(range: { readonly lower: Uint8Array; readonly upper: Uint8Array }): EntryScan {
    const { view, reverse } = this.#source
    return view.scan(range, { reverse })
  }
}

/** The reader keeps a Buffer over the bytes as long as they are the same, which saves making one for each text. */
function textOf(reader: ByteReader, bytes: Uint8Array, start: number, end: number): string {
  reader.reset(bytes, start, end)
  return reader.utf8(end - start)
}
