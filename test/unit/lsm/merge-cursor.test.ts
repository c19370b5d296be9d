import fc from 'fast-check'
import { describe as group, expect, test } from 'vitest'
import { compareKeys } from '../../../dist/kernels/bytes.js'
import { MergeCursor } from '../../../dist/lsm/merge-cursor.js'
import {
  compareModel,
  describe,
  keyOf,
  ModelCursor,
  type ModelEntry,
  readBackward,
  readForward,
  seq,
} from './entry-model.js'

group('MergeCursor', () => {
  test('without children there is nothing', () => {
    const cursor = new MergeCursor([])
    expect(cursor.isValid).toBe(false)
    expect(readForward(cursor)).toEqual([])
    expect(readBackward(cursor)).toEqual([])
  })

  test('closes its children', () => {
    const children = [new ModelCursor([]), new ModelCursor([])]
    new MergeCursor(children).close()
    expect(children.every((child) => child.isClosed)).toBe(true)
  })

  test('hardly looks at the others while one goes on coming first', () => {
    const entries = Array.from({ length: 300 }, (_, i) => {
      return { key: keyOf(1, 1, String(1000 + i)), seqNum: seq(i + 1), value: undefined }
    })
    class WatchedCursor extends ModelCursor {
      lookCount = 0
      override get isValid(): boolean {
        this.lookCount++
        return super.isValid
      }
    }
    const blockEntryCount = 50
    const runs = [0, 100, 200].map(
      (start) => new WatchedCursor(entries.slice(start, start + 100), blockEntryCount),
    )
    const cursor = new MergeCursor(runs)
    expect(describe(readForward(cursor))).toEqual(describe(entries))
    expect(describe(readBackward(cursor))).toEqual(describe(entries.toReversed()))
    // Never alone, as the others are at an end.
    expect(runs[1]!.lookCount).toBeLessThan(30)
  })

  test('equals one sorted list, both ways, from any place', () => {
    const anyText = fc.string({ maxLength: 2 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.tuple(anyText, fc.nat()), { maxLength: 60, size: 'max' }),
        fc.array(fc.tuple(anyText, fc.integer({ min: 0, max: 61 })), { maxLength: 10 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (childCount, adds, probes, stretchCount, blockEntryCount) => {
          const model: ModelEntry[] = []
          const parts: ModelEntry[][] = Array.from({ length: childCount }, () => [])
          for (const [text] of adds) {
            const seqNum = seq(model.length + 1)
            model.push({ key: keyOf(1, 1, text), seqNum, value: undefined })
          }
          model.sort(compareModel)
          // Some neighbours in the order, or many, come from one child.
          for (const [i, entry] of model.entries()) {
            const place = adds[Math.floor(i / stretchCount)]![1]
            parts[place % childCount]!.push(entry)
          }
          const cursor = new MergeCursor(
            parts.map((part) => new ModelCursor(part, blockEntryCount)),
          )
          expect(describe(readForward(cursor))).toEqual(describe(model))
          expect(describe(readBackward(cursor))).toEqual(describe(model.toReversed()))
          for (const [text, at] of probes) {
            const key = keyOf(1, 1, text)
            const target = { key, seqNum: seq(at), value: undefined }
            const from = model.filter((entry) => compareModel(entry, target) >= 0)
            const below = model.filter((entry) => compareKeys(entry.key, key) < 0)
            expect(describe(readForward(cursor, key, seq(at)))).toEqual(describe(from))
            expect(describe(readBackward(cursor, key))).toEqual(describe(below.toReversed()))
          }
          // Seeks to and fro with steps between, as a scan makes them that passes over versions.
          for (const [text, at] of probes) {
            const target = { key: keyOf(1, 1, text), seqNum: seq(at), value: undefined }
            let index = model.findIndex((entry) => compareModel(entry, target) >= 0)
            if (index < 0) index = model.length
            cursor.seek(target.key, target.seqNum)
            for (let steps = at % 4; steps > 0 && cursor.isValid; steps--, index++) cursor.next()
            expect(cursor.isValid).toBe(index < model.length)
            if (cursor.isValid) expect(cursor.entry.seqNum).toBe(model[index]!.seqNum)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
