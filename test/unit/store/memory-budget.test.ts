// What memtables take is counted once, whichever tablets have them.

import { expect, it } from 'vitest'

import type { SeqNum, TabletId } from '../../../dist/base/ids.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { EntryCache } from '../../../dist/lsm/entry-cache.js'
import { Memtable } from '../../../dist/lsm/memtable.js'
import { Tablet } from '../../../dist/lsm/tablet.js'
import { Version } from '../../../dist/lsm/version.js'
import type { TableReader } from '../../../dist/sstable/table-reader.js'
import { BlockCache } from '../../../dist/sstable/block-cache.js'
import { MemoryBudget } from '../../../dist/store/memory-budget.js'
import { metaOf } from '../lsm/table-metas.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'

const HASH_SPACE = 2 ** 32

/** Tablets whose flushes make tables that nobody reads. */
class Tablets {
  all: Tablet[]
  seqNum = 0
  readonly budget: MemoryBudget
  readonly #random: Seeded
  /** Are asked for while a version is installed: whoever looks then must not see what is let go twice either. */
  readonly #tables = {
    open: () => {
      this.check()
      return {} as TableReader
    },
    discard: () => undefined,
    entries: new EntryCache({ capacityBytes: 0, onGrow: () => undefined }),
  }
  #fileCount = 0

  constructor(random: Seeded) {
    this.#random = random
    const rest = { version: Version.EMPTY, memtables: [new Memtable()], tables: this.#tables }
    this.all = [new Tablet({ id: 1 as TabletId, hashStart: 0, hashEnd: HASH_SPACE, ...rest })]
    const tablets = () => this.all
    this.budget = new MemoryBudget({
      budgetBytes: 1 << 30,
      cacheLeastBytes: 0,
      objects: undefined,
      files: {
        cache: new BlockCache({ capacityBytes: 0 }),
        entries: this.#tables.entries,
        get tablets() {
          return tablets()
        },
      },
    })
  }

  /** The budget says what all memtables take, each looked at as if one tablet had it alone, in whole bytes. */
  check(): void {
    const memtables = new Set(this.all.flatMap((tablet) => tablet.view.memtables))
    let sum = 0
    for (const memtable of memtables) {
      const copy = new Memtable()
      copy.addAll(memtable)
      sum += copy.memoryBytes
    }
    const { memtableBytes } = this.budget.stats
    expect(memtableBytes).toSatisfy(Number.isSafeInteger)
    expect(memtableBytes).toBeGreaterThanOrEqual(sum)
    // A share of what tablets have together is rounded up, of entries and of what finds them.
    expect(memtableBytes - sum).toBeLessThan(2 * this.all.length * memtables.size + 1)
  }

  step(): void {
    const tablet = this.#random.pick(this.all)
    const index = this.all.indexOf(tablet)
    const next = this.all[index + 1]
    const what = this.#random.float()
    if (what < 0.4) this.#write(tablet)
    else if (what < 0.5) tablet.seal()
    else if (what < 0.6) this.#split(tablet)
    else if (what < 0.7) this.#forgetLast()
    else if (what < 0.8 && next !== undefined) this.#merge(tablet, next)
    else this.#flush(tablet)
  }

  #write(tablet: Tablet): void {
    for (let count = this.#random.below(300); count > 0; count--) {
      const key = new Uint8Array(24).map(() => this.#random.below(256))
      const seqNum = ++this.seqNum as SeqNum
      const value = new Uint8Array(this.#random.below(200))
      const hash = hashBytes(key, 0, key.length)
      tablet.active.add(key, 0, key.length, hash, seqNum, 1, value, 0, value.length)
    }
  }

  #split(tablet: Tablet): void {
    const { hashStart, hashEnd } = tablet
    const hash = hashStart + 1 + this.#random.below(hashEnd - hashStart - 1)
    const id = (this.all.length + 1) as TabletId
    const rest = { id, version: Version.EMPTY, tables: this.#tables }
    const other = tablet.split(hash, tablet.version, rest)
    this.all.splice(this.all.indexOf(tablet) + 1, 0, other)
  }

  #flush(tablet: Tablet): void {
    const memtable = tablet.sealed.at(-1)
    if (memtable === undefined) return
    const meta = metaOf(++this.#fileCount, 'a', 'b')
    const added = [{ level: 0, meta }]
    tablet.install(tablet.version.apply({ tabletId: tablet.id, added, removed: [] }), memtable)
  }

  #forgetLast(): void {
    const copies = new Map<Memtable, Memtable>()
    const shared = () => new Set(this.all.flatMap(({ view }) => view.memtables)).size
    const before = shared()
    for (const tablet of this.all) tablet.forgetAfter((this.seqNum - 5) as SeqNum, copies)
    expect(shared(), 'a copy each, however many tablets have it').toBeLessThanOrEqual(before)
  }

  /** As store/rebalance.ts: what was flushed, and what was written since. */
  #merge(tablet: Tablet, next: Tablet): void {
    for (const one of [tablet, next]) {
      one.seal()
      while (one.hasSealed) this.#flush(one)
    }
    this.#write(this.#random.pick([tablet, next]))
    tablet.absorb(next, Version.EMPTY)
    this.all = this.all.filter((one) => one !== next)
  }
}

for (const seed of seedsOf(20, 4200)) {
  it(`splits, flushes and merges change nothing about it, seed ${seed}`, () =>
    replayable(seed, () => {
      const tablets = new Tablets(new Seeded(seed))
      for (let i = 0; i < 60; i++) {
        tablets.step()
        tablets.check()
      }
    }))
}
