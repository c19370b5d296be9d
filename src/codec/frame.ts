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
// Crash:  all frames of one write carry the same syncedUpToBytes: where that write starts or, when writes before it still
//         wait for their sync, where the first of those starts. Each of these writes may be lost or torn, and later parts
//         may be there without earlier ones. The log ends at the first bad frame, X. That end is
//           corrupt  when a valid header behind X says syncedUpToBytes > X, or the caller knows better (a later file, a
//                    hint kept elsewhere): the frame at X was durable, so it was damaged afterwards
//           clean    when only zeros, or nothing, follow; in a recycled file, when no header of its own follows
//           torn     otherwise: a write that nobody was told to be durable
//         Damage of the newest durable write alone cannot be told from a torn one by the file itself.
//         Nothing is ever appended behind a cut: the next frames go to a new file.
// Compat: a newer layout comes with a newer formatVersion in the file header. Retired types are never used again.
//
// @see LogReader of pebble:record/record.go (synced offsets), etcd:server/storage/wal (chained checksums)

import { invariant } from '../base/assert.js'
import { SEQ_NUM_ZERO, type SeqNum } from '../base/ids.js'
import { type ByteSource, ByteWindow } from './byte-window.js'
import { loadU32, loadU64, storeU32, storeU64, ByteWriter } from './bytes.js'
import { FILE_HEADER_BYTES, isRecycled, placedChecksum, placeSeedOf } from './file-header.js'

export const FRAME_HEADER_BYTES = 40
export const FRAME_ALIGNMENT_BYTES = 8
/** Where the first frame of a file lies. */
export const FRAMES_START_BYTES = FILE_HEADER_BYTES

/** A batch that grew above this gives its memory back once written. */
const BATCH_KEEP_BYTES = 8 * 1024 * 1024
/** How much of the space behind the frames is looked at together. */
const TAIL_STEP_BYTES = 64 * 1024
const NO_BYTES = new Uint8Array(0)

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

  /**
   * Adds a frame behind those that are there.
   *
   * @param encode  appends the payload, which so comes into being in its place; when it throws, there is no frame
   */
  append(type: number, seqNum: SeqNum, encode: (out: ByteWriter) => void): void {
    invariant(type > 0 && type < 256, 'a frame type fits a byte and is not 0')
    const writer = this.#writer
    const at = writer.length
    writer.reserve(FRAME_HEADER_BYTES)
    writer.length = at + FRAME_HEADER_BYTES
    try {
      encode(writer)
    } catch (error) {
      writer.length = at
      throw error
    }
    const payloadBytes = writer.length - at - FRAME_HEADER_BYTES
    invariant(payloadBytes < 2 ** 32, 'a frame payload fits its length field')
    // seal() fills in the other fields.
    const { bytes } = writer
    storeU32(bytes, at + 4, payloadBytes)
    storeU32(bytes, at + 8, type)
    storeU64(bytes, at + 16, seqNum)
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
  /** A view that is valid during the call. */
  payload: Uint8Array
}

function newFrame(): Frame {
  return {
    offsetBytes: 0,
    type: 0,
    seqNum: SEQ_NUM_ZERO,
    headerChecksum: 0,
    syncedUpToBytes: 0,
    payload: NO_BYTES,
  }
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
  /** Bytes behind the end up to the last that is not zero; in a recycled file, to the end of its last frame. */
  readonly tornBytes: number
  readonly frameCount: number
}

/**
 * Reads the frames of a framed file, header included, up to the first that is not valid, and judges that end.
 *
 * @param source  the file, or its bytes; its header was decoded by the caller
 * @param onFrame  called for each valid frame in order
 */
export function scanFrames(
  source: ByteSource | Uint8Array,
  options: ScanOptions,
  onFrame: (frame: Frame) => void,
): ScanResult {
  const window = new ByteWindow(source)
  window.cover(0, FILE_HEADER_BYTES)
  const scanner = new FrameScanner(window, window.bytes)
  const { sourceBytes } = window
  const limit = Math.min(options.limitBytes ?? sourceBytes, sourceBytes)
  const frame = newFrame()
  let at = FRAMES_START_BYTES
  let provenBytes = options.provenBytes ?? 0
  let frameCount = 0
  let previousHeaderChecksum = 0
  for (;;) {
    const end = scanner.frameEnd(at, limit, previousHeaderChecksum)
    if (end === undefined) break
    scanner.load(at, frame)
    previousHeaderChecksum = frame.headerChecksum
    if (frame.syncedUpToBytes > provenBytes) provenBytes = frame.syncedUpToBytes
    onFrame(frame)
    frameCount++
    at = end
  }
  const tail = scanner.judgeTail(at)
  const isCutByLimit = options.limitBytes !== undefined && at === options.limitBytes
  if (!isCutByLimit) provenBytes = Math.max(provenBytes, tail.provenBytes)
  const { tornBytes } = tail
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
  onFrame: (frame: Frame) => void,
): StretchScan {
  const window = new ByteWindow(bytes, offsetBytes)
  const scanner = new FrameScanner(window, header)
  const frame = newFrame()
  let at = offsetBytes
  let headerChecksum = previousHeaderChecksum
  for (;;) {
    const end = scanner.frameEnd(at, window.sourceBytes, headerChecksum)
    if (end === undefined) break
    scanner.load(at, frame)
    headerChecksum = frame.headerChecksum
    onFrame(frame)
    at = end
  }
  return { endBytes: at, headerChecksum, nextFrameBytes: scanner.lengthAt(at) }
}

/** What lies behind the frames of a file. */
interface Tail {
  provenBytes: number
  tornBytes: number
}

class FrameScanner {
  readonly #window: ByteWindow
  readonly #placeSeed: number
  readonly #epoch: number
  readonly #isRecycled: boolean

  /** @param header  that of the file */
  constructor(window: ByteWindow, header: Uint8Array) {
    this.#window = window
    this.#placeSeed = placeSeedOf(header)
    this.#epoch = loadU32(header, 12)
    this.#isRecycled = isRecycled(header)
  }

  /** How long the frame at this offset says it is; 0 when no valid header lies there. */
  lengthAt(offset: number): number {
    const window = this.#window
    if (!window.cover(offset, offset + FRAME_HEADER_BYTES) || !this.#isHeader(offset)) return 0
    return frameBytes(loadU32(window.bytes, offset - window.startBytes + 4))
  }

  /** Where the frame at this offset ends; undefined when no valid frame lies there. */
  frameEnd(offset: number, limit: number, previousHeaderChecksum: number): number | undefined {
    const window = this.#window
    const payloadOffset = offset + FRAME_HEADER_BYTES
    if (payloadOffset > limit || !window.cover(offset, payloadOffset)) return undefined
    if (!this.#isHeader(offset)) return undefined
    const headerAt = offset - window.startBytes
    if (loadU32(window.bytes, headerAt + 24) !== previousHeaderChecksum) return undefined
    const end = payloadOffset + alignUp(loadU32(window.bytes, headerAt + 4))
    if (end > limit || !window.cover(offset, end)) return undefined
    const { bytes, startBytes } = window
    const at = offset - startBytes
    const payloadAt = at + FRAME_HEADER_BYTES
    const found = placedChecksum(this.#placeSeed, payloadOffset, bytes, payloadAt, end - startBytes)
    return found === loadU32(bytes, at + 28) ? end : undefined
  }

  /** Fills in the frame whose end frameEnd() has just told. */
  load(offset: number, frame: Frame): void {
    const { bytes, startBytes } = this.#window
    const at = offset - startBytes
    frame.offsetBytes = offset
    frame.type = bytes[at + 8]!
    frame.seqNum = loadU64(bytes, at + 16) as SeqNum
    frame.headerChecksum = loadU32(bytes, at)
    frame.syncedUpToBytes = loadU64(bytes, at + 32)
    const payloadAt = at + FRAME_HEADER_BYTES
    frame.payload = bytes.subarray(payloadAt, payloadAt + loadU32(bytes, at + 4))
  }

  /**
   * Looks at what lies behind the end of the frames.
   *
   * @returns the highest syncedUpToBytes that a valid header there states, and the bytes up to the last that counts
   */
  judgeTail(from: number): Tail {
    const window = this.#window
    const { sourceBytes } = window
    const tail = { provenBytes: 0, tornBytes: 0 }
    for (let start = from; start < sourceBytes; start += TAIL_STEP_BYTES) {
      const end = Math.min(start + TAIL_STEP_BYTES, sourceBytes)
      // Headers that begin in this step are inside, too.
      const coveredEnd = Math.min(end + FRAME_HEADER_BYTES, sourceBytes)
      if (!window.cover(start, coveredEnd)) break
      if (window.isZero(start, coveredEnd)) continue
      this.#findHeaders(start, coveredEnd, from, tail)
      if (this.#isRecycled) continue
      let last = end
      while (last > start && window.bytes[last - 1 - window.startBytes] === 0) last--
      if (last > start) tail.tornBytes = last - from
    }
    return tail
  }

  /** What headers in the range tell. That at `from` itself proves nothing: its frame is the one that is not valid. */
  #findHeaders(start: number, end: number, from: number, tail: Tail): void {
    const { bytes, startBytes, sourceBytes } = this.#window
    const epochLow = this.#epoch & 0xff
    const last = end - FRAME_HEADER_BYTES
    for (let offset = start; offset <= last; offset += FRAME_ALIGNMENT_BYTES) {
      const at = offset - startBytes
      if (bytes[at + 12] !== epochLow || bytes[at + 8] === 0) continue
      if (!this.#isHeader(offset)) continue
      if (offset > from) tail.provenBytes = Math.max(tail.provenBytes, loadU64(bytes, at + 32))
      const frameEnd = Math.min(offset + frameBytes(loadU32(bytes, at + 4)), sourceBytes)
      if (this.#isRecycled) tail.tornBytes = Math.max(tail.tornBytes, frameEnd - from)
    }
  }

  /** Is what is covered there a header of this file? */
  #isHeader(offset: number): boolean {
    const { bytes, startBytes } = this.#window
    const at = offset - startBytes
    return (
      loadU32(bytes, at + 12) === this.#epoch &&
      bytes[at + 8] !== 0 &&
      (bytes[at + 9]! | bytes[at + 10]! | bytes[at + 11]!) === 0 &&
      placedChecksum(this.#placeSeed, offset, bytes, at + 4, at + FRAME_HEADER_BYTES) ===
        loadU32(bytes, at)
    )
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES
}
