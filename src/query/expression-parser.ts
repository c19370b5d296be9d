// Expressions by precedence climbing (Pratt). Precedence as in SQLite, from loose to tight:
// OR - AND - NOT - = IS IN LIKE BETWEEN - < <= > >= - + - - * / % - || -> ->> - unary minus.

import { SQL_DEPTH_MAX } from '../base/limits.js'
import type { Call, Case, Cast, Expression, Literal } from './ast.js'
import { placedError } from './syntax-error.js'
import type { TokenStream } from './token-stream.js'

const PRECEDENCE_OR = 1
const PRECEDENCE_AND = 2
const PRECEDENCE_NOT = 3
const PRECEDENCE_EQUALITY = 4
const PRECEDENCE_ORDER = 5
const PRECEDENCE_UNARY = 10

/** Infix operators that are plain calls: their precedence and the name of the call. */
const INFIX: Readonly<Record<string, readonly [number, string]>> = {
  '=': [PRECEDENCE_EQUALITY, '='],
  '==': [PRECEDENCE_EQUALITY, '='],
  '<>': [PRECEDENCE_EQUALITY, '<>'],
  '!=': [PRECEDENCE_EQUALITY, '<>'],
  '<': [PRECEDENCE_ORDER, '<'],
  '<=': [PRECEDENCE_ORDER, '<='],
  '>': [PRECEDENCE_ORDER, '>'],
  '>=': [PRECEDENCE_ORDER, '>='],
  '+': [7, '+'],
  '-': [7, '-'],
  '*': [8, '*'],
  '/': [8, '/'],
  '%': [8, '%'],
  '||': [9, '||'],
  '->': [9, '->'],
  '->>': [9, '->>'],
}
const BIT_OPERATORS: ReadonlySet<string> = new Set(['&', '|', '<<', '>>', '~'])
const NOT_FOLLOWERS: ReadonlySet<string> = new Set(['in', 'like', 'between', 'null'])

export function parseExpression(tokens: TokenStream, minPrecedence = 0): Expression {
  return tokens.nested(() => {
    let left = parseOperand(tokens)
    for (;;) {
      const next = parseInfix(tokens, left, minPrecedence)
      if (next === undefined) return left
      if (next.height > SQL_DEPTH_MAX) throw tokens.tooDeep(next.at)
      left = next
    }
  })
}

export function parseExpressionList(tokens: TokenStream): Expression[] {
  const list = [parseExpression(tokens)]
  while (tokens.acceptSymbol(',')) list.push(parseExpression(tokens))
  return list
}

function call(name: string, args: readonly Expression[], at: number): Call {
  return { type: 'call', name, args, at, height: heightAbove(args) }
}

function heightAbove(children: readonly Expression[]): number {
  let height = 0
  for (const child of children) if (child.height > height) height = child.height
  return height + 1
}

/** Extends `left` by one infix operator when it binds at least as tight as asked. */
function parseInfix(tokens: TokenStream, left: Expression, min: number): Expression | undefined {
  const { kind, text, start } = tokens.current
  if (kind === 'symbol') {
    if (BIT_OPERATORS.has(text)) throw tokens.unsupported(`the operator ${text}`)
    const infix = INFIX[text]
    if (infix === undefined || infix[0] < min) return undefined
    tokens.advance()
    return call(infix[1], [left, parseExpression(tokens, infix[0] + 1)], start)
  }
  if (kind !== 'word') return undefined
  if (text === 'or' || text === 'and') return parseLogical(tokens, left, text, min)
  return min <= PRECEDENCE_EQUALITY ? parsePredicate(tokens, left) : undefined
}

/** A chain of ANDs or ORs becomes one call of many arguments, so that long chains stay flat. */
function parseLogical(
  tokens: TokenStream,
  left: Expression,
  word: 'and' | 'or',
  min: number,
): Expression | undefined {
  const precedence = word === 'or' ? PRECEDENCE_OR : PRECEDENCE_AND
  if (precedence < min) return undefined
  const at = tokens.current.start
  const args = [left]
  while (tokens.acceptWord(word)) args.push(parseExpression(tokens, precedence + 1))
  return call(word, args, at)
}

function parsePredicate(tokens: TokenStream, left: Expression): Expression | undefined {
  const at = tokens.current.start
  const { following } = tokens
  const isNegated =
    tokens.isWord('not') && following.kind === 'word' && NOT_FOLLOWERS.has(following.text)
  if (isNegated) tokens.advance()
  const positive = (predicate: Call): Call => (isNegated ? call('not', [predicate], at) : predicate)
  if (isNegated && tokens.acceptWord('null')) return call('not', [call('isnull', [left], at)], at)
  if (tokens.acceptWord('isnull')) return call('isnull', [left], at)
  if (tokens.acceptWord('notnull')) return call('not', [call('isnull', [left], at)], at)
  if (tokens.acceptWord('is')) return parseIs(tokens, left, at)
  if (tokens.acceptWord('in')) return parseIn(tokens, left, isNegated, at)
  if (tokens.acceptWord('like')) {
    const args = [left, parseExpression(tokens, PRECEDENCE_ORDER)]
    if (tokens.acceptWord('escape')) args.push(parseExpression(tokens, PRECEDENCE_ORDER))
    return positive(call('like', args, at))
  }
  if (tokens.acceptWord('between')) {
    const lower = parseExpression(tokens, PRECEDENCE_ORDER)
    tokens.expectWord('and')
    const upper = parseExpression(tokens, PRECEDENCE_ORDER)
    return positive(call('and', [call('>=', [left, lower], at), call('<=', [left, upper], at)], at))
  }
  return undefined
}

function parseIs(tokens: TokenStream, left: Expression, at: number): Expression {
  const isNot = tokens.acceptWord('not')
  const isDistinct = tokens.isWord('distinct') && tokens.isFollowedByWord('from')
  if (isDistinct) {
    tokens.advance()
    tokens.advance()
  }
  const right = parseExpression(tokens, PRECEDENCE_ORDER)
  const kind = right.type === 'literal' ? right.kind : undefined
  // IS TRUE and IS FALSE ask for truth, not for a value: 3 is true.
  const value = kind === 'boolean' ? call('not', [call('not', [left], at)], at) : left
  const same = kind === 'null' ? call('isnull', [left], at) : call('is', [value, right], at)
  return isNot === isDistinct ? same : call('not', [same], at)
}

function parseIn(
  tokens: TokenStream,
  operand: Expression,
  isNegated: boolean,
  at: number,
): Expression {
  if (!tokens.isSymbol('(')) throw tokens.unsupported('IN with a table')
  tokens.advance()
  if (tokens.isWord('select')) throw tokens.unsupported('a subquery')
  const list = tokens.isSymbol(')') ? [] : parseExpressionList(tokens)
  tokens.expectSymbol(')')
  return { type: 'in', operand, list, isNegated, at, height: heightAbove([operand, ...list]) }
}

function parseOperand(tokens: TokenStream): Expression {
  const { kind, text, start } = tokens.current
  switch (kind) {
    case 'number':
    case 'bytes':
      return literal(tokens, kind)
    case 'string':
      return literal(tokens, 'text')
    case 'parameter':
      return { type: 'parameter', key: tokens.parameterKey(tokens.advance()), at: start, height: 1 }
    case 'quoted':
      return parseColumnOrCall(tokens)
    case 'word':
      return parseWordOperand(tokens)
    default:
  }
  if (tokens.acceptSymbol('(')) {
    if (tokens.isWord('select')) throw tokens.unsupported('a subquery')
    const inner = parseExpression(tokens)
    if (tokens.isSymbol(',')) throw tokens.unsupported('a row value')
    tokens.expectSymbol(')')
    return inner
  }
  if (text === '-' || text === '+') {
    tokens.advance()
    const operand = parseExpression(tokens, PRECEDENCE_UNARY)
    return call(text === '-' ? 'negate' : 'plus', [operand], start)
  }
  if (BIT_OPERATORS.has(text)) throw tokens.unsupported(`the operator ${text}`)
  throw tokens.unexpected('an expression')
}

function literal(tokens: TokenStream, kind: Literal['kind']): Literal {
  const token = tokens.advance()
  return { type: 'literal', kind, text: token.text, at: token.start, height: 1 }
}

function parseWordOperand(tokens: TokenStream): Expression {
  const { text, start } = tokens.current
  switch (text) {
    case 'null':
      return literal(tokens, 'null')
    case 'true':
    case 'false':
      return literal(tokens, 'boolean')
    case 'timestamp':
      if (tokens.following.kind !== 'string') break
      tokens.advance()
      return { ...literal(tokens, 'timestamp'), at: start }
    case 'not': {
      tokens.advance()
      if (tokens.isWord('exists')) throw tokens.unsupported('EXISTS')
      return call('not', [parseExpression(tokens, PRECEDENCE_NOT)], start)
    }
    case 'case':
      return parseCase(tokens)
    case 'cast':
      return parseCast(tokens)
    default:
  }
  if (!tokens.isName()) throw tokens.unexpected('an expression')
  return parseColumnOrCall(tokens)
}

function parseColumnOrCall(tokens: TokenStream): Expression {
  const at = tokens.current.start
  const name = tokens.expectName('a name')
  if (tokens.acceptSymbol('(')) return parseCall(tokens, name.toLowerCase(), at)
  if (!tokens.acceptSymbol('.')) return { type: 'column', name, at, height: 1 }
  const column = tokens.expectName('a column name')
  if (tokens.isSymbol('.')) throw tokens.unsupported('a name of three parts')
  return { type: 'column', table: name, name: column, at, height: 1 }
}

function parseCall(tokens: TokenStream, name: string, at: number): Call {
  if (tokens.acceptSymbol('*')) {
    tokens.expectSymbol(')')
    rejectWindow(tokens)
    return { type: 'call', name, args: [], isStar: true, at, height: 1 }
  }
  const isDistinct = tokens.acceptWord('distinct')
  if (!isDistinct) tokens.acceptWord('all')
  if (name === 'extract' && tokens.isFollowedByWord('from')) return parseExtract(tokens, at)
  const args = tokens.isSymbol(')') && !isDistinct ? [] : parseExpressionList(tokens)
  tokens.expectSymbol(')')
  rejectWindow(tokens)
  const plain = call(name, args, at)
  return isDistinct ? { ...plain, isDistinct } : plain
}

/** extract(month from ts) is extract('month', ts). */
function parseExtract(tokens: TokenStream, at: number): Call {
  const { kind, text, start } = tokens.current
  if (kind !== 'word') throw tokens.unexpected('a unit of time')
  tokens.advance()
  tokens.advance()
  const unit: Literal = { type: 'literal', kind: 'text', text, at: start, height: 1 }
  const moment = parseExpression(tokens)
  tokens.expectSymbol(')')
  return call('extract', [unit, moment], at)
}

function rejectWindow(tokens: TokenStream): void {
  if (tokens.isWord('over')) throw tokens.unsupported('a window function')
  if (tokens.isWord('filter')) throw tokens.unsupported('FILTER')
}

function parseCase(tokens: TokenStream): Case {
  const at = tokens.advance().start
  const operand = tokens.isWord('when') ? undefined : parseExpression(tokens)
  const branches: Case['branches'][number][] = []
  while (tokens.acceptWord('when')) {
    const condition = parseExpression(tokens)
    tokens.expectWord('then')
    branches.push({ condition, result: parseExpression(tokens) })
  }
  if (branches.length === 0) throw tokens.unexpected('WHEN')
  const otherwise = tokens.acceptWord('else') ? parseExpression(tokens) : undefined
  tokens.expectWord('end')
  const children = branches.flatMap((branch) => [branch.condition, branch.result])
  if (operand !== undefined) children.push(operand)
  if (otherwise !== undefined) children.push(otherwise)
  return {
    type: 'case',
    ...(operand !== undefined && { operand }),
    branches,
    ...(otherwise !== undefined && { otherwise }),
    at,
    height: heightAbove(children),
  }
}

function parseCast(tokens: TokenStream): Cast {
  const at = tokens.advance().start
  tokens.expectSymbol('(')
  const operand = parseExpression(tokens)
  tokens.expectWord('as')
  const words = [tokens.expectName('a type')]
  while (tokens.isName()) words.push(tokens.expectName('a type'))
  const typeArgs = tokens.acceptSymbol('(') ? parseTypeArguments(tokens) : []
  tokens.expectSymbol(')')
  const typeName = words.join(' ').toLowerCase()
  return { type: 'cast', operand, typeName, typeArgs, at, height: operand.height + 1 }
}

function parseTypeArguments(tokens: TokenStream): number[] {
  const typeArgs: number[] = []
  do {
    const { kind, text, start } = tokens.current
    if (kind !== 'number') throw tokens.unexpected('a number')
    if (!/^\d{1,4}$/.test(text)) {
      throw placedError('SQL_SYNTAX', 'a type takes small whole numbers', tokens.text, start)
    }
    typeArgs.push(Number(tokens.advance().text))
  } while (tokens.acceptSymbol(','))
  tokens.expectSymbol(')')
  return typeArgs
}
