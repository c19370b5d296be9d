// Tokens with one token of look-ahead, and what the parsers ask of them.

import { SQL_DEPTH_MAX, SQL_MAX_LENGTH, SQL_PARAMETER_MAX_COUNT } from '../base/limits.js'
import type { EngineError } from '../base/errors.js'
import { Lexer, type Token } from './lexer.js'
import { placedError } from './syntax-error.js'

/** Words that cannot name a table, column or alias unless quoted. */
const RESERVED: ReadonlySet<string> = new Set(
  `all and as asc between by case cast cross delete desc distinct else end escape except exists from full
  group having in inner insert intersect into is isnull join left like limit natural not notnull null offset
  on or order outer right select set then union update using values when where with`.split(/\s+/),
)

/** Features that other databases have: found where something else was expected, they are named as what they are. */
const UNSUPPORTED_WORDS: ReadonlySet<string> = new Set(
  `alter analyze attach begin commit create drop except exists full glob indexed intersect left match natural
  outer over partition pragma recursive regexp reindex replace returning right rollback savepoint union using vacuum
  window with collate filter truncate`.split(/\s+/),
)

export class TokenStream {
  readonly text: string
  readonly #lexer: Lexer
  #depth = 0
  #parameterCount = 0
  #parameterStyle: string | undefined
  readonly #parameterNames = new Set<string>()
  current: Token
  following: Token
  /** Where the last accepted token ended. */
  lastEnd = 0

  constructor(text: string) {
    if (text.length > SQL_MAX_LENGTH) {
      const length = `${text.length} characters, the limit is ${SQL_MAX_LENGTH}`
      throw placedError('SQL_SYNTAX', `the statement is too long: ${length}`, '', 0)
    }
    this.text = text
    this.#lexer = new Lexer(text)
    this.current = this.#lexer.next()
    this.following = this.#lexer.next()
  }

  advance(): Token {
    const token = this.current
    this.lastEnd = token.end
    this.current = this.following
    if (token.kind !== 'end') this.following = this.#lexer.next()
    return token
  }

  isWord(word: string): boolean {
    return this.current.kind === 'word' && this.current.text === word
  }

  isFollowedByWord(word: string): boolean {
    return this.following.kind === 'word' && this.following.text === word
  }

  isSymbol(symbol: string): boolean {
    return this.current.kind === 'symbol' && this.current.text === symbol
  }

  acceptWord(word: string): boolean {
    if (!this.isWord(word)) return false
    this.advance()
    return true
  }

  acceptSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false
    this.advance()
    return true
  }

  expectWord(word: string): void {
    if (!this.acceptWord(word)) throw this.unexpected(word.toUpperCase())
  }

  expectSymbol(symbol: string): void {
    if (!this.acceptSymbol(symbol)) throw this.unexpected(`"${symbol}"`)
  }

  /** Is the current token a name that may stand unquoted? */
  isName(): boolean {
    const { kind, text } = this.current
    return kind === 'quoted' || (kind === 'word' && !RESERVED.has(text))
  }

  /** Takes a name as it was written: letter case is kept. */
  expectName(what: string): string {
    if (!this.isName()) throw this.unexpected(what)
    const token = this.advance()
    return token.kind === 'quoted' ? token.text : this.text.slice(token.start, token.end)
  }

  /** Runs one level of nesting; text that nests too deep is refused before the stack is at risk. */
  nested<Result>(parse: () => Result): Result {
    if (++this.#depth > SQL_DEPTH_MAX) throw this.tooDeep(this.current.start)
    const result = parse()
    this.#depth--
    return result
  }

  tooDeep(at: number): EngineError {
    return placedError('SQL_SYNTAX', `nested more than ${SQL_DEPTH_MAX} levels deep`, this.text, at)
  }

  /** Numbers a placeholder: `?` counts up from 1, `$2` and `?2` say which, `:name` names one. */
  parameterKey(token: Token): number | string {
    const style = token.text === '?' ? '?' : token.text[0] === ':' ? ':name' : '$1'
    this.#parameterStyle ??= style
    if (this.#parameterStyle !== style) {
      const message = `placeholders ${this.#parameterStyle} and ${style} cannot be mixed`
      throw placedError('SQL_PARAMETER', message, this.text, token.start)
    }
    if (style === ':name') {
      const name = token.text.slice(1)
      this.#parameterNames.add(name)
      return name
    }
    const number = style === '?' ? this.#parameterCount + 1 : Number(token.text.slice(1))
    if (number < 1 || number > SQL_PARAMETER_MAX_COUNT) {
      const message = `placeholders are numbered from 1 to ${SQL_PARAMETER_MAX_COUNT}`
      throw placedError('SQL_PARAMETER', message, this.text, token.start)
    }
    this.#parameterCount = Math.max(this.#parameterCount, number)
    return number - 1
  }

  get parameterCount(): number {
    return this.#parameterCount
  }

  get parameterNames(): readonly string[] {
    return [...this.#parameterNames]
  }

  /** The error for a current token that does not fit: a known feature that is absent, or plain wrong text. */
  unexpected(expected: string): EngineError {
    const { kind, text, start } = this.current
    if (kind === 'word' && UNSUPPORTED_WORDS.has(text)) return this.unsupported(text.toUpperCase())
    const found = kind === 'end' ? 'the end of the text' : `"${this.#shown()}"`
    return placedError('SQL_SYNTAX', `expected ${expected}, found ${found}`, this.text, start)
  }

  unsupported(feature: string, at = this.current.start): EngineError {
    return placedError('SQL_UNSUPPORTED', `${feature} is not supported`, this.text, at)
  }

  #shown(): string {
    const shown = this.text.slice(this.current.start, this.current.end)
    return shown.length > 40 ? `${shown.slice(0, 40)}...` : shown
  }
}
