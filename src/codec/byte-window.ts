// A stretch of a file in memory, for reading it from front to back without holding all of it.

const WINDOW_BYTES = 1024 * 1024
/** More than a stretch that isZero() looks at in one go. */
const ZEROS = Buffer.alloc(64 * 1024)

/** What a window moves over: a file. */
export interface ByteSource {
  sizeBytes(): number
  /** Reads up to target.length bytes; returns how many, fewer only at the end. */
  read(target: Uint8Array, offsetBytes: number): number
}

export class ByteWindow {
  /** Holds the source from `startBytes` on. Changes with every cover(). */
  bytes: Uint8Array
  startBytes: number
  /** Where the source ends. */
  readonly sourceBytes: number
  readonly #source: ByteSource | undefined
  #endBytes: number

  /** @param source  a file, or bytes that begin at that offset of one */
  constructor(source: ByteSource | Uint8Array, offsetBytes = 0) {
    const isInMemory = source instanceof Uint8Array
    this.sourceBytes = offsetBytes + (isInMemory ? source.length : source.sizeBytes())
    this.bytes = isInMemory ? source : new Uint8Array(Math.min(WINDOW_BYTES, this.sourceBytes))
    this.startBytes = offsetBytes
    this.#source = isInMemory ? undefined : source
    this.#endBytes = isInMemory ? this.sourceBytes : 0
  }

  /** Moves so that these bytes of the source are inside; false when it has not got them. */
  cover(start: number, end: number): boolean {
    if (start >= this.startBytes && end <= this.#endBytes) return true
    if (this.#source === undefined || end > this.sourceBytes) return false
    if (end - start > this.bytes.length) this.bytes = new Uint8Array(end - start)
    this.startBytes = start
    this.#endBytes = start + this.#source.read(this.bytes, start)
    return end <= this.#endBytes
  }

  /** Whether covered bytes are all zero. */
  isZero(start: number, end: number): boolean {
    const { buffer, byteOffset } = this.bytes
    const view = Buffer.from(buffer, byteOffset + start - this.startBytes, end - start)
    for (let at = 0; at < view.length; at += ZEROS.length) {
      const stepEnd = Math.min(at + ZEROS.length, view.length)
      if (view.compare(ZEROS, 0, stepEnd - at, at, stepEnd) !== 0) return false
    }
    return true
  }
}
