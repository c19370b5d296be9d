// Moments that users name: a Date, a SeqNum, or a text: a duration back from now ('-10m') or an ISO 8601 time.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_MAX } from '../base/ids.js'
import { parseTimestamp } from '../codec/timestamp.js'

/** A moment of the past: a Date, a SeqNum as commits return it, '-90s', '-10m', '-2h', '-7d', or ISO 8601 text (UTC). */
export type Moment = Date | SeqNum | string

const MICROS_OF_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1e3],
  ['s', 1e6],
  ['m', 60e6],
  ['h', 3600e6],
  ['d', 86_400e6],
])

/** SeqNums are Unix microseconds; below this lie milliseconds of our time, taken for SeqNums by mistake. */
const SEQ_NUM_PLAUSIBLE_MIN = 1e14

/**
 * The SeqNum that sees everything committed up to a moment, that millisecond included.
 *
 * @throws ARGUMENT_INVALID
 */
export function resolveMoment(moment: Moment, nowMicros: number): SeqNum {
  if (moment instanceof Date) return seqNumOfMillis(moment.getTime(), String(moment))
  if (typeof moment === 'number') {
    if (!Number.isSafeInteger(moment) || moment < 0) throw notAMoment(String(moment))
    if (moment > 0 && moment < SEQ_NUM_PLAUSIBLE_MIN) {
      throw engineError(
        'ARGUMENT_INVALID',
        `${moment} is no SeqNum that a commit returned; for Unix milliseconds pass new Date(${moment})`,
      )
    }
    return moment
  }
  if (typeof moment !== 'string') throw notAMoment(typeof moment)
  const duration = /^-(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(moment)
  if (duration !== null) {
    const micros = Number(duration[1]) * MICROS_OF_UNIT.get(duration[2]!)!
    return Math.max(0, Math.floor(nowMicros - micros)) as SeqNum
  }
  // As in timestamp columns: UTC where nothing else is said, whatever the zone of the process.
  const micros = parseTimestamp(moment) ?? NaN
  return seqNumOfMillis(Math.floor(micros / 1000), JSON.stringify(moment))
}

/** The moment of a commit, to the millisecond. */
export function dateOfSeqNum(seqNum: SeqNum): Date {
  return new Date(Math.floor(seqNum / 1000))
}

function seqNumOfMillis(millis: number, shown: string): SeqNum {
  if (!Number.isFinite(millis) || millis < 0) throw notAMoment(shown)
  return Math.min(millis * 1000 + 999, SEQ_NUM_MAX) as SeqNum
}

function notAMoment(shown: string): Error {
  return engineError(
    'ARGUMENT_INVALID',
    `${shown} is no moment: pass a Date, a SeqNum, a duration back from now such as '-10m', or ISO 8601 text`,
  )
}
