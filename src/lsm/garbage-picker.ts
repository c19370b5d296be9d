// Decides what to rewrite so that garbage goes, in addition to what the levels ask for (lsm/picker.ts). Pure, as that is.
//
// Garbage is of two kinds. What a table holds itself, it knows (lsm/garbage.ts): the table is rewritten in place. What tables
// above it supersede, it does not: they are merged down, until no table lies over another.
//
// No plan leads to another without end: a merge takes entries down for good, and a table that was written since the picking
// began is not rewritten in place, as it was written by the rule in force. And little is written for what it gives back: as
// long as nobody asks for more, a table is rewritten only for GARBAGE_MIN_SHARE of its bytes, and tables are merged down only
// when they are that share of what is rewritten with them, so that a byte costs at most 1 / GARBAGE_MIN_SHARE of them.

import type { FileId, SeqNum } from '../base/ids.js'
import type { TableMeta } from '../sstable/format.js'
import type { Garbage } from './garbage.js'
import {
  areDisjoint,
  canMove,
  type CompactionPlan,
  LIMITS,
  needsAny,
  oldestOfLevel0,
  type PickerLimits,
  planDown,
  planInPlace,
} from './picker.js'
import { overlapping, totalBytes, type Version } from './version.js'
import { LEVEL_COUNT } from './version-edit.js'

export const GARBAGE_MIN_SHARE: number = 1 / 20

export interface GarbageSource {
  readonly version: Version
  /** Tables that must stay where they are. */
  readonly damaged: ReadonlySet<FileId>
  /** Tables from this id on were written after the picking began. */
  readonly endFileId: FileId
  /** What of a table is garbage. */
  readonly measure: (meta: TableMeta, isBottom: boolean) => Garbage
  readonly limits?: PickerLimits | undefined
}

/**
 * Picks what is worth collecting of its own accord: nobody writes there any more, or never waits for it.
 *
 * @param settledSeqNum  tables with nothing newer are not expected to be superseded soon
 */
export function pickCollection(
  source: GarbageSource,
  settledSeqNum: SeqNum,
): CompactionPlan | undefined {
  const isWorth = ({ inputs, isMove }: CompactionPlan, gainBytes: number) =>
    isMove || gainBytes >= GARBAGE_MIN_SHARE * totalBytes(inputs.map(({ meta }) => meta))
  const down = plansDown(source, ({ maxSeqNum }) => maxSeqNum <= settledSeqNum)
  for (const { plan, upper } of down) {
    if (isWorth(plan, totalBytes(upper))) return plan
  }
  for (const { plan, garbageBytes } of plansInPlace(source)) {
    if (isWorth(plan, garbageBytes)) return plan
  }
  return undefined
}

/** Picks until the tablet holds no garbage at all, as far as tables with entries up to `upToSeqNum` go. */
export function pickEverything(
  source: GarbageSource,
  upToSeqNum: SeqNum,
): CompactionPlan | undefined {
  for (const { plan } of plansDown(source, ({ minSeqNum }) => minSeqNum <= upToSeqNum)) return plan
  for (const { plan } of plansInPlace(source)) return plan
  return undefined
}

/** Plans that merge tables with those that they lie over, the highest level first. */
function* plansDown(
  { version, damaged, limits = LIMITS }: GarbageSource,
  isTaken: (meta: TableMeta) => boolean,
): Generator<{ readonly plan: CompactionPlan; readonly upper: readonly TableMeta[] }> {
  const level0 = oldestOfLevel0(version, Infinity, damaged, isTaken)
  const liesOver = (level: number) => (meta: TableMeta) => isOver(version, level, meta)
  if (level0.some(liesOver(0)) || !areDisjoint(level0)) {
    // What lies over a bite is merged with it when the bite is below.
    const upper = oldestOfLevel0(version, limits.level0BiteBytes, damaged, isTaken)
    const plan = planDown(version, 0, upper, canMove(upper, limits))
    if (!needsAny(plan, damaged)) yield { plan, upper }
  }
  for (let level = 1; level < LEVEL_COUNT - 1; level++) {
    const isUpper = (meta: TableMeta) => isTaken(meta) && liesOver(level)(meta)
    for (const upper of stretches(version.levels[level]!, limits.level1MaxBytes, isUpper)) {
      const plan = planDown(version, level, upper, true)
      if (!needsAny(plan, damaged)) yield { plan, upper }
    }
  }
}

/** Plans that rewrite tables with garbage where they are. */
function* plansInPlace({
  version,
  damaged,
  endFileId,
  measure,
}: GarbageSource): Generator<{ readonly plan: CompactionPlan; readonly garbageBytes: number }> {
  for (let level = 0; level < LEVEL_COUNT; level++) {
    for (const meta of version.levels[level]!) {
      if (meta.fileId >= endFileId || damaged.has(meta.fileId) || !mayHoldGarbage(meta)) continue
      const plan = planInPlace(version, level, meta)
      const { isAny, bytes } = measure(meta, plan.isBottom)
      if (isAny) yield { plan, garbageBytes: bytes }
    }
  }
}

function mayHoldGarbage({ history, tombstoneCount, share }: TableMeta): boolean {
  const isShared = share !== undefined
  return isShared || history === undefined || history.entryCount > 0 || tombstoneCount > 0
}

/** Whether a deeper level has something in the key range of the table. */
function isOver(version: Version, level: number, { smallestKey, largestKey }: TableMeta): boolean {
  return version.levels
    .slice(level + 1)
    .some((tables) => overlapping(tables, smallestKey, largestKey).length > 0)
}

/** Neighbours that are to be taken, together not much more than the bytes. */
function* stretches(
  tables: readonly TableMeta[],
  maxBytes: number,
  isTaken: (meta: TableMeta) => boolean,
): Generator<TableMeta[]> {
  let stretch: TableMeta[] = []
  for (const meta of tables) {
    const isFull = stretch.length > 0 && totalBytes([...stretch, meta]) > maxBytes
    const isNext = isTaken(meta)
    if (stretch.length > 0 && (isFull || !isNext)) {
      yield stretch
      stretch = []
    }
    if (isNext) stretch.push(meta)
  }
  if (stretch.length > 0) yield stretch
}
