// The writes of one transaction or commit, in memory, as records of the log (commit-format.ts).
//
// Records lie in one buffer, in the order of writing. What else is known of an entry is ENTRY_FIELDS numbers of one array:
// a small commit allocates little, and a large one has no object per entry.
//
// Invariants:
// 1. A key has at most one live record; writing it again marks the earlier record dead in place.
// 2. The entries of a tenant are a chain, in the order of writing, that hangs on the tenant's section: the log can seal
//    each tenant's part with its own key, and memtables take the writes tenant by tenant.
// 3. `#slots` maps key hashes to entry numbers + 1 by open addressing; entries are never removed from it, a rewritten
//    key re-points its slot.

import { engineError } from '../base/errors.js'
import { SEQ_NUM_MAX, type SeqNum } from '../base/ids.js'
import { KEY_MAX_BYTES, MiB, TRANSACTION_MAX_BYTES, VALUE_MAX_BYTES } from '../base/limits.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { ByteWriter } from '../codec/bytes.js'
import { type Cursor, ENTRY_KIND_DELETE, ENTRY_KIND_PUT, EntrySlot } from '../codec/entry.js'
import { tenantHashOfKey, tenantIdOfKey } from '../codec/tenant-key.js'
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

const INITIAL_RECORD_BYTES = 512
/** What a batch of a thousand rows takes, or one of two hundred documents of 8 KB. */
const KEPT_RECORD_BYTES: number = 2 * MiB
const INITIAL_ENTRY_COUNT = 16
const INITIAL_SLOT_COUNT = 64

// The numbers of an entry. Positions are indexes into the records; a value starts where its key ends. Other entries are
// named by their number + 1, 0 being none.
const ENTRY_FIELDS = 8
const RECORD_START = 0
const KEY_START = 1
const KEY_END = 2
const VALUE_END = 3
const KEY_HASH = 4
/** As written: the kind in the record changes when the key is written again. */
const KIND = 5
/** The key's write before this one. */
const EARLIER = 6
/** The next write of the tenant. */
const NEXT = 7

/** The chain of a tenant's entries. */
interface BatchSection extends CommitSection {
  byteCount: number
  first: number
  last: number
}

export class WriteBatch {
  #records = new ByteWriter(INITIAL_RECORD_BYTES)
  #entries = new Int32Array(INITIAL_ENTRY_COUNT * ENTRY_FIELDS)
  #slots = new Int32Array(INITIAL_SLOT_COUNT)
  #sections: BatchSection[] = []
  /** Filled from the second tenant on: most batches have one. */
  readonly #sectionOfTenant = new Map<number, BatchSection>()
  /** That of the last write: the next one mostly belongs there, too. */
  #lastSection: BatchSection | undefined
  #entryCount = 0
  #liveCount = 0
  #byteCount = 0
  #isShown = false

  /** Whether slots or cursors may still point into it. */
  get isShown(): boolean {
    return this.#isShown
  }

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
    this.#write(ENTRY_KIND_PUT, key, 0, key.length, value, 0, value.length)
  }

  /** As put, of a key and the value right behind it. */
  putEntry(bytes: Uint8Array, keyStart: number, keyEnd: number, valueEnd: number): void {
    this.#write(ENTRY_KIND_PUT, bytes, keyStart, keyEnd, bytes, keyEnd, valueEnd)
  }

  /** @throws KEY_TOO_LARGE TXN_TOO_LARGE; the batch is then as before */
  delete(key: Uint8Array): void {
    this.#write(ENTRY_KIND_DELETE, key, 0, key.length, NO_VALUE, 0, 0)
  }

  /** Fills the slot with this batch's own write of the key, tombstones included. */
  find(key: Uint8Array, keyHash: number, slot: EntrySlot): boolean {
    const entry = this.#slots[this.#probe(key, 0, key.length, keyHash)]! - 1
    if (entry < 0) return false
    this.#isShown = true
    this.#fill(entry, slot)
    return true
  }

  /** Forgets everything and keeps memory for as much again. Only while it is not shown. */
  reset(): void {
    if (this.#records.bytes.length > KEPT_RECORD_BYTES) {
      this.#records = new ByteWriter(INITIAL_RECORD_BYTES)
      this.#entries = new Int32Array(INITIAL_ENTRY_COUNT * ENTRY_FIELDS)
    }
    this.#records.reset()
    const isRoomy = this.#slots.length > Math.max(INITIAL_SLOT_COUNT, this.#entryCount * 8)
    if (isRoomy) this.#slots = new Int32Array(INITIAL_SLOT_COUNT)
    else this.#slots.fill(0)
    this.#entryCount = 0
    this.#liveCount = 0
    this.#byteCount = 0
    this.#rebuildSections()
  }

  /** Calls `visit` for each live write, tenant by tenant, each tenant's in the order of writing. */
  forEach(visit: WriteVisitor): void {
    const { bytes } = this.#records
    const entries = this.#entries
    for (const { first } of this.#sections) {
      for (let number = first; number !== 0; ) {
        const at = (number - 1) * ENTRY_FIELDS
        number = entries[at + NEXT]!
        const kind = bytes[entries[at + RECORD_START]!]!
        if (kind === RECORD_KIND_DEAD) continue
        const keyEnd = entries[at + KEY_END]!
        const keyHash = entries[at + KEY_HASH]! >>> 0
        const valueEnd = entries[at + VALUE_END]!
        visit(bytes, entries[at + KEY_START]!, keyEnd, keyHash, kind, keyEnd, valueEnd)
      }
    }
  }

  /** A mark to roll back to. */
  savepoint(): number {
    return this.#entryCount
  }

  /** Takes back every write since the savepoint. */
  rollbackTo(savepoint: number): void {
    if (savepoint === this.#entryCount) return
    const entries = this.#entries
    for (let entry = this.#entryCount - 1; entry >= savepoint; entry--) {
      const at = entry * ENTRY_FIELDS
      this.#byteCount -= entries[at + VALUE_END]! - entries[at + KEY_START]!
      const earlier = entries[at + EARLIER]! - 1
      if (earlier >= 0) this.#setKind(earlier, entries[earlier * ENTRY_FIELDS + KIND]!)
      else this.#liveCount--
    }
    this.#records.length = entries[savepoint * ENTRY_FIELDS + RECORD_START]!
    this.#entryCount = savepoint
    this.#rebuildSections()
    this.#rebuildSlots(this.#slots.length)
  }

  /** Appends the log payload of this batch to `out`. */
  encode(out: ByteWriter, seqNum: SeqNum, transform: BlockTransform): void {
    const copyRecords = (section: BatchSection) => this.#copyRecords(section, out)
    encodeCommit(out, this.#sections, { seqNum, transform, copyRecords })
  }

  /** A cursor over the live writes of now; later writes are not seen by it. */
  cursor(): Cursor {
    this.#isShown = true
    const { bytes } = this.#records
    const entries = this.#entries
    const order: number[] = []
    for (let i = 0; i < this.#entryCount; i++) {
      if (bytes[entries[i * ENTRY_FIELDS + RECORD_START]!] !== RECORD_KIND_DEAD) order.push(i)
    }
    order.sort((x, y) => {
      const a = x * ENTRY_FIELDS
      const b = y * ENTRY_FIELDS
      const [aStart, aEnd] = [entries[a + KEY_START]!, entries[a + KEY_END]!]
      return compareBytes(
        bytes,
        aStart,
        aEnd,
        bytes,
        entries[b + KEY_START]!,
        entries[b + KEY_END]!,
      )
    })
    return new BatchCursor(order, (entry, slot) => this.#fill(entry, slot))
  }

  #write(
    kind: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const keyLength = keyEnd - keyStart
    const valueLength = valueEnd - valueStart
    this.#checkRoom(keyLength, valueLength)
    const keyHash = hashBytes(keyBytes, keyStart, keyEnd)
    const slot = this.#probe(keyBytes, keyStart, keyEnd, keyHash)
    const earlier = this.#slots[slot]!
    const entry = this.#entryCount
    if ((entry + 1) * ENTRY_FIELDS > this.#entries.length) this.#growEntries()
    const records = this.#records
    const entries = this.#entries
    const at = entry * ENTRY_FIELDS
    entries[at + RECORD_START] = records.length
    records.u8(kind)
    records.varint(keyLength)
    records.varint(valueLength)
    const start = records.length
    if (keyBytes === valueBytes && keyEnd === valueStart) {
      records.raw(keyBytes, keyStart, valueEnd)
    } else {
      records.raw(keyBytes, keyStart, keyEnd)
      records.raw(valueBytes, valueStart, valueEnd)
    }
    entries[at + KEY_START] = start
    entries[at + KEY_END] = start + keyLength
    entries[at + VALUE_END] = records.length
    entries[at + KEY_HASH] = keyHash
    entries[at + KIND] = kind
    entries[at + EARLIER] = earlier
    this.#entryCount = entry + 1
    this.#byteCount += keyLength + valueLength
    this.#link(entry)
    this.#slots[slot] = entry + 1
    if (earlier !== 0) this.#setKind(earlier - 1, RECORD_KIND_DEAD)
    else if (++this.#liveCount * 2 > this.#slots.length) {
      this.#rebuildSlots(this.#slots.length * 4)
    }
  }

  #checkRoom(keyLength: number, valueLength: number): void {
    if (keyLength > KEY_MAX_BYTES) {
      throw engineError('KEY_TOO_LARGE', `a key of ${keyLength} bytes exceeds ${KEY_MAX_BYTES}`, {
        details: { keyBytes: keyLength, maxBytes: KEY_MAX_BYTES },
      })
    }
    if (valueLength > VALUE_MAX_BYTES) {
      throw engineError(
        'VALUE_TOO_LARGE',
        `a row of ${valueLength} bytes exceeds ${VALUE_MAX_BYTES}`,
        { details: { valueBytes: valueLength, maxBytes: VALUE_MAX_BYTES } },
      )
    }
    if (this.#byteCount + keyLength + valueLength > TRANSACTION_MAX_BYTES) {
      throw engineError(
        'TXN_TOO_LARGE',
        `the transaction would exceed ${TRANSACTION_MAX_BYTES} bytes of keys and values`,
        { details: { maxBytes: TRANSACTION_MAX_BYTES } },
      )
    }
  }

  #setKind(entry: number, kind: number): void {
    this.#records.bytes[this.#entries[entry * ENTRY_FIELDS + RECORD_START]!] = kind
  }

  /** Appends an entry to the chain of its tenant. */
  #link(entry: number): void {
    const entries = this.#entries
    const at = entry * ENTRY_FIELDS
    const section = this.#sectionOf(entries[at + KEY_START]!)
    if (section.last === 0) section.first = entry + 1
    else entries[(section.last - 1) * ENTRY_FIELDS + NEXT] = entry + 1
    section.last = entry + 1
    section.byteCount += entries[at + VALUE_END]! - entries[at + RECORD_START]!
    entries[at + NEXT] = 0
  }

  #sectionOf(keyStart: number): BatchSection {
    const { bytes } = this.#records
    const tenantId = tenantIdOfKey(bytes, keyStart)
    if (this.#lastSection?.tenantId === tenantId) return this.#lastSection
    const sections = this.#sections
    const sectionOf = this.#sectionOfTenant
    if (sections.length === 1) sectionOf.set(sections[0]!.tenantId, sections[0]!)
    let section = sectionOf.get(tenantId)
    if (section === undefined) {
      const tenantHash = tenantHashOfKey(bytes, keyStart)
      section = { tenantHash, tenantId, byteCount: 0, first: 0, last: 0 }
      if (sections.push(section) > 1) sectionOf.set(tenantId, section)
    }
    this.#lastSection = section
    return section
  }

  #rebuildSections(): void {
    this.#sections = []
    if (this.#sectionOfTenant.size > 0) this.#sectionOfTenant.clear()
    this.#lastSection = undefined
    for (let entry = 0; entry < this.#entryCount; entry++) this.#link(entry)
  }

  #copyRecords({ first }: BatchSection, out: ByteWriter): void {
    const { bytes } = this.#records
    const entries = this.#entries
    for (let number = first; number !== 0; ) {
      let at = (number - 1) * ENTRY_FIELDS
      const start = entries[at + RECORD_START]!
      // Those that lie side by side are copied together.
      while (entries[at + NEXT] === ++number) at += ENTRY_FIELDS
      out.raw(bytes, start, entries[at + VALUE_END]!)
      number = entries[at + NEXT]!
    }
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #probe(key: Uint8Array, keyStart: number, keyEnd: number, keyHash: number): number {
    const { bytes } = this.#records
    const entries = this.#entries
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = keyHash & mask
    for (;;) {
      const at = (slots[slot]! - 1) * ENTRY_FIELDS
      if (at < 0) return slot
      if (entries[at + KEY_HASH] === (keyHash | 0)) {
        const [start, end] = [entries[at + KEY_START]!, entries[at + KEY_END]!]
        if (compareBytes(bytes, start, end, key, keyStart, keyEnd) === 0) return slot
      }
      slot = (slot + 1) & mask
    }
  }

  #rebuildSlots(slotCount: number): void {
    const { bytes } = this.#records
    const entries = this.#entries
    const slots = new Int32Array(slotCount)
    const mask = slotCount - 1
    for (let entry = 0; entry < this.#entryCount; entry++) {
      const at = entry * ENTRY_FIELDS
      if (bytes[entries[at + RECORD_START]!] === RECORD_KIND_DEAD) continue
      let slot = entries[at + KEY_HASH]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry + 1
    }
    this.#slots = slots
  }

  #growEntries(): void {
    const grown = new Int32Array(this.#entries.length * 2)
    grown.set(this.#entries)
    this.#entries = grown
  }

  #fill(entry: number, slot: EntrySlot): void {
    const { bytes } = this.#records
    const entries = this.#entries
    const at = entry * ENTRY_FIELDS
    const keyEnd = entries[at + KEY_END]!
    slot.keyBytes = bytes
    slot.keyStart = entries[at + KEY_START]!
    slot.keyEnd = keyEnd
    slot.seqNum = OWN_WRITE_SEQ_NUM
    // Not the record's, which changes when the key is written again: a cursor shows the writes of when it was made.
    slot.kind = entries[at + KIND]!
    slot.valueBytes = bytes
    slot.valueStart = keyEnd
    slot.valueEnd = entries[at + VALUE_END]!
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
