// The bytes of one file in memory: extents of 4 KiB that copies share until one of them writes, so that a copy of a
// file costs a pointer per extent. Extents that were never written are not there and read as zeros.

import { createHash } from 'node:crypto'

const EXTENT_BYTES = 4096
const ZERO_EXTENT = new Uint8Array(EXTENT_BYTES)

export class MemoryContent {
  #extents: (Uint8Array | undefined)[] = []
  /** Whether an extent belongs to this content alone; indexed like the extents. */
  #isOwn: boolean[] = []
  #lengthBytes = 0

  get lengthBytes(): number {
    return this.#lengthBytes
  }

  /** A copy that later writes to either side do not reach. */
  copy(): MemoryContent {
    const copy = new MemoryContent()
    this.#isOwn.fill(false)
    copy.#extents = this.#extents.slice()
    copy.#isOwn = this.#isOwn.slice()
    copy.#lengthBytes = this.#lengthBytes
    return copy
  }

  /** Fills the target from the offset on; returns how many bytes there were. */
  read(target: Uint8Array, offsetBytes: number): number {
    const count = Math.max(0, Math.min(target.length, this.#lengthBytes - offsetBytes))
    for (let done = 0; done < count; ) {
      const index = Math.floor((offsetBytes + done) / EXTENT_BYTES)
      const start = (offsetBytes + done) % EXTENT_BYTES
      const part = Math.min(EXTENT_BYTES - start, count - done)
      const extent = this.#extents[index]
      if (extent === undefined) target.fill(0, done, done + part)
      else target.set(extent.subarray(start, start + part), done)
      done += part
    }
    return count
  }

  /** Writes data, with zeros in front of it where the file was shorter. */
  write(data: Uint8Array, offsetBytes: number): void {
    for (let done = 0; done < data.length; ) {
      const index = Math.floor((offsetBytes + done) / EXTENT_BYTES)
      const start = (offsetBytes + done) % EXTENT_BYTES
      const part = Math.min(EXTENT_BYTES - start, data.length - done)
      const bytes = data.subarray(done, done + part)
      done += part
      if (this.#extents[index] === undefined && isZeros(bytes)) continue
      this.#ownExtent(index).set(bytes, start)
    }
    if (data.length === 0) return
    this.#lengthBytes = Math.max(this.#lengthBytes, offsetBytes + data.length)
  }

  /** Cuts the file, or grows it with zeros. */
  resize(lengthBytes: number): void {
    if (lengthBytes < this.#lengthBytes) {
      const count = Math.ceil(lengthBytes / EXTENT_BYTES)
      this.#extents.length = Math.min(this.#extents.length, count)
      this.#isOwn.length = this.#extents.length
      const rest = lengthBytes % EXTENT_BYTES
      // What a later growth uncovers must be zeros.
      if (rest > 0 && this.#extents[count - 1] !== undefined)
        this.#ownExtent(count - 1).fill(0, rest)
    }
    this.#lengthBytes = lengthBytes
  }

  /** Equal for equal bytes. */
  digest(): string {
    let digests = `${this.#lengthBytes}`
    for (const [index, extent] of this.#extents.entries()) {
      if (extent === undefined) continue
      const digest = this.#isOwn[index] === true ? digestOf(extent) : sharedDigestOf(extent)
      if (digest !== '') digests += ` ${index} ${digest}`
    }
    return digests
  }

  #ownExtent(index: number): Uint8Array {
    const present = this.#extents[index]
    if (present !== undefined && this.#isOwn[index] === true) return present
    while (this.#extents.length < index) {
      this.#extents.push(undefined)
      this.#isOwn.push(false)
    }
    const own = present === undefined ? new Uint8Array(EXTENT_BYTES) : present.slice()
    this.#extents[index] = own
    this.#isOwn[index] = true
    return own
  }
}

/** Shared extents never change any more. */
const digests = new WeakMap<Uint8Array, string>()

function sharedDigestOf(extent: Uint8Array): string {
  let digest = digests.get(extent)
  if (digest === undefined) {
    digest = digestOf(extent)
    digests.set(extent, digest)
  }
  return digest
}

/** Empty for zeros: they may as well not be there. */
function digestOf(extent: Uint8Array): string {
  return isZeros(extent) ? '' : createHash('sha1').update(extent).digest('base64')
}

function isZeros(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes, ZERO_EXTENT.subarray(0, bytes.length)) === 0
}
