// How long history stays: what the calls of retention, holds and pins promise one by one. What they promise together, whatever
// comes between, is proved in test/model/retention.

import { describe, expect, test } from 'vitest'

import { table } from '../../dist/index.js'
import { collect, expectCode, openShop } from './db-kit.js'
import { columns, grow, HOUR_MS, key, World } from './retention-world.js'

describe('retention', () => {
  test('the most special of tenant and table, tenant, table and database decides', async () => {
    const world = new World()
    const db = await world.open(0, { historyWindowMs: 2.5 * HOUR_MS })
    await db.tenant('long').setRetention({ historyWindowMs: 100 * HOUR_MS })
    await db.tenant('mixed').setRetention({ tables: { sessions: 100 * HOUR_MS } })
    await db.tenant('odd').setRetention({ historyWindowMs: 0, tables: { orders: 100 * HOUR_MS } })
    const tenants = ['plain', 'long', 'mixed', 'odd']
    await grow(world, db, tenants, 6)
    const kept = Object.fromEntries(
      await Promise.all(
        tenants.map(async (name) => {
          const { orders, sessions } = db.tenant(name)
          return [name, [(await orders.history('o')).length, (await sessions.history('s')).length]]
        }),
      ),
    )
    // Two were written since, and the oldest snapshot that can be read sees one more.
    expect(kept).toEqual({ plain: [3, 1], long: [6, 6], mixed: [3, 6], odd: [6, 1] })
    expect(db.tenant('odd').retention()).toMatchObject({
      own: { historyWindowMs: 0, tables: { orders: 100 * HOUR_MS } },
      tables: {
        orders: { historyWindowMs: 100 * HOUR_MS, oldest: expect.any(Number) },
        sessions: { historyWindowMs: 0 },
      },
    })
    expect(db.tenant('plain').retention().own).toEqual({ tables: {} })
    expect(db.tables().map(({ name, historyWindowMs }) => [name, historyWindowMs])).toEqual([
      ['orders', undefined],
      ['sessions', 0],
    ])
    await world.close(db)
  })

  test('a longer window begins where history begins, also after opening again', async () => {
    const world = new World()
    let db = await world.open(0)
    const [, second] = await grow(world, db, ['shop'], 4)
    await db.tenant('shop').setRetention({ historyWindowMs: 100 * HOUR_MS })
    const { oldest } = db.tenant('shop').retention().tables['orders']!
    expect(oldest).toBeGreaterThan(second!)
    for (let round = 0; round < 2; round++) {
      const shop = db.tenant('shop')
      for (const rows of [shop.orders, shop.sessions]) {
        const error = await expectCode('TXN_SNAPSHOT_TOO_OLD', () =>
          (rows === shop.orders
            ? shop.at(second as never).orders
            : shop.at(second as never).sessions
          )
            .scan()
            .toArray(),
        )
        expect(error.details).toHaveProperty('oldest')
      }
      await expectCode('TXN_SNAPSHOT_TOO_OLD', () => collect(shop.orders.diff(second as never)))
      await expectCode('TXN_SNAPSHOT_TOO_OLD', () =>
        shop.orders.history('o', { from: second as never }),
      )
      await expectCode('TXN_SNAPSHOT_TOO_OLD', () => shop.rewind({ to: second as never }))
      await expectCode('TXN_SNAPSHOT_TOO_OLD', () => shop.sql`select * from orders as of ${second}`)
      expect(await shop.at(oldest).orders.get('o')).toBeDefined()
      await world.close(db)
      // The window of the table is changed at the same time: nothing of it concerns this tenant.
      db = await world.open(HOUR_MS)
      expect(db.tenant('shop').retention().tables['orders']!.oldest).toBeLessThanOrEqual(oldest)
    }
    await world.close(db)
  })

  test('what was deleted, and of which nothing is left, is refused as well', async () => {
    const world = new World()
    const db = await world.open(0)
    const shop = db.tenant('shop')
    const seqNum = await shop.sessions.insert({ id: 's', n: 0 })
    await shop.sessions.delete('s')
    await grow(world, db, ['other'], 5)
    await db.compact()
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => collect(shop.sessions.diff(seqNum)))
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => collect(shop.at(seqNum).sessions.scan()))
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => shop.sessions.history('s', { from: seqNum }))
    expect(await collect(shop.sessions.diff(shop.retention().tables['sessions']!.oldest))).toEqual(
      [],
    )
    await world.close(db)
  })

  test('a changed window of a table is no other schema, and counts from then on', async () => {
    const world = new World()
    let db = await world.open(100 * HOUR_MS)
    await grow(world, db, ['shop'], 3)
    expect(await db.tenant('shop').sessions.history('s')).toHaveLength(3)
    await world.close(db)
    db = await world.open(0)
    await db.flush()
    await grow(world, db, ['shop'], 1)
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => db.tenant('shop').at('-3h').sessions.get('s'))
    await world.close(db)
    db = await world.open()
    expect(db.tenant('shop').retention().tables['sessions']!.historyWindowMs).toBe(HOUR_MS)
    await world.close(db)
  })
})

describe('legal holds', () => {
  test('keep what no window keeps, and end', async () => {
    const world = new World()
    const db = await world.open(0)
    const shop = db.tenant('shop')
    await shop.placeHold({ name: 'case 1', reason: 'a letter' })
    await shop.placeHold({ name: 'case 2', reason: 'another letter' })
    await grow(world, db, ['shop', 'other'], 4)
    expect(await shop.sessions.history('s')).toHaveLength(4)
    expect(await db.tenant('other').sessions.history('s')).toHaveLength(1)
    expect(shop.holds()).toMatchObject([
      { name: 'case 1', reason: 'a letter', from: 0, placedAt: expect.any(Date) },
      { name: 'case 2' },
    ])
    await expectCode('ARGUMENT_INVALID', () => shop.placeHold({ name: 'case 1', reason: 'again' }))
    expect(await shop.releaseHold('case 1')).toBe(true)
    expect(await shop.releaseHold('case 1')).toBe(false)
    await grow(world, db, ['shop'], 1)
    expect(await shop.sessions.history('s')).toHaveLength(5)
    expect(await shop.releaseHold('case 2')).toBe(true)
    await grow(world, db, ['shop'], 1)
    expect((await shop.sessions.history('s')).length).toBeLessThan(3)
    await world.close(db)
  })
})

describe('pins', () => {
  test('are listed with their owner, and hold back what is younger than their age', async () => {
    const world = new World()
    const db = await world.open(0)
    const shop = db.tenant('shop')
    const seqNum = await shop.sessions.insert({ id: 's', n: 0 })
    const pin = db.pin({ owner: 'export', maxAgeMs: 5 * HOUR_MS })
    expect(db.pins()).toEqual([
      { kind: 'pin', owner: 'export', seqNum, ageMs: 0, maxAgeMs: 5 * HOUR_MS },
    ])
    await grow(world, db, ['shop'], 4)
    expect(await shop.at(pin.seqNum).sessions.get('s')).toEqual({ id: 's', n: 0 })
    expect(db.pins()[0]!.ageMs).toBeGreaterThanOrEqual(4 * HOUR_MS)
    pin.close()
    pin.close()
    expect(db.pins()).toEqual([])
    await grow(world, db, ['shop'], 1)
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => shop.at(seqNum).sessions.get('s'))
    expect(pin.isRevoked).toBe(false)
    await world.close(db)
  })

  test('past its age a snapshot is revoked: pin, scan, query and transaction', async () => {
    const world = new World()
    const db = await world.open(0, { snapshotMaxAgeMs: 2 * HOUR_MS })
    const shop = db.tenant('shop')
    const revoked: string[] = []
    db.on('snapshotRevoked', ({ kind, owner }) => revoked.push(`${kind} of ${owner}`))
    for (let n = 0; n < 20; n++) await shop.sessions.insert({ id: `s-${n}`, n })
    const pin = db.pin({ owner: 'export', maxAgeMs: 2 * HOUR_MS })
    const scan = shop.sessions.scan().batches(5)
    const changes = shop.sessions.diff(0 as never).batches(5)
    await scan.next()
    await changes.next()
    let goOn!: () => void
    const waits = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const transaction = shop.transact(async (tx) => {
      await tx.sessions.get('s-1')
      await waits
      await tx.orders.upsert({ id: 'o', n: 1 })
    })
    const read = shop.transact(async (tx) => {
      await tx.sessions.get('s-1')
      await waits
      await tx.sessions.get('s-1')
    })
    await world.env.clock.yield()
    expect(db.pins().map(({ kind, owner }) => `${kind} of ${owner}`)).toEqual([
      'read of shop',
      'pin of export',
      'read of shop',
      'transaction of shop',
      'transaction of shop',
    ])
    await shop.sessions.delete('s-1')
    await db.flush()
    expect(revoked).toEqual([])
    expect((await scan.next()).value).toHaveLength(5)
    world.env.clock.advance(2 * HOUR_MS + 1)
    // Younger ones are left alone, also beside those that are revoked.
    const young = shop.sessions.scan().batches(5)
    await young.next()
    await shop.sessions.upsert({ id: 's-2', n: 0 })
    for (let round = 0; round < 4; round++) {
      await shop.sessions.upsert({ id: 's-3', n: round })
      await db.flush()
    }
    await db.compact()
    expect(revoked.toSorted()).toEqual([
      'pin of export',
      'read of shop',
      'read of shop',
      'transaction of shop',
      'transaction of shop',
    ])
    expect(pin.isRevoked).toBe(true)
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => shop.at(pin.seqNum).sessions.get('s-1'))
    const error = await expectCode('TXN_SNAPSHOT_TOO_OLD', () => scan.next())
    expect(error.details).toMatchObject({ kind: 'read', owner: 'shop', maxAgeMs: 2 * HOUR_MS })
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => changes.next())
    goOn()
    // Also where nothing of what it would be validated against is left: the tombstone of s-1 is gone.
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => transaction)
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => read)
    expect(await shop.orders.get('o')).toBeUndefined()
    expect(await collect(young)).toHaveLength(3)
    await world.close(db)
  })

  test('the files that a revoked scan held are let go of', async () => {
    const world = new World()
    const db = await world.open(0, { snapshotMaxAgeMs: HOUR_MS })
    const shop = db.tenant('shop')
    for (let n = 0; n < 300; n++) await shop.sessions.insert({ id: `s-${n}`, n })
    await db.flush()
    const scan = shop.sessions.scan().batches(1)
    await scan.next()
    world.env.clock.advance(HOUR_MS + 1)
    for (let round = 0; round < 4; round++) {
      await shop.sessions.upsert({ id: 's-1', n: round })
      await db.flush()
    }
    await db.compact()
    // Files go one a turn.
    for (let turn = 0; turn < 50; turn++) await world.env.clock.yield()
    const files = world.fs.list('/db').filter((name) => name.endsWith('.sst'))
    expect(files).toHaveLength(db.stats().tableCount)
    await expectCode('TXN_SNAPSHOT_TOO_OLD', () => scan.next())
    await world.close(db)
  })
})

test('bad input is refused, and changes nothing', async () => {
  const db = await openShop()
  const shop = db.tenant('shop')
  const wrong = (value: unknown) => value as never
  for (const ms of [-1, 1.5, Number.NaN, Infinity, '1', null, 3651 * 24 * HOUR_MS]) {
    await expectCode('ARGUMENT_INVALID', () => shop.setRetention({ historyWindowMs: wrong(ms) }))
    await expectCode('ARGUMENT_INVALID', () => shop.setRetention({ tables: { orders: wrong(ms) } }))
    await expectCode('SCHEMA_INVALID', () =>
      table('a', columns, { ...key, historyWindowMs: wrong(ms) }),
    )
  }
  for (const ms of [0, -1, 1.5, Infinity, '1', undefined]) {
    await expectCode('ARGUMENT_INVALID', () => db.pin({ owner: 'x', maxAgeMs: wrong(ms) }))
  }
  await expectCode('ARGUMENT_INVALID', () => shop.setRetention({ tables: wrong({ order: 1 }) }))
  await expectCode('ARGUMENT_INVALID', () => shop.setRetention(wrong(null)))
  await expectCode('OPTION_UNKNOWN', () => shop.setRetention(wrong({ window: 1 })))
  for (const text of ['', 7, undefined, '\ud800', 'x'.repeat(5000)]) {
    await expectCode('ARGUMENT_INVALID', () => shop.placeHold({ name: wrong(text), reason: 'r' }))
    await expectCode('ARGUMENT_INVALID', () => shop.placeHold({ name: 'n', reason: wrong(text) }))
    await expectCode('ARGUMENT_INVALID', () => shop.releaseHold(wrong(text)))
    await expectCode('ARGUMENT_INVALID', () => db.pin({ owner: wrong(text), maxAgeMs: 1 }))
  }
  await expectCode('ARGUMENT_INVALID', () =>
    shop.placeHold({ name: 'n', reason: 'r', from: wrong('yesterday') }),
  )
  await expectCode('OPTION_UNKNOWN', () => shop.placeHold(wrong({ name: 'n', reason: 'r', to: 1 })))
  expect(await shop.releaseHold('n')).toBe(false)
  expect(shop.holds()).toEqual([])
  expect(db.pins()).toEqual([])
  expect(db.tenants()).toEqual([])
  for (let i = 0; i < 100; i++) await shop.placeHold({ name: `n ${i}`, reason: 'r' })
  await expectCode('ARGUMENT_INVALID', () => shop.placeHold({ name: 'n', reason: 'r' }))
  await db.close()
  await expectCode('DB_CLOSED', () => shop.setRetention({}))
  await expectCode('DB_CLOSED', () => shop.holds())
  await expectCode('DB_CLOSED', () => db.pin({ owner: 'x', maxAgeMs: 1 }))
  await expectCode('DB_CLOSED', () => db.pins())
})
