import { describe, expect, test } from 'vitest'
import { parse } from '../../../dist/query/parser.js'

/** Shows an expression with all its brackets, so that precedence can be read. */
function show(node: any): string {
  switch (node.type) {
    case 'literal':
      return node.kind === 'text' ? `'${node.text}'` : node.text
    case 'parameter':
      return `?${node.key}`
    case 'column':
      return node.table === undefined ? node.name : `${node.table}.${node.name}`
    case 'call':
      return `(${[node.name, ...(node.isDistinct ? ['distinct'] : []), ...(node.isStar ? ['*'] : []), ...node.args.map(show)].join(' ')})`
    case 'case': {
      const branches = node.branches.map((b: any) => `${show(b.condition)}:${show(b.result)}`)
      return `(case ${node.operand ? `${show(node.operand)} ` : ''}${branches.join(' ')}${node.otherwise ? ` else:${show(node.otherwise)}` : ''})`
    }
    case 'in':
      return `(${node.isNegated ? 'not-in' : 'in'} ${[node.operand, ...node.list].map(show).join(' ')})`
    default:
      return `(cast ${show(node.operand)} ${node.typeName}${node.typeArgs.map((a: number) => `,${a}`).join('')})`
  }
}

function expression(text: string): string {
  const { statement } = parse(`select ${text}`) as any
  return show(statement.items[0].expression)
}

function refusal(text: string): { code: string; message: string; details: object } {
  try {
    parse(text)
  } catch (error: any) {
    return { code: error.code, message: error.message, details: error.details }
  }
  throw new Error(`parsed: ${text}`)
}

describe('expressions', () => {
  test.each([
    ['1 + 2 * 3 - 4', '(- (+ 1 (* 2 3)) 4)'],
    ['- 2 * - - 3', '(* (negate 2) (negate (negate 3)))'],
    ['a or b and c or d', '(or a (and b c) d)'],
    ['not a = b and c', '(and (not (= a b)) c)'],
    ['a < b = c >= d', '(= (< a b) (>= c d))'],
    ['a between 1 and 2 and b', '(and (and (>= a 1) (<= a 2)) b)'],
    ['a not between b + 1 and c || d', '(not (and (>= a (+ b 1)) (<= a (|| c d))))'],
    ['a not in (1, 2) or b in ()', '(or (not-in a 1 2) (in b))'],
    ["a like 'x%' escape '!'", "(like a 'x%' '!')"],
    ['a is not null', '(not (isnull a))'],
    ['a not null is b', '(is (not (isnull a)) b)'],
    ['a is not distinct from b', '(is a b)'],
    ['not a is null', '(not (isnull a))'],
    ["'it''s' || x.y", "(|| 'it''s' x.y)".replace("''", "'")],
    ["doc -> '$.a' ->> 0", "(->> (-> doc '$.a') 0)"],
    ['case a when 1 then 2 else 3 end', '(case a 1:2 else:3)'],
    ['case when a then b when c then d end', '(case a:b c:d)'],
    ['cast(a as decimal(12, 2))', '(cast a decimal,12,2)'],
    ['COUNT(distinct a) + Count(*) + sum(all b)', '(+ (+ (count distinct a) (count *)) (sum b))'],
    ["timestamp '2024-01-01'", '2024-01-01'],
    ['timestamp', 'timestamp'],
    ['"a b".[c d]', 'a b.c d'],
    ['? + ?', '(+ ?0 ?1)'],
    ['$2 + $1', '(+ ?1 ?0)'],
    [':from', '?from'],
    ['.5e3 + 1.', '(+ .5e3 1.)'],
    ['1 -- comment\n + /* more */ 2', '(+ 1 2)'],
  ])('%s', (text, shown) => {
    expect(expression(text)).toBe(shown)
  })

  test('a long chain of and stays flat', () => {
    const text = Array.from({ length: 5000 }, (_, i) => `a = ${i}`).join(' and ')
    expect((parse(`select ${text}`).statement as any).items[0].expression.args).toHaveLength(5000)
  })
})

describe('statements', () => {
  test('select with every clause', () => {
    const { statement } = parse(
      `select distinct o.id as "order", count(*), t.*, * from orders o
       join items as i on i.orderId = o.id, (users cross join groups g) where o.id > ?
       group by 1, o.id having count(*) > 1 order by 2 desc nulls last, id asc limit 10 offset ?;`,
    ) as any
    expect(statement.from.map((t: any) => [t.name, t.alias])).toEqual([
      ['orders', 'o'],
      ['items', 'i'],
      ['users', undefined],
      ['groups', 'g'],
    ])
    expect(statement.conditions.map(show)).toEqual(['(= i.orderId o.id)', '(> o.id ?0)'])
    expect(statement.items.map((i: any) => i.alias ?? i.text ?? i.table ?? '*')).toEqual([
      'order',
      'count(*)',
      't',
      '*',
    ])
    expect(statement.orderBy).toMatchObject([
      { isDescending: true, areNullsFirst: false },
      { isDescending: false },
    ])
    expect([show(statement.limit), show(statement.offset)]).toEqual(['10', '?1'])
  })

  test('as of after a table and at the end of the clause', () => {
    const one = parse("select * from a as of '-10m' as x join b on x.id = b.id").statement as any
    expect(one.from.map((t: any) => t.asOf?.text)).toEqual(['-10m', undefined])
    expect(one.asOf).toBeUndefined()
    const all = parse('select * from a x, b as y as of ? where 1').statement as any
    expect(all.asOf).toMatchObject({ type: 'parameter' })
  })

  test('insert, update, delete, explain', () => {
    expect(parse('insert into t (a, "B") values (1, 2), (?, ?)')).toMatchObject({
      parameterCount: 2,
      statement: { type: 'insert', columns: [{ name: 'a' }, { name: 'B' }] },
    })
    expect(parse('update t set a = a + 1, b = :b where c = :c')).toMatchObject({
      parameterNames: ['b', 'c'],
      statement: { type: 'update', assignments: [{ column: 'a' }, { column: 'b' }] },
    })
    expect(parse('DELETE FROM t').statement.type).toBe('delete')
    expect(parse('explain select 1').statement.type).toBe('explain')
  })
})

describe('errors', () => {
  test('a syntax error shows its line with a caret', () => {
    const { code, message, details } = refusal('select a,\n  b +\nfrom t')
    expect(code).toBe('SQL_SYNTAX')
    expect(details).toEqual({ line: 3, column: 1 })
    expect(message).toBe(
      'SQL_SYNTAX: expected an expression, found "from" (line 3, column 1)\n  from t\n  ^',
    )
  })

  test.each([
    ['', 'expected SELECT, INSERT, UPDATE, DELETE or EXPLAIN, found the end of the text', 1],
    ['selec 1', 'expected SELECT, INSERT, UPDATE, DELETE or EXPLAIN, found "selec"', 1],
    ['select 1 2', 'expected the end of the statement, found "2"', 10],
    ['select * from', 'expected a table name, found the end of the text', 14],
    ['select * from )', 'expected a table name, found ")"', 15],
    ['select (1', 'expected ")", found the end of the text', 10],
    ["select 'abc", 'unterminated string', 8],
    ['select /* abc', 'unterminated comment', 8],
    ['select 1 \u0000', 'unexpected character U+0000', 10],
    ['select 12ab', 'a number runs into a name', 10],
    ["select x'abc'", 'a bytes literal needs pairs of hex digits', 8],
    ['select case a end', 'expected WHEN, found "end"', 15],
    ['insert into t values 1', 'expected "(", found "1"', 22],
    ['update t set a', 'expected "=", found the end of the text', 15],
    ["update t as of '-1m' set a = 1", 'the past cannot be written', 16],
    ['select 1; select 2', 'expected the end of the statement, found "select"', 11],
    ['select a from t order id', 'expected BY, found "id"', 23],
  ])('%j', (text, message, column) => {
    const error = refusal(text)
    expect(error.code).toBe('SQL_SYNTAX')
    expect(error.message.split('\n')[0]).toBe(`SQL_SYNTAX: ${message} (line 1, column ${column})`)
    expect(error.message.split('\n').at(-1)).toBe(`  ${' '.repeat(column - 1)}^`)
  })

  test.each([
    ['select * from a left join b on 1', 'LEFT'],
    ['select * from a natural join b', 'NATURAL'],
    ['select (select 1)', 'a subquery'],
    ['select 1 where a in (select 1)', 'a subquery'],
    ['select 1 where not exists (select 1)', 'EXISTS'],
    ['select sum(a) over () from t', 'a window function'],
    ['select 1 union select 2', 'UNION'],
    ['with a as (select 1) select 1', 'WITH'],
    ['create table t (a int)', 'CREATE'],
    ['drop table t', 'DROP'],
    ['insert into t select 1', 'INSERT ... SELECT'],
    ['insert or replace into t values (1)', 'INSERT OR'],
    ['select 1 << 2', 'the operator <<'],
    ['select * from other.t', 'a table name of two parts'],
  ])('%s is known but absent', (text, feature) => {
    const error = refusal(text)
    expect(error.code).toBe('SQL_UNSUPPORTED')
    expect(error.message).toContain(`${feature} is not supported (line 1, column `)
  })

  test('placeholders of two styles', () => {
    expect(refusal('select ?, :a').code).toBe('SQL_PARAMETER')
    expect(refusal('select $0').code).toBe('SQL_PARAMETER')
    expect(refusal('select $99999').code).toBe('SQL_PARAMETER')
  })

  test('hostile text is refused in bounded time', () => {
    const size = 1_000_000
    const hostile = [
      '('.repeat(size),
      `select ${'('.repeat(size)}`,
      `select ${'-'.repeat(size)}1`,
      `select ${'- '.repeat(size / 2)}1`,
      `select ${'not '.repeat(size / 4)}1`,
      `select 1${'+1'.repeat(size / 2)}`,
      `select ${'case when '.repeat(size / 10)}`,
      `select ${'f('.repeat(size / 2)}`,
      `select * from ${'('.repeat(size)}`,
      `select * from t${',t'.repeat(size / 2)}`,
      '\u0000'.repeat(size),
      `select '${'a'.repeat(size)}`,
      `select "${'""'.repeat(size / 2)}`,
      `select /*${'*'.repeat(size)}`,
      `select ${'1.'.repeat(size / 2)}`,
      'x'.repeat(size * 2),
      `select ${'a.'.repeat(size / 2)}`,
      `select ${'?,'.repeat(size / 2)}`,
    ]
    for (const text of hostile) {
      expect(['SQL_SYNTAX', 'SQL_UNSUPPORTED', 'SQL_PARAMETER']).toContain(refusal(text).code)
    }
  })
})
