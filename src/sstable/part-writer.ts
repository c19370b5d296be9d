import { MiB } from '../base/limits.js'
import { placedChecksum, placeSeedOf } from '../codec/file-header.js'
import type { File } from '../env/file-system.js'

/** Parts are gathered up to this size before they go to the file. */
const WRITE_BUFFER_BYTES = MiB / 4

/** Where a part was put, and its placed checksum. */
export interface WrittenPart {
  readonly offsetBytes: number
  readonly storedBytes: number
  readonly checksum: number
}

/** Appends the parts of a new file one behind the other, in few large writes. */
export class PartWriter {
  readonly #file: File
  readonly #onWrite: ((byteCount: number) => void) | undefined
  readonly #placeSeed: number
  readonly #buffer = new Uint8Array(WRITE_BUFFER_BYTES)
  #bufferedBytes = 0
  #writtenBytes = 0

  /** @param onWrite  told before so many bytes go to the file; what it throws keeps them back */
  constructor(file: File, header: Uint8Array, onWrite?: (byteCount: number) => void) {
    this.#file = file
    this.#onWrite = onWrite
    this.#placeSeed = placeSeedOf(header)
    this.#put(header)
  }

  get placeSeed(): number {
    return this.#placeSeed
  }

  /** Where the next part will lie. */
  get offsetBytes(): number {
    return this.#writtenBytes + this.#bufferedBytes
  }

  /** Copies a part to the end. */
  append(bytes: Uint8Array): WrittenPart {
    const { offsetBytes } = this
    const checksum = placedChecksum(this.#placeSeed, offsetBytes, bytes)
    this.#put(bytes)
    return { offsetBytes, storedBytes: bytes.length, checksum }
  }

  /** Hands everything to the file. */
  flush(): void {
    if (this.#bufferedBytes === 0) return
    this.#write(this.#buffer.subarray(0, this.#bufferedBytes))
    this.#bufferedBytes = 0
  }

  #put(bytes: Uint8Array): void {
    if (this.#bufferedBytes + bytes.length > WRITE_BUFFER_BYTES) this.flush()
    if (bytes.length > WRITE_BUFFER_BYTES) {
      this.#write(bytes)
      return
    }
    this.#buffer.set(bytes, this.#bufferedBytes)
    this.#bufferedBytes += bytes.length
  }

  #write(bytes: Uint8Array): void {
    this.#onWrite?.(bytes.length)
    this.#file.write(bytes, this.#writtenBytes)
    this.#writtenBytes += bytes.length
  }
}
