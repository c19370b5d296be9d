// Decides what to compact next: leveled, as in the RocksDB literature. Pure: a version in, a plan out; somebody else
// carries it out. While a plan is carried out only newer tables may appear in level 0.
//
// Level 0 is due by the number of its tables, since every read asks all of them; level n from 1 on by its bytes, which
// should not exceed level1MaxBytes * LEVEL_RATIO^(n-1). The level furthest over its limit goes first.

import type { FileId } from '../base/ids.js'
import { MiB } from '../base/limits.js'
import { compareKeys } from '../kernels/bytes.js'
import { tableBytes, type TableMeta } from '../sstable/format.js'
import { overlapping, totalBytes, type Version } from './version.js'
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

/** Measured: docs/decisions/0014-jobs-take-blocks-over.md. */
export const LIMITS: PickerLimits = {
  level0MaxCount: 6,
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

const NOTHING: ReadonlySet<FileId> = new Set()

/**
 * @param damaged  tables that must stay where they are: no plan needs one
 * @returns undefined when no level is over its limit, or none of those can be compacted
 */
export function pickCompaction(
  version: Version,
  limits: PickerLimits = LIMITS,
  damaged: ReadonlySet<FileId> = NOTHING,
): CompactionPlan | undefined {
  for (const { level, score } of scoresOf(version, limits)) {
    if (score < 1) return undefined
    const plan =
      level === 0 ? planLevel0(version, limits, damaged) : planLevel(version, level, damaged)
    if (plan !== undefined) return plan
  }
  return undefined
}

/** How far each level is over its limit, the furthest first. */
function scoresOf(version: Version, limits: PickerLimits) {
  const scores = [{ level: 0, score: version.levels[0]!.length / limits.level0MaxCount }]
  let levelMaxBytes = limits.level1MaxBytes
  for (let level = 1; level < LEVEL_COUNT - 1; level++) {
    // At its limit a level is not over it; level 0 is due as soon as it has reached the count.
    scores.push({ level, score: version.levelBytes(level) / (levelMaxBytes + 1) })
    levelMaxBytes *= limits.levelRatio
  }
  return scores.sort((a, b) => b.score - a.score)
}

function planLevel0(
  version: Version,
  limits: PickerLimits,
  damaged: ReadonlySet<FileId>,
): CompactionPlan | undefined {
  const upper = oldestOfLevel0(version, limits.level0BiteBytes, damaged, () => true)
  if (upper.length > 0) {
    const plan = planDown(version, 0, upper, canMove(upper, limits))
    if (!needsAny(plan, damaged)) return plan
  }
  return planWithinLevel0(version.levels[0]!, limits, damaged)
}

/** Whether tables of level 0 may go down as they are, where nothing lies below them. */
export function canMove(upper: readonly TableMeta[], { moveMinBytes }: PickerLimits): boolean {
  return upper.every((meta) => tableBytes(meta) >= moveMinBytes) && areDisjoint(upper)
}

/** A bite of level 0 from its old end without gaps: what stays is newer than what leaves. Nothing damaged is among it. */
export function oldestOfLevel0(
  version: Version,
  biteBytes: number,
  damaged: ReadonlySet<FileId>,
  isTaken: (meta: TableMeta) => boolean,
): readonly TableMeta[] {
  const tables = version.levels[0]!
  let first = tables.length
  let bytes = 0
  while (first > 0) {
    const meta = tables[first - 1]!
    const hasRoom = bytes === 0 || bytes + tableBytes(meta) <= biteBytes
    if (!hasRoom || damaged.has(meta.fileId) || !isTaken(meta)) break
    bytes += tableBytes(meta)
    first--
  }
  return tables.slice(first)
}

/**
 * Where damage keeps level 0 from going down, its newest tables are merged among themselves: as many as are of about one
 * size, so that an entry is rewritten a few times only.
 */
function planWithinLevel0(
  tables: readonly TableMeta[],
  limits: PickerLimits,
  damaged: ReadonlySet<FileId>,
): CompactionPlan | undefined {
  const upper: TableMeta[] = []
  let bytes = 0
  for (const meta of tables) {
    if (damaged.has(meta.fileId)) break
    if (bytes > 0 && tableBytes(meta) > 2 * bytes) break
    upper.push(meta)
    bytes += tableBytes(meta)
  }
  // One table alone would be rewritten as it is, for ever.
  if (upper.length < Math.max(2, limits.level0MaxCount)) return undefined
  const inputs = upper.map((meta) => ({ level: 0, meta }))
  return { inputs, outputLevel: 0, isMove: false, isBottom: false }
}

/** Takes the table that drags the fewest bytes of the next level along, for each of its own. */
function planLevel(
  version: Version,
  level: number,
  damaged: ReadonlySet<FileId>,
): CompactionPlan | undefined {
  let best: TableMeta | undefined
  let bestRatio = Infinity
  for (const meta of version.levels[level]!) {
    const below = overlapping(version.levels[level + 1]!, meta.smallestKey, meta.largestKey)
    if ([meta, ...below].some(({ fileId }) => damaged.has(fileId))) continue
    const ratio = totalBytes(below) / tableBytes(meta)
    if (ratio < bestRatio) {
      best = meta
      bestRatio = ratio
    }
  }
  return best === undefined ? undefined : planDown(version, level, [best], true)
}

export function needsAny({ inputs }: CompactionPlan, fileIds: ReadonlySet<FileId>): boolean {
  return inputs.some(({ meta }) => fileIds.has(meta.fileId))
}

/** Merges tables of a level into the next one. */
export function planDown(
  version: Version,
  level: number,
  upper: readonly TableMeta[],
  mayMove: boolean,
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
  return { inputs, outputLevel, isMove: mayMove && lower.length === 0, isBottom }
}

/** Rewrites one table where it is. */
export function planInPlace(version: Version, level: number, meta: TableMeta): CompactionPlan {
  const older = version.levels.slice(level + 1)
  if (level === 0) older.unshift(version.levels[0]!.slice(version.levels[0]!.indexOf(meta) + 1))
  const isBottom = older.every(
    (tables) => overlapping(tables, meta.smallestKey, meta.largestKey).length === 0,
  )
  return { inputs: [{ level, meta }], outputLevel: level, isMove: false, isBottom }
}

function boundsOf(tables: readonly TableMeta[]): [Uint8Array, Uint8Array] {
  let { smallestKey, largestKey } = tables[0]!
  for (const meta of tables) {
    if (compareKeys(meta.smallestKey, smallestKey) < 0) smallestKey = meta.smallestKey
    if (compareKeys(meta.largestKey, largestKey) > 0) largestKey = meta.largestKey
  }
  return [smallestKey, largestKey]
}

export function areDisjoint(tables: readonly TableMeta[]): boolean {
  const ordered = tables.toSorted((a, b) => compareKeys(a.smallestKey, b.smallestKey))
  return ordered.every(
    (meta, i) => i === 0 || compareKeys(ordered[i - 1]!.largestKey, meta.smallestKey) < 0,
  )
}
