import fc from 'fast-check'
import { describe as group, expect, test } from 'vitest'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO } from '../../../dist/base/ids.js'
import { type Cursor, ENTRY_KIND_PUT, EntrySlot } from '../../../dist/codec/entry.js'
import { compareKeys, hashBytes } from '../../../dist/kernels/bytes.js'
import { Memtable } from '../../../dist/lsm/memtable.js'
import { MemtableStream } from '../../../dist/lsm/memtable-stream.js'
import {
  compareModel,
  describe,
  entryAt,
  keyOf,
  type ModelEntry,
  readBackward,
  readForward,
  readStream,
  seq,
  valueOf,
} from './entry-model.js'
import { add, find } from './memtable-driver.js'

const anyKey = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 1, max: 2 }),
    fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.integer({ min: 0, max: 40 }).map((n) => String(n).padStart(9, '0')),
    ),
  )
  .map(([tenant, table, text]) => keyOf(tenant, table, text))
const anyValue = fc.option(fc.uint8Array({ maxLength: 70 }), { nil: undefined })

group('Memtable', () => {
  test('an empty one holds nothing', () => {
    const memtable = new Memtable()
    expect(memtable.isEmpty).toBe(true)
    expect(memtable.minSeqNum).toBe(SEQ_NUM_MAX)
    expect(memtable.maxSeqNum).toBe(SEQ_NUM_ZERO)
    expect(find(memtable, keyOf(1, 1, 'a'), 5)).toBe(undefined)
    expect(readForward(memtable.cursor())).toEqual([])
    expect(readBackward(memtable.cursor())).toEqual([])
    expect(readStream(new MemtableStream(memtable.handover()))).toEqual([])
  })

  test('entries come out as they went in, wherever they lay and however long they are', () => {
    const memtable = new Memtable()
    const source = Uint8Array.from({ length: 1200 }, (_, i) => (i * 31) ^ (i >> 3))
    const found: string[] = []
    const given: string[] = []
    let at = 0
    for (let start = 0; start < 9; start++) {
      // One that ends where the source does, and one that is too long for the loop.
      for (const valueEnd of [start + 14, start + 15, start + 33, start + 170, 700 + start, 1200]) {
        const bytes = source.slice()
        bytes[start] = ++at
        const hash = hashBytes(bytes, start, start + 14)
        memtable.add(bytes, start, start + 14, hash, seq(at), 1, bytes, start + 14, valueEnd)
        given.push(Buffer.from(bytes.subarray(start, valueEnd)).toString('hex'))
        const slot = new EntrySlot()
        memtable.get(bytes.slice(start, start + 14), hash, SEQ_NUM_MAX, slot)
        const entry = slot.keyBytes.slice(slot.keyStart, slot.valueEnd)
        found.push(Buffer.from(entry).toString('hex'))
      }
    }
    expect(found).toEqual(given)
  })

  test('tells whether a range holds anything newer, however much of either there is', () => {
    const PLACES = 1024
    const keys = Array.from({ length: PLACES }, (_, n) => keyOf(1, 1, String(n).padStart(5, '0')))
    const bounds = fc.tuple(fc.nat(PLACES - 1), fc.constantFrom(1, 20, 400))
    const places = fc
      .constantFrom(1, 30, 300, 3000)
      .chain((size) => fc.array(fc.nat(PLACES - 1), { minLength: size, maxLength: size }))
    fc.assert(
      fc.property(places, fc.array(bounds, { minLength: 8, maxLength: 8 }), (added, ranges) => {
        const memtable = new Memtable()
        for (const [n, place] of added.entries()) {
          add(memtable, { key: keys[place]!, seqNum: seq(10 + n), value: valueOf(`${n}`) })
        }
        for (const [start, length] of ranges) {
          const range = { lower: keys[start]!, upper: keys[start + length] }
          const last = added.findLastIndex((place) => place >= start && place < start + length)
          const moments = [
            0,
            9,
            10,
            9 + added.length,
            10 + last,
            9 + last,
            9 + (start % added.length),
          ]
          for (const since of moments) {
            expect(memtable.isRangeNewer(range, seq(since))).toBe(last >= 0 && 10 + last > since)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('keeps SeqNums up to 2^53-1 exactly', () => {
    const memtable = new Memtable()
    const key = keyOf(1, 1, 'a')
    for (const seqNum of [1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1, 2 ** 53 - 1]) {
      add(memtable, { key, seqNum: seq(seqNum), value: valueOf(String(seqNum)) })
      expect(find(memtable, key, seqNum)?.seqNum).toBe(seqNum)
    }
    expect(memtable.minSeqNum).toBe(1)
    expect(memtable.maxSeqNum).toBe(2 ** 53 - 1)
  })

  test('a slot stays valid while the arena grows', () => {
    const memtable = new Memtable()
    const key = keyOf(1, 1, 'first')
    add(memtable, { key, seqNum: seq(1), value: valueOf('one') })
    const slot = new EntrySlot()
    memtable.get(key, hashBytes(key, 0, key.length), seq(1), slot)
    for (let i = 0; i < 50; i++) {
      add(memtable, { key: keyOf(1, 1, `k${i}`), seqNum: seq(2), value: new Uint8Array(5000) })
    }
    expect(memtable.arenaBytes).toBeGreaterThan(250_000)
    expect(Buffer.from(slot.copyValue()).toString()).toBe('one')
  })

  test('orders the entries of many prefixes as often as somebody asks for it', () => {
    const memtable = new Memtable()
    const model: ModelEntry[] = []
    const held: { cursor: Cursor; entry: ModelEntry }[] = []
    for (let n = 0; n < 3000; n++) {
      // Tenants come again and again, their keys in order for some and not for others.
      const tenant = (n * 7) % 611
      const key = keyOf(tenant, 1 + (tenant % 3), String(tenant % 2 === 0 ? n : 9999 - n))
      const entry = { key, seqNum: seq(n + 1), value: valueOf(String(n)) }
      add(memtable, entry)
      model.push(entry)
      if (n % 97 !== 0) continue
      // Of one tenant only: the others stay as they came.
      const cursor = memtable.cursor()
      cursor.seek(key, SEQ_NUM_MAX)
      held.push({ cursor, entry })
      if (n % 485 !== 0) continue
      expect(describe(readForward(memtable.cursor()))).toEqual(
        describe(model.toSorted(compareModel)),
      )
    }
    for (const { cursor, entry } of held) {
      expect(describe([entryAt(cursor.entry)])).toEqual(describe([entry]))
      for (let last = entry; ; last = entryAt(cursor.entry)) {
        cursor.next()
        if (!cursor.isValid) break
        expect(compareModel(last, entryAt(cursor.entry))).toBeLessThan(0)
      }
    }
  })

  test('orders very many entries of one prefix among others, in order or not', () => {
    const memtable = new Memtable()
    const model: ModelEntry[] = []
    for (let n = 0; n < 9500; n++) {
      const text = String(n % 5 === 0 ? 99_999 - n : n).padStart(5, '0')
      const key = n % 100 === 0 ? keyOf(n, 1, text) : keyOf(1, 1, text)
      const entry = { key, seqNum: seq(n + 1), value: valueOf(String(n)) }
      add(memtable, entry)
      model.push(entry)
    }
    expect(describe(readForward(memtable.cursor()))).toEqual(describe(model.toSorted(compareModel)))
  })

  test('refuses a key without prefix, and a version that is not newer', () => {
    const memtable = new Memtable()
    const short = { key: new Uint8Array(13), seqNum: seq(1), value: undefined }
    expect(() => add(memtable, short)).toThrow(/INTERNAL/)
    const entry = { key: keyOf(1, 1, 'a'), seqNum: seq(2), value: undefined }
    add(memtable, entry)
    expect(() => add(memtable, entry)).toThrow(/INTERNAL/)
    expect(memtable.entryCount).toBe(1)
  })

  test('equals a sorted list: reads, cursors both ways, image', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyKey, anyValue), { maxLength: 200, size: 'max' }),
        fc.array(fc.tuple(anyKey, fc.integer({ min: 0, max: 210 })), { maxLength: 20 }),
        (adds, probes) => {
          const memtable = new Memtable()
          const model: ModelEntry[] = adds.map(([key, value], i) => ({
            key,
            seqNum: seq(i + 1),
            value,
          }))
          for (const entry of model) add(memtable, entry)
          model.sort(compareModel)
          const backward = model.toReversed()
          expect(describe(readForward(memtable.cursor()))).toEqual(describe(model))
          expect(describe(readBackward(memtable.cursor()))).toEqual(describe(backward))
          const image = structuredClone(memtable.handover())
          expect(describe(readStream(new MemtableStream(image)))).toEqual(describe(model))
          const cursor = memtable.cursor()
          for (const [key, at] of probes) {
            const target = { key, seqNum: seq(at), value: undefined }
            const from = model.filter((entry) => compareModel(entry, target) >= 0)
            const below = backward.filter((entry) => compareKeys(entry.key, key) < 0)
            expect(describe(readForward(cursor, key, seq(at)))).toEqual(describe(from))
            expect(describe(readBackward(cursor, key))).toEqual(describe(below))
            const visible = from.find((entry) => compareKeys(entry.key, key) === 0)
            expect(find(memtable, key, at)).toEqual(visible)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('live cursors keep showing their snapshot, in order, while entries are added', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyKey, fc.integer({ min: 0, max: 9 }), fc.boolean()), {
          maxLength: 300,
          size: 'max',
        }),
        (steps) => {
          const memtable = new Memtable()
          const model: ModelEntry[] = []
          const scans: Scan[] = []
          for (const [key, action, isReverse] of steps) {
            if (action === 0) scans.push(new Scan(memtable, model, isReverse))
            else if (action < 4) for (const scan of scans) scan.step()
            const entry = { key, seqNum: seq(model.length + 1), value: valueOf(`${model.length}`) }
            add(memtable, entry)
            model.push(entry)
          }
          for (const scan of scans) scan.finish()
        },
      ),
      { numRuns: 150 },
    )
  })

  test('thousands of keys in random order, with cursors between', () => {
    const memtable = new Memtable()
    const model: ModelEntry[] = []
    for (let i = 0; i < 6000; i++) {
      // A fixed permutation; every third key is in ascending order.
      const number = i % 3 === 0 ? i : (i * 7919) % 5987
      const entry = {
        key: keyOf(1, 1, String(number).padStart(8, '0')),
        seqNum: seq(i + 1),
        value: valueOf(`${i}`),
      }
      add(memtable, entry)
      model.push(entry)
      if (i % 500 === 0) memtable.cursor().seek(entry.key, SEQ_NUM_MAX)
    }
    model.sort(compareModel)
    expect(describe(readForward(memtable.cursor()))).toEqual(describe(model))
    expect(describe(readBackward(memtable.cursor()))).toEqual(describe(model.toReversed()))
    expect(describe(readStream(new MemtableStream(memtable.handover())))).toEqual(describe(model))
  })

  test('finds every version of every key, and none that is not there, whenever its table grows', () => {
    const memtable = new Memtable()
    const keyAt = (n: number) => keyOf(n % 7, 1, String(n).padStart(8, '0'))
    /** By key, when it was written. */
    const written: number[][] = []
    const check = (n: number, now: number) => {
      const versions = written[n] ?? []
      expect(find(memtable, keyAt(n), now)?.seqNum).toBe(versions.at(-1))
      const first = versions[0]
      if (first === undefined) return
      expect(find(memtable, keyAt(n), first)?.seqNum).toBe(first)
      expect(find(memtable, keyAt(n), first - 1)).toBe(undefined)
    }
    const random = fc.sample(fc.nat(0x7fff_ffff), { numRuns: 20_000, seed: 5 })
    for (const [i, chosen] of random.entries()) {
      // Two of three writes are of a new key.
      const n = chosen % 3 === 0 && written.length > 0 ? chosen % written.length : written.length
      add(memtable, { key: keyAt(n), seqNum: seq(i + 1), value: valueOf('') })
      ;(written[n] ??= []).push(i + 1)
      check(n, i + 1)
      check((chosen >>> 3) % (written.length + 5), i + 1)
    }
    for (let n = 0; n < written.length; n++) check(n, random.length)
  })

  test.each([1, 2, 40, 700, 4000])(
    'flushes rows of %i tenants in order, however they came',
    (tenantCount) => {
      const memtable = new Memtable()
      const model: ModelEntry[] = []
      for (let i = 0; i < 6000; i++) {
        const tenant = (i * 7919) % tenantCount
        // Rows of every other tenant come in order; some keys have several versions.
        const number = tenant % 2 === 0 ? i : (i * 31) % 4999
        const key = keyOf(tenant, 1 + (i % 3), String(number >> 1).padStart(6, '0'))
        const entry = { key, seqNum: seq(i + 1), value: valueOf(`${i}`) }
        add(memtable, entry)
        model.push(entry)
      }
      model.sort(compareModel)
      expect(describe(readStream(new MemtableStream(memtable.handover())))).toEqual(describe(model))
    },
  )

  test('keys whose hashes collide stay apart', () => {
    const memtable = new Memtable()
    const keys = Array.from({ length: 20 }, (_, i) => keyOf(1, 1, `k${i}`))
    const value = valueOf('v')
    for (const [i, key] of keys.entries()) {
      memtable.add(key, 0, key.length, 5, seq(i + 1), ENTRY_KIND_PUT, value, 0, 1)
    }
    const slot = new EntrySlot()
    for (const [i, key] of keys.entries()) {
      expect(memtable.get(key, 5, SEQ_NUM_MAX, slot)).toBe(true)
      expect(slot.seqNum).toBe(i + 1)
    }
    expect(memtable.get(keyOf(1, 1, 'other'), 5, SEQ_NUM_MAX, slot)).toBe(false)
  })

  test('a cursor can be placed anew at any time', () => {
    const memtable = new Memtable()
    for (let i = 0; i < 2000; i++) {
      const key = keyOf(i % 2, 1, String(i).padStart(4, '0'))
      add(memtable, { key, seqNum: seq(i + 1), value: undefined })
    }
    const cursor = memtable.cursor()
    for (const number of [0, 1, 998, 999, 1998, 1999]) {
      const key = keyOf(number % 2, 1, String(number).padStart(4, '0'))
      cursor.seek(key, SEQ_NUM_MAX)
      expect(cursor.entry.seqNum).toBe(number + 1)
      cursor.seekLast()
      expect(cursor.entry.seqNum).toBe(2000)
      cursor.seekLast(key)
      expect(cursor.isValid).toBe(number > 0)
    }
  })

  test('scans of a large table go on undisturbed while it is written to in random order', () => {
    const memtable = new Memtable()
    const model: ModelEntry[] = []
    const scans: Scan[] = []
    for (let i = 0; i < 5000; i++) {
      const key = keyOf(1, 1, String((i * 7919) % 4999).padStart(8, '0'))
      const entry = { key, seqNum: seq(i + 1), value: undefined }
      if (i % 250 === 0) memtable.cursor().seek(key, SEQ_NUM_MAX)
      if (i % 1000 === 999) scans.push(new Scan(memtable, model, i % 2000 === 999))
      for (const scan of scans) if (i % 3 !== 0) scan.step()
      add(memtable, entry)
      model.push(entry)
    }
    for (const scan of scans) scan.finish()
  })

  test('sorts many versions of one key, and keys that extend each other by zeros', () => {
    const memtable = new Memtable()
    const model: ModelEntry[] = []
    const tail = '\0'.repeat(60)
    for (let i = 0; i < 400; i++) {
      const text = i % 2 === 0 ? 'hot' : `hot${tail.slice(0, (i * 31) % 60)}`
      const entry = { key: keyOf(1, 1, text), seqNum: seq(i + 1), value: undefined }
      add(memtable, entry)
      model.push(entry)
    }
    model.sort(compareModel)
    expect(describe(readStream(new MemtableStream(memtable.handover())))).toEqual(describe(model))
    expect(describe(readForward(memtable.cursor()))).toEqual(describe(model))
  })
})

/** A scan at the snapshot of its creation that is stepped while entries are added. */
class Scan {
  readonly #cursor
  readonly #snapshot: number
  readonly #expected: ModelEntry[]
  readonly #seen: ModelEntry[] = []
  readonly #isReverse: boolean

  constructor(memtable: Memtable, model: readonly ModelEntry[], isReverse: boolean) {
    this.#cursor = memtable.cursor()
    this.#snapshot = model.length
    this.#expected = model.toSorted(compareModel)
    this.#isReverse = isReverse
    if (isReverse) {
      this.#expected.reverse()
      this.#cursor.seekLast()
    } else {
      this.#cursor.seek(new Uint8Array(0), SEQ_NUM_MAX)
    }
  }

  step(): void {
    if (!this.#cursor.isValid) return
    this.#seen.push(entryAt(this.#cursor.entry))
    if (this.#isReverse) this.#cursor.prev()
    else this.#cursor.next()
  }

  finish(): void {
    while (this.#cursor.isValid) this.step()
    const ordered = this.#seen.toSorted(compareModel)
    if (this.#isReverse) ordered.reverse()
    expect(describe(this.#seen)).toEqual(describe(ordered))
    const ofSnapshot = this.#seen.filter((entry) => entry.seqNum <= this.#snapshot)
    expect(describe(ofSnapshot)).toEqual(describe(this.#expected))
  }
}
