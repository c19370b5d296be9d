// The writes of one transaction or commit, in memory, already in the form the log stores them in.
//
// Invariants:
// 1. A key has at most one live record; writing it again marks the earlier record dead in place.
// 2. Records of one tenant lie in one section, so the log can seal each tenant's part with its own key.
// 3. `#slots` maps key hashes to entry numbers + 1 by open addressing; entries are never removed from it, a rewritten
//    key re-points its slot.

import { engineError } from '../base/errors.js'
import { SEQ_NUM_MAX, type SeqNum, type TenantId } from '../base/ids.js'
import { KEY_MAX_BYTES, TRANSACTION_MAX_BYTES, VALUE_MAX_BYTES } from '../base/limits.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { ByteWriter } from '../codec/bytes.js'
import { type Cursor, ENTRY_KIND_DELETE, ENTRY_KIND_PUT, EntrySlot } from '../codec/entry.js'
import { compareBytes, hashBytes } from '../kernels/bytes.js'
import { type CommitSection, encodeCommit, RECORD_KIND_DEAD } from './commit-format.js'

/** Own writes of a transaction sort before every committed version of their key. */
export const OWN_WRITE_SEQ_NUM: SeqNum = SEQ_NUM_MAX

/** Takes one live write; all positions are indexes into `bytes`. */
export type WriteVisitor = (
  bytes: Uint8Array,
  keyStart: number,
  keyEnd: number,
  keyHash: number,
  kind: number,
  valueStart: number,
  valueEnd: number,
) => void

const NO_VALUE = new Uint8Array(0)

export class WriteBatch {
  readonly #sections: CommitSection[] = []
  readonly #sectionOfTenant = new Map<number, number>()
  #entryCount = 0
  #liveCount = 0
  #byteCount = 0
  // Entry columns, by entry number.
  #section: Uint32Array = new Uint32Array(16)
  #record: Uint32Array = new Uint32Array(16)
  #keyStart: Uint32Array = new Uint32Array(16)
  #keyEnd: Uint32Array = new Uint32Array(16)
  #valueEnd: Uint32Array = new Uint32Array(16)
  #hash: Uint32Array = new Uint32Array(16)
  #kind: Uint8Array = new Uint8Array(16)
  /** Entry number + 1 of the key's write before this one; 0 when it is the first. */
  #earlier: Uint32Array = new Uint32Array(16)
  #slots: Int32Array = new Int32Array(64)

  /** Whether there is nothing to commit. */
  get isEmpty(): boolean {
    return this.#liveCount === 0
  }

  /** Whether it does nothing but delete. */
  get isDeletion(): boolean {
    let isDeletion = true
    this.forEach((_bytes, _keyStart, _keyEnd, _keyHash, kind) => {
      if (kind !== ENTRY_KIND_DELETE) isDeletion = false
    })
    return isDeletion
  }

  /** Live writes. */
  get count(): number {
    return this.#liveCount
  }

  /** Bytes of keys and values written so far, rewritten ones included. */
  get byteCount(): number {
    return this.#byteCount
  }

  /** @throws KEY_TOO_LARGE VALUE_TOO_LARGE TXN_TOO_LARGE; the batch is then as before */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#write(ENTRY_KIND_PUT, key, value)
  }

  /** @throws KEY_TOO_LARGE TXN_TOO_LARGE; the batch is then as before */
  delete(key: Uint8Array): void {
    this.#write(ENTRY_KIND_DELETE, key, NO_VALUE)
  }

  /** Fills the slot with this batch's own write of the key, tombstones included. */
  find(key: Uint8Array, keyHash: number, slot: EntrySlot): boolean {
    const entry = this.#slots[this.#probe(key, keyHash)]! - 1
    if (entry < 0) return false
    this.#fill(entry, slot)
    return true
  }

  /** Calls `visit` for each live write, in the order of writing. */
  forEach(visit: WriteVisitor): void {
    for (let i = 0; i < this.#entryCount; i++) {
      const bytes = this.#sections[this.#section[i]!]!.records.bytes
      const kind = bytes[this.#record[i]!]!
      if (kind === RECORD_KIND_DEAD) continue
      const keyEnd = this.#keyEnd[i]!
      visit(bytes, this.#keyStart[i]!, keyEnd, this.#hash[i]!, kind, keyEnd, this.#valueEnd[i]!)
    }
  }

  /** A mark to roll back to. */
  savepoint(): number {
    return this.#entryCount
  }

  /** Takes back every write since the savepoint. */
  rollbackTo(savepoint: number): void {
    if (savepoint === this.#entryCount) return
    for (let entry = this.#entryCount - 1; entry >= savepoint; entry--) {
      const { records } = this.#sections[this.#section[entry]!]!
      const earlier = this.#earlier[entry]! - 1
      this.#byteCount -= this.#valueEnd[entry]! - this.#keyStart[entry]!
      if (earlier >= 0) this.#setKind(earlier, this.#kind[earlier]!)
      else this.#liveCount--
      records.length = this.#record[entry]!
    }
    this.#entryCount = savepoint
    this.#rebuildSlots(this.#slots.length)
  }

  /** Appends the log payload of this batch to `out`. */
  encode(out: ByteWriter, seqNum: SeqNum, transform: BlockTransform): void {
    encodeCommit(out, this.#sections, seqNum, transform)
  }

  /** A cursor over the live writes of now; later writes are not seen by it. */
  cursor(): Cursor {
    const order: number[] = []
    for (let i = 0; i < this.#entryCount; i++) {
      const bytes = this.#sections[this.#section[i]!]!.records.bytes
      if (bytes[this.#record[i]!] !== RECORD_KIND_DEAD) order.push(i)
    }
    const a = new EntrySlot()
    const b = new EntrySlot()
    order.sort((x, y) => {
      this.#fill(x, a)
      this.#fill(y, b)
      return compareBytes(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd)
    })
    return new BatchCursor(order, (entry, slot) => this.#fill(entry, slot))
  }

  #write(kind: number, key: Uint8Array, value: Uint8Array): void {
    if (key.length > KEY_MAX_BYTES) {
      throw engineError('KEY_TOO_LARGE', `a key of ${key.length} bytes exceeds ${KEY_MAX_BYTES}`, {
        details: { keyBytes: key.length, maxBytes: KEY_MAX_BYTES },
      })
    }
    if (value.length > VALUE_MAX_BYTES) {
      throw engineError(
        'VALUE_TOO_LARGE',
        `a row of ${value.length} bytes exceeds ${VALUE_MAX_BYTES}`,
        { details: { valueBytes: value.length, maxBytes: VALUE_MAX_BYTES } },
      )
    }
    if (this.#byteCount + key.length + value.length > TRANSACTION_MAX_BYTES) {
      throw engineError(
        'TXN_TOO_LARGE',
        `the transaction would exceed ${TRANSACTION_MAX_BYTES} bytes of keys and values`,
        { details: { maxBytes: TRANSACTION_MAX_BYTES } },
      )
    }
    const keyHash = hashBytes(key, 0, key.length)
    const slot = this.#probe(key, keyHash)
    const earlier = this.#slots[slot]! - 1
    const entry = this.#append(kind, key, value, keyHash)
    this.#earlier[entry] = earlier + 1
    this.#slots[slot] = entry + 1
    if (earlier >= 0) this.#setKind(earlier, RECORD_KIND_DEAD)
    else this.#liveCount++
    if (this.#liveCount * 2 > this.#slots.length) this.#rebuildSlots(this.#slots.length * 4)
  }

  #setKind(entry: number, kind: number): void {
    this.#sections[this.#section[entry]!]!.records.bytes[this.#record[entry]!] = kind
  }

  #append(kind: number, key: Uint8Array, value: Uint8Array, keyHash: number): number {
    const entry = this.#entryCount
    if (entry === this.#section.length) this.#growColumns()
    const section = this.#sectionFor(key)
    const { records } = this.#sections[section]!
    this.#section[entry] = section
    this.#record[entry] = records.length
    records.u8(kind)
    records.varint(key.length)
    records.varint(value.length)
    this.#keyStart[entry] = records.length
    records.raw(key, 0, key.length)
    this.#keyEnd[entry] = records.length
    records.raw(value, 0, value.length)
    this.#valueEnd[entry] = records.length
    this.#hash[entry] = keyHash
    this.#kind[entry] = kind
    this.#entryCount = entry + 1
    this.#byteCount += key.length + value.length
    return entry
  }

  #sectionFor(key: Uint8Array): number {
    const tenantId = readUint32(key, 4)
    const known = this.#sectionOfTenant.get(tenantId)
    if (known !== undefined) return known
    const section = this.#sections.length
    this.#sections.push({
      tenantHash: readUint32(key, 0),
      tenantId: tenantId as TenantId,
      records: new ByteWriter(512),
    })
    this.#sectionOfTenant.set(tenantId, section)
    return section
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #probe(key: Uint8Array, keyHash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = keyHash & mask
    for (;;) {
      const entry = slots[slot]! - 1
      if (entry < 0) return slot
      if (this.#hash[entry] === keyHash) {
        const { bytes } = this.#sections[this.#section[entry]!]!.records
        const start = this.#keyStart[entry]!
        const end = this.#keyEnd[entry]!
        if (compareBytes(bytes, start, end, key, 0, key.length) === 0) return slot
      }
      slot = (slot + 1) & mask
    }
  }

  #rebuildSlots(slotCount: number): void {
    const slots = new Int32Array(slotCount)
    const mask = slotCount - 1
    for (let entry = 0; entry < this.#entryCount; entry++) {
      const { bytes } = this.#sections[this.#section[entry]!]!.records
      if (bytes[this.#record[entry]!] === RECORD_KIND_DEAD) continue
      let slot = this.#hash[entry]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry + 1
    }
    this.#slots = slots
  }

  #growColumns(): void {
    this.#section = doubled(this.#section)
    this.#record = doubled(this.#record)
    this.#keyStart = doubled(this.#keyStart)
    this.#keyEnd = doubled(this.#keyEnd)
    this.#valueEnd = doubled(this.#valueEnd)
    this.#hash = doubled(this.#hash)
    this.#earlier = doubled(this.#earlier)
    const kind = new Uint8Array(this.#kind.length * 2)
    kind.set(this.#kind)
    this.#kind = kind
  }

  #fill(entry: number, slot: EntrySlot): void {
    const { bytes } = this.#sections[this.#section[entry]!]!.records
    slot.keyBytes = bytes
    slot.keyStart = this.#keyStart[entry]!
    slot.keyEnd = this.#keyEnd[entry]!
    slot.seqNum = OWN_WRITE_SEQ_NUM
    // Not the record's, which changes when the key is written again: a cursor shows the writes of when it was made.
    slot.kind = this.#kind[entry]!
    slot.valueBytes = bytes
    slot.valueStart = slot.keyEnd
    slot.valueEnd = this.#valueEnd[entry]!
  }
}

/** Walks entry numbers in key order. */
class BatchCursor implements Cursor {
  readonly entry = new EntrySlot()
  readonly #order: readonly number[]
  readonly #fill: (entry: number, slot: EntrySlot) => void
  #position = -1

  constructor(order: readonly number[], fill: (entry: number, slot: EntrySlot) => void) {
    this.#order = order
    this.#fill = fill
  }

  get isValid(): boolean {
    return this.#position >= 0 && this.#position < this.#order.length
  }

  seek(key: Uint8Array, seqNum: SeqNum): void {
    let position = this.#lowerBound(key)
    // Own writes are the newest versions, so a seek below them starts behind the key's own write.
    if (seqNum < OWN_WRITE_SEQ_NUM && position < this.#order.length) {
      this.#fill(this.#order[position]!, this.entry)
      if (this.#compareTo(key) === 0) position++
    }
    this.#moveTo(position)
  }

  seekLast(key?: Uint8Array): void {
    this.#moveTo((key === undefined ? this.#order.length : this.#lowerBound(key)) - 1)
  }

  next(): void {
    this.#moveTo(this.#position + 1)
  }

  prev(): void {
    this.#moveTo(this.#position - 1)
  }

  close(): void {
    this.#position = -1
  }

  #moveTo(position: number): void {
    this.#position = position
    if (this.isValid) this.#fill(this.#order[position]!, this.entry)
  }

  #compareTo(key: Uint8Array): number {
    const { keyBytes, keyStart, keyEnd } = this.entry
    return compareBytes(keyBytes, keyStart, keyEnd, key, 0, key.length)
  }

  #lowerBound(key: Uint8Array): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      this.#fill(this.#order[middle]!, this.entry)
      if (this.#compareTo(key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!
  return (high * 0x10000 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)) >>> 0
}

function doubled(column: Uint32Array): Uint32Array {
  const grown = new Uint32Array(column.length * 2)
  grown.set(column)
  return grown
}
