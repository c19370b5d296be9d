// Statements. One statement per text; a closing semicolon is allowed.

import type {
  Delete,
  Expression,
  ExpressionItem,
  Insert,
  OrderTerm,
  ParsedStatement,
  Select,
  StarItem,
  Statement,
  TableSource,
  Update,
} from './ast.js'
import { parseExpression, parseExpressionList } from './expression-parser.js'
import { placedError } from './syntax-error.js'
import { TokenStream } from './token-stream.js'

/** Tables one statement may join. */
export const JOIN_TABLE_MAX_COUNT = 64

/**
 * Parses one statement.
 *
 * @throws SQL_SYNTAX with details line and column; the message shows the line with a caret
 * @throws SQL_UNSUPPORTED where the text uses a feature that docs/sql.md does not list
 * @throws SQL_PARAMETER when styles of placeholders are mixed
 */
export function parse(text: string): ParsedStatement {
  const tokens = new TokenStream(text)
  const statement = parseStatement(tokens)
  tokens.acceptSymbol(';')
  if (tokens.current.kind !== 'end') throw tokens.unexpected('the end of the statement')
  const { parameterCount, parameterNames } = tokens
  return { text, statement, parameterCount, parameterNames }
}

function parseStatement(tokens: TokenStream): Statement {
  if (tokens.isWord('select')) return parseSelect(tokens)
  if (tokens.isWord('insert')) return parseInsert(tokens)
  if (tokens.isWord('update')) return parseUpdate(tokens)
  if (tokens.isWord('delete')) return parseDelete(tokens)
  if (tokens.acceptWord('explain')) {
    if (!tokens.isWord('select')) throw tokens.unexpected('SELECT')
    return { type: 'explain', select: parseSelect(tokens) }
  }
  throw tokens.unexpected('SELECT, INSERT, UPDATE, DELETE or EXPLAIN')
}

function parseSelect(tokens: TokenStream): Select {
  tokens.expectWord('select')
  const isDistinct = tokens.acceptWord('distinct')
  if (!isDistinct) tokens.acceptWord('all')
  const items = [parseItem(tokens)]
  while (tokens.acceptSymbol(',')) items.push(parseItem(tokens))
  const { from, asOf, conditions } = parseFrom(tokens)
  if (tokens.acceptWord('where')) conditions.push(parseExpression(tokens))
  const groupBy = parseBy(tokens, 'group') ? parseExpressionList(tokens) : []
  const having = tokens.acceptWord('having') ? parseExpression(tokens) : undefined
  const orderBy = parseBy(tokens, 'order') ? parseOrderTerms(tokens) : []
  const { limit, offset } = parseLimit(tokens)
  return {
    type: 'select',
    isDistinct,
    items,
    from,
    ...(asOf !== undefined && { asOf }),
    conditions,
    groupBy,
    ...(having !== undefined && { having }),
    orderBy,
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
  }
}

function parseBy(tokens: TokenStream, word: string): boolean {
  if (!tokens.acceptWord(word)) return false
  tokens.expectWord('by')
  return true
}

function parseItem(tokens: TokenStream): StarItem | ExpressionItem {
  const { start: at } = tokens.current
  if (tokens.acceptSymbol('*')) return { type: 'star', at }
  const expression = tokens.isName() ? parseItemStartingWithName(tokens) : parseExpression(tokens)
  if (expression.type === 'star') return expression
  const text = tokens.text.slice(at, tokens.lastEnd)
  const hasAlias = tokens.acceptWord('as') || tokens.isName()
  if (hasAlias) return { type: 'expression', expression, alias: parseAlias(tokens), text }
  if (tokens.current.kind === 'string') {
    return { type: 'expression', expression, alias: tokens.advance().text, text }
  }
  return { type: 'expression', expression, text }
}

function parseAlias(tokens: TokenStream): string {
  return tokens.current.kind === 'string' ? tokens.advance().text : tokens.expectName('an alias')
}

/** `t.*` needs three tokens to tell from `t.a`: the star is looked for behind a whole expression that failed to start. */
function parseItemStartingWithName(tokens: TokenStream): StarItem | Expression {
  const { start: at, end } = tokens.current
  const isQualified = tokens.following.kind === 'symbol' && tokens.following.text === '.'
  if (!isQualified || !/^\s*\.\s*\*/.test(tokens.text.slice(end, end + 64))) {
    return parseExpression(tokens)
  }
  const table = tokens.expectName('a table')
  tokens.expectSymbol('.')
  tokens.expectSymbol('*')
  return { type: 'star', table, at }
}

interface FromClause {
  readonly from: TableSource[]
  readonly conditions: Expression[]
  asOf?: Expression
  /** Where the last table ended: an AS OF there, with nothing behind it, holds for the whole clause. */
  lastTableEnd: number
}

function parseFrom(tokens: TokenStream): FromClause {
  const clause: FromClause = { from: [], conditions: [], lastTableEnd: 0 }
  if (!tokens.acceptWord('from')) return clause
  parseJoins(tokens, clause)
  const isClosedByTable = tokens.lastEnd === clause.lastTableEnd
  const closing = isAsOf(tokens)
    ? parseAsOf(tokens)
    : isClosedByTable
      ? clause.from.at(-1)!.asOf
      : undefined
  if (closing !== undefined) clause.asOf = closing
  return clause
}

function parseJoins(tokens: TokenStream, clause: FromClause): void {
  parseJoinOperand(tokens, clause)
  for (;;) {
    const isInner = tokens.isWord('inner') || tokens.isWord('cross')
    if (isInner) {
      tokens.advance()
      if (!tokens.isWord('join')) throw tokens.unexpected('JOIN')
    }
    if (!tokens.acceptSymbol(',') && !tokens.acceptWord('join')) return
    parseJoinOperand(tokens, clause)
    if (tokens.acceptWord('on')) clause.conditions.push(parseExpression(tokens))
  }
}

/** A table, or joins in parentheses: inner joins mean the same however they are nested. */
function parseJoinOperand(tokens: TokenStream, clause: FromClause): void {
  if (tokens.acceptSymbol('(')) {
    if (tokens.isWord('select')) throw tokens.unsupported('a subquery')
    tokens.nested(() => parseJoins(tokens, clause))
    tokens.expectSymbol(')')
    return
  }
  if (clause.from.length === JOIN_TABLE_MAX_COUNT) {
    throw tokens.unsupported(`a join of more than ${JOIN_TABLE_MAX_COUNT} tables`)
  }
  clause.from.push(parseTable(tokens))
  clause.lastTableEnd = tokens.lastEnd
}

function parseTable(tokens: TokenStream): TableSource {
  const at = tokens.current.start
  const name = tokens.expectName('a table name')
  if (tokens.isSymbol('.')) throw tokens.unsupported('a table name of two parts')
  if (tokens.isSymbol('(')) throw tokens.unsupported('a table function')
  const before = isAsOf(tokens) ? parseAsOf(tokens) : undefined
  const hasAlias = (!isAsOf(tokens) && tokens.acceptWord('as')) || isTableAlias(tokens)
  const alias = hasAlias ? parseAlias(tokens) : undefined
  const asOf = before ?? (isAsOf(tokens) ? parseAsOf(tokens) : undefined)
  return {
    name,
    ...(alias !== undefined && { alias }),
    ...(asOf !== undefined && { asOf }),
    at,
  }
}

function isTableAlias(tokens: TokenStream): boolean {
  if (tokens.isWord('indexed')) throw tokens.unsupported('INDEXED BY')
  if (tokens.isWord('not')) throw tokens.unsupported('NOT INDEXED')
  return tokens.isName()
}

function isAsOf(tokens: TokenStream): boolean {
  return tokens.isWord('as') && tokens.isFollowedByWord('of')
}

function parseAsOf(tokens: TokenStream): Expression {
  tokens.advance()
  tokens.advance()
  return parseExpression(tokens)
}

function parseOrderTerms(tokens: TokenStream): OrderTerm[] {
  const terms: OrderTerm[] = []
  do {
    const expression = parseExpression(tokens)
    const isDescending = tokens.acceptWord('desc')
    if (!isDescending) tokens.acceptWord('asc')
    if (!tokens.acceptWord('nulls')) {
      terms.push({ expression, isDescending })
      continue
    }
    const areNullsFirst = tokens.acceptWord('first')
    if (!areNullsFirst) tokens.expectWord('last')
    terms.push({ expression, isDescending, areNullsFirst })
  } while (tokens.acceptSymbol(','))
  return terms
}

/** LIMIT n [OFFSET m], or SQLite's LIMIT m, n. */
function parseLimit(tokens: TokenStream): { limit?: Expression; offset?: Expression } {
  if (!tokens.acceptWord('limit')) return {}
  const first = parseExpression(tokens)
  if (tokens.acceptSymbol(',')) return { offset: first, limit: parseExpression(tokens) }
  return tokens.acceptWord('offset')
    ? { limit: first, offset: parseExpression(tokens) }
    : { limit: first }
}

function parseInsert(tokens: TokenStream): Insert {
  tokens.expectWord('insert')
  if (tokens.isWord('or')) throw tokens.unsupported('INSERT OR')
  tokens.expectWord('into')
  const at = tokens.current.start
  const table: TableSource = { name: tokens.expectName('a table name'), at }
  const columns = tokens.acceptSymbol('(') ? parseColumnNames(tokens) : undefined
  if (tokens.isWord('select')) throw tokens.unsupported('INSERT ... SELECT')
  if (tokens.isWord('default')) throw tokens.unsupported('DEFAULT VALUES')
  tokens.expectWord('values')
  const rows: Insert['rows'][number][] = []
  do {
    const rowAt = tokens.current.start
    tokens.expectSymbol('(')
    rows.push({ values: parseExpressionList(tokens), at: rowAt })
    tokens.expectSymbol(')')
  } while (tokens.acceptSymbol(','))
  if (tokens.isWord('on')) throw tokens.unsupported('ON CONFLICT')
  return { type: 'insert', table, ...(columns !== undefined && { columns }), rows }
}

function parseColumnNames(tokens: TokenStream): { name: string; at: number }[] {
  const columns: { name: string; at: number }[] = []
  do {
    const at = tokens.current.start
    columns.push({ name: tokens.expectName('a column name'), at })
  } while (tokens.acceptSymbol(','))
  tokens.expectSymbol(')')
  return columns
}

function parseUpdate(tokens: TokenStream): Update {
  tokens.expectWord('update')
  if (tokens.isWord('or')) throw tokens.unsupported('UPDATE OR')
  const table = parseWriteTarget(tokens)
  tokens.expectWord('set')
  const assignments: Update['assignments'][number][] = []
  do {
    const at = tokens.current.start
    if (tokens.isSymbol('(')) throw tokens.unsupported('a row value')
    const column = tokens.expectName('a column name')
    tokens.expectSymbol('=')
    assignments.push({ column, at, value: parseExpression(tokens) })
  } while (tokens.acceptSymbol(','))
  if (tokens.isWord('from')) throw tokens.unsupported('UPDATE ... FROM')
  const where = tokens.acceptWord('where') ? parseExpression(tokens) : undefined
  return { type: 'update', table, assignments, ...(where !== undefined && { where }) }
}

function parseDelete(tokens: TokenStream): Delete {
  tokens.expectWord('delete')
  tokens.expectWord('from')
  const table = parseWriteTarget(tokens)
  const where = tokens.acceptWord('where') ? parseExpression(tokens) : undefined
  return { type: 'delete', table, ...(where !== undefined && { where }) }
}

function parseWriteTarget(tokens: TokenStream): TableSource {
  const table = parseTable(tokens)
  if (table.asOf !== undefined) {
    throw placedError('SQL_SYNTAX', 'the past cannot be written', tokens.text, table.asOf.at)
  }
  return table
}
