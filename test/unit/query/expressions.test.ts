import { describe, expect, test } from 'vitest'
import { QueryKit } from './query-kit.js'

const kit = new QueryKit()

describe('values', () => {
  test.each<[string, unknown]>([
    ['7 / 2', 3],
    ['-7 / 2', -3],
    ['-7 % 3', -1],
    ['7.0 / 2', 3.5],
    ['1 / 0', null],
    ['1.5 % 0', null],
    ['1 + null', null],
    ['0 * -5', 0],
    ['- 0', 0],
    ["'12abc' + 1", 13],
    ['1 = 1.0', 1],
    ["1 = '1'", 0],
    ["1 < 'a'", 1],
    ['null = null', null],
    ['null is null', 1],
    ['1 is null', 0],
    ['1 is not 2', 1],
    ['null and 0', 0],
    ['null and 1', null],
    ['null or 1', 1],
    ['not null', null],
    ['1 in (1, null)', 1],
    ['2 in (1, null)', null],
    ['2 not in (1, 3)', 1],
    ['null in ()', 0],
    ['null not in ()', 1],
    ["'b' in ('a', 'b')", 1],
    ['2 between 1 and 3', 1],
    ['2 not between 1 and null', null],
    ['5 not between 1 and 3', 1],
    ["'Abc' like 'a_C'", 1],
    ["'50%' like '50!%' escape '!'", 1],
    ["'505' like '50!%' escape '!'", 0],
    ["'a!' like 'a!' escape '!'", 0],
    ["'a' like '%a' escape 'a'", 0],
    ["'5%' like '5%%' escape '%'", 1],
    ["'5x' like '5%' escape '%'", 0],
    ["'abcabd' like '%ab%d'", 1],
    ["'' like '%'", 1],
    ["'😀' like '_'", 1],
    ["1 || 'a' || 2.0", '1a2.0'],
    ["'a' || null", null],
    ['case when null then 1 when 2 then 3 end', 3],
    ['case 2 when 1 then 1 end', null],
    ["case 'a' when 'a' then 1.5 else 2 end", 1.5],
    ["case when 1 then 1 else 'x' end", 1],
    ['coalesce(null, null, 3, 1 / 0)', 3],
    ['nullif(1, 1)', null],
    ['nullif(1, 2)', 1],
    ["iif(1 > 2, 'a', 'b')", 'b'],
    ["ifnull(null, 'x')", 'x'],
    ['abs(-3)', 3],
    ['abs(null)', null],
    ['max(1, 3, 2)', 3],
    ['min(1, null)', null],
    ["length('aé😀')", 3],
    ["lower('ABCÄ')", 'abcÄ'],
    ["upper('abcä')", 'ABCä'],
    ["substr('hello', 2)", 'ello'],
    ["substr('hello', 2, 3)", 'ell'],
    ["substr('hello', -3, 2)", 'll'],
    ["substr('hello', -7)", 'hello'],
    ["substr('hello', -7, 3)", 'h'],
    ["substr('hello', 0)", 'hello'],
    ["substr('hello', 0, -2)", ''],
    ["substr('hello', 0, 3)", 'he'],
    ["substring('hello', 4, -2)", 'el'],
    ["trim('  a ')", 'a'],
    ["rtrim('xay', 'xy')", 'xa'],
    ["replace('aXbX', 'X', '$&')", 'a$&b$&'],
    ["instr('hello', 'l')", 3],
    ['round(2.5)', 3],
    ['round(-2.567, 2)', -2.57],
    ['round(7)', 7],
    ['3 is true', 1],
    ["'2a' is not true", 0],
    ['null is not false', 1],
    ['0.5 is false', 0],
    ["cast(cast('-9007199254740984.95' as decimal(18, 2)) as int)", -9007199254740984],
    ['coalesce(floor(null), 7) / 2', 3],
    ['ceil(1.2)', 2],
    ['ceil(3) / 2', 1],
    ['typeof(floor(3))', 'integer'],
    ["cast('12.7' as integer)", 12],
    ['cast(-12.7 as int)', -12],
    ["cast('12.7x' as real)", 12.7],
    ['cast(5 as text)', '5'],
    ['cast(null as integer)', null],
    ["cast('1.005' as decimal(10, 2))", '1.01'],
    ['cast(0.1 as decimal(5, 1)) + 0.20', '0.30'],
    ["cast('1.50' as decimal(9,2)) * 1.5", '2.250'],
    ["cast('1' as decimal) / 3", '0.333333'],
    ["cast('-2.5' as decimal(5,1)) % 2", '-0.5'],
    ["cast('1.10' as decimal(9,2)) = 1.1", 1],
    ["cast('0.1' as decimal(9,1)) + cast('0.2' as decimal(9,1)) = 0.3", 1],
    ["cast('1.5' as decimal(5,1)) * cast('2' as real)", 3],
    ["round(cast('2.345' as decimal(9,3)), 2)", '2.35'],
    ["abs(cast('-2.345' as decimal(9,3)))", '2.345'],
    ['9007199254740993', 9007199254740993n],
    ['9007199254740993 + 1', 9007199254740994n],
    ['cast(10 as bigint) / 4', 2n],
    ['true', true],
    ['true and 1', 1],
    ['true + 1', 2],
    ["x'0aff'", new Uint8Array([10, 255])],
    ["length(x'0aff')", 2],
    ["timestamp '2024-02-29'", new Date('2024-02-29T00:00:00Z')],
    ["timestamp '2024-02-29' < '2024-03-01T00:00:00+02:00'", 1],
    ["timestamp '2024-02-29 00:00:01' - timestamp '2024-02-29'", 1_000_000],
    ["date_trunc('month', timestamp '2024-02-29 13:14')", new Date('2024-02-01T00:00:00Z')],
    ["date_trunc('week', timestamp '2024-02-29 13:14')", new Date('2024-02-26T00:00:00Z')],
    ["extract(month from timestamp '2024-02-29')", 2],
    ["extract('week', timestamp '2021-01-01')", 53],
    ["year(timestamp '1969-12-31 23:00')", 1969],
    ["hour(timestamp '1969-12-31 23:00')", 23],
    ["strftime('%Y-%m %%', timestamp '2024-02-29')", '2024-02 %'],
    ["cast(timestamp '2024-02-29' as text)", '2024-02-29T00:00:00.000Z'],
    ['now()', new Date('2024-02-29T12:30:00Z')],
    ['json_extract(\'{"a":{"b":[1,2]}}\', \'$.a.b[1]\')', 2],
    ['json_extract(\'{"a":{"b":[1,2]}}\', \'$.a.b\')', '[1,2]'],
    ["json_extract('{\"a\":true}', '$.a')", 1],
    ["json_extract('{}', '$.a')", null],
    ["json_extract('{}', '$.constructor')", null],
    ['\'[1,{"x":"y"}]\' -> 1 ->> \'x\'', 'y'],
    ["'{\"a\":[1]}' -> 'a'", [1]],
    ["'[5]' ->> 0 + 1", 6],
    ["('[5]' ->> 0) / 2", 2.5],
    ["typeof(1) || typeof(1.5) || typeof(null) || typeof('a')", 'integerrealnulltext'],
    ['count(*)', 1],
    ['- count(*) + sum(2)', 1],
    ['max(1)', 1],
    ['1 where 0', undefined],
  ])('%s', async (text, expected) => {
    if (expected === undefined) return expect(await kit.rows(`select ${text}`)).toEqual([])
    expect(await kit.value(text)).toEqual(expected)
  })

  test('the comparison of a decimal with a float is exact', async () => {
    const compare = "cast('0.1' as decimal(9, 1))"
    expect(await kit.value(`${compare} = ?`, [0.1])).toBe(1)
    expect(await kit.value(`${compare} < ?`, ['0.10000000000000000001'])).toBe(1)
    expect(await kit.value(`? < ${compare}`, [-Infinity])).toBe(1)
  })

  test('a -> binds as tight as ||', async () => {
    expect(await kit.value("'x' || ('[5]' ->> 0)")).toBe('x5')
  })

  test('an error in a branch that is not taken does not happen', async () => {
    expect(await kit.value('case when 1 then 2 else 9007199254740991 * 2 end')).toBe(2)
  })
})

describe('parameters', () => {
  test('every kind of value', async () => {
    const date = new Date('2024-01-01T00:00:00Z')
    const values = [1, 1.5, 'a', null, true, 5n, date, new Uint8Array([1]), { a: [1] }]
    const [row] = await kit.rows('select ?, ?, ?, ?, ?, ?, ?, ?, ?', values)
    expect(row).toEqual(values)
  })

  test('by number and by name', async () => {
    expect(await kit.rows('select $2, $1, $2', ['a', 'b'])).toEqual([['b', 'a', 'b']])
    expect(await kit.rows('select :x || :y || :x', { x: 'a', y: 'b' })).toEqual([['aba']])
  })

  test('one statement with values of other types', async () => {
    const statement = kit.prepare('select ? + 1 as n')
    const run = async (value: unknown) => (await statement.execute(kit.context(), [value])).rows
    expect(await run(1)).toEqual([{ n: 2 }])
    expect(await run(1.5)).toEqual([{ n: 2.5 }])
    expect(await run(2n)).toEqual([{ n: 3n }])
    expect(await run(null)).toEqual([{ n: null }])
    expect(await run('7')).toEqual([{ n: 8 }])
  })

  test.each<[string, unknown]>([
    ['select ?', []],
    ['select ?', [1, 2]],
    ['select 1', [1]],
    ['select ?', { a: 1 }],
    ['select :a', [1]],
    ['select :a', {}],
    ['select :a', { a: 1, b: 2 }],
    ['select :toString', {}],
    ['select ?', [undefined]],
    ['select ?', [Number.NaN]],
    ['select ?', [new Date(Number.NaN)]],
    ['select ?', [() => 1]],
    ['select ?', [{ a: () => 1 }]],
    ['select ?', [new Map()]],
  ])('%s with %j', async (text, params) => {
    expect((await kit.refusal(text, params)).code).toBe('SQL_PARAMETER')
  })
})

describe('errors', () => {
  test.each([
    ['select 9007199254740991 + 1', 'SQL_TYPE', 25],
    ['select sum(9007199254740991 * x) from (t)', 'SQL_UNKNOWN_NAME', 40],
    ["select timestamp 'monday'", 'SQL_TYPE', 8],
    ["select timestamp '2024-01-01' < 5", 'SQL_TYPE', 31],
    ["select timestamp '2024-01-01' < 'x'", 'SQL_TYPE', 31],
    ["select cast('x' as decimal(5, 2))", 'SQL_TYPE', 8],
    ["select cast('x' as uuid)", 'SQL_TYPE', 8],
    ['select cast(1 as money)', 'SQL_TYPE', 8],
    ["select x'00' + 1", 'SQL_TYPE', 14],
    ['select case when 1 then now() else 1 end', 'SQL_TYPE', 8],
    ['select nonsense(1)', 'SQL_UNKNOWN_NAME', 8],
    ['select lenght(1)', 'SQL_UNKNOWN_NAME', 8],
    ['select abs(1, 2)', 'SQL_TYPE', 8],
    ['select abs(distinct 1)', 'SQL_TYPE', 8],
    ['select sum(*)', 'SQL_TYPE', 8],
    ['select sum(max(1))', 'SQL_TYPE', 12],
    ['select 1 where count(*) > 1', 'SQL_TYPE', 16],
    ['select 1 order by 2', 'SQL_UNKNOWN_NAME', 19],
    ['select missing', 'SQL_UNKNOWN_NAME', 8],
    ["select json_extract('{', '$')", 'SQL_TYPE', 8],
    ["select json_extract('{}', 'a')", 'SQL_TYPE', 8],
    ["select date_trunc('eon', now())", 'SQL_TYPE', 8],
    ["select 'a' like 'b' escape 'cd'", 'SQL_TYPE', 12],
    ['select *', 'SQL_UNKNOWN_NAME', 8],
  ])('%s', async (text, code, column) => {
    const error = (await kit.refusal(text)) as unknown as {
      code: string
      details: { column: number }
    }
    expect([error.code, error.details.column]).toEqual([code, column])
  })

  test('an unknown function suggests a known one', async () => {
    expect((await kit.refusal('select lenght(1)')).message).toContain('did you mean "length"?')
  })

  test('nested calls cannot grow a text without end', async () => {
    let text = "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
    for (let i = 0; i < 60; i++) text = `replace(${text}, 'a', 'aaaaaaaaaaaaaaaa')`
    expect((await kit.refusal(`select ${text}`)).code).toBe('SQL_TYPE')
  })

  test('documents nested without end are refused', async () => {
    const text = `select '${'['.repeat(100_000)}${']'.repeat(100_000)}' -> 0`
    expect((await kit.refusal(text)).code).toBe('SQL_TYPE')
  })

  test('deep but allowed expressions evaluate', async () => {
    expect(await kit.value(`1${' + 1'.repeat(190)}`)).toBe(191)
    expect(await kit.value(`${'('.repeat(190)}1${')'.repeat(190)}`)).toBe(1)
    expect(await kit.value(`0${' or 0'.repeat(50_000)}`)).toBe(0)
  })
})
