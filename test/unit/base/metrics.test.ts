import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { Histogram } from '../../../dist/base/metrics.js'

describe('Histogram', () => {
  it('is empty at first', () => {
    const summary = new Histogram().summary()
    expect(summary).toEqual({ count: 0, sum: 0, min: 0, max: 0, p50: 0, p90: 0, p99: 0, p999: 0 })
  })

  it('keeps count, sum, min and max exactly', () => {
    const histogram = new Histogram()
    for (const value of [3, 900, 0.5, 70_000]) histogram.record(value)
    expect(histogram.summary()).toMatchObject({ count: 4, sum: 70_903.5, min: 0.5, max: 70_000 })
  })

  it('takes what is out of range', () => {
    const histogram = new Histogram()
    for (const value of [-5, Number.NaN, 2 ** 50]) histogram.record(value)
    expect(histogram.summary()).toMatchObject({ count: 3, min: 0, max: 2 ** 50 })
  })

  it('gives quantiles that are at most an eighth too large and never too small', () => {
    const values = fc.array(fc.integer({ min: 0, max: 2 ** 40 - 1 }), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (given, fraction) => {
        const histogram = new Histogram()
        for (const value of given) histogram.record(value)
        const sorted = given.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1]!
        const got = histogram.quantile(fraction)
        expect(got).toBeGreaterThanOrEqual(exact)
        expect(got).toBeLessThanOrEqual(exact + exact / 8)
      }),
      { numRuns: 200 },
    )
  })
})
