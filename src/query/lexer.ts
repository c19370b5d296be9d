// Statement text to tokens, one at a time, so that hostile text is refused at its first wrong place.

import { placedError } from './syntax-error.js'

export type TokenKind =
  | 'word'
  | 'quoted'
  | 'string'
  | 'bytes'
  | 'number'
  | 'parameter'
  | 'symbol'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** Offsets into the statement text. */
  readonly start: number
  readonly end: number
  /** Lower-cased for words, unescaped for strings and quoted names, as written for the rest. */
  readonly text: string
}

/** No column holds a number this long. */
const NUMBER_MAX_LENGTH = 400

const SPACE = /(?:[ \t\r\n\f\v]+|--[^\n]*)+/y
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const PARAMETER = /\?\d*|\$\d+|:[A-Za-z_]\w*/y
const SYMBOL = /->>|->|<=|>=|<>|!=|==|\|\||<<|>>|[-+*/%(),.;=<>&|~]/y
const CLOSING_QUOTE: Readonly<Record<string, string>> = { '"': '"', '`': '`', '[': ']' }

export class Lexer {
  readonly text: string
  #position = 0

  constructor(text: string) {
    this.text = text
  }

  /** Reads the next token; at the end of the text, again and again the `end` token. */
  next(): Token {
    this.#skipSpace()
    const start = this.#position
    const first = this.text[start]
    if (first === undefined) return { kind: 'end', start, end: start, text: '' }
    if (first === "'") return this.#string(start)
    if ((first === 'x' || first === 'X') && this.text[start + 1] === "'") return this.#bytes(start)
    const closing = CLOSING_QUOTE[first]
    if (closing !== undefined) return this.#quotedName(start, closing)
    const word = this.#match(WORD)
    if (word !== undefined) return this.#token('word', start, word.toLowerCase())
    const number = this.#match(NUMBER)
    if (number !== undefined) return this.#number(start, number)
    const parameter = this.#match(PARAMETER)
    if (parameter !== undefined) return this.#token('parameter', start, parameter)
    const symbol = this.#match(SYMBOL)
    if (symbol !== undefined) return this.#token('symbol', start, symbol)
    throw placedError('SQL_SYNTAX', `unexpected character ${nameOf(first)}`, this.text, start)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position
    return pattern.exec(this.text)?.[0]
  }

  #token(kind: TokenKind, start: number, text: string): Token {
    this.#position = start + text.length
    return { kind, start, end: this.#position, text }
  }

  #skipSpace(): void {
    for (;;) {
      const space = this.#match(SPACE)
      if (space !== undefined) this.#position += space.length
      if (!this.text.startsWith('/*', this.#position)) return
      const end = this.text.indexOf('*/', this.#position + 2)
      if (end === -1) {
        throw placedError('SQL_SYNTAX', 'unterminated comment', this.text, this.#position)
      }
      this.#position = end + 2
    }
  }

  #number(start: number, digits: string): Token {
    if (digits.length > NUMBER_MAX_LENGTH) {
      const message = `a number of more than ${NUMBER_MAX_LENGTH} characters`
      throw placedError('SQL_SYNTAX', message, this.text, start)
    }
    const token = this.#token('number', start, digits)
    if (this.#match(WORD) !== undefined) {
      throw placedError('SQL_SYNTAX', 'a number runs into a name', this.text, token.end)
    }
    return token
  }

  #string(start: number): Token {
    const { text, end } = this.#delimited(start, "'", 'unterminated string')
    this.#position = end
    return { kind: 'string', start, end, text }
  }

  #bytes(start: number): Token {
    const { text, end } = this.#delimited(start + 1, "'", 'unterminated bytes literal')
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
      throw placedError('SQL_SYNTAX', 'a bytes literal needs pairs of hex digits', this.text, start)
    }
    this.#position = end
    return { kind: 'bytes', start, end, text }
  }

  #quotedName(start: number, closing: string): Token {
    const { text, end } = this.#delimited(start, closing, 'unterminated quoted name')
    if (text === '') throw placedError('SQL_SYNTAX', 'a name is empty', this.text, start)
    this.#position = end
    return { kind: 'quoted', start, end, text }
  }

  /** Reads up to the closing quote; a doubled quote stands for itself. */
  #delimited(start: number, closing: string, problem: string): { text: string; end: number } {
    let text = ''
    let from = start + 1
    for (;;) {
      const end = this.text.indexOf(closing, from)
      if (end === -1) throw placedError('SQL_SYNTAX', problem, this.text, start)
      text += this.text.slice(from, end)
      if (closing === ']' || this.text[end + 1] !== closing) return { text, end: end + 1 }
      text += closing
      from = end + 2
    }
  }
}

function nameOf(character: string): string {
  const code = character.charCodeAt(0)
  const isVisible = code > 0x20 && code !== 0x7f
  return isVisible ? `"${character}"` : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}
