// Time travel: sessions of a moment, history, and where the past ends.

import { describe, expect, test } from 'vitest'

import { nodeEnv } from '../../dist/env/node-env.js'
import { open, type SeqNum } from '../../dist/index.js'
import { expectCode, onEnd, openShop, order, shopTables, temporaryDirectory } from './db-kit.js'

describe('a session of a moment', () => {
  test('shows the state as of a commit, by every way of reading', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const first = await shop.orders.insert([order(1), order(2)])
    const second = await shop.orders.upsert(order(1, { status: 'paid', customer: 'moved' }))
    await shop.orders.delete('o-00002')
    for (let i = 0; i < 2; i++) {
      const before = shop.at((first - 1) as SeqNum)
      expect(await before.orders.get('o-00001')).toBeUndefined()
      const past = shop.at(first)
      expect([past.name, past.seqNum]).toEqual(['a', first])
      expect(past.orders.getSync('o-00001')?.status).toBe('placed')
      expect(await past.orders.scan({ reverse: true }).toArray()).toHaveLength(2)
      expect(await past.orders.scan({ index: 'byCustomer', prefix: ['moved'] }).first()).toBe(
        undefined,
      )
      const counted = await past.sql<{ n: number }>`select count(*) as n from orders`
      expect([counted[0]!.n, counted.seqNum]).toEqual([2, first])
      const later = shop.at(second)
      expect((await later.orders.get('o-00001'))?.status).toBe('paid')
      expect((await later.orders.get('o-00002'))?.status).toBe('placed')
      expect(shop.orders.getSync('o-00002')).toBeUndefined()
      const asOf = await shop.query('select id, status from orders as of $1 order by id', [first])
      expect(asOf).toEqual([
        { id: 'o-00001', status: 'placed' },
        { id: 'o-00002', status: 'placed' },
      ])
      await db.compact()
    }
  })

  test('takes a SeqNum, a Date, a duration or ISO text', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const seqNum = await shop.counters.insert({ id: 'n', n: 1 })
    const millis = Math.floor(seqNum / 1000)
    const soon = [seqNum, new Date(millis), new Date(millis).toISOString(), new Date(millis + 5)]
    for (const moment of [...soon, '-0s', '2999-01-01', Number.MAX_SAFE_INTEGER as SeqNum]) {
      expect(shop.at(moment).counters.getSync('n'), String(moment)).toEqual({ id: 'n', n: 1 })
    }
    for (const moment of [new Date(millis - 1), '-1h', '-0.5d', '-90000ms', '2020-01-01', 0]) {
      const past = shop.at(moment as SeqNum)
      expect(past.counters.getSync('n'), String(moment)).toBeUndefined()
    }
  })

  test('takes text without an offset as UTC, in whatever zone the process is', async () => {
    const db = await openShop()
    const zone = process.env['TZ']
    process.env['TZ'] = 'America/New_York'
    try {
      const moments = ['2026-01-02 10:00', '2026-01-02T10:00:00Z', '2026-01-02T12:00:00.0009+02:00']
      const seen = moments.map((moment) => db.tenant('a').at(moment).seqNum)
      expect(new Set(seen)).toEqual(new Set([Date.UTC(2026, 0, 2, 10) * 1000 + 999]))
    } finally {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    }
  })

  test('never changes while others commit, whatever moment it was made for', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 0 })
    let n = 0
    const writing = new AbortController()
    const writer = (async () => {
      while (!writing.signal.aborted) await shop.counters.update('n', { n: ++n })
    })()
    for (let round = 0; round < 30; round++) {
      const moments = [new Date(), '-0s', '2999-01-01', db.stats().seqNum]
      const pasts = moments.map((moment) => shop.at(moment))
      const seen = pasts.map((past) => past.counters.getSync('n')!.n)
      for (let i = 0; i < 3; i++) {
        await shop.counters.upsert({ id: `other-${round}`, n: i })
        const rows = pasts.map(
          (past) => past.sql<{ n: number }>`select n from counters where id = 'n'`,
        )
        expect((await Promise.all(rows)).map(([row]) => row!.n)).toEqual(seen)
        const read = pasts.map(async (past) => (await past.counters.get('n'))!.n)
        expect(await Promise.all(read)).toEqual(seen)
      }
    }
    writing.abort()
    await writer
  })

  test('tells one moment from the next within a statement and a transaction', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    const first = await shop.counters.insert({ id: 'n', n: 1 })
    const sameTwice = `select a.n as a, b.n as b from counters as of '-0s' a
      join counters as of '-0s' b on a.id = b.id`
    expect(await shop.query(sameTwice)).toEqual([{ a: 1, b: 1 }])
    await shop.transact(async (tx) => {
      await tx.counters.update('n', { n: 3 })
      await db.tenant('a').counters.upsert({ id: 'other', n: 1 })
      // What was committed after the transaction began is not its past.
      expect(await tx.query("select n from counters as of '-0s'")).toEqual([{ n: 1 }])
    })
    expect(await shop.at(first).query("select n from counters as of '-0s'")).toEqual([{ n: 1 }])
  })

  test('cannot be written', async () => {
    const db = await openShop()
    const shop = db.tenant('a')
    await shop.counters.insert({ id: 'n', n: 1 })
    const past = shop.at('-0s')
    await expectCode('SQL_UNSUPPORTED', () => past.sql`delete from counters`)
    await expectCode('SQL_UNSUPPORTED', () => past.sql`update counters set n = 2`)
    await expectCode('SQL_UNSUPPORTED', () => past.query("insert into counters values ('m', 1)"))
    expect(Object.keys(past.counters)).not.toContain('insert')
    expect(await shop.counters.scan().toArray()).toEqual([{ id: 'n', n: 1 }])
  })

  test('ends where the history does', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const shop = db.tenant('a')
    const first = await shop.counters.insert({ id: 'n', n: 1 })
    await shop.counters.update('n', { n: 2 })
    await db.flush()
    await shop.counters.update('n', { n: 3 })
    await db.flush()
    for (const read of [
      () => shop.at(first).counters.getSync('n'),
      () => shop.at(first).counters.get('n'),
      () => shop.at(first).counters.scan().toArray(),
      () => shop.at(first).sql`select * from counters`,
      () => shop.query('select * from counters as of $1', [first]),
      () => shop.at('-1h').counters.get('n'),
    ]) {
      const error = await expectCode('TXN_SNAPSHOT_TOO_OLD', read)
      expect(error.details).toHaveProperty('oldest', db.stats().historyFloor)
    }
    expect(shop.at(db.stats().historyFloor).counters.getSync('n')).toBeDefined()
    expect(shop.counters.getSync('n')).toEqual({ id: 'n', n: 3 })
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('is kept for a reader that began before it ended', async () => {
    const db = await openShop({ historyWindowMs: 0 })
    const shop = db.tenant('a')
    await shop.orders.insert(Array.from({ length: 600 }, (_, n) => order(n)))
    let seenCount = 0
    for await (const row of shop.orders.scan()) {
      if (seenCount++ === 0) {
        await shop.sql`update orders set status = 'paid'`
        await db.compact()
        await shop.sql`delete from orders`
        await db.compact()
      }
      expect(row.status).toBe('placed')
    }
    expect(seenCount).toBe(600)
    expect(shop.orders.getSync('o-00001')).toBeUndefined()
  })
})

describe('history', () => {
  test('holds every state of a row with its commit, across flushes and a deletion', async () => {
    const db = await openShop()
    const { counters } = db.tenant('a')
    const inserted = await counters.insert({ id: 'n', n: 1 })
    await counters.update('n', { n: 2 })
    await db.flush()
    await counters.delete('n')
    const last = await counters.insert({ id: 'n', n: 3 })
    const states = await counters.history('n')
    expect(states.map(({ row }) => row?.n)).toEqual([3, undefined, 2, 1])
    expect(states[0]!.seqNum).toBe(last)
    expect(states[3]!.seqNum).toBe(inserted)
    expect(states[3]!.committedAt.getTime()).toBe(Math.floor(inserted / 1000))
    for (const { seqNum, row } of states) {
      expect(db.tenant('a').at(seqNum).counters.getSync('n')).toEqual(row)
    }
    expect(await counters.history('never')).toEqual([])
    expect(await db.tenant('b').counters.history('n')).toEqual([])
  })

  test('and moments survive reopening', async () => {
    const path = temporaryDirectory()
    const db = await openShop({ path })
    const first = await db.tenant('a').counters.insert({ id: 'n', n: 1 })
    await db.tenant('a').counters.update('n', { n: 2 })
    await db.close()
    const again = await openShop({ path })
    expect(await again.tenant('a').counters.history('n')).toHaveLength(2)
    expect(again.tenant('a').at(first).counters.getSync('n')).toEqual({ id: 'n', n: 1 })
  })

  test('goes on in order when the clock of the machine goes back', async () => {
    const env = nodeEnv({
      jobModule: new URL('../../dist/lsm/job-worker.js', import.meta.url),
      jobThreadCount: 1,
    })
    let offsetMicros = 0
    const clock = Object.create(env.clock, {
      wallMicros: { value: () => Date.now() * 1000 + offsetMicros },
      monotonicMicros: { value: () => env.clock.monotonicMicros() },
      sleep: { value: (ms: number, signal?: AbortSignal) => env.clock.sleep(ms, signal) },
      yield: { value: () => env.clock.yield() },
    }) as typeof env.clock
    const db = await open(
      { path: temporaryDirectory(), tables: shopTables },
      { env: { ...env, clock } },
    )
    onEnd(async () => {
      await db.close()
      await env.jobs.close()
    })
    const { counters } = db.tenant('a')
    const first = await counters.insert({ id: 'n', n: 1 })
    offsetMicros = -86_400e6
    const second = await counters.upsert({ id: 'n', n: 2 })
    expect(second).toBeGreaterThan(first)
    expect(db.tenant('a').at(first).counters.getSync('n')).toEqual({ id: 'n', n: 1 })
    expect(counters.getSync('n')).toEqual({ id: 'n', n: 2 })
    await db.flush()
    expect(counters.getSync('n')).toEqual({ id: 'n', n: 2 })
  })
})
