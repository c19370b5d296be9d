import { describe, expect, test } from 'vitest'
import { QueryKit } from './query-kit.js'

function kitOf(): QueryKit {
  return new QueryKit().table(
    't',
    {
      id: 'int',
      name: 'text?',
      n: 'int?',
      price: 'decimal(6,2)?',
      at: 'timestamp?',
      tags: 'json?',
      kind: 'enum(a,b)?',
      big: 'bigint?',
      isOn: 'boolean?',
      micros: 'timestamp(6)?',
    },
    ['id'],
    { byN: { on: ['n'] }, byName: { on: ['name'], isUnique: true } },
  )
}

describe('insert', () => {
  test('named columns, defaults, several rows', async () => {
    const kit = kitOf()
    const { affectedCount, rows } = await kit.result(
      `insert into t (id, name, price, at, tags, kind, big, isOn, micros) values
       (1, 'x' || 'y', 12.5, '2024-01-01', '{"a":[1]}', 'a', 7, 1, timestamp '2024-01-01'),
       (?, null, ?, ?, ?, ?, ?, ?, ?)`,
      [2, '1.10', new Date(5), { b: 1 }, 'b', 5n, false, 5001n],
    )
    expect([affectedCount, rows]).toEqual([2, []])
    expect(
      await kit.rows('select id, name, n, price, at, tags, kind, big, isOn, micros from t'),
    ).toEqual([
      [
        1,
        'xy',
        null,
        '12.50',
        new Date('2024-01-01'),
        { a: [1] },
        'a',
        7n,
        true,
        1704067200000000n,
      ],
      [2, null, null, '1.10', new Date(5), { b: 1 }, 'b', 5n, false, 5001n],
    ])
  })

  test('all columns in their order', async () => {
    const kit = new QueryKit().table('p', { id: 'int', f: 'float' }, ['id'])
    await kit.result('insert into p values (1, 2), (2 + 1, 9007199254740991)')
    expect(await kit.rows('select * from p')).toEqual([
      [1, 2],
      [3, 9007199254740991],
    ])
  })

  test.each([
    ['insert into t (id) values (1, 2)', 'SQL_SYNTAX'],
    ['insert into t (id, id) values (1, 2)', 'SQL_SYNTAX'],
    ['insert into t (id, nope) values (1, 2)', 'SQL_UNKNOWN_NAME'],
    ['insert into nope values (1)', 'SQL_UNKNOWN_NAME'],
    ['insert into t (name) values (1)', 'SQL_TYPE'],
    ["insert into t (name) values ('a')", 'SCHEMA_MISSING_COLUMN'],
    ['insert into t (id) values (null)', 'SCHEMA_TYPE_MISMATCH'],
    ["insert into t (id) values ('1')", 'SQL_TYPE'],
    ['insert into t (id) values (1.5)', 'SCHEMA_TYPE_MISMATCH'],
    ['insert into t (id, price) values (1, 1.005)', 'SCHEMA_TYPE_MISMATCH'],
    ['insert into t (id, price) values (1, 99999)', 'SCHEMA_TYPE_MISMATCH'],
    ["insert into t (id, at) values (1, 'soon')", 'SCHEMA_TYPE_MISMATCH'],
    ['insert into t (id, at) values (1, 5)', 'SQL_TYPE'],
    ["insert into t (id, kind) values (1, 'c')", 'SCHEMA_TYPE_MISMATCH'],
    ["insert into t (id, tags) values (1, '{')", 'SCHEMA_TYPE_MISMATCH'],
    ['insert into t (id, isOn) values (1, 2)', 'SCHEMA_TYPE_MISMATCH'],
    ['insert into t (id, n) values (1, id)', 'SQL_UNKNOWN_NAME'],
    ['insert into t (id, n) values (1, count(*))', 'SQL_TYPE'],
    ['insert into t (id) values (1), (1)', 'ROW_DUPLICATE_KEY'],
    ["insert into t (id, name) values (1, 'a'), (2, 'a')", 'ROW_UNIQUE_VIOLATION'],
  ])('%s', async (text, code) => {
    expect((await kitOf().refusal(text)).code).toBe(code)
  })
})

describe('update and delete', () => {
  async function filled(): Promise<QueryKit> {
    const kit = kitOf()
    for (let id = 1; id <= 5; id++)
      await kit.result('insert into t (id, n) values (?, ?)', [id, id * 10])
    return kit
  }

  test('an update does not meet its own writes', async () => {
    const kit = await filled()
    const { affectedCount } = await kit.result('update t set n = n + 15 where n > 0')
    expect(affectedCount).toBe(5)
    expect(await kit.rows('select n from t')).toEqual([[25], [35], [45], [55], [65]])
    // Along the primary key that it changes.
    await kit.result('update t set id = id + 100 where id >= 3')
    expect(await kit.rows('select id from t')).toEqual([[1], [2], [103], [104], [105]])
  })

  test('assignments see the row as it was, the last one of a column counts', async () => {
    const kit = await filled()
    await kit.result('update t set n = 1, n = id, price = n, name = ? where id = 2', ['x'])
    expect(await kit.rows('select n, price, name from t where id = 2')).toEqual([[2, '20.00', 'x']])
    // The first value could not even be stored.
    await kit.result('update t set id = n / 0, id = 9 where id = 2')
    expect(await kit.rows('select id from t where n = 2')).toEqual([[9]])
  })

  test('indexes follow', async () => {
    const kit = await filled()
    await kit.result('update t set n = null where n between 20 and 30')
    expect(await kit.rows('select id from t where n is null')).toEqual([[2], [3]])
    expect(await kit.explain('select id from t where n is null')).toContain(
      '  read t by index byN (n is null)',
    )
    expect(
      (await kit.result('delete from t where n is null or n = :n', { n: 50 })).affectedCount,
    ).toBe(3)
    expect(await kit.rows('select id from t order by n desc')).toEqual([[4], [1]])
    expect((await kit.result('delete from t')).affectedCount).toBe(2)
    expect(kit.store.entries).toEqual([])
  })

  test('nothing matches', async () => {
    const kit = await filled()
    expect((await kit.result('update t set n = 1 where id = 77')).affectedCount).toBe(0)
    expect((await kit.result('delete from t where null')).affectedCount).toBe(0)
    const context = { ...kit.context(), rows: () => undefined }
    expect((await kit.prepare('delete from t').execute(context)).affectedCount).toBe(0)
  })

  test.each([
    ['update t set nope = 1', 'SQL_UNKNOWN_NAME'],
    ['update t set n = count(*)', 'SQL_TYPE'],
    ['update t set n = 1 where count(*) > 0', 'SQL_TYPE'],
    ["update t set n = 'x'", 'SQL_TYPE'],
    ['update t set id = null', 'SCHEMA_TYPE_MISMATCH'],
    ["update t set name = 'same'", 'ROW_UNIQUE_VIOLATION'],
    ['update t set id = 1 where id = 2', 'ROW_DUPLICATE_KEY'],
    ['delete from t where nope = 1', 'SQL_UNKNOWN_NAME'],
  ])('%s', async (text, code) => {
    expect((await (await filled()).refusal(text)).code).toBe(code)
  })

  test('long writes let other work run', async () => {
    const kit = kitOf()
    const values = Array.from({ length: 4000 }, (_, i) => `(${i}, ${i % 7})`)
    kit.mayYield = true
    await kit.result(`insert into t (id, n) values ${values.join()}`)
    await kit.result('update t set n = n + 1')
    await kit.result('delete from t where n = 1')
    expect(kit.pauseCount).toBeGreaterThan(5)
    expect(await kit.rows('select count(*), min(n) from t')).toEqual([[3428, 2]])
  })

  test('which statements write', () => {
    const kit = kitOf()
    expect(kit.prepare('select 1').isWrite).toBe(false)
    expect(kit.prepare('explain select 1').isWrite).toBe(false)
    expect(kit.prepare('delete from t').isWrite).toBe(true)
  })
})
