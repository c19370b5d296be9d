import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SEQ_NUM_MAX, type SeqNum } from '../../../dist/base/ids.js'
import {
  addMark,
  floorOfMarks,
  floorOfWindow,
  type HistoryMark,
} from '../../../dist/lsm/history-marks.js'

const anySeqNum = fc.integer({ min: 0, max: 50_000 }).map((number) => number as SeqNum)
const anyMark: fc.Arbitrary<HistoryMark> = fc.record({
  moment: fc.oneof({ weight: 9, arbitrary: anySeqNum }, fc.constant(SEQ_NUM_MAX)),
  durable: anySeqNum,
  floor: anySeqNum,
})

test('what is left of the marks says what all of them said', () => {
  fc.assert(
    fc.property(fc.array(anyMark, { maxLength: 12 }), fc.nat(60), (all, windowMs) => {
      const marks = all.reduce(addMark, [] as readonly HistoryMark[])
      expect(floorOfMarks(marks)).toBe(Math.max(0, ...all.map(({ floor }) => floor)))
      for (const window of [0, windowMs, Infinity]) {
        const floors = all.map(({ moment, durable }) =>
          moment === SEQ_NUM_MAX ? durable : Math.min(moment - window * 1000, durable),
        )
        expect(floorOfWindow(marks, window)).toBe(Math.max(0, ...floors))
      }
      // A manifest that is written anew starts from what is left.
      expect(marks.reduce(addMark, [] as readonly HistoryMark[])).toEqual(marks)
    }),
    { numRuns: 500 },
  )
})

test('one mark is enough while the clock runs forward', () => {
  const mark = (moment: number, durable: number): HistoryMark => ({
    moment: moment as SeqNum,
    durable: durable as SeqNum,
    floor: 0 as SeqNum,
  })
  const marks = [mark(10, 5), mark(20, 5), mark(30, 28)].reduce(addMark, [] as HistoryMark[])
  expect(marks).toEqual([mark(30, 28)])
  const setBack = addMark(marks, mark(12, 29))
  expect(setBack).toEqual([mark(12, 29), mark(30, 28)])
  expect(addMark(setBack, mark(40, 35))).toEqual([mark(40, 35)])
})
