import fc from 'fast-check'
import { describe as group, expect, test } from 'vitest'
import { MergeStream } from '../../../dist/lsm/merge-stream.js'
import {
  compareModel,
  describe,
  keyOf,
  type ModelEntry,
  ModelStream,
  readStream,
  seq,
} from './entry-model.js'

group('MergeStream', () => {
  test('without streams there is nothing', () => {
    expect(new MergeStream([]).isValid).toBe(false)
    expect(readStream(new MergeStream([new ModelStream([])]))).toEqual([])
  })

  test('equals one sorted list, and knows what each key shares with the one before', () => {
    // Few letters: keys that are equal, prefixes of others, or alike for long.
    const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '\0'), maxLength: 6 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.tuple(fc.nat(2), anyText, fc.nat()), { maxLength: 100, size: 'max' }),
        (streamCount, adds) => {
          const parts: ModelEntry[][] = Array.from({ length: streamCount }, () => [])
          const model = adds.map(([tenant, text, place], i): ModelEntry => {
            const entry = { key: keyOf(tenant, 1, text), seqNum: seq(i + 1), value: undefined }
            parts[place % streamCount]!.push(entry)
            return entry
          })
          const merged = new MergeStream(parts.map((part) => new ModelStream(part)))
          expect(describe(readStream(merged))).toEqual(describe(model.sort(compareModel)))
        },
      ),
      { numRuns: 200 },
    )
  })
})
