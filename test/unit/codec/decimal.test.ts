import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { formatDecimal, parseDecimal } from '../../../dist/codec/decimal.js'

const shape = fc
  .integer({ min: 1, max: 38 })
  .chain((precision) => fc.record({ precision: fc.constant(precision), scale: fc.nat(precision) }))

describe('decimals', () => {
  test('format and parse are inverse for every precision and scale', () => {
    const withUnits = shape.chain(({ precision, scale }) => {
      const limit = 10n ** BigInt(precision) - 1n
      return fc.tuple(
        fc.constant(precision),
        fc.constant(scale),
        fc.oneof(fc.bigInt({ min: -limit, max: limit }), fc.constantFrom(0n, limit, -limit)),
      )
    })
    fc.assert(
      fc.property(withUnits, ([precision, scale, units]) => {
        expect(parseDecimal(formatDecimal(units, scale), scale, precision)).toBe(units)
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['19.9', 2, 12, 1990n],
    ['-0.01', 2, 12, -1n],
    ['+7', 2, 12, 700n],
    ['.5', 2, 12, 50n],
    ['5.', 2, 12, 500n],
    ['1.2300', 2, 12, 123n],
    ['1e3', 2, 12, 100000n],
    ['12345e-3', 3, 12, 12345n],
    ['-0', 2, 12, 0n],
    ['0e99', 2, 12, 0n],
    ['00000000000000000000000000000000000000000001', 0, 1, 1n],
    [19.99, 2, 12, 1999n],
    [1e21, 0, 22, 10n ** 21n],
    [1e-7, 7, 7, 1n],
    [12n, 2, 12, 1200n],
    ['99999999999999999999999999999999999999', 0, 38, 10n ** 38n - 1n],
  ])('%s as decimal with scale %i, precision %i is %i units', (value, scale, precision, units) => {
    expect(parseDecimal(value, scale, precision)).toBe(units)
  })

  test.each([
    ['', 2, 12],
    ['-', 2, 12],
    ['.', 2, 12],
    ['1,5', 2, 12],
    ['1.2.3', 2, 12],
    [' 1', 2, 12],
    ['0x10', 2, 12],
    ['1e99999', 2, 12],
    ['1e9999', 2, 12],
    ['1e-9999', 2, 12],
    ['Infinity', 2, 12],
    ['1'.repeat(10_000), 2, 12],
    [Number.NaN, 2, 12],
    [Number.POSITIVE_INFINITY, 2, 12],
    ['1.005', 2, 12],
    [0.1 + 0.2, 2, 12],
    ['10000000000', 2, 12],
    [10000000000, 2, 12],
    [10n ** 10n, 2, 12],
    [-(10n ** 10n), 2, 12],
  ])('%s with scale %i, precision %i is refused', (value, scale, precision) => {
    expect(() => parseDecimal(value, scale, precision)).toThrow('SCHEMA_TYPE_MISMATCH')
  })

  test('formats exactly scale digits', () => {
    expect(formatDecimal(0n, 2)).toBe('0.00')
    expect(formatDecimal(-5n, 2)).toBe('-0.05')
    expect(formatDecimal(1250n, 2)).toBe('12.50')
    expect(formatDecimal(7n, 0)).toBe('7')
  })
})
