// Decides what to compact next: leveled, as in the RocksDB literature. Pure: a version in, a plan out; somebody else
// carries it out. While a plan is carried out only newer tables may appear in level 0.
//
// Level 0 is due by the number of its tables, since every read asks all of them; level n from 1 on by its bytes, which
// should not exceed level1MaxBytes * LEVEL_RATIO^(n-1). The level furthest over its limit goes first.

import { MiB } from '../base/limits.js'
import { compareKeys } from '../kernels/bytes.js'
import type { TableMeta } from '../sstable/format.js'
import { overlapping, type Version } from './version.js'
import { type AddedTable, LEVEL_COUNT } from './version-edit.js'

export interface PickerLimits {
  readonly level0MaxCount: number
  readonly level1MaxBytes: number
  readonly levelRatio: number
  /** Level 0 goes down in bites of about this size, the oldest tables first. */
  readonly level0BiteBytes: number
  /** Level 0 tables below this size are merged even where they could move, or small tables would pile up. */
  readonly moveMinBytes: number
}

const LIMITS: PickerLimits = {
  level0MaxCount: 4,
  level1MaxBytes: 64 * MiB,
  levelRatio: 10,
  level0BiteBytes: 256 * MiB,
  moveMinBytes: 8 * MiB,
}

export interface CompactionPlan {
  /** The tables to replace, with the levels they are removed from. */
  readonly inputs: readonly AddedTable[]
  readonly outputLevel: number
  /** Nothing to merge: the inputs themselves go to the output level. */
  readonly isMove: boolean
  /** No older version of any key of the inputs lies outside of them. */
  readonly isBottom: boolean
}

/** @returns undefined when no level is over its limit */
export function pickCompaction(
  version: Version,
  limits: PickerLimits = LIMITS,
): CompactionPlan | undefined {
  let level = 0
  let score = version.levels[0]!.length / limits.level0MaxCount
  let levelMaxBytes = limits.level1MaxBytes
  for (let n = 1; n < LEVEL_COUNT - 1; n++) {
    // At its limit a level is not over it; level 0 is due as soon as it has reached the count.
    const ofLevel = version.levelBytes(n) / (levelMaxBytes + 1)
    if (ofLevel > score) {
      level = n
      score = ofLevel
    }
    levelMaxBytes *= limits.levelRatio
  }
  if (score < 1) return undefined
  return level === 0 ? planLevel0(version, limits) : planLevel(version, level)
}

function planLevel0(version: Version, limits: PickerLimits): CompactionPlan {
  const tables = version.levels[0]!
  // From the old end without gaps: what stays in level 0 is newer than what leaves it.
  let first = tables.length - 1
  let bytes = tables[first]!.fileBytes
  while (first > 0 && bytes + tables[first - 1]!.fileBytes <= limits.level0BiteBytes) {
    bytes += tables[--first]!.fileBytes
  }
  const upper = tables.slice(first)
  const canMove =
    upper.every(({ fileBytes }) => fileBytes >= limits.moveMinBytes) && areDisjoint(upper)
  return planOf(version, 0, upper, canMove)
}

/** Takes the table that drags the fewest bytes of the next level along, for each of its own. */
function planLevel(version: Version, level: number): CompactionPlan {
  let best: TableMeta | undefined
  let bestRatio = Infinity
  for (const meta of version.levels[level]!) {
    const below = overlapping(version.levels[level + 1]!, meta.smallestKey, meta.largestKey)
    const ratio = below.reduce((sum, { fileBytes }) => sum + fileBytes, 0) / meta.fileBytes
    if (ratio < bestRatio) {
      best = meta
      bestRatio = ratio
    }
  }
  return planOf(version, level, [best!], true)
}

function planOf(
  version: Version,
  level: number,
  upper: readonly TableMeta[],
  canMove: boolean,
): CompactionPlan {
  const [smallest, largest] = boundsOf(upper)
  const outputLevel = level + 1
  const lower = overlapping(version.levels[outputLevel]!, smallest, largest)
  const inputs = [
    ...upper.map((meta) => ({ level, meta })),
    ...lower.map((meta) => ({ level: outputLevel, meta })),
  ]
  const [smallestOfAll, largestOfAll] = boundsOf(inputs.map(({ meta }) => meta))
  const isBottom = version.levels
    .slice(outputLevel + 1)
    .every((tables) => overlapping(tables, smallestOfAll, largestOfAll).length === 0)
  return { inputs, outputLevel, isMove: canMove && lower.length === 0, isBottom }
}

function boundsOf(tables: readonly TableMeta[]): [Uint8Array, Uint8Array] {
  let { smallestKey, largestKey } = tables[0]!
  for (const meta of tables) {
    if (compareKeys(meta.smallestKey, smallestKey) < 0) smallestKey = meta.smallestKey
    if (compareKeys(meta.largestKey, largestKey) > 0) largestKey = meta.largestKey
  }
  return [smallestKey, largestKey]
}

function areDisjoint(tables: readonly TableMeta[]): boolean {
  const ordered = tables.toSorted((a, b) => compareKeys(a.smallestKey, b.smallestKey))
  return ordered.every(
    (meta, i) => i === 0 || compareKeys(ordered[i - 1]!.largestKey, meta.smallestKey) < 0,
  )
}
