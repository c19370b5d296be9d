// What a conflict tells those who run the transaction again.

import { afterEach, beforeEach, expect, test } from 'vitest'

import { EventSource } from '../../../dist/base/events.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { successorOfPrefix } from '../../../dist/codec/tenant-key.js'
import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { Store } from '../../../dist/store/store.js'
import type { StoreTransaction } from '../../../dist/store/transaction.js'
import { Seeded } from '../../model/seeded.js'
import { simulation, storeOptions } from '../../model/store-driver.js'

const PREFIX = new Uint8Array([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0])
const keyOf = (row: number) => new Uint8Array([...PREFIX, row])
const [A, B, C] = [keyOf(1), keyOf(2), keyOf(3)]
const VALUE = new Uint8Array(1)

let store: Store
let slot: EntrySlot

beforeEach(async () => {
  const env = simulation(1, new MemoryFileSystem())
  store = await Store.open(storeOptions(new Seeded(1)), env, new EventSource())
  slot = new EntrySlot()
})
afterEach(() => store.close())

async function turnsAfter(transaction: StoreTransaction, call: () => Promise<unknown>) {
  await expect(call()).rejects.toMatchObject({ code: 'TXN_CONFLICT', details: { tableId: 16 } })
  const turns = transaction.conflict?.turns
  transaction.abort()
  return turns
}

test('of a circle: what it had locked and what it wanted, in order', async () => {
  const [loser, other] = [store.begin(), store.begin()]
  await loser.lock(C)
  await loser.lock(B)
  await other.lock(A)
  const waiting = other.lock(B)
  expect(await turnsAfter(loser, () => loser.lock(A))).toEqual([A, B, C])
  await waiting
  other.abort()
})

test('of a key: that key, with those that it had locked', async () => {
  const transaction = store.begin()
  await transaction.lock(C)
  transaction.get(A, slot)
  await store.write((view) => view.put(A, VALUE))
  transaction.put(B, VALUE)
  expect(await turnsAfter(transaction, () => transaction.commit())).toEqual([A, C])

  const [holder, writer] = [store.begin(), store.begin()]
  await holder.lock(B)
  writer.put(A, VALUE)
  writer.put(B, VALUE)
  expect(await turnsAfter(writer, () => writer.commit())).toEqual([B])
  holder.abort()

  const overtaken = store.begin({ isolation: 'snapshot' })
  overtaken.delete(C)
  await store.write((view) => view.put(C, VALUE))
  expect(await turnsAfter(overtaken, () => overtaken.commit())).toEqual([C])
})

test('of a range: the table that it lies in', async () => {
  const transaction = store.begin()
  const scan = transaction.scan({ lower: A, upper: successorOfPrefix(PREFIX) })
  while (scan.next());
  await store.write((view) => view.put(B, VALUE))
  transaction.put(C, VALUE)
  expect(await turnsAfter(transaction, () => transaction.commit())).toEqual([PREFIX])
})

test('turns that were taken are held by the next run, which sees what is newest', async () => {
  const transaction = store.begin()
  const write = store.write((view) => view.put(A, VALUE))
  await transaction.takeTurns([PREFIX, A, B])
  await write
  expect(transaction.get(A, slot)).toBe(true)
  expect(store.locks.count).toBe(3)
  transaction.put(B, VALUE)
  await transaction.commit()
  expect(store.locks.count).toBe(0)
})
