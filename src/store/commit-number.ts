// The number of a commit is its time, see docs/decisions/0003-sequence-numbers-are-commit-times.md.

import type { SeqNum } from '../base/ids.js'
import type { Clock } from '../env/env.js'

/** The year 2200: wall clocks from there on are wrong. SeqNums end in 2255. */
const CLOCK_END_MICROS = 7_258_118_400_000_000

/** What a commit of now is numbered behind another one. */
export function seqNumAfter(previous: SeqNum, clock: Clock): SeqNum {
  const wall = clock.wallMicros()
  // A clock that is centuries ahead is not believed: it would use up all numbers that are left.
  const isBelieved = wall > previous && wall < CLOCK_END_MICROS
  return (isBelieved ? wall : previous + 1) as SeqNum
}
