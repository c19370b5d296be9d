// Scans over keys with many versions, both ways, as of every moment, with and without writes of the reader's own.
import { expect, it } from 'vitest'
import { EventSource } from '../../../dist/base/events.js'
import type { SeqNum } from '../../../dist/base/ids.js'
import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { Store } from '../../../dist/store/store.js'
import type { ReadView } from '../../../dist/store/view.js'
import { Seeded } from '../../model/seeded.js'
import { hex, simulation, storeOptions, unhex } from '../../model/store-driver.js'
import { rangeOf, VersionModel } from '../../model/version-model.js'

const PREFIX = '000000010000000100000001'
const keyOf = (number: number) => `${PREFIX}0000${number.toString(16).padStart(2, '0')}`

function read(view: ReadView, reverse: boolean): [string, string][] {
  const range = { lower: unhex(PREFIX), upper: unhex(`${PREFIX}ff`) }
  const scan = view.scan(range, { reverse })
  const found: [string, string][] = []
  while (scan.next()) {
    found.push([hex(scan.entry.copyKey()), Buffer.from(scan.entry.copyValue()).toString()])
  }
  return found
}

it.each([false, true])('in memory or in tables (%s)', async (isFlushed) => {
  const random = new Seeded(5)
  const options = { ...storeOptions(random), memtableBudgetBytes: 1 << 20, historyWindowMs: 1e9 }
  const store = await Store.open(options, simulation(5, new MemoryFileSystem()), new EventSource())
  const model = new VersionModel()
  for (let i = 0; i < 300; i++) {
    // Of the first keys there are dozens of versions, of the last one or none.
    const key = keyOf(Math.floor(12 * random.float() ** 3))
    const value = random.chance(0.2) ? undefined : `value ${i}`
    const commit = model.invoke(new Map([[key, value]]))
    commit.seqNum = await store.write((view) =>
      value === undefined ? view.delete(unhex(key)) : view.put(unhex(key), Buffer.from(value)),
    )
  }
  if (isFlushed) await store.flush()
  for (const reverse of [false, true]) {
    for (const { seqNum } of model.commits.filter((_, i) => i % 7 === 0)) {
      const past = store.at(seqNum as SeqNum)
      const expected = rangeOf(model.stateAt(seqNum!), PREFIX, `${PREFIX}ff`, reverse)
      expect(read(past, reverse)).toEqual(expected)
      past.close()
    }
    const transaction = store.begin()
    const state = model.stateAfter(model.commits.length)
    for (const number of [0, 1, 5, 20]) {
      transaction.put(unhex(keyOf(number)), Buffer.from('own'))
      state.set(keyOf(number), 'own')
    }
    transaction.delete(unhex(keyOf(2)))
    state.delete(keyOf(2))
    expect(read(transaction, reverse)).toEqual(rangeOf(state, PREFIX, `${PREFIX}ff`, reverse))
    transaction.abort()
  }
  await store.close()
})
