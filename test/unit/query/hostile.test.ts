// Nonsense in, typed errors out: never a TypeError, a RangeError or an INTERNAL.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QueryKit } from './query-kit.js'

const columns = {
  id: 'int',
  txt: 'text?',
  flt: 'float?',
  big: 'bigint?',
  dec: 'decimal(12,2)?',
  ts: 'timestamp?',
  bool: 'boolean?',
  raw: 'bytes?',
  uid: 'uuid?',
  en: 'enum(a,b)?',
  doc: 'json?',
}

function kitOf(): QueryKit {
  const kit = new QueryKit().table('t', columns, ['id'], {
    i1: { on: ['dec', 'ts desc'] },
    i2: { on: ['flt'] },
    i3: { on: ['uid'], isUnique: true },
    i4: { on: ['bool', 'raw'] },
    i5: { on: ['big'] },
    i6: { on: ['en', 'txt'] },
  })
  const uid = '00000000-0000-0000-0000-00000000000'
  for (let id = 0; id < 4; id++) {
    kit.insert('t', [
      id,
      `x${id}`,
      id / 2,
      BigInt(id),
      150n,
      id * 1e6,
      id > 1,
      new Uint8Array([id]),
      uid + id,
      'a',
      { a: id },
    ])
  }
  return kit.insert('t', [9, ...Array.from({ length: 10 }, () => null)])
}

const names = Object.keys(columns)
const fixed =
  `1|0|-1|2.5|1e400|99999999999999999999|'x'|'1'|''|null|true|x'00'|timestamp '2024-01-01'|'2024-01-01'|
'$.a'|'{}'|?`
    .split('|')
    .map((text) => text.trim())
const FUNCTIONS =
  `abs sign round ceil floor length lower upper substr trim replace instr typeof coalesce ifnull min
  max date_trunc extract year week strftime json_extract nullif iif sum avg count total group_concat`.split(
    /\s+/,
  )
const INFIX = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '||',
  '->',
  '->>',
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  'is',
  'is not',
  'and',
  'or',
  'like',
]
const TYPES = [
  'int',
  'float',
  'bigint',
  'decimal(9,3)',
  'text',
  'timestamp',
  'boolean',
  'bytes',
  'uuid',
  'json',
]

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...names),
    fc.constantFrom(...fixed),
    fc
      .tuple(tie('expression'), fc.constantFrom(...INFIX), tie('expression'))
      .map((p) => `(${p.join(' ')})`),
    fc
      .tuple(fc.constantFrom(...FUNCTIONS), fc.array(tie('expression'), { maxLength: 3 }))
      .map(([name, args]) => `${name}(${args.join()})`),
    fc
      .tuple(tie('expression'), fc.constantFrom(...TYPES))
      .map(([x, type]) => `cast(${x} as ${type})`),
    fc
      .array(tie('expression'), { minLength: 1, maxLength: 4 })
      .map(([x, ...list]) => `(${x} in (${list.join()}))`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([x, y, z]) => `case ${x} when ${y} then ${z} else ${x} end`),
    fc.tuple(tie('expression'), tie('expression')).map(([x, y]) => `(${x} between ${y} and 5)`),
    tie('expression').map((x) => `(not ${x})`),
    tie('expression').map((x) => `(- ${x})`),
  ),
}))

const values = [
  1,
  1.5,
  -Infinity,
  'x',
  '1',
  null,
  true,
  5n,
  10n ** 40n,
  new Date(0),
  new Uint8Array([1]),
  { a: 1 },
]

async function runs(kit: QueryKit, text: string, value: unknown): Promise<boolean> {
  const count = text.split('?').length - 1
  try {
    await kit.result(
      text,
      Array.from({ length: count }, () => value),
    )
    return true
  } catch (error) {
    const { kind, code } = error as { kind?: string; code?: string }
    if (kind !== 'invalid') throw new Error(`${text} with ${String(value)}`, { cause: error })
    expect(code).toMatch(/^(SQL|SCHEMA|ROW|ARGUMENT|KEY)_/)
    return false
  }
}

test('well-formed nonsense', async () => {
  const kit = kitOf()
  let ranCount = 0
  await fc.assert(
    fc.asyncProperty(
      expression,
      expression,
      expression,
      fc.constantFrom(...values),
      async (x, y, z, value) => {
        const texts = [
          `select ${x}, ${y} from t where ${z}`,
          `select ${x} from t where id > 0 and ${y} order by ${z} limit 3`,
          `select ${x}, count(*) from t group by ${y} having ${z} order by 2`,
          `select distinct ${x} from t a join t b on ${y.replaceAll(/\b(id|txt|dec|ts)\b/g, 'a.$1')} = b.id`,
          `explain select ${x} from t where ${y} order by ${z}`,
        ]
        for (const text of texts) if (await runs(kit, text, value)) ranCount++
        await runs(kitOf(), `update t set txt = ${x}, dec = ${y} where ${z}`, value)
      },
    ),
    { numRuns: 250 },
  )
  expect(ranCount).toBeGreaterThan(100)
})

test('every column against every value, by key and by row', async () => {
  const kit = kitOf()
  kit.table('u', columns, ['id'])
  const rows = await kit.result('select * from t')
  expect(rows.rows).toHaveLength(5)
  const scan = kit.tableRows('t').scan(kit.store, {})
  while (scan.next()) kit.insert('u', scan.row)
  for (const name of names) {
    for (const sign of ['=', '<', '<=', '>', '>=', 'is']) {
      for (const right of fixed.slice(0, -1)) {
        const where = `where ${name} ${sign} ${right}`
        await expectSame(kit, where, [])
      }
      for (const value of values) await expectSame(kit, `where ${name} ${sign} ?`, [value])
    }
  }
})

/** The table with indexes answers as the one without. */
async function expectSame(kit: QueryKit, where: string, params: unknown[]): Promise<void> {
  const outcome = async (table: string): Promise<unknown> => {
    try {
      return (await kit.rows(`select id from ${table} ${where} order by id`, params)).join()
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect([where, params, await outcome('t')]).toEqual([where, params, await outcome('u')])
}

test('token soup', async () => {
  const kit = kitOf()
  const words =
    `select from where group by having order limit offset join on inner as of case when then else end in
    is not null between and or like t id txt dec * ( ) , . ; = < + - 1 'a' "q" ? null count( cast( int explain insert into
    values update set delete nulls first desc distinct /* -- || -> x'0' timestamp extract(`.split(
      /\s+/,
    )
  const soup = fc
    .array(fc.constantFrom(...words), { maxLength: 20 })
    .map((parts) => parts.join(' '))
  const starts = fc.constantFrom(
    '',
    'select ',
    'select id from t ',
    'insert into t ',
    'update t set ',
  )
  await fc.assert(
    fc.asyncProperty(starts, soup, async (start, rest) => {
      await runs(kit, start + rest, 1)
    }),
    { numRuns: 1500 },
  )
})

test('any text at all', async () => {
  const kit = kitOf()
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(text, async (rest) => {
      await runs(kit, rest, 1)
      await runs(kit, `select '${rest}' from t where ${rest}`, 1)
    }),
    { numRuns: 250 },
  )
})
