// Tenants do not see each other: random work on fifty of them at once, compared with fifty maps.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { openShop, order, type Shop, temporaryDirectory } from './db-kit.js'

const TENANT_COUNT = 50
const KEY_COUNT = 12

// Pairs of names that differ in little: by case, by an accent's form, by a separator, by one more character.
const NAMES = Array.from(
  { length: TENANT_COUNT },
  (_, n) =>
    [`shop-${n}`, `SHOP-${n}`, `shop-${n} `, `shop/${n}`, `caf\u00e9${n}`, `cafe\u0301${n}`][
      n % 6
    ]!,
)

type Model = Map<string, number>

const operation = fc.record({
  tenant: fc.nat(TENANT_COUNT - 1),
  key: fc.nat(KEY_COUNT - 1).map((n) => `key-${n}`),
  value: fc.nat(1000),
  kind: fc.constantFrom('upsert', 'insert', 'update', 'delete', 'sql update', 'sql delete', 'move'),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

async function apply(db: Shop, models: readonly Model[], step: Operation): Promise<void> {
  const { tenant, key, value, kind } = step
  const shop = db.tenant(NAMES[tenant]!)
  const model = models[tenant]!
  switch (kind) {
    case 'upsert':
      await shop.counters.upsert({ id: key, n: value })
      model.set(key, value)
      return
    case 'insert':
      if (model.has(key)) {
        await expect(shop.counters.insert({ id: key, n: value })).rejects.toThrow(
          'ROW_DUPLICATE_KEY',
        )
      } else {
        model.set(key, value)
        await shop.counters.insert({ id: key, n: value })
      }
      return
    case 'update':
      expect(await shop.counters.update(key, { n: value })).toBe(model.has(key))
      if (model.has(key)) model.set(key, value)
      return
    case 'delete':
      expect(await shop.counters.delete(key)).toBe(model.delete(key))
      return
    case 'sql update':
      await shop.sql`update counters set n = n + ${value} where id >= ${key}`
      for (const [id, n] of model) if (id >= key) model.set(id, n + value)
      return
    case 'sql delete':
      await shop.sql`delete from counters where n % 7 = ${value % 7}`
      for (const [id, n] of model) if (n % 7 === value % 7) model.delete(id)
      return
    case 'move': {
      // The same row, away from this tenant and over to the next one.
      const other = (tenant + 1) % TENANT_COUNT
      await db.transact(async (tx) => {
        const row = await tx.tenant(NAMES[tenant]!).counters.get(key)
        if (row === undefined) return
        await tx.tenant(NAMES[tenant]!).counters.delete(key)
        await tx.tenant(NAMES[other]!).counters.upsert(row)
      })
      const n = model.get(key)
      if (n === undefined) return
      model.delete(key)
      models[other]!.set(key, n)
    }
  }
}

async function compare(db: Shop, models: readonly Model[]): Promise<void> {
  for (const [tenant, model] of models.entries()) {
    const shop = db.tenant(NAMES[tenant]!)
    const expected = [...model].map(([id, n]) => ({ id, n })).sort((a, b) => (a.id < b.id ? -1 : 1))
    expect(await shop.counters.scan().toArray()).toEqual(expected)
    expect(await shop.sql`select id, n from counters order by id`).toEqual(expected)
    expect(shop.counters.getSync('key-3')?.n).toBe(model.get('key-3'))
  }
}

test('fifty tenants with the same keys stay fifty maps, also after reopening', async () => {
  let runIndex = 0
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 100, maxLength: 250 }), async (steps) => {
      const path = temporaryDirectory()
      const models = NAMES.map((): Model => new Map())
      const settings = {
        path,
        tabletCount: [1, 4, 16][runIndex++ % 3]!,
        memoryBudgetBytes: 4 << 20,
      }
      let db = await openShop(settings)
      for (const [i, step] of steps.entries()) {
        await apply(db, models, step)
        if (i === 60) await db.flush()
        if (i === 90) await db.compact()
      }
      await compare(db, models)
      await db.close()
      db = await openShop(settings)
      await compare(db, models)
      await db.close()
    }),
    { numRuns: 5 },
  )
})

test('the same key of two tenants is two rows, two indexes, two histories', async () => {
  const db = await openShop()
  const [a, b] = [db.tenant('a'), db.tenant('b')]
  await Promise.all([
    a.orders.insert(order(1, { note: 'x' })),
    b.orders.insert(order(1, { note: 'x' })),
  ])
  await a.orders.update('o-00001', { status: 'paid' })
  await b.orders.delete('o-00001')
  expect((await a.orders.get('o-00001'))?.status).toBe('paid')
  expect(await a.orders.history('o-00001')).toHaveLength(2)
  expect((await b.orders.history('o-00001')).map(({ row }) => row?.status)).toEqual([
    undefined,
    'placed',
  ])
  expect(await a.orders.scan({ index: 'byNote' }).toArray()).toHaveLength(1)
  expect(await b.orders.scan({ index: 'byNote' }).toArray()).toHaveLength(0)
})
