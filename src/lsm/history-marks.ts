// What a tablet remembers of the history that its jobs dropped, so that the next opening refuses to read what may be gone.
// Retention windows may change from opening to opening, so a mark holds the moment, from which follows what any window let go
// then: everything that only snapshots below min(moment - window, durable) see.
//
// A mark that another one covers is not kept, so there is one mark, unless the clock was set back.

import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO } from '../base/ids.js'

export interface HistoryMark {
  /** When a job dropped versions; SEQ_NUM_MAX where it did so whatever the window. */
  readonly moment: SeqNum
  /** The newest durable commit then. */
  readonly durable: SeqNum
  /** Up to where versions went of keys without a policy of their own, then or earlier. */
  readonly floor: SeqNum
}

/** Adds a mark to those before it, and leaves out what it makes superfluous. */
export function addMark(marks: readonly HistoryMark[], mark: HistoryMark): readonly HistoryMark[] {
  const all = [...marks, mark]
  const isCovered = (a: HistoryMark, i: number) =>
    all.some((b, j) => covers(b, a) && (j > i || (j < i && !covers(a, b))))
  const kept = all.filter((one, i) => !isCovered(one, i)).sort((a, b) => a.moment - b.moment)
  const floor = floorOfMarks(all)
  return kept.map((one) => ({ ...one, floor }))
}

/** Up to where versions went of keys without a policy of their own. */
export function floorOfMarks(marks: readonly HistoryMark[]): SeqNum {
  return Math.max(SEQ_NUM_ZERO, ...marks.map(({ floor }) => floor)) as SeqNum
}

/** Up to where a window, were it in force all the time, let versions go. */
export function floorOfWindow(marks: readonly HistoryMark[], windowMs: number): SeqNum {
  let floor = SEQ_NUM_ZERO
  for (const { moment, durable } of marks) {
    const reached = moment === SEQ_NUM_MAX ? durable : Math.min(moment - windowMs * 1000, durable)
    if (reached > floor) floor = reached as SeqNum
  }
  return floor
}

function covers(a: HistoryMark, b: HistoryMark): boolean {
  return a.moment >= b.moment && a.durable >= b.durable
}
