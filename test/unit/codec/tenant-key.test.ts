import fc from 'fast-check'
import { expect, test } from 'vitest'

import { ByteWriter } from '../../../dist/codec/bytes.js'
import {
  KEY_PREFIX_BYTES,
  type KeyPrefix,
  readKeyPrefix,
  successorOfPrefix,
  tenantHashOf,
  tenantHashOfKey,
  tenantIdOfKey,
  writeKeyPrefix,
} from '../../../dist/codec/tenant-key.js'
import { compareKeys } from '../../../dist/kernels/bytes.js'

const u32 = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff))
const prefix = fc.record({
  tenantHash: u32,
  tenantId: u32,
  tableId: u32,
  indexId: fc.nat(0xffff),
}) as unknown as fc.Arbitrary<KeyPrefix>

function encode(value: KeyPrefix): Uint8Array {
  const writer = new ByteWriter(1)
  writeKeyPrefix(writer, value)
  return writer.finish()
}

test('prefixes read back and sort by hash, tenant, table, index', () => {
  fc.assert(
    fc.property(prefix, prefix, (a, b) => {
      const bytes = encode(a)
      expect(bytes.length).toBe(KEY_PREFIX_BYTES)
      expect(readKeyPrefix(bytes)).toEqual(a)
      expect(tenantHashOfKey(bytes)).toBe(a.tenantHash)
      expect(tenantIdOfKey(bytes)).toBe(a.tenantId)
      const order =
        a.tenantHash - b.tenantHash ||
        a.tenantId - b.tenantId ||
        a.tableId - b.tableId ||
        a.indexId - b.indexId
      expect(Math.sign(compareKeys(bytes, encode(b)))).toBe(Math.sign(order))
    }),
  )
})

test('the successor of a prefix is above all keys with it and below all others above', () => {
  const bytes = fc
    .array(fc.constantFrom(0, 1, 254, 255), { maxLength: 5 })
    .map((a) => Uint8Array.from(a))
  fc.assert(
    fc.property(bytes, bytes, (start, key) => {
      const successor = successorOfPrefix(start)
      const hasPrefix = compareKeys(key.subarray(0, start.length), start) === 0
      if (successor === undefined) {
        expect(hasPrefix || compareKeys(key, start) < 0).toBe(true)
        return
      }
      expect(compareKeys(key, start) >= 0 && compareKeys(key, successor) < 0).toBe(hasPrefix)
    }),
    { numRuns: 2000 },
  )
})

test('tenant hashes are on disk and never change', () => {
  expect(tenantHashOf('seller-3442f895')).toBe(4257738468)
  expect(tenantHashOf('\u00e9')).not.toBe(tenantHashOf('e'))
})
