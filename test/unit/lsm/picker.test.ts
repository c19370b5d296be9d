import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileId, SeqNum } from '../../../dist/base/ids.js'
import { MiB } from '../../../dist/base/limits.js'
import {
  type CompactionPlan,
  LIMITS as DEFAULT_LIMITS,
  type PickerLimits,
  pickCompaction,
} from '../../../dist/lsm/picker.js'
import { Version } from '../../../dist/lsm/version.js'
import type { AddedTable } from '../../../dist/lsm/version-edit.js'
import type { TableMeta } from '../../../dist/sstable/format.js'
import { fileIdOf, metaOf, tabletIdOf } from './table-metas.js'

/** Level 0 is due from four tables on. */
const FOUR: PickerLimits = { ...DEFAULT_LIMITS, level0MaxCount: 4 }

function versionOf(added: AddedTable[]): Version {
  return Version.EMPTY.apply({ tabletId: tabletIdOf(1), added, removed: [] })
}

function idsOf(plan: CompactionPlan | undefined): number[] | undefined {
  return plan?.inputs.map(({ meta }) => meta.fileId as number)
}

describe('pickCompaction', () => {
  test('leaves a tree alone that is within its limits', () => {
    const added = [1, 2, 3].map((id) => ({ level: 0, meta: metaOf(id, 'a', 'z') }))
    const full = { level: 1, meta: metaOf(9, 'a', 'z', { fileBytes: 64 * MiB }) }
    expect(pickCompaction(Version.EMPTY, FOUR)).toBe(undefined)
    expect(pickCompaction(versionOf([...added, full]), FOUR)).toBe(undefined)
  })

  test('four tables in level 0 go down with what they overlap', () => {
    const added = [
      ...[1, 2, 3, 4].map((id) => ({ level: 0, meta: metaOf(id, 'c', 'm') })),
      { level: 1, meta: metaOf(5, 'a', 'b') },
      { level: 1, meta: metaOf(6, 'd', 'e') },
      { level: 2, meta: metaOf(7, 'n', 'z') },
    ]
    const plan = pickCompaction(versionOf(added), FOUR)
    expect(idsOf(plan)).toEqual([4, 3, 2, 1, 6])
    expect(plan).toMatchObject({ outputLevel: 1, isMove: false, isBottom: true })
    const deeper = { level: 3, meta: metaOf(8, 'm', 'm') }
    expect(pickCompaction(versionOf([...added, deeper]), FOUR)?.isBottom).toBe(false)
  })

  test('large tables of level 0 that overlap nothing move', () => {
    const big = { fileBytes: 20 * MiB }
    const ranges: [number, string, string][] = [
      [1, 'a', 'b'],
      [2, 'c', 'd'],
      [3, 'e', 'f'],
      [4, 'g', 'h'],
    ]
    const added = ranges.map(([id, from, to]) => ({ level: 0, meta: metaOf(id, from, to, big) }))
    expect(pickCompaction(versionOf(added), FOUR)).toMatchObject({ isMove: true, outputLevel: 1 })
    const touching = [...added.slice(0, 3), { level: 0, meta: metaOf(4, 'f', 'h', big) }]
    expect(pickCompaction(versionOf(touching), FOUR)?.isMove).toBe(false)
    const small = added.map(({ level, meta }) => ({ level, meta: { ...meta, fileBytes: 1000 } }))
    expect(pickCompaction(versionOf(small), FOUR)?.isMove).toBe(false)
  })

  test('a large backlog in level 0 goes down in bites, the oldest first', () => {
    const added = [1, 2, 3, 4, 5].map((id) => ({
      level: 0,
      meta: metaOf(id, 'a', 'z', { fileBytes: 100 * MiB }),
    }))
    expect(idsOf(pickCompaction(versionOf(added), FOUR))).toEqual([2, 1])
  })

  test('a full level sends down the table that overlaps least', () => {
    const added = [
      { level: 1, meta: metaOf(1, 'a', 'c', { fileBytes: 40 * MiB }) },
      { level: 1, meta: metaOf(2, 'd', 'f', { fileBytes: 40 * MiB }) },
      { level: 2, meta: metaOf(3, 'a', 'b', { fileBytes: 30 * MiB }) },
      { level: 2, meta: metaOf(4, 'f', 'g', { fileBytes: 10 * MiB }) },
    ]
    const plan = pickCompaction(versionOf(added), FOUR)
    expect(idsOf(plan)).toEqual([2, 4])
    expect(plan).toMatchObject({ outputLevel: 2, isMove: false, isBottom: true })
    expect(pickCompaction(versionOf(added.slice(0, 3)), FOUR)).toMatchObject({ isMove: true })
  })

  test('keeps a tree of tables readable and whole, whatever is flushed', () => {
    const anyFlush = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(fc.array(anyFlush, { maxLength: 60, size: 'max' }), (flushes) => {
        const tree = new Tree()
        for (const keys of flushes) {
          tree.flush(keys)
          let stepCount = 0
          for (let plan = tree.pick(); plan !== undefined; plan = tree.pick()) {
            tree.carryOut(plan)
            tree.check()
            expect(++stepCount).toBeLessThan(200)
          }
        }
      }),
      { numRuns: 25 },
    )
  })
})

describe('pickCompaction beside damaged tables', () => {
  const pick = (added: AddedTable[], damaged: number[]) =>
    pickCompaction(versionOf(added), FOUR, new Set(damaged.map(fileIdOf)))
  const level0 = [1, 2, 3, 4, 5].map((id) => ({ level: 0, meta: metaOf(id, 'c', 'm') }))

  test('level 0 goes down up to the damaged table, so that nothing newer gets below it', () => {
    expect(idsOf(pick(level0, []))).toEqual([5, 4, 3, 2, 1])
    expect(idsOf(pick(level0, [4]))).toEqual([3, 2, 1])
  })

  test('over a damaged oldest table the newer ones are merged where they are, tombstones included', () => {
    const plan = pick(level0, [1])
    expect(idsOf(plan)).toEqual([5, 4, 3, 2])
    expect(plan).toMatchObject({ outputLevel: 0, isMove: false, isBottom: false })
    expect(pick(level0.slice(0, 4), [1])).toBe(undefined)
    const two = versionOf(level0.slice(0, 2))
    const limits = { ...LIMITS, level0MaxCount: 1 }
    expect(pickCompaction(two, limits, new Set([fileIdOf(1)]))).toBe(undefined)
  })

  test('over damage in level 1 they are too', () => {
    const below = { level: 1, meta: metaOf(6, 'd', 'e') }
    expect(pick([...level0, below], [6])).toMatchObject({ outputLevel: 0, isBottom: false })
    const beside = { level: 1, meta: metaOf(6, 'n', 'z') }
    expect(pick([...level0, beside], [6])).toMatchObject({ outputLevel: 1, isBottom: true })
  })

  test('a damaged table further down keeps the tombstones above it', () => {
    const below = { level: 3, meta: metaOf(6, 'd', 'e') }
    expect(pick([...level0, below], [6])).toMatchObject({ outputLevel: 1, isBottom: false })
  })

  test('a full level sends down what neither is damaged nor lies over damage', () => {
    const added = [
      { level: 1, meta: metaOf(1, 'a', 'c', { fileBytes: 40 * MiB }) },
      { level: 1, meta: metaOf(2, 'd', 'f', { fileBytes: 40 * MiB }) },
      { level: 2, meta: metaOf(3, 'f', 'g', { fileBytes: 10 * MiB }) },
    ]
    expect(idsOf(pick(added, []))).toEqual([1])
    expect(idsOf(pick(added, [1]))).toEqual([2, 3])
    expect(idsOf(pick(added, [1, 3]))).toBe(undefined)
  })

  test('keeps a tree readable and whole, whatever is flushed and whatever is damaged', () => {
    const anyStep = fc.record({
      keys: fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 12 }),
      damage: fc.option(fc.nat(1000), { freq: 12, nil: undefined }),
    })
    let planCount = 0
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
        const tree = new Tree()
        for (const { keys, damage } of steps) {
          tree.flush(keys)
          if (damage !== undefined) tree.damage(damage)
          let stepCount = 0
          for (let plan = tree.pick(); plan !== undefined; plan = tree.pick()) {
            tree.carryOut(plan)
            tree.check()
            planCount++
            expect(++stepCount).toBeLessThan(200)
          }
        }
      }),
      { numRuns: 25 },
    )
    expect(planCount).toBeGreaterThan(0)
  })
})

const LIMITS: PickerLimits = {
  level0MaxCount: 3,
  level1MaxBytes: 20,
  levelRatio: 2,
  level0BiteBytes: 25,
  moveMinBytes: 4,
}
const OUTPUT_MAX_COUNT = 8

interface TreeEntry {
  readonly key: number
  readonly seqNum: number
}

/** A tablet whose tables are lists of entries; an entry counts as one byte. */
class Tree {
  #version = Version.EMPTY
  #seqNum = 0
  #nextFileId = 1
  readonly #contents = new Map<number, readonly TreeEntry[]>()
  readonly #all: TreeEntry[] = []
  readonly #damaged = new Set<FileId>()

  flush(keys: readonly number[]): void {
    const entries = keys.map((key) => ({ key, seqNum: ++this.#seqNum }))
    this.#all.push(...entries)
    this.#install(this.#tablesOf(entries), 0, [])
  }

  pick(): CompactionPlan | undefined {
    return pickCompaction(this.#version, LIMITS, this.#damaged)
  }

  /** Damages a table, chosen by any number. */
  damage(choice: number): void {
    const tables = this.#version.levels.flat()
    this.#damaged.add(tables[choice % tables.length]!.fileId)
  }

  carryOut(plan: CompactionPlan): void {
    const metas = plan.inputs.map(({ meta }) => meta)
    expect(metas.filter(({ fileId }) => this.#damaged.has(fileId))).toEqual([])
    if (plan.isBottom) this.#checkBottom(metas)
    const entries = metas.flatMap(({ fileId }) => this.#contents.get(fileId)!)
    const outputMaxCount = plan.outputLevel === 0 ? Infinity : OUTPUT_MAX_COUNT
    const outputs = plan.isMove ? metas : this.#tablesOf(entries, outputMaxCount)
    this.#install(outputs, plan.outputLevel, plan.inputs)
  }

  check(): void {
    const seen = new Map<number, number>()
    let count = 0
    for (const [level, tables] of this.#version.levels.entries()) {
      // Newest first within level 0; from level 1 on a key is in one table of a level.
      for (const { fileId } of tables) {
        const entries = this.#contents.get(fileId)!
        count += entries.length
        for (const { key, seqNum } of entries) {
          const newer = seen.get(key)
          if (newer !== undefined) expect([level, key, seqNum < newer]).toEqual([level, key, true])
        }
        for (const { key, seqNum } of entries) {
          seen.set(key, Math.min(seqNum, seen.get(key) ?? Infinity))
        }
      }
    }
    expect(count).toBe(this.#all.length)
  }

  /** Nothing outside of the inputs is older than what they hold of a key. */
  #checkBottom(inputs: readonly TableMeta[]): void {
    const oldest = new Map<number, number>()
    const inside = new Set(inputs.map(({ fileId }) => fileId as number))
    for (const fileId of inside) {
      for (const { key, seqNum } of this.#contents.get(fileId)!) {
        oldest.set(key, Math.min(seqNum, oldest.get(key) ?? Infinity))
      }
    }
    for (const { fileId } of this.#version.levels.flat()) {
      if (inside.has(fileId)) continue
      for (const { key, seqNum } of this.#contents.get(fileId)!) {
        expect(seqNum).toBeGreaterThan(oldest.get(key) ?? -1)
      }
    }
  }

  #install(metas: readonly TableMeta[], level: number, removed: readonly AddedTable[]): void {
    this.#version = this.#version.apply({
      tabletId: tabletIdOf(1),
      added: metas.map((meta) => ({ level, meta })),
      removed: removed.map((input) => ({ level: input.level, fileId: input.meta.fileId })),
    })
  }

  #tablesOf(unsorted: readonly TreeEntry[], maxCount = OUTPUT_MAX_COUNT): TableMeta[] {
    const entries = unsorted.toSorted((a, b) => a.key - b.key || b.seqNum - a.seqNum)
    const tables: TreeEntry[][] = [[]]
    for (const entry of entries) {
      const last = tables.at(-1)!
      if (last.length >= maxCount && last.at(-1)!.key !== entry.key) tables.push([entry])
      else last.push(entry)
    }
    return tables.map((table) => this.#metaOf(table))
  }

  #metaOf(entries: readonly TreeEntry[]): TableMeta {
    const fileId = this.#nextFileId++
    this.#contents.set(fileId, entries)
    const textOf = (entry: TreeEntry | undefined) => String(entry!.key).padStart(2, '0')
    return metaOf(fileId, textOf(entries[0]), textOf(entries.at(-1)), {
      fileBytes: entries.length,
      maxSeqNum: Math.max(...entries.map(({ seqNum }) => seqNum)) as SeqNum,
    })
  }
}
