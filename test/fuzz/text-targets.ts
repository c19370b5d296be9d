// What users type: SQL, patterns, numbers, times, names, options. A typed refusal with a place, or an answer.
import { EngineError } from '../../dist/base/errors.js'
import { readSettings } from '../../dist/base/options.js'
import { checkTenantName } from '../../dist/catalog/catalog.js'
import { formatDecimal, parseDecimal } from '../../dist/codec/decimal.js'
import { parseTimestamp } from '../../dist/codec/timestamp.js'
import { SETTINGS } from '../../dist/db/options.js'
import { parse } from '../../dist/query/parser.js'
import { isLike } from '../../dist/query/like.js'
import type { Seeded } from '../model/seeded.js'
import { QueryKit } from '../unit/query/query-kit.js'
import { accepts, type Target } from './codec-targets.js'
import { mutated } from './mutator.js'
import { statement } from './sql-text.js'

const encoder = new TextEncoder()
const utf8 = (text: string): Uint8Array => encoder.encode(text)
/** Bytes that are no UTF-8 become lone surrogates now and then: strings of JavaScript may hold them. */
function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('utf8').replaceAll('\ufffd', '\ud800')
}

const STATEMENTS = [
  "select id, n from items where n > 3 and note like 'a%' order by n desc limit 5 offset 1",
  'select kind, count(*) as c, sum(amount) from items group by kind having count(*) > 1',
  'select a.id, b.n from items a left join items b on a.id = b.id where b.n in (1, 2, 3)',
  "insert into items (id, n, kind) values ('x', 1, 'red'), ('y', null, 'blue')",
  "update items set n = n + 1, note = upper(note) where id = 'k1' or n between 2 and 4",
  'delete from items where note is null and not (n = 2)',
  "select case when n > 1 then 'a' else 'b' end, coalesce(note, '') || 'x' from items",
  'select distinct cast(n as text), round(f, 2), abs(-n) % 3 from items order by 1',
  "select doc ->> 'a' from items where id = $1",
  "explain select id from items where at > timestamp '2024-01-01'",
  "select * from items as of '-1h'",
]
const STATEMENT_BYTES = STATEMENTS.map(utf8)
const STATEMENT_WORDS = STATEMENTS.map((text) => text.match(/\w+|'[^']*'|\$\d|[^\s\w]/g) ?? [])
const TOKENS = [
  ...new Set(STATEMENT_WORDS.flat()),
  '1e999',
  '-0',
  "''",
  '"',
  '--',
  '/*',
  '*/',
  '9223372036854775808',
  '0.1',
  '\u0000',
  '((((',
  "timestamp '9999-12-31'",
  "timestamp '1684-01-01 00:00'",
]

function statementBytes(random: Seeded): Uint8Array {
  if (random.chance(0.5)) return mutated(random, STATEMENT_BYTES)
  const words = random.pick(STATEMENT_WORDS).slice()
  for (let remaining = 1 + random.below(4); remaining > 0; remaining--) {
    const at = random.below(words.length + 1)
    const roll = random.below(3)
    const token = random.pick(TOKENS)
    if (roll === 0) words.splice(at, 1)
    else words.splice(at, roll - 1, token)
  }
  return utf8(words.join(' '))
}

const parseTarget: Target = {
  name: 'SQL parser',
  cost: 8,
  make: statementBytes,
  check: (input) => accepts(() => void parse(textOf(input))),
}

function executeTarget(): Target {
  const kit = new QueryKit().table(
    'items',
    {
      id: 'text',
      n: 'int?',
      f: 'float?',
      amount: 'decimal(12,2)?',
      note: 'text?',
      kind: 'enum(red,green,blue)?',
      at: 'timestamp?',
      doc: 'json?',
    },
    ['id'],
    { byN: { on: ['n'] } },
  )
  for (let i = 0; i < 6; i++) {
    kit.insert('items', [`k${i}`, i, i / 3, BigInt(i * 100), `a${i}`, 'red', i * 1e15, { a: i }])
  }
  const { store } = kit
  // Writes replace the array.
  const full = store.entries
  const context = { ...kit.context(), viewAt: () => store }
  const everything = kit.prepare('select * from items')
  let inputCount = 0
  const runs = async (execute: () => Promise<unknown>): Promise<boolean> => {
    try {
      await execute()
      return true
    } catch (error) {
      // Nobody damaged anything.
      if (error instanceof EngineError && error.kind === 'corrupt') throw error
      return accepts(() => {
        throw error
      })
    }
  }
  return {
    name: 'SQL execution',
    cost: 20,
    make: (random) => (random.chance(0.7) ? utf8(statement(random)) : statementBytes(random)),
    async check(input) {
      // Statements delete what later ones would read.
      if (inputCount++ % 20 === 0) store.entries = full
      const text = textOf(input)
      const params = text.includes('$1') ? ['k1'] : []
      const before = store.entries
      const isAccepted = await runs(() => kit.prepare(text).execute(context, params))
      // What a statement stored can be read.
      const canBeRead = store.entries === before || (await runs(() => everything.execute(context)))
      if (!canBeRead) throw new Error('rows that cannot be read')
      return isAccepted
    },
  }
}

const LIKES = [utf8('abcabc|%b_a%'), utf8('aaaaaaaaaaaaaaab|%a%a%a%a%c')]

const likeTarget: Target = {
  name: 'LIKE',
  cost: 2,
  make: (random) => mutated(random, LIKES),
  check(input) {
    const [text = '', pattern = ''] = textOf(input).split('|')
    return accepts(() => void isLike(text, pattern, '!'))
  },
}

const NUMBERS = ['-12345.67', '1e5', '2024-02-29T12:30:00.123456Z', '2024-01-01'].map(utf8)

const decimalTarget: Target = {
  name: 'decimals and timestamps',
  cost: 1,
  make: (random) => mutated(random, NUMBERS),
  check(input) {
    const text = textOf(input)
    const isDecimal = accepts(() => {
      const units = parseDecimal(text, 2, 12)
      if (parseDecimal(formatDecimal(units, 2), 2, 12) !== units) throw new Error('another number')
    })
    const micros = parseTimestamp(text)
    // Years behind 2255 are moments that no column takes, but comparisons do.
    if (micros !== undefined && !Number.isInteger(micros)) throw new Error('no moment')
    return isDecimal || micros !== undefined
  },
}

const NAMES = [utf8('Zürich'), utf8('walFileBytes 65536'), utf8('x'.repeat(256))]

const nameTarget: Target = {
  name: 'tenant names and options',
  cost: 1,
  make: (random) => mutated(random, NAMES),
  check(input) {
    const text = textOf(input)
    const isName = accepts(() => checkTenantName(text))
    const [name = '', value] = text.split(' ')
    const given = Object.defineProperty({}, name, {
      value: value === undefined ? text : Number(value),
      enumerable: true,
    })
    const areSettings = accepts(() => void readSettings(SETTINGS, given))
    return isName || areSettings
  },
}

export const TEXT_TARGETS: readonly Target[] = [
  parseTarget,
  executeTarget(),
  likeTarget,
  decimalTarget,
  nameTarget,
]
