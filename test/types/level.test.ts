// What the compiler lets a program say to a Level database. The checks happen in `tsc -p test/tsconfig.json`; nothing here
// runs against a real one.

import type { AbstractLevel, AbstractSublevel } from 'abstract-level'
import { expectTypeOf, test } from 'vitest'

import { levelOf, TabulariumLevel, type TenantLevel } from '../../dist/connect/level.js'
import { type Database, type RawBytes, t, table } from '../../dist/index.js'

const orders = table('orders', { id: t.text() }, { primaryKey: ['id'] })

interface Order {
  readonly total: number
}

/** Only compiled: the function is never called. */
function compiled(program: (level: TabulariumLevel<string, Order>) => unknown): void {
  expectTypeOf(program).toBeFunction()
}

test('keys and values are those of the encodings', () => {
  compiled(async (level) => {
    expectTypeOf(await level.get('o-1')).toEqualTypeOf<Order | undefined>()
    expectTypeOf(level.getSync('o-1')).toEqualTypeOf<Order | undefined>()
    expectTypeOf(await level.getMany(['o-1'])).toEqualTypeOf<(Order | undefined)[]>()
    expectTypeOf(await level.hasMany(['o-1'])).toEqualTypeOf<boolean[]>()
    await level.put('o-1', { total: 1 })
    // @ts-expect-error a value of another type
    await level.put('o-1', 'text')
    // @ts-expect-error a key of another type
    await level.get(1)
    for await (const [key, value] of level.iterator({ gte: 'o-', lt: 'p', reverse: true })) {
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(value).toEqualTypeOf<Order>()
    }
    const bytes = await level.get<Uint8Array, string>(Uint8Array.of(1), {
      keyEncoding: 'view',
      valueEncoding: 'utf8',
    })
    expectTypeOf(bytes).toEqualTypeOf<string | undefined>()
  })
})

test('writes take sync, in batches and over sublevels', () => {
  compiled(async (level) => {
    await level.put('o-1', { total: 1 }, { sync: true })
    await level.del('o-1', { sync: true })
    await level.batch([{ type: 'put', key: 'o-1', value: { total: 2 } }], { sync: false })
    await level.batch().put('o-1', { total: 3 }).del('o-2').write({ sync: true })
    // @ts-expect-error
    await level.put('o-1', { total: 1 }, { sync: 'yes' })
    const drafts = level.sublevel<string, Order>('drafts', { valueEncoding: 'json' })
    const sublevel: AbstractSublevel<typeof level, RawBytes, string, Order> = drafts
    expectTypeOf(sublevel.parent).toEqualTypeOf<typeof level>()
    await level.batch([{ type: 'del', key: 'o-1', sublevel: drafts }])
    await using snapshot = level.snapshot()
    expectTypeOf(await drafts.get('o-1', { snapshot })).toEqualTypeOf<Order | undefined>()
  })
})

test('it is an abstract-level database, made of a directory or a tenant', () => {
  expectTypeOf((db: Database<{ orders: typeof orders }>) =>
    levelOf<string, number>(db, 'a', { valueEncoding: 'json' }),
  ).returns.toEqualTypeOf<TenantLevel<string, number>>()
  compiled((level) => {
    // Comparable only: whether the compiler finds it assignable, too, depends on which files it checks before this one.
    const ofTenant = level as TenantLevel<string, Order>
    const abstract = level as AbstractLevel<RawBytes, string, Order>
    const any = level as AbstractLevel<any, any, any>
    expectTypeOf(level.location).toEqualTypeOf<string>()
    return [ofTenant, abstract, any]
  })
  expectTypeOf(TabulariumLevel<string, string>).toBeConstructibleWith('./data', {
    settings: { memoryBudgetBytes: 4 << 20 },
    errorIfExists: true,
  })
  compiled(() => [
    // @ts-expect-error a setting that does not exist
    new TabulariumLevel('./data', { settings: { cacheSize: 1 } }),
    // @ts-expect-error a tenant is there or not: there is nothing to create
    levelOf({} as Database<{}>, 'a', { createIfMissing: false }),
  ])
})
