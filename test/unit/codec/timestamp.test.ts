import fc from 'fast-check'
import { expect, test } from 'vitest'

import { parseTimestamp } from '../../../dist/codec/timestamp.js'

test('what Date writes is read', () => {
  const min = new Date('0100-01-01T00:00:00Z')
  const max = new Date('9999-12-31T23:59:59.999Z')
  fc.assert(
    fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
      expect(parseTimestamp(date.toISOString())).toBe(date.getTime() * 1000)
    }),
  )
})

test.each([
  ['1970-01-01', 0],
  ['1970-01-01 00:01', 60e6],
  ['1970-01-01T00:00:01', 1e6],
  ['1970-01-01T00:00:00.000001Z', 1],
  ['1970-01-01T00:00:00.1234567Z', 123_456],
  ['1970-01-01T02:00:00+02:00', 0],
  ['1969-12-31 19:00:00-0500', 0],
])('%s', (text, micros) => {
  expect(parseTimestamp(text)).toBe(micros)
})

test.each([
  '',
  'now',
  '2023-02-29',
  '2023-13-01',
  '2023-01-01T24:00',
  '2023-01-01T00:60',
  '2023-01-01T00:00:60',
  '0001-01-01',
  ' 2023-01-01',
  '12/31/2023',
])('%j is no moment', (text) => {
  expect(parseTimestamp(text)).toBeUndefined()
})
