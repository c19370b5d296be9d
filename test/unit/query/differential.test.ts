// Random statements against a straightforward evaluation in JavaScript. Generated parts carry their own meaning: the text
// and a function of a row.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QueryKit } from './query-kit.js'

type Value = number | string | null
interface Row {
  id: number
  a: number | null
  b: number | null
  s: string | null
  f: number | null
}
interface Part<V extends Value = Value> {
  sql: string
  of: (row: Row) => V
}

const numbers = fc.integer({ min: -4, max: 4 })
const texts = fc.constantFrom('', 'a', 'ab', 'b', 'B', '\u{1f600}', '\uffee')
const floats = fc.constantFrom(-1.5, 0, 0.25, 2, 3.5)
const orNull = <V>(values: fc.Arbitrary<V>) => fc.option(values, { nil: null, freq: 4 })

const rowsOf: fc.Arbitrary<Row[]> = fc
  .array(
    fc.record({ a: orNull(numbers), b: orNull(numbers), s: orNull(texts), f: orNull(floats) }),
    { maxLength: 14 },
  )
  .map((rows) => rows.map((row, i) => ({ id: (i * 5) % 14, ...row })))

const quote = (value: Value): string =>
  value === null ? 'null' : typeof value === 'string' ? `'${value}'` : String(value)

const both =
  (compute: (x: number, y: number) => number | null) =>
  (x: number | null, y: number | null): number | null =>
    x === null || y === null ? null : compute(x, y)

const ARITHMETIC: [string, (x: number | null, y: number | null) => number | null][] = [
  ['+', both((x, y) => x + y)],
  ['-', both((x, y) => x - y)],
  ['*', both((x, y) => x * y + 0)],
  ['/', both((x, y) => (y === 0 ? null : Math.trunc(x / y) + 0))],
  ['%', both((x, y) => (y === 0 ? null : (x % y) + 0))],
]

const byCodePoint = (x: string, y: string): number => Buffer.compare(Buffer.from(x), Buffer.from(y))
const order = (x: Value, y: Value): number => {
  if (x === null || y === null) return x === y ? 0 : x === null ? -1 : 1
  if (typeof x === 'string' || typeof y === 'string') return byCodePoint(String(x), String(y))
  return x - y
}
const COMPARISONS: [string, (difference: number) => boolean][] = [
  ['=', (d) => d === 0],
  ['<>', (d) => d !== 0],
  ['<', (d) => d < 0],
  ['<=', (d) => d <= 0],
  ['>', (d) => d > 0],
  ['>=', (d) => d >= 0],
]
const compare = (holds: (d: number) => boolean, x: Value, y: Value): number | null =>
  x === null || y === null ? null : Number(holds(order(x, y)))

const { number, text, truth } = fc.letrec<{
  number: Part<number | null>
  text: Part<string | null>
  truth: Part<number | null>
}>((tie) => ({
  number: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('a', 'b', 'id').map((name) => ({
      sql: name,
      of: (row: Row) => row[name as 'a'],
    })),
    orNull(numbers).map((value) => ({ sql: `(${quote(value)})`, of: () => value })),
    fc
      .tuple(tie('number'), fc.constantFrom(...ARITHMETIC), tie('number'))
      .map(([x, [sign, compute], y]) => ({
        sql: `(${x.sql} ${sign} ${y.sql})`,
        of: (row: Row) => compute(x.of(row), y.of(row)),
      })),
    fc.tuple(tie('truth'), tie('number'), tie('number')).map(([c, x, y]) => ({
      sql: `case when ${c.sql} then ${x.sql} else ${y.sql} end`,
      of: (row: Row) => (c.of(row) ? x.of(row) : y.of(row)),
    })),
    fc.tuple(tie('number'), tie('number')).map(([x, y]) => ({
      sql: `coalesce(${x.sql}, abs(${y.sql}))`,
      of: (row: Row) => x.of(row) ?? ((v) => (v === null ? null : Math.abs(v)))(y.of(row)),
    })),
    tie('text').map((x) => ({
      sql: `length(${x.sql})`,
      of: (row: Row) => ((v) => (v === null ? null : [...v].length))(x.of(row)),
    })),
    tie('truth'),
  ),
  text: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.constant({ sql: 's', of: (row: Row) => row.s }),
    orNull(texts).map((value) => ({ sql: `coalesce(null, ${quote(value)})`, of: () => value })),
    fc.tuple(tie('text'), tie('text')).map(([x, y]) => ({
      sql: `(${x.sql} || ${y.sql})`,
      of: (row: Row) => {
        const [p, q] = [x.of(row), y.of(row)]
        return p === null || q === null ? null : p + q
      },
    })),
  ),
  truth: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc
      .tuple(tie('number'), fc.constantFrom(...COMPARISONS), tie('number'))
      .map(([x, [sign, holds], y]) => ({
        sql: `(${x.sql} ${sign} ${y.sql})`,
        of: (row: Row) => compare(holds, x.of(row), y.of(row)),
      })),
    fc
      .tuple(tie('text'), fc.constantFrom(...COMPARISONS), tie('text'))
      .map(([x, [sign, holds], y]) => ({
        sql: `(${x.sql} ${sign} ${y.sql})`,
        of: (row: Row) => compare(holds, x.of(row), y.of(row)),
      })),
    fc
      .tuple(fc.constantFrom('a', 'b', 'id'), fc.array(orNull(numbers), { maxLength: 3 }))
      .map(([name, list]) => ({
        sql: `(${name} in (${list.map(quote).join()}))`,
        of: (row: Row) => {
          const value = row[name as 'a']
          if (list.length === 0) return 0
          if (value === null) return null
          return list.includes(value) ? 1 : list.includes(null) ? null : 0
        },
      })),
    fc.tuple(fc.constantFrom('a', 'b'), numbers, numbers).map(([name, x, y]) => ({
      sql: `(${name} between ${x} and ${y})`,
      of: (row: Row) => {
        const value = row[name as 'a']
        return value === null ? null : Number(value >= x && value <= y)
      },
    })),
    fc.constantFrom('a', 's').map((name) => ({
      sql: `(${name} is null)`,
      of: (row: Row) => Number(row[name as 'a'] === null),
    })),
    fc.tuple(fc.constantFrom('f > ', 'f <= '), floats).map(([sign, x]) => ({
      sql: `(${sign}${x})`,
      of: ({ f }: Row) => (f === null ? null : Number(sign === 'f > ' ? f > x : f <= x)),
    })),
    fc.tuple(fc.constantFrom('a > ', 'a < '), floats).map(([sign, x]) => ({
      sql: `(${sign}${x})`,
      of: ({ a }: Row) => (a === null ? null : Number(sign === 'a > ' ? a > x : a < x)),
    })),
    tie('truth').map((x) => ({
      sql: `(not ${x.sql})`,
      of: (row: Row) => ((v) => (v === null ? null : Number(!v)))(x.of(row)),
    })),
    fc.tuple(tie('truth'), tie('truth')).map(([x, y]) => ({
      sql: `(${x.sql} or ${y.sql})`,
      of: (row: Row) => {
        const [p, q] = [x.of(row), y.of(row)]
        return p || q ? 1 : p === null || q === null ? null : 0
      },
    })),
  ),
}))

const conjuncts = fc.array(truth, { maxLength: 3 })
const passes = (parts: readonly Part[], row: Row): boolean => parts.every((part) => part.of(row))
const whereOf = (parts: readonly Part[]): string =>
  parts.length === 0 ? '' : ` where ${parts.map((part) => part.sql).join(' and ')}`

/** The same rows in tables of other keys and indexes. */
function kitOf(rows: readonly Row[]): QueryKit {
  const columns = { id: 'int', a: 'int?', b: 'int?', s: 'text?', f: 'float?' }
  const kit = new QueryKit()
    .table('plain', columns, ['id'])
    .table('indexed', columns, ['id desc'], {
      byA: { on: ['a', 'b desc'] },
      byS: { on: ['s', 'id'] },
      byF: { on: ['f desc'] },
      byB: { on: ['b', 'id'], isUnique: true },
    })
  for (const { id, a, b, s, f } of rows) {
    kit.insert('plain', [id, a, b, s, f])
    kit.insert('indexed', [id, a, b, s, f])
  }
  return kit
}

const table = fc.constantFrom('plain', 'indexed')

test('expressions and where', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, table, number, text, conjuncts, async (rows, from, n, t, where) => {
      const found = await kitOf(rows).rows(
        `select id, ${n.sql}, ${t.sql} from ${from}${whereOf(where)} order by id`,
      )
      const expected = rows
        .filter((row) => passes(where, row))
        .toSorted((x, y) => x.id - y.id)
        .map((row) => [row.id, n.of(row), t.of(row)])
      expect(found).toEqual(expected)
    }),
    { numRuns: 400 },
  )
})

const orderTerm = fc.record({
  by: fc.oneof(
    fc.constantFrom('id', 'a', 'b', 's', 'f').map((name) => ({
      sql: name,
      of: (row: Row) => row[name as 'a'] as Value,
    })),
    number,
  ),
  isDescending: fc.boolean(),
  nulls: fc.constantFrom('', ' nulls first', ' nulls last'),
})

test('order by, limit and offset', async () => {
  const limits = fc.record({ limit: fc.option(fc.nat(6)), offset: fc.nat(4) })
  const terms = fc.array(orderTerm, { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(
      rowsOf,
      table,
      conjuncts,
      terms,
      limits,
      async (rows, from, where, by, range) => {
        const order_by = by
          .map((term) => `${term.by.sql}${term.isDescending ? ' desc' : ''}${term.nulls}`)
          // A whole number would be a position.
          .map((sql) => (/^\(?-?\d/.test(sql) ? `0 + ${sql}` : sql))
        const { limit, offset } = range
        const found = await kitOf(rows).rows(
          `select id from ${from}${whereOf(where)} order by ${order_by.join()}, id
         limit ${limit ?? -1} offset ${offset}`,
        )
        const sorted = rows
          .filter((row) => passes(where, row))
          .toSorted((x, y) => {
            for (const { by: part, isDescending, nulls } of by) {
              const [p, q] = [part.of(x), part.of(y)]
              const isNullCase = nulls !== '' && (p === null) !== (q === null)
              const difference = isNullCase
                ? (p === null) === (nulls === ' nulls first')
                  ? -1
                  : 1
                : order(p, q) * (isDescending ? -1 : 1)
              if (difference !== 0) return difference
            }
            return x.id - y.id
          })
        const end = limit === null ? undefined : offset + limit
        expect(found.flat()).toEqual(sorted.slice(offset, end).map((row) => row.id))
      },
    ),
    { numRuns: 400 },
  )
})

test('group by and having', async () => {
  await fc.assert(
    fc.asyncProperty(
      rowsOf,
      table,
      conjuncts,
      number,
      number,
      async (rows, from, where, key, n) => {
        const found = await kitOf(rows).rows(
          `select ${key.sql} + 0 as k, count(*), count(${n.sql}), sum(${n.sql}), min(s), max(${n.sql}),
         count(distinct a), avg(b) from ${from}${whereOf(where)}
         group by ${key.sql} + 0 having count(*) > 1 order by k`,
        )
        const groups = new Map<Value, Row[]>()
        for (const row of rows.filter((one) => passes(where, one))) {
          const k = key.of(row)
          groups.set(k, [...(groups.get(k) ?? []), row])
        }
        const expected = [...groups]
          .filter(([, group]) => group.length > 1)
          .toSorted(([x], [y]) => order(x, y))
          .map(([k, group]) => {
            const present = <V extends Value>(values: V[]) => values.filter((v) => v !== null)
            const values = present(group.map((row) => n.of(row)))
            const sum = values.reduce((total: number, v) => total + v!, 0)
            const names = present(group.map((row) => row.s)).toSorted(order)
            const bs = present(group.map((row) => row.b)) as number[]
            return [
              k,
              group.length,
              values.length,
              values.length === 0 ? null : sum,
              names[0] ?? null,
              values.length === 0 ? null : Math.max(...(values as number[])),
              new Set(present(group.map((row) => row.a))).size,
              bs.length === 0 ? null : bs.reduce((total, v) => total + v, 0) / bs.length,
            ]
          })
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 300 },
  )
})

test('joins', async () => {
  const condition = fc.constantFrom(
    ['x.a = y.b', (x: Row, y: Row) => x.a !== null && x.a === y.b],
    ['x.id = y.a', (x: Row, y: Row) => x.id === y.a],
    ['y.s = x.s and x.id < y.id', (x: Row, y: Row) => x.s !== null && x.s === y.s && x.id < y.id],
    [
      'x.a = y.a and y.b = x.b',
      (x: Row, y: Row) => x.a !== null && x.a === y.a && x.b !== null && x.b === y.b,
    ],
    ['x.f = y.a', (x: Row, y: Row) => x.f !== null && x.f === y.a],
    ['x.a + 1 = y.id', (x: Row, y: Row) => x.a !== null && x.a + 1 === y.id],
    ['x.a > y.a', (x: Row, y: Row) => x.a !== null && y.a !== null && x.a > y.a],
  ) as fc.Arbitrary<[string, (x: Row, y: Row) => boolean]>
  await fc.assert(
    fc.asyncProperty(
      rowsOf,
      table,
      table,
      condition,
      fc.nat(13),
      fc.boolean(),
      async (rows, left, right, [on, matches], id, isNarrow) => {
        const narrow = isNarrow ? ` where x.id = ${id}` : ''
        const found = await kitOf(rows).rows(
          `select x.id, y.id, y.s from ${left} x join ${right} y on ${on}${narrow} order by 1, 2`,
        )
        const sorted = rows.toSorted((x, y) => x.id - y.id)
        const expected = sorted
          .filter((x) => !isNarrow || x.id === id)
          .flatMap((x) => sorted.filter((y) => matches(x, y)).map((y) => [x.id, y.id, y.s]))
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 400 },
  )
})

test('update and delete', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, conjuncts, number, conjuncts, async (rows, where, n, gone) => {
      const kit = kitOf(rows)
      await kit.result(`update plain set a = ${n.sql}, f = id${whereOf(where)}`)
      await kit.result(`delete from plain${whereOf(gone)}`)
      const expected = rows
        .map((row) => (passes(where, row) ? { ...row, a: n.of(row), f: row.id } : row))
        .filter((row) => !passes(gone, row))
        .toSorted((x, y) => x.id - y.id)
        .map(({ id, a, b, s, f }) => [id, a, b, s, f])
      expect(await kit.rows('select * from plain')).toEqual(expected)
    }),
    { numRuns: 200 },
  )
})
