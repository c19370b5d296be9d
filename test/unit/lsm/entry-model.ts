// A sorted list of entries that memtables, merges and compactions are compared with.

import { expect } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { SEQ_NUM_MAX } from '../../../dist/base/ids.js'
import {
  type Cursor,
  ENTRY_KIND_DELETE,
  ENTRY_KIND_PUT,
  EntrySlot,
} from '../../../dist/codec/entry.js'
import { KEY_PREFIX_BYTES } from '../../../dist/codec/tenant-key.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import type { EntryStream } from '../../../dist/sstable/entry-stream.js'

export interface ModelEntry {
  readonly key: Uint8Array
  readonly seqNum: SeqNum
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined
}

const NO_BYTES = new Uint8Array(0)
const encoder = new TextEncoder()

export function seq(number: number): SeqNum {
  return number as SeqNum
}

/** A key of a tenant and a table: the prefix as codec/tenant-key.ts draws it, then the text. */
export function keyOf(tenant: number, table: number, text: string): Uint8Array {
  const tail = encoder.encode(text)
  const key = new Uint8Array(KEY_PREFIX_BYTES + tail.length)
  const view = new DataView(key.buffer)
  view.setUint32(0, Math.imul(tenant, 0x9e3779b1))
  view.setUint32(4, tenant)
  view.setUint32(8, table)
  key.set(tail, KEY_PREFIX_BYTES)
  return key
}

export function valueOf(text: string): Uint8Array {
  return encoder.encode(text)
}

export function compareModel(a: ModelEntry, b: ModelEntry): number {
  return compareKeys(a.key, b.key) || b.seqNum - a.seqNum
}

/** As lines that read well in a failed comparison. */
export function describe(entries: readonly ModelEntry[]): string[] {
  return entries.map(({ key, seqNum, value }) => {
    const shown = value === undefined ? '-' : Buffer.from(value).toString('hex')
    return `${Buffer.from(key).toString('hex')}@${seqNum}=${shown}`
  })
}

export function entryAt(slot: EntrySlot): ModelEntry {
  const value = slot.kind === ENTRY_KIND_PUT ? slot.copyValue() : undefined
  return { key: slot.copyKey(), seqNum: slot.seqNum, value }
}

export function readForward(
  cursor: Cursor,
  key: Uint8Array = NO_BYTES,
  seqNum = SEQ_NUM_MAX,
): ModelEntry[] {
  const found: ModelEntry[] = []
  for (cursor.seek(key, seqNum); cursor.isValid; cursor.next()) found.push(entryAt(cursor.entry))
  return found
}

export function readBackward(cursor: Cursor, key?: Uint8Array): ModelEntry[] {
  const found: ModelEntry[] = []
  for (cursor.seekLast(key); cursor.isValid; cursor.prev()) found.push(entryAt(cursor.entry))
  return found
}

/** Reads a stream to its end, and checks what it says of its keys. */
export function readStream(stream: EntryStream): ModelEntry[] {
  const found: ModelEntry[] = []
  for (; stream.isValid; stream.next()) {
    const entry = entryAt(stream.entry)
    expect(stream.sharedBytes).toBe(sharedBytesOf(found.at(-1), entry))
    found.push(entry)
  }
  return found
}

function sharedBytesOf(before: ModelEntry | undefined, { key }: ModelEntry): number {
  const end = key.findIndex((byte, i) => byte !== before?.key[i])
  return end < 0 ? key.length : end
}

/** A stream over a sorted array. */
export class ModelStream implements EntryStream {
  readonly #entries: readonly ModelEntry[]
  readonly #cursor: ModelCursor
  #index = 0

  constructor(entries: readonly ModelEntry[]) {
    this.#entries = entries.toSorted(compareModel)
    this.#cursor = new ModelCursor(entries)
    this.#cursor.seek(NO_BYTES, SEQ_NUM_MAX)
  }

  get isValid(): boolean {
    return this.#cursor.isValid
  }

  get entry(): EntrySlot {
    return this.#cursor.entry
  }

  get sharedBytes(): number {
    return sharedBytesOf(this.#entries[this.#index - 1], this.#entries[this.#index]!)
  }

  wholeBlock(): undefined {
    return undefined
  }

  toLastOfBlock(): void {
    throw new Error('there are no blocks')
  }

  next(): void {
    this.#index++
    this.#cursor.next()
  }
}

/** A cursor over a sorted array. */
export class ModelCursor implements Cursor {
  readonly entry: EntrySlot = new EntrySlot()
  isClosed = false
  readonly blockEntryCount: number
  readonly #entries: readonly ModelEntry[]
  #index = -1

  constructor(entries: readonly ModelEntry[], blockEntryCount = 1) {
    this.#entries = entries.toSorted(compareModel)
    this.blockEntryCount = blockEntryCount
  }

  get isValid(): boolean {
    return this.#index >= 0 && this.#index < this.#entries.length
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    const target = { key, seqNum, value: undefined }
    const index = this.#entries.findIndex((entry) => compareModel(entry, target) >= 0)
    this.#go(index < 0 ? this.#entries.length : index)
  }

  seekLast(key?: Uint8Array): void {
    this.#go(
      key === undefined
        ? this.#entries.length - 1
        : this.#entries.findLastIndex((entry) => compareKeys(entry.key, key) < 0),
    )
  }

  next(): void {
    this.#go(this.#index + 1)
  }

  prev(): void {
    this.#go(this.#index - 1)
  }

  close(): void {
    this.isClosed = true
  }

  /** As one would whose block reaches up to the next index that can be divided by `blockEntryCount`. */
  countBefore(other: EntrySlot, direction: number): number {
    let count = 0
    for (let index = this.#index; ; count++) {
      if (direction < 0 && index % this.blockEntryCount === 0) return count
      index += direction
      if (direction > 0 && index % this.blockEntryCount === 0) return count
      const next = this.#entries[index]
      if (next === undefined || compareModel(next, entryAt(other)) * direction > 0) return count
    }
  }

  #go(index: number): void {
    this.#index = index
    const found = this.#entries[index]
    if (found === undefined) return
    const { entry } = this
    entry.keyBytes = found.key
    entry.keyStart = 0
    entry.keyEnd = found.key.length
    entry.seqNum = found.seqNum
    entry.kind = found.value === undefined ? ENTRY_KIND_DELETE : ENTRY_KIND_PUT
    entry.valueBytes = found.value ?? NO_BYTES
    entry.valueStart = 0
    entry.valueEnd = entry.valueBytes.length
  }
}
