// A batch against a list of writes: what is found, visited, logged and taken back.

import { expect, test } from 'vitest'

import type { SeqNum } from '../../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../../dist/codec/block-transform.js'
import { ByteWriter } from '../../../dist/codec/bytes.js'
import { ENTRY_KIND_PUT, EntrySlot } from '../../../dist/codec/entry.js'
import { tenantIdOfKey } from '../../../dist/codec/tenant-key.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import { decodeCommit } from '../../../dist/store/commit-format.js'
import { WriteBatch } from '../../../dist/store/write-batch.js'
import { replayable, Seeded, seedsOf } from '../../model/seeded.js'
import { hex, randomKey, unhex } from '../../model/store-driver.js'

const SEQ_NUM = 7 as SeqNum
const slot = new EntrySlot()

/** Key and value in hex; no value for a delete. */
type Write = readonly [key: string, value: string | undefined]

function apply(random: Seeded, batch: WriteBatch, [key, value]: Write): void {
  const keyBytes = unhex(key)
  if (value === undefined) batch.delete(keyBytes)
  else if (random.chance(0.5)) batch.put(keyBytes, unhex(value))
  else {
    const before = '00'.repeat(random.below(3))
    const start = before.length / 2
    const keyEnd = start + keyBytes.length
    batch.putEntry(unhex(before + key + value + 'ff'), start, keyEnd, keyEnd + value.length / 2)
  }
}

/** The last write of each key, tenant by tenant in the order of their first write, which may have been written over. */
function expectedOrder(writes: readonly Write[]): Write[] {
  const tenantOf = (key: string) => tenantIdOfKey(unhex(key))
  const tenants = [...new Set(writes.map(([key]) => tenantOf(key)))]
  const live = writes.filter(([key], i) => !writes.slice(i + 1).some(([later]) => later === key))
  return tenants.flatMap((tenant) => live.filter(([key]) => tenantOf(key) === tenant))
}

function visited(batch: WriteBatch): Write[] {
  const found: Write[] = []
  batch.forEach((bytes, keyStart, keyEnd, keyHash, kind, valueStart, valueEnd) => {
    expect(keyHash).toBe(hashBytes(bytes, keyStart, keyEnd))
    const value = kind === ENTRY_KIND_PUT ? hex(bytes.slice(valueStart, valueEnd)) : undefined
    found.push([hex(bytes.slice(keyStart, keyEnd)), value])
  })
  return found
}

function logged(batch: WriteBatch): Write[] {
  const out = new ByteWriter()
  batch.encode(out, SEQ_NUM, IDENTITY_TRANSFORM)
  const found: Write[] = []
  decodeCommit(out.view(), SEQ_NUM, IDENTITY_TRANSFORM, (kind, bytes, start, keyEnd, valueEnd) => {
    const value = kind === ENTRY_KIND_PUT ? hex(bytes.slice(keyEnd, valueEnd)) : undefined
    found.push([hex(bytes.slice(start, keyEnd)), value])
  })
  return found
}

function scanned(batch: WriteBatch): Write[] {
  const found: Write[] = []
  const cursor = batch.cursor()
  for (cursor.seek(new Uint8Array(0), SEQ_NUM); cursor.isValid; cursor.next()) {
    const { entry } = cursor
    const value = entry.kind === ENTRY_KIND_PUT ? hex(entry.copyValue()) : undefined
    found.push([hex(entry.copyKey()), value])
  }
  return found
}

function check(batch: WriteBatch, writes: readonly Write[]): void {
  const order = expectedOrder(writes)
  expect(visited(batch)).toEqual(order)
  expect(logged(batch)).toEqual(order)
  expect(scanned(batch)).toEqual(order.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  expect(batch.count).toBe(order.length)
  expect(batch.isEmpty).toBe(order.length === 0)
  expect(batch.isDeletion).toBe(order.every(([, value]) => value === undefined))
  const byteCount = writes.reduce((sum, [key, value = '']) => sum + key.length + value.length, 0)
  expect(batch.byteCount).toBe(byteCount / 2)
  for (const [key, value] of order) {
    const bytes = unhex(key)
    expect(batch.find(bytes, hashBytes(bytes, 0, bytes.length), slot)).toBe(true)
    expect(slot.kind === ENTRY_KIND_PUT ? hex(slot.copyValue()) : undefined).toBe(value)
  }
}

test.each(seedsOf(40, 1))('seed %i', (seed) =>
  replayable(seed, () => {
    const random = new Seeded(seed)
    const batch = new WriteBatch()
    let writes: Write[] = []
    const savepoints: [number, number][] = []
    const stepCount = random.pick([3, 40, 400])
    for (let step = 0; step < stepCount; step++) {
      const roll = random.below(20)
      if (roll === 0) {
        savepoints.push([batch.savepoint(), writes.length])
      } else if (roll === 1 && savepoints.length > 0) {
        const [savepoint, count] = savepoints.pop()!
        batch.rollbackTo(savepoint)
        writes = writes.slice(0, count)
      } else {
        const value = '5a'.repeat(random.pick([0, 1, 70, 700])) + step.toString(16).padStart(4, '0')
        const write: Write = [randomKey(random), random.chance(0.2) ? undefined : value]
        apply(random, batch, write)
        writes.push(write)
      }
      if (random.chance(0.1)) check(batch, writes)
    }
    check(batch, writes)
  }),
)

test('a write that is refused leaves the batch as it was', () => {
  const batch = new WriteBatch()
  const key = unhex(randomKey(new Seeded(1)))
  batch.put(key, Uint8Array.of(1))
  const large = new Uint8Array(17 << 20)
  expect(() => batch.put(key, large)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }))
  expect(() => batch.putEntry(large, 0, key.length, large.length)).toThrow(
    expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
  )
  expect(() => batch.delete(large)).toThrow(expect.objectContaining({ code: 'KEY_TOO_LARGE' }))
  check(batch, [[hex(key), '01']])
})

test('a batch that starts over is as a new one', () => {
  const random = new Seeded(2)
  const batch = new WriteBatch()
  for (const count of [3, 900, 2, 40]) {
    for (let i = 0; i < count; i++) apply(random, batch, [randomKey(random), '5a'.repeat(700)])
    expect(batch.isShown).toBe(false)
    batch.reset()
    expect([batch.isEmpty, batch.byteCount, visited(batch)]).toEqual([true, 0, []])
  }
  const writes: Write[] = [0, 1, 2].map((i) => [randomKey(random), `0${i}`])
  for (const write of writes) apply(random, batch, write)
  check(batch, writes)
  expect(batch.isShown).toBe(true)
})
