// What became of rows: their states, the commits that set their columns, what differs between two moments.

import { describe, expect, test } from 'vitest'

import { open, type SeqNum, t, table } from '../../dist/index.js'
import { MemoryFileSystem, memoryEnv } from '../../dist/testing.js'
import {
  collect,
  expectCode,
  openShop,
  openWith,
  order,
  shopTables,
  temporaryDirectory,
} from './db-kit.js'

describe('history', () => {
  test('from a moment begins with the state of that moment, and goes up to another', async () => {
    const db = await openShop()
    const { counters } = db.tenant('a')
    const commits: SeqNum[] = []
    for (let n = 0; n < 10; n++) commits.push(await counters.upsert({ id: 'n', n }))
    const numbers = async (options: Parameters<typeof counters.history>[1]) =>
      (await counters.history('n', options)).map(({ row }) => row!.n)
    for (let i = 0; i < 2; i++) {
      expect(await numbers({ from: commits[6]! })).toEqual([9, 8, 7, 6])
      expect(await numbers({ from: (commits[6]! - 1) as SeqNum })).toEqual([9, 8, 7, 6, 5])
      expect(await numbers({ to: commits[2]! })).toEqual([2, 1, 0])
      expect(await numbers({ to: (commits[2]! - 1) as SeqNum, limit: 1 })).toEqual([1])
      expect(await numbers({ from: commits[3]!, to: commits[5]! })).toEqual([5, 4, 3])
      expect(await numbers({ limit: 3 })).toEqual([9, 8, 7])
      expect(await numbers({ from: '-1d', to: '-1h' })).toEqual([])
      await db.compact()
    }
    await expectCode('OPTION_UNKNOWN', () => counters.history('n', { until: '-1h' } as never))
    await expectCode('ARGUMENT_INVALID', () => counters.history('n', { limit: 0 }))
    await expectCode('ARGUMENT_INVALID', () => counters.history('n', { from: 'soon' }))
  })

  test('of many states is whole, and each is what its moment shows', async () => {
    const db = await openShop()
    const { counters } = db.tenant('a')
    const count = 700
    for (let n = 0; n < count; n += 100) {
      const round = Array.from({ length: 100 }, (_, i) => n + i)
      await Promise.all(round.map((value) => counters.upsert({ id: 'n', n: value })))
      if (n === 300) await db.flush()
    }
    const states = await counters.history('n')
    expect(states.map(({ row }) => row!.n)).toEqual(
      Array.from({ length: count }, (_, i) => count - 1 - i),
    )
    expect(await counters.history('n', { limit: 300 })).toEqual(states.slice(0, 300))
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('is refused from before its beginning, not given in part', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const { counters } = db.tenant('a')
    const first = await counters.insert({ id: 'n', n: 1 })
    await counters.update('n', { n: 2 })
    await db.flush()
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => counters.history('n', { from: first }))
    expect((await counters.history('n')).map(({ row }) => row!.n)).toEqual([2])
  })
})

describe('blame', () => {
  test('names for each column the commit that gave it its value', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    const gone = await orders.insert(order(1, { note: 'first life' }))
    await orders.delete('o-00001')
    const born = await orders.insert(order(1, { note: 'x' }))
    await orders.update('o-00001', { status: 'paid' })
    const paid = db.stats().seqNum
    await orders.update('o-00001', { note: 'y' })
    await orders.update('o-00001', { note: 'x', status: 'paid' })
    const noted = db.stats().seqNum
    for (let i = 0; i < 2; i++) {
      const blame = (await orders.blame('o-00001'))!
      const seqNums = Object.entries(blame).map(([name, commit]) => [name, commit!.seqNum])
      expect(Object.fromEntries(seqNums)).toEqual({
        id: born,
        customer: born,
        status: paid,
        amount: born,
        at: born,
        note: noted,
      })
      expect(blame.status!.committedAt.getTime()).toBe(Math.floor(paid / 1000))
      await db.compact()
    }
    expect(gone).toBeLessThan(born)
    expect(await orders.blame('never')).toBeUndefined()
    await orders.delete('o-00001')
    expect(await orders.blame('o-00001')).toBeUndefined()
    expect(await db.tenant('nobody').orders.blame('o-00001')).toBeUndefined()
  })

  test('leaves out what is older than the history', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const { counters } = db.tenant('a')
    await counters.insert({ id: 'n', n: 1 })
    await counters.update('n', { n: 2 })
    await db.flush()
    expect(await counters.blame('n')).toEqual({ id: undefined, n: undefined })
    await counters.update('n', { n: 3 })
    const { id, n } = (await counters.blame('n'))!
    expect([id, n!.seqNum]).toEqual([undefined, db.stats().seqNum])
  })
})

describe('diff', () => {
  test('shows new, changed and deleted rows in key order, either way round', async () => {
    const db = await openShop()
    const { counters } = db.tenant('a')
    await counters.insert([1, 2, 3, 4].map((n) => ({ id: `c${n}`, n })))
    await db.tenant('b').counters.insert({ id: 'c2', n: 0 })
    const a = db.stats().seqNum
    await counters.update('c2', { n: 20 })
    await counters.delete('c3')
    await counters.insert({ id: 'c0', n: 0 })
    // Back to what it was, and there for a moment only: no difference.
    await counters.update('c4', { n: 40 })
    await counters.update('c4', { n: 4 })
    await counters.insert({ id: 'c5', n: 5 })
    await counters.delete('c5')
    await db.tenant('b').counters.update('c2', { n: 1 })
    const b = db.stats().seqNum
    await counters.update('c1', { n: 10 })
    const expected = [
      { key: 'c0', before: undefined, after: { id: 'c0', n: 0 } },
      { key: 'c2', before: { id: 'c2', n: 2 }, after: { id: 'c2', n: 20 } },
      { key: 'c3', before: { id: 'c3', n: 3 }, after: undefined },
    ]
    for (let i = 0; i < 2; i++) {
      expect(await counters.diff(a, b).toArray()).toStrictEqual(expected)
      const back = expected.map(({ key, before, after }) => ({ key, before: after, after: before }))
      expect(await collect(counters.diff(b, a))).toStrictEqual(back)
      expect((await counters.diff(a).toArray()).map(({ key }) => key)).toEqual([
        'c0',
        'c1',
        'c2',
        'c3',
      ])
      expect(await counters.diff(a, a).toArray()).toEqual([])
      expect(await counters.diff(b, '2999-01-01').first()).toMatchObject({ key: 'c1' })
      await db.compact()
    }
    expect(await db.tenant('nobody').counters.diff(a, b).toArray()).toEqual([])
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('finds few changes among many rows, and stands still while others commit', async () => {
    const db = await openShop()
    const { orders } = db.tenant('a')
    await orders.insert(Array.from({ length: 5000 }, (_, n) => order(n)))
    const a = db.stats().seqNum
    const changed = [7, 127, 2500, 4999].map((n) => order(n).id)
    for (const id of changed) await orders.update(id, { status: 'paid' })
    const b = db.stats().seqNum
    // The scan pauses between the two versions of this one.
    await orders.update(changed[1]!, { status: 'shipped' })
    await db.compact()
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    const seen: string[] = []
    for await (const { key, before, after } of orders.diff(a, b)) {
      seen.push(key)
      expect([before!.status, after!.status]).toEqual(['placed', 'paid'])
      await orders.update(order(3000).id, { status: 'shipped' })
      await db.compact()
    }
    clearInterval(counting)
    expect(seen).toEqual(changed)
    expect(turns).toBeGreaterThan(0)
  })

  test('reads no file without changes', async () => {
    const fs = new MemoryFileSystem()
    const db = await open(
      { path: '/db', tables: shopTables, memoryBudgetBytes: 4 << 20, tabletCount: 1 },
      { env: memoryEnv({ fs }) },
    )
    const rows = db.tenant('a').orders
    await rows.insert(Array.from({ length: 20_000 }, (_, n) => order(n)))
    await db.compact()
    const from = db.stats().seqNum
    for (const n of [5, 10_000]) await rows.update(order(n).id, { status: 'paid' })
    await db.flush()
    const readCount = async (read: () => Promise<unknown[]>, expected: number) => {
      let count = 0
      fs.inject = ({ name }) => {
        if (name === 'read') count++
        return undefined
      }
      expect(await read()).toHaveLength(expected)
      fs.inject = undefined
      return count
    }
    const all = await readCount(() => rows.scan().toArray(), 20_000)
    const changed = await readCount(() => rows.diff(from).toArray(), 2)
    expect(changed).toBeLessThan(all / 5)
    await db.close()
  })

  test('gives keys of several columns as a list, and compares every kind of value', async () => {
    const kinds = table(
      'kinds',
      {
        a: t.int(),
        b: t.timestamp(),
        doc: t.json(),
        bytes: t.bytes(),
        big: t.bigint(),
      },
      { primaryKey: ['a', { column: 'b', descending: true }] },
    )
    const db = await openWith({ kinds })
    const { kinds: rows } = db.tenant('a')
    const at = new Date(Date.UTC(2024, 1, 29))
    const row = { a: 1, b: at, doc: { x: [1, null] }, bytes: Uint8Array.of(1, 2), big: 2n ** 70n }
    const from = await rows.insert([row, { ...row, a: 2 }])
    await rows.upsert({ ...row, doc: { x: [1, 2] } })
    await rows.upsert({ ...row, a: 2, bytes: Uint8Array.of(1, 3) })
    await rows.upsert({ ...row, a: 2 })
    expect(await rows.diff(from).toArray()).toStrictEqual([
      { key: [1, at], before: row, after: { ...row, doc: { x: [1, 2] } } },
    ])
  })

  test('is refused when a moment is older than the history, also where nothing changed', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const { counters } = db.tenant('a')
    const first = await counters.insert([1, 2].map((n) => ({ id: `c${n}`, n })))
    await counters.update('c1', { n: 2 })
    await db.flush()
    const now = db.stats().seqNum
    for (const call of [
      () => counters.diff(first).toArray(),
      () => counters.diff(now, first).first(),
      () => collect(counters.diff('-1h', '-30m')),
    ]) {
      await expectCode('TXN_SNAPSHOT_TOO_OLD', call)
    }
    await expectCode('ARGUMENT_INVALID', () => counters.diff('yesterday'))
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('shows each side with the columns of its moment; a new column alone is no difference', async () => {
    const path = temporaryDirectory()
    const narrow = table('items', { id: t.int(), n: t.int() }, { primaryKey: ['id'] })
    const wide = table(
      'items',
      { id: t.int(), n: t.int(), note: t.text().nullable() },
      { primaryKey: ['id'] },
    )
    const one = await open({ path, tables: { items: narrow } })
    const from = await one.tenant('a').items.insert([1, 2, 3].map((id) => ({ id, n: id })))
    await one.close()
    const db = await openWith({ items: wide }, { path })
    const { items } = db.tenant('a')
    // Written anew under the wider schema, with nothing changed.
    await items.update(1, { n: 1 })
    const to = await items.upsert({ id: 2, n: 2, note: 'x' })
    const was = { id: 2, n: 2 }
    const is = { id: 2, n: 2, note: 'x' }
    expect(await items.diff(from, to).toArray()).toStrictEqual([{ key: 2, before: was, after: is }])
    expect(await items.diff(to, from).toArray()).toStrictEqual([{ key: 2, before: is, after: was }])
    const states = await items.history(2)
    expect(states.map(({ row }) => row)).toStrictEqual([is, was])
    for (const { seqNum, row } of states) {
      expect(db.tenant('a').at(seqNum).items.getSync(2)).toStrictEqual(row)
    }
    const blame = (await items.blame(2))!
    expect([blame.n!.seqNum, blame.note!.seqNum]).toEqual([from, to])
  })
})

describe('where tenants and tables keep their history differently', () => {
  test('each answer is whole or refused', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const [a, b] = [db.tenant('a'), db.tenant('b')]
    const DAY_MS = 86_400_000
    for (const tenant of [a, b]) {
      await tenant.counters.insert([1, 2].map((n) => ({ id: `c${n}`, n })))
      await tenant.orders.insert([1, 2].map((n) => order(n)))
    }
    await a.setRetention({ historyWindowMs: DAY_MS, tables: { counters: 0 } })
    const to = await a.orders.update('o-00001', { status: 'paid' }).then(() => db.stats().seqNum)
    const past = a.at(to)
    for (const tenant of [a, b]) {
      await tenant.orders.update('o-00001', { status: 'shipped' })
      await tenant.orders.delete('o-00002')
      await tenant.counters.update('c1', { n: 10 })
    }
    await db.compact()
    const refused = (call: () => unknown) => expectCode('TXN_SNAPSHOT_TOO_OLD', call)

    expect((await a.orders.diff(to).toArray()).map(({ key }) => key)).toEqual([
      'o-00001',
      'o-00002',
    ])
    await refused(() => a.counters.diff(to).toArray())
    await refused(() => b.orders.diff(to).toArray())

    const states = await a.orders.history('o-00001', { from: to })
    expect(states.map(({ row }) => row!.status)).toEqual(['shipped', 'paid'])
    await refused(() => a.counters.history('c1', { from: to }))
    await refused(() => b.orders.history('o-00001', { from: to }))
    expect(await b.orders.history('o-00001')).toHaveLength(1)
    expect((await a.orders.blame('o-00001'))!.status!.seqNum).toBeGreaterThan(to)
    expect((await a.counters.blame('c1'))!.n).toBeUndefined()

    expect(await past.query('select id, status from orders order by id')).toEqual([
      { id: 'o-00001', status: 'paid' },
      { id: 'o-00002', status: 'placed' },
    ])
    await refused(() => past.query('select * from counters'))
    await refused(() => past.query('select 1 from orders o join counters c on true'))

    for (const dryRun of [true, false]) {
      await refused(() => a.rewind({ to, dryRun }))
      await refused(() => b.rewind({ to, dryRun, tables: ['orders'] }))
    }
    expect(a.orders.getSync('o-00002')).toBeUndefined()
    await a.rewind({ to, tables: ['orders'] })
    expect(await a.orders.scan().toArray()).toEqual(await past.orders.scan().toArray())
    expect(a.counters.getSync('c1')).toEqual({ id: 'c1', n: 10 })
    expect(db.stats().openSnapshotCount).toBe(0)
  })
})
