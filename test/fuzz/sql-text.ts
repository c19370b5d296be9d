// SQL that is mostly well-formed: what is behind the parser is reached, not only the parser.
import type { Seeded } from '../model/seeded.js'

const COLUMNS = ['id', 'n', 'f', 'amount', 'note', 'kind', 'at', 'doc']
const LITERALS =
  `'k1' | '' | 'red' | 'a%' | '2024-01-01' | null | true | 0 | -1 | 3 | 2.5 | 1e300 | 9007199254740993 |
  99999999999999999999 | timestamp '9999-12-31' | x'00ff' | '{}'`
    .split('|')
    .map((text) => text.trim())
const INFIX = ['+', '-', '*', '/', '%', '||', '=', '<>', '<', '>=', 'and', 'or', 'like', 'is']
const FUNCTIONS = ['abs', 'round', 'length', 'upper', 'trim', 'coalesce', 'nullif', 'typeof', 'max']
const TYPES = ['text', 'int', 'float', 'bigint', 'decimal(10,2)', 'timestamp', 'boolean', 'json']

function expression(random: Seeded, depth: number): string {
  const inner = () => expression(random, depth - 1)
  switch (depth <= 0 ? random.below(3) : random.below(10)) {
    case 0:
    case 1:
      return random.pick(COLUMNS)
    case 2:
      return random.pick(LITERALS)
    case 3:
    case 4:
      return `(${inner()} ${random.pick(INFIX)} ${inner()})`
    case 5: {
      const rest = random.chance(0.5) ? `, ${inner()}` : ''
      return `${random.pick(FUNCTIONS)}(${inner()}${rest})`
    }
    case 6:
      return `cast(${inner()} as ${random.pick(TYPES)})`
    case 7:
      return `case when ${inner()} then ${inner()} else ${inner()} end`
    case 8:
      return `${inner()} in (${random.pick(LITERALS)}, ${inner()})`
    default:
      return `${inner()} between ${inner()} and ${inner()}`
  }
}

/** A SELECT, INSERT, UPDATE or DELETE of the table `items`. */
export function statement(random: Seeded): string {
  const some = () => expression(random, random.below(3))
  const where = random.chance(0.6) ? ` where ${some()}` : ''
  switch (random.below(6)) {
    case 0:
      return `insert into items (id, ${random.pick(COLUMNS.slice(1))}) values ('x', ${random.pick(LITERALS)})`
    case 1:
      return `update items set ${random.pick(COLUMNS)} = ${some()}${where}`
    case 2:
      return `delete from items${where}`
    case 3:
      return `select ${random.pick(COLUMNS)} as g, count(*), sum(${some()}) from items${where} group by g`
    default: {
      const order = random.chance(0.5) ? ` order by ${some()} desc limit ${random.below(5)}` : ''
      return `select ${some()}, ${some()} from items${where}${order}`
    }
  }
}
