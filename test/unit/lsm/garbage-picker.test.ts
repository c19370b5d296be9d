import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import type { Garbage } from '../../../dist/lsm/garbage.js'
import {
  GARBAGE_MIN_SHARE,
  type GarbageSource,
  pickCollection,
  pickEverything,
} from '../../../dist/lsm/garbage-picker.js'
import { type CompactionPlan, LIMITS, type PickerLimits } from '../../../dist/lsm/picker.js'
import { overlapping, Version } from '../../../dist/lsm/version.js'
import type { AddedTable } from '../../../dist/lsm/version-edit.js'
import type { TableMeta } from '../../../dist/sstable/format.js'
import { fileIdOf, metaOf, tabletIdOf } from './table-metas.js'

const END = 1000
const NONE: Garbage = { isAny: false, bytes: 0 }

function versionOf(added: readonly AddedTable[]): Version {
  return Version.EMPTY.apply({ tabletId: tabletIdOf(1), added, removed: [] })
}

function sourceOf(
  version: Version,
  garbage: ReadonlyMap<number, number> = new Map(),
  damaged: readonly number[] = [],
): GarbageSource {
  return {
    version,
    damaged: new Set(damaged.map(fileIdOf)),
    endFileId: fileIdOf(END),
    measure: ({ fileId }) => {
      const bytes = garbage.get(fileId)
      return bytes === undefined ? NONE : { isAny: true, bytes }
    },
  }
}

const idsOf = (plan: CompactionPlan | undefined) => plan?.inputs.map(({ meta }) => meta.fileId)
const table = (level: number, id: number, keys: string, rest: Partial<TableMeta> = {}) => ({
  level,
  meta: metaOf(id, keys[0]!, keys[1]!, { minSeqNum: id as SeqNum, ...rest }),
})

describe('pickCollection', () => {
  test('rewrites a table for a share of it, not for less, and never one that is new or damaged', () => {
    const version = versionOf([table(1, 5, 'az')])
    const enough = 1000 * GARBAGE_MIN_SHARE
    const pick = (bytes: number, damaged: readonly number[] = []) =>
      pickCollection(sourceOf(version, new Map([[5, bytes]]), damaged), 0 as SeqNum)
    expect(pick(enough)).toMatchObject({ outputLevel: 1, isMove: false, isBottom: true })
    expect(pick(enough - 1)).toBe(undefined)
    expect(pick(enough, [5])).toBe(undefined)
    const source = { ...sourceOf(version, new Map([[5, enough]])), endFileId: 5 as FileId }
    expect(pickCollection(source, 0 as SeqNum)).toBe(undefined)
  })

  test('tombstones count where nothing older lies below, in older tables of level 0 neither', () => {
    const tables = [table(0, 7, 'ac'), table(0, 6, 'bd'), table(2, 5, 'xz'), table(3, 4, 'yz')]
    const bottoms = new Map<number, boolean>()
    const measure = ({ fileId }: TableMeta, isBottom: boolean) => {
      bottoms.set(fileId, isBottom)
      return NONE
    }
    pickCollection({ ...sourceOf(versionOf(tables)), measure }, 0 as SeqNum)
    expect(Object.fromEntries(bottoms)).toEqual({ 7: false, 6: true, 5: false, 4: true })
  })

  test('merges what nobody has written to down, unless it is little beside what it lies over', () => {
    const pick = (tables: readonly AddedTable[], settled: number) =>
      pickCollection(sourceOf(versionOf(tables)), settled as SeqNum)
    const over = [table(0, 9, 'az'), table(0, 8, 'az')]
    expect(idsOf(pick(over, 9))).toEqual([9, 8])
    expect(pick(over, 8)).toBe(undefined)
    const apart = [table(0, 9, 'ab'), table(0, 8, 'cd'), table(1, 7, 'ef')]
    expect(pick(apart, 9)).toBe(undefined)
    const large = { fileBytes: 100_000 }
    expect(pick([table(1, 9, 'az'), table(2, 8, 'az', large)], 9)).toBe(undefined)
    expect(idsOf(pick([table(1, 9, 'az', large), table(2, 8, 'az', large)], 9))).toEqual([9, 8])
    const gap = pick([table(1, 9, 'az'), table(3, 8, 'az', large)], 9)
    expect(gap).toMatchObject({ outputLevel: 2, isMove: true })
  })
})

describe('picking again and again', () => {
  interface Drawn {
    readonly level: number
    readonly from: number
    readonly length: number
    readonly bytes: number
    readonly garbage: number | undefined
    readonly isDamaged: boolean
  }
  const anyTable: fc.Arbitrary<Drawn> = fc.record({
    level: fc.integer({ min: 0, max: 4 }),
    from: fc.nat(90),
    length: fc.nat(12),
    bytes: fc.integer({ min: 100, max: 10_000 }),
    garbage: fc.option(fc.nat(3000), { nil: undefined }),
    isDamaged: fc.boolean(),
  })
  const key = (number: number) => String(number).padStart(3, '0')

  /** Tables of a tablet, older ones deeper; what would overlap within a level is left out. */
  function build(drawn: readonly Drawn[], withDamage: boolean) {
    const added: AddedTable[] = []
    const garbage = new Map<number, number>()
    const damaged: number[] = []
    for (const [i, { level, from, length, bytes, garbage: held, isDamaged }] of drawn.entries()) {
      const fileId = 1 + i
      const seqNum = ((5 - level) * 100 + i) as SeqNum
      const bounds = { fileBytes: bytes, minSeqNum: seqNum, maxSeqNum: seqNum }
      const meta = metaOf(fileId, key(from), key(from + length), bounds)
      const others = added.filter((other) => other.level === level).map((other) => other.meta)
      if (level > 0 && overlapping(others, meta.smallestKey, meta.largestKey).length > 0) continue
      added.push({ level, meta })
      if (held !== undefined) garbage.set(fileId, Math.min(held, bytes))
      if (withDamage && isDamaged && i % 3 === 0) damaged.push(fileId)
    }
    return { version: versionOf(added), garbage, damaged }
  }

  /** Carries plans out until there is none. */
  function carryOut(
    start: Version,
    pick: (version: Version) => CompactionPlan | undefined,
    onPlan: (plan: CompactionPlan) => void = () => undefined,
  ): Version {
    let version = start
    let fileId = END
    for (let count = 0; ; count++) {
      const plan = pick(version)
      if (plan === undefined) return version
      expect(count, 'picking comes to an end').toBeLessThan(500)
      onPlan(plan)
      const metas = plan.inputs.map(({ meta }) => meta)
      const sorted = (name: 'smallestKey' | 'largestKey') =>
        metas.map((meta) => meta[name]).sort((a, b) => Buffer.compare(a, b))
      const merged: TableMeta = {
        ...metas[0]!,
        fileId: fileIdOf(fileId++),
        fileBytes: metas.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
        smallestKey: sorted('smallestKey')[0]!,
        largestKey: sorted('largestKey').at(-1)!,
        minSeqNum: Math.min(...metas.map(({ minSeqNum }) => minSeqNum)) as SeqNum,
        maxSeqNum: Math.max(...metas.map(({ maxSeqNum }) => maxSeqNum)) as SeqNum,
      }
      version = version.apply({
        tabletId: tabletIdOf(1),
        removed: plan.inputs.map(({ level, meta }) => ({ level, fileId: meta.fileId })),
        added: (plan.isMove ? metas : [merged]).map((meta) => ({ level: plan.outputLevel, meta })),
      })
    }
  }

  const drawings = fc.array(anyTable, { minLength: 1, maxLength: 25, size: 'max' })
  /** Level 0 may be larger than what goes down at once. */
  const anyLimits: fc.Arbitrary<PickerLimits> = fc
    .record({
      level0BiteBytes: fc.constantFrom(1000, 8000, LIMITS.level0BiteBytes),
      moveMinBytes: fc.constantFrom(0, LIMITS.moveMinBytes),
    })
    .map((drawn) => ({ ...LIMITS, ...drawn }))

  test('pickEverything leaves one run without garbage, and damaged tables where they are', () => {
    fc.assert(
      fc.property(drawings, fc.boolean(), anyLimits, (drawn, withDamage, limits) => {
        const { version, garbage, damaged } = build(drawn, withDamage)
        const pick = (of: Version) =>
          pickEverything({ ...sourceOf(of, garbage, damaged), limits }, 9999 as SeqNum)
        const end = carryOut(version, pick)
        const ids = new Set(end.levels.flat().map((meta) => meta.fileId as number))
        for (const fileId of damaged) expect(ids).toContain(fileId)
        if (damaged.length > 0) return
        for (const fileId of garbage.keys()) expect(ids).not.toContain(fileId)
        for (const [level, tables] of end.levels.entries()) {
          for (const { smallestKey, largestKey, fileId } of tables) {
            const below = end.levels.slice(level === 0 ? 0 : level + 1).flat()
            const under = overlapping(below, smallestKey, largestKey)
            expect(under.filter((other) => other.fileId !== fileId)).toEqual([])
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('pickCollection writes at most twenty bytes for each that it gives back or takes down', () => {
    fc.assert(
      fc.property(drawings, fc.boolean(), anyLimits, (drawn, withDamage, limits) => {
        const { version, garbage, damaged } = build(drawn, withDamage)
        const pick = (of: Version) =>
          pickCollection({ ...sourceOf(of, garbage, damaged), limits }, 9999 as SeqNum)
        carryOut(version, pick, ({ inputs, outputLevel, isMove }) => {
          if (isMove) return
          const bytes = inputs.reduce((sum, { meta }) => sum + meta.fileBytes, 0)
          const gains = inputs.map(({ level, meta }) =>
            level < outputLevel ? meta.fileBytes : (garbage.get(meta.fileId) ?? 0),
          )
          const gain = gains.reduce((sum, part) => sum + part, 0)
          expect(gain / GARBAGE_MIN_SHARE).toBeGreaterThanOrEqual(bytes)
        })
      }),
      { numRuns: 300 },
    )
  })
})
