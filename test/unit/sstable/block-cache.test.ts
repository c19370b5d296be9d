import { describe, expect, it } from 'vitest'
import type { SeqNum } from '../../../dist/base/ids.js'
import { BlockCache, CachedItem } from '../../../dist/sstable/block-cache.js'
import {
  type Entry,
  getEntry,
  keyOf,
  makeTable,
  openTable,
  scanForward,
  wholeCursor,
} from './table-kit.js'

const ITEM_BYTES = 1000

class Text extends CachedItem {
  readonly value: string

  constructor(value: string) {
    super()
    this.value = value
  }
}

function homeOf(length: number): (Text | undefined)[] {
  return Array.from({ length })
}

describe('the ring', () => {
  it('keeps within its capacity and takes cold items first', () => {
    const cache = new BlockCache({ capacityBytes: 5000 })
    const home = homeOf(100)
    cache.insert(home, 0, new Text('kept'), ITEM_BYTES)
    for (let i = 1; i < 100; i++) {
      home[0]!.isHot = true
      cache.insert(home, i, new Text(`item ${i}`), ITEM_BYTES)
      expect(cache.stats.usedBytes).toBeLessThanOrEqual(5000)
    }
    expect(home[0]?.value).toBe('kept')
    const present = home.filter((item) => item !== undefined)
    expect(present).toHaveLength(cache.stats.itemCount)
    expect(cache.stats.evictedCount).toBe(100 - present.length)
    expect(home[99]?.value).toBe('item 99')
  })

  it('makes room for what is set aside of it', () => {
    const cache = new BlockCache({ capacityBytes: 5000 })
    const home = homeOf(20)
    const fill = () => {
      for (let i = 0; i < 20; i++) {
        if (home[i] === undefined) cache.insert(home, i, new Text(`item ${i}`), ITEM_BYTES)
      }
    }
    fill()
    expect(cache.stats.itemCount).toBe(4)
    cache.setAside(2500)
    expect(cache.stats.itemCount).toBe(2)
    fill()
    expect(cache.stats.usedBytes).toBeLessThanOrEqual(2500)
    cache.setAside(2000)
    expect(cache.stats.itemCount).toBe(0)
    fill()
    expect(cache.stats.itemCount).toBe(0)
    // No room is left at all: neither is there anything to take away.
    cache.resize(1000)
    cache.resize(7000)
    fill()
    expect(cache.stats.itemCount).toBe(2)
  })

  it('takes hot items too when all are hot', () => {
    const cache = new BlockCache({ capacityBytes: 5000 })
    const home = homeOf(20)
    for (let i = 0; i < 20; i++) {
      cache.insert(home, i, new Text(`item ${i}`), ITEM_BYTES)
      home[i]!.isHot = true
    }
    expect(cache.stats.itemCount).toBe(4)
  })

  it('forgets what is removed, and only that', () => {
    const cache = new BlockCache({ capacityBytes: 1 << 20 })
    const home = homeOf(10)
    for (let i = 0; i < 10; i++) cache.insert(home, i, new Text(`item ${i}`), ITEM_BYTES)
    const third = home[3]!
    cache.remove(third)
    cache.remove(third)
    expect(home.map((item) => item?.value)).toEqual(
      Array.from({ length: 10 }, (_, i) => (i === 3 ? undefined : `item ${i}`)),
    )
    expect(cache.stats.itemCount).toBe(9)
    for (const item of home) if (item !== undefined) cache.remove(item)
    expect(cache.stats).toMatchObject({ itemCount: 0, usedBytes: 0, evictedCount: 0 })
  })

  it('keeps nothing that could never fit', () => {
    const cache = new BlockCache({ capacityBytes: 100 })
    const home = homeOf(1)
    cache.insert(home, 0, new Text('large'), ITEM_BYTES)
    expect(home[0]).toBeUndefined()
    expect(cache.stats.usedBytes).toBe(0)
  })
})

describe('readers that share a cache', () => {
  const entries: Entry[] = Array.from({ length: 300 }, (_, i) => ({
    key: keyOf(i % 3, `key-${i}`),
    seqNum: (i + 1) as SeqNum,
    kind: 1,
    value: new Uint8Array(50).fill(i),
  }))

  it('read a block once, count hits, and give everything back when closed', () => {
    const cache = new BlockCache({ capacityBytes: 1 << 20 })
    const table = makeTable(entries, { blockBytes: 512 })
    const one = openTable(table, { cache })
    const two = openTable(table, { cache })
    scanForward(one)
    const { blockCount } = one.properties()
    expect(cache.stats).toMatchObject({ missCount: blockCount, hitCount: 0 })
    scanForward(one)
    expect(cache.stats).toMatchObject({ missCount: blockCount, hitCount: blockCount })
    scanForward(two)
    expect(cache.stats.missCount).toBe(2 * blockCount)
    // Three tenants each.
    expect(cache.stats.itemCount).toBe(2 * (blockCount + 3))
    one.close()
    expect(cache.stats.itemCount).toBe(blockCount + 3)
    two.close()
    expect(cache.stats).toMatchObject({ itemCount: 0, usedBytes: 0 })
  })

  it('read no block that a get or a bounded cursor does not need', () => {
    const cache = new BlockCache({ capacityBytes: 1 << 20 })
    const reader = openTable(makeTable(entries, { blockBytes: 512 }), { cache })
    const reads = () => cache.stats.missCount + cache.stats.hitCount
    const before = reads()
    expect(getEntry(reader, entries[5]!.key, 0)).toBeUndefined()
    expect(getEntry(reader, keyOf(77, 'x'), 9)).toBeUndefined()
    expect(reads() - before).toBe(0)
    getEntry(reader, entries[5]!.key, 999)
    expect(reads() - before).toBe(1)
    wholeCursor(reader)
    expect(reads() - before).toBe(1)

    const upper = keyOf(0, 'z')
    const cursor = wholeCursor(reader, { lower: keyOf(0, ''), upper })
    const from = cache.stats.itemCount
    cursor.seek(keyOf(0, ''), Number.MAX_SAFE_INTEGER as SeqNum)
    let count = 0
    for (; cursor.isValid; cursor.next()) count++
    expect(count).toBe(100)
    const ownBlockCount = Math.ceil(100 / Math.floor(512 / 80))
    expect(cache.stats.itemCount - from).toBeLessThanOrEqual(ownBlockCount + 1)
  })

  it('evict whole tenants and blocks in any order without a wrong answer', () => {
    const cache = new BlockCache({ capacityBytes: 3000 })
    const table = makeTable(entries, { blockBytes: 512 })
    const readers = [openTable(table, { cache }), openTable(table, { cache })]
    for (let round = 0; round < 3; round++) {
      for (const [i, entry] of entries.entries()) {
        const found = getEntry(readers[i % 2]!, entry.key, 999)
        expect(found?.value).toEqual(entry.value)
      }
    }
    expect(cache.stats.evictedCount).toBeGreaterThan(100)
    for (const reader of readers) reader.close()
  })
})
