import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { HASH_END, tenantHashOfKey } from '../../../dist/codec/tenant-key.js'
import {
  BALANCE_LIMITS,
  type BalanceQuestion,
  middleOf,
  pickRebalance,
  type TabletLoad,
} from '../../../dist/store/rebalance-picker.js'
import { metaOf, tabletIdOf } from '../lsm/table-metas.js'

const LIMITS = { ...BALANCE_LIMITS, splitBytes: 1000, mergeBytes: 400, restMs: 1, maxCount: 4 }

/** A table with tenants from the first hash to the last. */
function tableOf(fileId: number, first: number, last: number, fileBytes: number) {
  const keyOf = (hash: number) => {
    const key = Buffer.alloc(14)
    key.writeUInt32BE(hash)
    return new Uint8Array(key)
  }
  const keys = { smallestKey: keyOf(first), largestKey: keyOf(last) }
  return metaOf(fileId, '', '', { ...keys, fileBytes })
}

function loadOf(id: number, [hashStart, hashEnd]: [number, number], sizes: number[]): TabletLoad {
  const tables = sizes.map((bytes, i) => tableOf(id * 100 + i, hashStart + 1, hashEnd - 1, bytes))
  const newestSeqNum = 5000 as SeqNum
  return { tabletId: tabletIdOf(id), hashStart, hashEnd, tables, newestSeqNum }
}

function ask(loads: TabletLoad[], rest: Partial<BalanceQuestion> = {}) {
  const now = 1_000_000 as SeqNum
  return pickRebalance({ loads, damaged: new Set(), minCount: 1, now, limits: LIMITS, ...rest })
}

describe('pickRebalance', () => {
  test('splits what is too large, in the middle', () => {
    expect(ask([loadOf(1, [0, 1000], [600, 500])])).toEqual({
      kind: 'split',
      tabletId: 1,
      hash: expect.closeTo(500, -1),
      reason: 'large',
    })
    expect(ask([loadOf(1, [0, 1000], [600, 400])])).toBeUndefined()
  })

  test('a share counts as what it is', () => {
    const load = loadOf(1, [0, 1000], [600, 500])
    const share = { hashStart: 0, hashEnd: 500, bytes: 300 }
    const tables = [load.tables[0]!, { ...load.tables[1]!, share }]
    expect(ask([{ ...load, tables }])).toBeUndefined()
  })

  test('merges neighbours that are small and at rest, but not below the wanted count', () => {
    const loads = [
      loadOf(1, [0, 1000], [300]),
      loadOf(2, [1000, 2000], [200]),
      loadOf(3, [2000, 3000], [100, 50]),
    ]
    const merge = { kind: 'merge', tabletId: 2, nextTabletId: 3, reason: 'idle' }
    expect(ask(loads)).toEqual(merge)
    expect(ask(loads, { minCount: 3 })).toBeUndefined()
    expect(ask(loads, { now: 5999 as SeqNum })).toBeUndefined()
    expect(ask(loads, { now: 6001 as SeqNum })).toEqual(merge)
  })

  test('a tenant that holds its tablet back gets one to itself, in two steps', () => {
    const load = { ...loadOf(1, [0, 1000], [10]), hotHash: 400 }
    const split = (hash: number) => ({ kind: 'split', tabletId: 1, hash, reason: 'hot' })
    expect(ask([load])).toEqual(split(400))
    expect(ask([{ ...load, hashStart: 400 }])).toEqual(split(401))
    expect(ask([{ ...load, hashStart: 400, hashEnd: 401 }])).toBeUndefined()
    expect(ask([{ ...load, hotHash: 0 }])).toEqual(split(1))
  })

  test('damage is left where it is, and too many tablets are not made', () => {
    const large = loadOf(1, [0, 1000], [600, 500])
    expect(ask([large], { damaged: new Set([101 as FileId]) })).toBeUndefined()
    const others = [1, 2, 3].map((i) => loadOf(i + 1, [i * 1000, i * 1000 + 1000], [500]))
    expect(ask([large, ...others.slice(1)])).toMatchObject({ kind: 'split' })
    expect(ask([large, ...others])).toBeUndefined()
  })

  test('what was split does not merge at once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { minLength: 1, maxLength: 6 }), (sizes) => {
        const load = loadOf(1, [0, 10_000], sizes)
        const plan = ask([load])
        if (plan?.kind !== 'split') return
        const half = (id: number, range: [number, number]) =>
          loadOf(id, range, [sizes.reduce((sum, bytes) => sum + bytes, 0) / 2])
        const halves = [half(1, [0, plan.hash]), half(2, [plan.hash, 10_000])]
        expect(ask(halves)?.kind).not.toBe('merge')
      }),
    )
  })
})

describe('middleOf', () => {
  test('parts the bytes about evenly where tenants allow it', () => {
    const anyTable = fc.record({
      first: fc.nat(HASH_END - 2),
      span: fc.nat(2 ** 20),
      bytes: fc.integer({ min: 1, max: 1000 }),
    })
    fc.assert(
      fc.property(fc.array(anyTable, { minLength: 1, maxLength: 20 }), (given) => {
        const tables = given.map(({ first, span, bytes }, i) =>
          tableOf(i + 1, first, Math.min(HASH_END - 1, first + span), bytes),
        )
        const hash = middleOf({ tabletId: tabletIdOf(1), hashStart: 0, hashEnd: HASH_END, tables })
        const total = given.reduce((sum, { bytes }) => sum + bytes, 0)
        const largest = Math.max(...given.map(({ bytes }) => bytes))
        // One table, which may be one tenant, is all that can be on the wrong side.
        if (hash === undefined) expect(largest).toBeGreaterThan(total / 4)
        else {
          const below = tables.filter((meta) => tenantHashOfKey(meta.largestKey) < hash)
          const bytes = below.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
          expect(bytes).toBeLessThanOrEqual(total / 2 + largest)
          expect(hash).toBeGreaterThan(0)
          expect(hash).toBeLessThan(HASH_END)
        }
      }),
    )
  })

  test('sets a tenant apart that is most of its tablet, and then leaves it alone', () => {
    const range = { tabletId: tabletIdOf(1), hashStart: 0, hashEnd: 1000 }
    const huge = tableOf(1, 400, 400, 900)
    const before = tableOf(2, 10, 390, 60)
    const behind = tableOf(3, 410, 990, 60)
    const first = middleOf({ ...range, tables: [before, huge, behind] })
    expect([400, 401]).toContain(first)
    expect(middleOf({ ...range, hashStart: 400, tables: [huge, behind] })).toBe(401)
    expect(middleOf({ ...range, hashStart: 400, hashEnd: 401, tables: [huge] })).toBeUndefined()
    expect(middleOf({ ...range, tables: [huge] })).toBeUndefined()
  })
})
