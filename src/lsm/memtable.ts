// A memtable: the newest entries of a tablet, in memory until a flush makes an sstable of them.
//
// Entries lie in an arena (lsm/entry-arena.ts draws their bytes). A hash table finds the newest version of a key; older
// ones hang behind it. Another one finds the newest entry of a key prefix, with the earlier ones behind it. Order exists per
// prefix, as far as somebody asked for it (lsm/key-run.ts) or the prefix is a large one (lsm/run-heads.ts): most of a load over
// many tenants pays nothing for it.
//
// Invariants:
// 1. An entry never changes once added, and neither does the arena below its length: slots and cursors stay valid however
//    much is added later. A cursor may or may not show entries that are added while it is open.
// 2. The versions of one key are added in ascending SeqNum, so the chain from the hash table descends.
// 3. The hash table is a power of two and at most half full; a slot is free when its ref is 0. When it grows, each entry that
//    is added takes some slots over from the table before it: a rehash in one go would stand in everybody's way for tens
//    of milliseconds. A key is in one of both, and a ref that has left the old one is GONE.
// 4. Every entry is in exactly one chain, the one of its first KEY_PREFIX_BYTES bytes.
// 5. Entries that are replayed from the log are in no hash table before finishReplay(): nobody reads until then.

import { invariant } from '../base/assert.js'
import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO } from '../base/ids.js'
import { type Cursor, EntrySlot, isBehind, type KeyRange } from '../codec/entry.js'
import { KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { compareKeys, hashBytes } from '../kernels/bytes.js'
import { type ArenaImage, EntryArena } from './entry-arena.js'
import { firstRunFrom, KeyRun } from './key-run.js'
import { MemtableCursor } from './memtable-cursor.js'
import { ReplayedEntries } from './replayed-entries.js'
import { RunHeads } from './run-heads.js'

const INITIAL_SLOT_COUNT = 256
/** Words of the table before that each entry takes over: it is empty long before the next growth. */
const MOVED_WORDS = 16
/** What is behind it has moved on. No ref: arenas have fewer words. */
const GONE = 0xffff_ffff
const NO_SLOTS = new Uint32Array(0)
/** Entries between two marks. */
const MARK_ENTRY_COUNT = 256
/** What the books of a run cost, roughly. */
const RUN_BYTES = 512
/** Looking at an entry in key order costs as much as looking at so many in the order in which they were added. */
const ORDER_COST = 16

/** A memtable as another thread sees it: structured-cloneable, the bytes are shared. */
export interface MemtableImage extends ArenaImage {
  readonly entryCount: number
}

export class Memtable {
  readonly #arena = new EntryArena()
  /** Two words a slot, side by side because both are looked at: a ref, and the hash of its key. */
  #slots = new Uint32Array(INITIAL_SLOT_COUNT * 2)
  /** The table before, up to where it was taken over. */
  #oldSlots = NO_SLOTS
  #movedWords = 0
  #keyCount = 0
  #entryCount = 0
  #minSeqNum: SeqNum = SEQ_NUM_MAX
  #maxSeqNum: SeqNum = SEQ_NUM_ZERO
  /** For each MARK_ENTRY_COUNT entries the first of them, and the newest SeqNum of all before. */
  readonly #markRefs: number[] = []
  readonly #markSeqNums: SeqNum[] = []
  readonly #heads = new RunHeads()
  /** The first entries of prefixes that have no run yet. */
  #newPrefixRefs: number[] = []
  #runs: readonly KeyRun[] = []
  #isShared = false
  #tabletCount = 1
  /** Absent unless the log is being replayed. */
  #replayed: ReplayedEntries | undefined

  /** Bytes that the entries take. */
  get arenaBytes(): number {
    return this.#arena.lengthBytes
  }

  /** The same, divided among the tablets that have the memtable, in whole bytes. */
  get ownBytes(): number {
    return Math.ceil(this.arenaBytes / this.#tabletCount)
  }

  /** The same with what finds and orders the entries, roughly. */
  get memoryBytes(): number {
    // A run has a ref for each of its entries, and room for some more.
    const slotWords = this.#slots.length + this.#oldSlots.length
    const bookBytes = 4 * slotWords + 6 * this.#entryCount + RUN_BYTES * this.#heads.count
    return this.ownBytes + Math.ceil(bookBytes / this.#tabletCount)
  }

  /** Whether it may hold entries of tenants that are another tablet's by now. */
  get isShared(): boolean {
    return this.#isShared
  }

  /** Another tablet has it, too: a tablet has split. */
  share(): void {
    this.#isShared = true
    this.#tabletCount++
  }

  /** One tablet needs it no more. */
  letGo(): void {
    this.#tabletCount--
  }

  get entryCount(): number {
    return this.#entryCount
  }

  get isEmpty(): boolean {
    return this.#entryCount === 0
  }

  /** SEQ_NUM_MAX while empty. */
  get minSeqNum(): SeqNum {
    return this.#minSeqNum
  }

  /** SEQ_NUM_ZERO while empty. */
  get maxSeqNum(): SeqNum {
    return this.#maxSeqNum
  }

  /**
   * Adds one version of a key.
   *
   * @param keyHash  hashBytes of the key
   */
  add(
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    keyHash: number,
    seqNum: SeqNum,
    kind: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const arena = this.#arena
    const replayed = this.#replayed
    let slot = 0
    let older = 0
    if (this.#oldSlots !== NO_SLOTS) this.#moveSlots()
    if (replayed === undefined) {
      slot = this.#slotOf(this.#slots, keyBytes, keyStart, keyEnd, keyHash)
      older = this.#slots[slot]!
    }
    if (older === 0 && this.#oldSlots !== NO_SLOTS) {
      const old = this.#oldSlots
      const oldSlot = this.#slotOf(old, keyBytes, keyStart, keyEnd, keyHash)
      older = old[oldSlot]!
      if (older !== 0) old[oldSlot] = GONE
    }
    if (older !== 0)
      invariant(arena.seqNumOf(older) < seqNum, 'versions of a key are added in order')
    invariant(keyEnd - keyStart >= KEY_PREFIX_BYTES, 'a key holds at least its prefix')
    const earlier = this.#heads.replace(keyBytes, keyStart, arena.nextRef)
    const ref = arena.append(
      keyBytes,
      keyStart,
      keyEnd,
      older,
      earlier,
      seqNum,
      kind,
      valueBytes,
      valueStart,
      valueEnd,
    )
    if (earlier === 0) this.#newPrefixRefs.push(ref)
    if (this.#entryCount % MARK_ENTRY_COUNT === 0) {
      this.#markRefs.push(ref)
      this.#markSeqNums.push(this.#maxSeqNum)
    }
    this.#entryCount++
    if (seqNum < this.#minSeqNum) this.#minSeqNum = seqNum
    if (seqNum > this.#maxSeqNum) this.#maxSeqNum = seqNum
    if (replayed !== undefined) {
      replayed.add(ref, keyHash, this.#heads.latestNumber)
      return
    }
    this.#slots[slot] = ref
    this.#slots[slot + 1] = keyHash
    if (older === 0 && ++this.#keyCount * 4 > this.#slots.length) this.#growSlots()
    if (this.#heads.isTakeDue) this.#takeAdded(keyBytes.slice(keyStart, keyEnd))
  }

  /** What is added to the memtable, which is empty, comes from the log: before finishReplay() nobody may look for it. */
  beginReplay(): void {
    invariant(this.isEmpty, 'a memtable is replayed before anything else is added')
    this.#replayed = new ReplayedEntries()
  }

  /** Makes what was replayed ready for everything else. */
  finishReplay(): void {
    const replayed = this.#replayed
    if (replayed === undefined) return
    const { slots, keyCount } = replayed.intoTable(this.#arena)
    this.#slots = slots
    this.#keyCount = keyCount
    this.#replayed = undefined
    const large = replayed.refsOfLarge(this.#heads.count)
    if (large.length === 0) return
    const runs = this.#runsInOrder()
    for (const refs of large) {
      const start = this.#arena.keyStartOf(refs[0]!)
      const prefix = this.#arena.bytes.subarray(start, start + KEY_PREFIX_BYTES)
      runs[firstRunFrom(runs, prefix)]!.takeFirst(refs)
    }
  }

  /** Fills the slot with the newest version at or below `maxSeqNum`, a tombstone too; false when there is none. */
  get(key: Uint8Array, keyHash: number, maxSeqNum: SeqNum, slot: EntrySlot): boolean {
    const arena = this.#arena
    let ref = this.#slots[this.#slotOf(this.#slots, key, 0, key.length, keyHash)]!
    if (ref === 0 && this.#oldSlots !== NO_SLOTS) {
      ref = this.#oldSlots[this.#slotOf(this.#oldSlots, key, 0, key.length, keyHash)]!
    }
    while (ref !== 0 && arena.seqNumOf(ref) > maxSeqNum) ref = arena.previousOf(ref)
    if (ref === 0) return false
    arena.load(ref, slot)
    return true
  }

  /**
   * Whether anything in the range is newer than `since`. Looks at the range or at what was added since, whichever takes
   * less: commits are validated by it, and everybody waits meanwhile.
   */
  isRangeNewer(range: KeyRange, since: SeqNum): boolean {
    if (this.#maxSeqNum <= since) return false
    let mark = this.#markRefs.length - 1
    while (this.#markSeqNums[mark]! > since) mark--
    const newerCount = this.#entryCount - mark * MARK_ENTRY_COUNT
    const known = this.#probeRange(range, since, Math.floor(newerCount / ORDER_COST))
    if (known !== undefined) return known
    const arena = this.#arena
    let ref = this.#markRefs[mark]!
    for (let left = newerCount; left > 0; left--) {
      if (arena.seqNumOf(ref) > since && arena.isInRange(ref, range)) return true
      ref = arena.nextOf(ref)
    }
    return false
  }

  /** A copy without what is newer than a SeqNum, for all tablets that have the memtable. */
  upTo(seqNum: SeqNum): Memtable {
    const copy = new Memtable()
    copy.addAll(this, seqNum)
    copy.#tabletCount = this.#tabletCount
    return copy
  }

  /** Adds what another one holds up to a SeqNum; of a key that both hold, it holds the newer versions. */
  addAll(other: Memtable, upTo: SeqNum = SEQ_NUM_MAX): void {
    if (other.#isShared) this.#isShared = true
    const arena = other.#arena
    const slot = new EntrySlot()
    // In the order in which they were added.
    for (const ref of arena.collectRefs(other.#entryCount)) {
      if (arena.seqNumOf(ref) > upTo) continue
      arena.load(ref, slot)
      const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = slot
      const hash = hashBytes(keyBytes, keyStart, keyEnd)
      const { seqNum, kind } = slot
      this.add(keyBytes, keyStart, keyEnd, hash, seqNum, kind, valueBytes, valueStart, valueEnd)
    }
  }

  /** Over everything added so far. Entries that come later may show up or not, and never disturb it. */
  cursor(): Cursor {
    return new MemtableCursor(this.#arena, this.#runsInOrder())
  }

  /** What a flush job in another thread needs; see lsm/memtable-stream.ts. */
  handover(): MemtableImage {
    return { ...this.#arena.image(), entryCount: this.#entryCount }
  }

  /** As isRangeNewer, from the entries of the range; undefined when it holds more than `maxCount`. */
  #probeRange(range: KeyRange, since: SeqNum, maxCount: number): boolean | undefined {
    if (maxCount < ORDER_COST) return undefined
    const cursor = this.cursor()
    cursor.seek(range.lower ?? new Uint8Array(0), SEQ_NUM_MAX)
    for (let count = 0; count < maxCount; count++) {
      if (!cursor.isValid || isBehind(cursor.entry, range.upper)) return false
      if (cursor.entry.seqNum > since) return true
      cursor.next()
    }
    return undefined
  }

  /** The slot of a hash table that holds the key, or the free one where it belongs: the index of its ref. */
  #slotOf(
    slots: Uint32Array,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    keyHash: number,
  ): number {
    const mask = slots.length - 1
    let slot = (keyHash << 1) & mask
    for (;;) {
      const ref = slots[slot]!
      if (ref === 0) return slot
      const isLike = slots[slot + 1] === keyHash && ref !== GONE
      if (isLike && this.#arena.hasKey(ref, key, keyStart, keyEnd)) return slot
      slot = (slot + 2) & mask
    }
  }

  #growSlots(): void {
    invariant(this.#oldSlots === NO_SLOTS, 'a table is taken over before it grows again')
    this.#oldSlots = this.#slots
    this.#movedWords = 0
    this.#slots = new Uint32Array(this.#slots.length * 2)
  }

  /** Takes some slots over from the table before. */
  #moveSlots(): void {
    const old = this.#oldSlots
    const slots = this.#slots
    const mask = slots.length - 1
    const end = this.#movedWords + MOVED_WORDS
    for (let i = this.#movedWords; i < end; i += 2) {
      const ref = old[i]!
      if (ref === 0 || ref === GONE) continue
      old[i] = GONE
      const hash = old[i + 1]!
      let slot = (hash << 1) & mask
      while (slots[slot] !== 0) slot = (slot + 2) & mask
      slots[slot] = ref
      slots[slot + 1] = hash
    }
    this.#movedWords = end
    if (end === old.length) this.#oldSlots = NO_SLOTS
  }

  #takeAdded(key: Uint8Array): void {
    const runs = this.#runsInOrder()
    runs[firstRunFrom(runs, key)]!.takeAdded()
  }

  /** All runs by prefix. A list that was given out never changes. */
  #runsInOrder(): readonly KeyRun[] {
    if (this.#newPrefixRefs.length > 0) {
      const fresh = this.#newPrefixRefs.map((ref) => new KeyRun(this.#arena, this.#heads, ref))
      fresh.sort((a, b) => compareKeys(a.prefix, b.prefix))
      this.#runs = mergeRuns(this.#runs, fresh)
      this.#newPrefixRefs = []
    }
    return this.#runs
  }
}

function mergeRuns(a: readonly KeyRun[], b: readonly KeyRun[]): KeyRun[] {
  const merged: KeyRun[] = []
  let i = 0
  for (const run of b) {
    while (i < a.length && compareKeys(a[i]!.prefix, run.prefix) < 0) merged.push(a[i++]!)
    merged.push(run)
  }
  while (i < a.length) merged.push(a[i++]!)
  return merged
}
