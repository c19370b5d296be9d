// Checksummed frames: one framing, two uses (WAL files, manifests). A framed file is a file header (codec/file-header.ts),
// then frames back to back from offset 64 on, each at a multiple of 8, then nothing or zeros. Little-endian:
//
//   | header 40 bytes | payload | zeros to a multiple of 8 | header | payload ...
//
//   offset  bytes  field                   meaning
//        0      4  headerChecksum          placed checksum over bytes 4..39 of the frame
//        4      4  payloadBytes            length of the payload without padding
//        8      1  type                    1..255, given by the user of the framing; 0 is never a frame
//        9      1  flags                   0; others reserved
//       10      2  reserved                0
//       12      4  epoch                   that of the file header: frames of an earlier file in this place do not count
//       16      8  seqNum                  given by the user of the framing
//       24      4  previousHeaderChecksum  headerChecksum of the frame before; 0 for the first frame of the file
//       28      4  payloadChecksum         placed checksum over payload and padding, at the place of the payload
//       32      8  syncedUpToBytes         the file was durable up to this offset when the frame was written
//       40      n  payload
//
// The header has a checksum of its own so that its length and its syncedUpToBytes can be trusted when the payload is bad.
//
// Valid:  a header is valid when its checksum and epoch match, type is not 0, flags and reserved are 0. A frame is valid
//         when its header is, previousHeaderChecksum names the frame before, the payload lies inside the file and its
//         checksum matches.
// Crash:  all frames of one write carry the same syncedUpToBytes: where that write starts. The write may be torn, and its
//         later parts may be there without earlier ones. The log ends at the first bad frame, X. That end is
//           corrupt  when a valid header behind X says syncedUpToBytes > X, or the caller knows better (a later file, a
//                    hint kept elsewhere): the frame at X was durable, so it was damaged afterwards
//           clean    when only zeros, or nothing, follow
//           torn     otherwise: a write that nobody was told to be durable
//         Damage of the newest durable write alone cannot be told from a torn one by the file itself.
//         Nothing is ever appended behind a cut: the next frames go to a new file.
// Compat: a newer layout comes with a newer formatVersion in the file header. Retired types are never used again.
//
// @see LogReader of pebble:record/record.go (synced offsets), etcd:server/storage/wal (chained checksums)

import { invariant } from '../base/assert.js'
import { SEQ_NUM_ZERO, type SeqNum } from '../base/ids.js'
import { loadU32, loadU64, storeU32, storeU64, ByteWriter } from './bytes.js'
import { FILE_HEADER_BYTES, placedChecksum, placeSeedOf } from './file-header.js'

export const FRAME_HEADER_BYTES = 40
export const FRAME_ALIGNMENT_BYTES = 8
/** Where the first frame of a file lies. */
export const FRAMES_START_BYTES = FILE_HEADER_BYTES

/** A batch that grew above this gives its memory back once written. */
const BATCH_KEEP_BYTES = 8 * 1024 * 1024
const ZEROS = Buffer.alloc(64 * 1024)

/** How many bytes a frame with such a payload takes. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + alignUp(payloadBytes)
}

/** Frames that wait to be written together. They get their place, and so their checksums, from FrameWriter.seal. */
export class FrameBatch {
  #writer = new ByteWriter(0)
  frameCount = 0

  get byteCount(): number {
    return this.#writer.length
  }

  /** Copies the payload behind the frames that are there. */
  append(type: number, seqNum: SeqNum, payload: Uint8Array, start: number, end: number): void {
    const writer = this.#writer
    const payloadBytes = end - start
    invariant(type > 0 && type < 256, 'a frame type fits a byte and is not 0')
    invariant(payloadBytes < 2 ** 32, 'a frame payload fits its length field')
    writer.reserve(frameBytes(payloadBytes))
    const { bytes, length } = writer
    // seal() fills in the other fields.
    storeU32(bytes, length + 4, payloadBytes)
    storeU32(bytes, length + 8, type)
    storeU64(bytes, length + 16, seqNum)
    writer.length = length + FRAME_HEADER_BYTES
    writer.raw(payload, start, end)
    writer.align(FRAME_ALIGNMENT_BYTES)
    this.frameCount++
  }

  /** For FrameWriter: the frames in place. */
  view(): Uint8Array {
    return this.#writer.view()
  }

  reset(): void {
    if (this.#writer.bytes.length > BATCH_KEEP_BYTES) {
      this.#writer = new ByteWriter(0)
    }
    this.#writer.reset()
    this.frameCount = 0
  }
}

/**
 * Knows the end of a framed file that is being written, and gives frames their place there. It does no I/O: the caller
 * writes what seal() returns at the offset that was `offsetBytes` before, syncs, and calls markSynced().
 */
export class FrameWriter {
  readonly #placeSeed: number
  readonly #epoch: number
  #offsetBytes = FRAMES_START_BYTES
  #syncedUpToBytes = FRAMES_START_BYTES
  #previousHeaderChecksum = 0

  /** @param header  the file's header as written: it must be durable before the first frame is */
  constructor(header: Uint8Array) {
    this.#placeSeed = placeSeedOf(header)
    this.#epoch = loadU32(header, 12)
  }

  /** Where the next batch goes. */
  get offsetBytes(): number {
    return this.#offsetBytes
  }

  get syncedUpToBytes(): number {
    return this.#syncedUpToBytes
  }

  /** Of the last frame: it stands for all frames up to there, because each header covers the one before. */
  get lastHeaderChecksum(): number {
    return this.#previousHeaderChecksum
  }

  /**
   * Completes the frames of the batch for the present end of the file and moves the end behind them.
   *
   * @returns the bytes to write: the batch's own, valid until it is reset
   */
  seal(batch: FrameBatch): Uint8Array {
    const bytes = batch.view()
    const base = this.#offsetBytes
    let previous = this.#previousHeaderChecksum
    for (let at = 0; at < bytes.length; ) {
      const end = at + frameBytes(loadU32(bytes, at + 4))
      const payloadAt = at + FRAME_HEADER_BYTES
      storeU32(bytes, at + 12, this.#epoch)
      storeU32(bytes, at + 24, previous)
      storeU32(
        bytes,
        at + 28,
        placedChecksum(this.#placeSeed, base + payloadAt, bytes, payloadAt, end),
      )
      storeU64(bytes, at + 32, this.#syncedUpToBytes)
      previous = placedChecksum(this.#placeSeed, base + at, bytes, at + 4, payloadAt)
      storeU32(bytes, at, previous)
      at = end
    }
    this.#previousHeaderChecksum = previous
    this.#offsetBytes = base + bytes.length
    return bytes
  }

  /** Everything sealed so far is durable. Only when no batch was sealed after the sync began. */
  markSynced(): void {
    this.#syncedUpToBytes = this.#offsetBytes
  }
}

/** One valid frame; the scanner fills the same object again and again. */
export interface Frame {
  offsetBytes: number
  type: number
  seqNum: SeqNum
  headerChecksum: number
  syncedUpToBytes: number
  /** A view into the scanned bytes. */
  payload: Uint8Array
}

export interface ScanOptions {
  /** Frames at or behind this offset are not looked at: a later file says that the log went on there. */
  readonly limitBytes?: number | undefined
  /** The caller knows that the file was durable up to here. */
  readonly provenBytes?: number | undefined
}

export interface ScanResult {
  /** Where the valid frames end. */
  readonly endBytes: number
  readonly end: 'clean' | 'torn' | 'corrupt'
  /** The highest offset known to have been durable, by any valid header or by the caller. */
  readonly provenBytes: number
  /** Bytes behind the end up to the last that is not zero. */
  readonly tornBytes: number
  readonly frameCount: number
}

/**
 * Reads the frames of a whole framed file, header included, up to the first that is not valid, and judges that end.
 *
 * @param bytes  the file; its header was decoded by the caller
 * @param onFrame  called for each valid frame in order
 */
export function scanFrames(
  bytes: Uint8Array,
  options: ScanOptions,
  onFrame: (frame: Frame) => void,
): ScanResult {
  const scanner = new FrameScanner(bytes)
  const limit = Math.min(options.limitBytes ?? bytes.length, bytes.length)
  const frame: Frame = {
    offsetBytes: 0,
    type: 0,
    seqNum: SEQ_NUM_ZERO,
    headerChecksum: 0,
    syncedUpToBytes: 0,
    payload: bytes,
  }
  let at = FRAMES_START_BYTES
  let provenBytes = options.provenBytes ?? 0
  let frameCount = 0
  let previousHeaderChecksum = 0
  for (;;) {
    const end = scanner.frameEnd(at, limit, previousHeaderChecksum)
    if (end === undefined) break
    previousHeaderChecksum = loadU32(bytes, at)
    frame.offsetBytes = at
    frame.type = bytes[at + 8]!
    frame.seqNum = loadU64(bytes, at + 16) as SeqNum
    frame.headerChecksum = previousHeaderChecksum
    frame.syncedUpToBytes = loadU64(bytes, at + 32)
    const payloadAt = at + FRAME_HEADER_BYTES
    frame.payload = bytes.subarray(payloadAt, payloadAt + loadU32(bytes, at + 4))
    if (frame.syncedUpToBytes > provenBytes) provenBytes = frame.syncedUpToBytes
    onFrame(frame)
    frameCount++
    at = end
  }
  const isCutByLimit = options.limitBytes !== undefined && at === options.limitBytes
  const usedBytes = lastNonZero(bytes, at)
  if (!isCutByLimit) provenBytes = Math.max(provenBytes, scanner.highestProof(at, usedBytes))
  const tornBytes = usedBytes - at
  const end = provenBytes > at ? 'corrupt' : tornBytes === 0 ? 'clean' : 'torn'
  return { endBytes: at, end, provenBytes, tornBytes, frameCount }
}

/** A stretch of a framed file, which begins with a frame. */
export interface FrameStretch {
  /** The header of the file. */
  readonly header: Uint8Array
  readonly bytes: Uint8Array
  /** Where it lies in the file. */
  readonly offsetBytes: number
  /** Of the frame before it; 0 for the first of the file. */
  readonly previousHeaderChecksum: number
}

export interface StretchScan {
  readonly endBytes: number
  /** Of the last frame. */
  readonly headerChecksum: number
  /** How long the next frame says it is; 0 when no valid header is there. */
  readonly nextFrameBytes: number
}

/** Reads the valid frames that lie wholly in a stretch, so that a large file need not be read at once. */
export function scanStretch(
  { header, bytes, offsetBytes, previousHeaderChecksum }: FrameStretch,
  onFrame: (frame: Pick<Frame, 'offsetBytes' | 'type' | 'seqNum' | 'payload'>) => void,
): StretchScan {
  const scanner = new FrameScanner(bytes, header, offsetBytes)
  let at = 0
  let headerChecksum = previousHeaderChecksum
  for (;;) {
    const end = scanner.frameEnd(at, bytes.length, headerChecksum)
    if (end === undefined) break
    headerChecksum = loadU32(bytes, at)
    const payloadAt = at + FRAME_HEADER_BYTES
    onFrame({
      offsetBytes: offsetBytes + at,
      type: bytes[at + 8]!,
      seqNum: loadU64(bytes, at + 16) as SeqNum,
      payload: bytes.subarray(payloadAt, payloadAt + loadU32(bytes, at + 4)),
    })
    at = end
  }
  return { endBytes: offsetBytes + at, headerChecksum, nextFrameBytes: scanner.lengthAt(at) }
}

class FrameScanner {
  readonly #bytes: Uint8Array
  readonly #placeSeed: number
  readonly #epoch: number
  readonly #offsetBytes: number

  /** @param offsetBytes  where the bytes lie in the file */
  constructor(bytes: Uint8Array, header = bytes, offsetBytes = 0) {
    this.#bytes = bytes
    this.#placeSeed = placeSeedOf(header)
    this.#epoch = loadU32(header, 12)
    this.#offsetBytes = offsetBytes
  }

  /** How long the frame at this place says it is; 0 when no valid header lies there. */
  lengthAt(at: number): number {
    const isThere = at + FRAME_HEADER_BYTES <= this.#bytes.length && this.#isHeader(at)
    return isThere ? frameBytes(loadU32(this.#bytes, at + 4)) : 0
  }

  /** Where the frame at this offset ends; undefined when no valid frame lies there. */
  frameEnd(at: number, limit: number, previousHeaderChecksum: number): number | undefined {
    const bytes = this.#bytes
    if (at + FRAME_HEADER_BYTES > limit || !this.#isHeader(at)) return undefined
    if (loadU32(bytes, at + 24) !== previousHeaderChecksum) return undefined
    const payloadAt = at + FRAME_HEADER_BYTES
    const end = payloadAt + alignUp(loadU32(bytes, at + 4))
    if (end > limit) return undefined
    const place = this.#offsetBytes + payloadAt
    const found = placedChecksum(this.#placeSeed, place, bytes, payloadAt, end)
    return found === loadU32(bytes, at + 28) ? end : undefined
  }

  /** The highest syncedUpToBytes that a valid header states which begins behind `from` and before `to`. */
  highestProof(from: number, to: number): number {
    const bytes = this.#bytes
    const last = Math.min(bytes.length - FRAME_HEADER_BYTES, to - 1)
    const epochLow = this.#epoch & 0xff
    let proof = 0
    for (let at = from + FRAME_ALIGNMENT_BYTES; at <= last; at += FRAME_ALIGNMENT_BYTES) {
      if (bytes[at + 12] !== epochLow || bytes[at + 8] === 0) continue
      if (!this.#isHeader(at)) continue
      const syncedUpToBytes = loadU64(bytes, at + 32)
      if (syncedUpToBytes > proof) proof = syncedUpToBytes
    }
    return proof
  }

  #isHeader(at: number): boolean {
    const bytes = this.#bytes
    return (
      loadU32(bytes, at + 12) === this.#epoch &&
      bytes[at + 8] !== 0 &&
      (bytes[at + 9]! | bytes[at + 10]! | bytes[at + 11]!) === 0 &&
      loadU32(bytes, at) ===
        placedChecksum(
          this.#placeSeed,
          this.#offsetBytes + at,
          bytes,
          at + 4,
          at + FRAME_HEADER_BYTES,
        )
    )
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES
}

/** The position behind the last byte that is not zero, at least `from`. */
function lastNonZero(bytes: Uint8Array, from: number): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let end = bytes.length
  for (let step = ZEROS.length; step >= 64; step /= 32) {
    while (end - from >= step && view.compare(ZEROS, 0, step, end - step, end) === 0) end -= step
  }
  while (end > from && bytes[end - 1] === 0) end--
  return Math.max(end, from)
}
