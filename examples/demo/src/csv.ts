// A streaming reader of CSV as RFC 4180 has it: fields may be quoted, quoted fields may hold commas, line breaks and
// doubled quotes; lines end with LF or CRLF; a byte order mark is skipped. What RFC 4180 does not allow is refused with
// the line where it stands, because a file that is read "somehow" is a file that is read wrong.
//
// The parser keeps its place between chunks, so a chunk may end anywhere: inside a field, between a quote and its double,
// between CR and LF, inside a UTF-8 sequence. It slices fields out of the chunk and joins pieces only where a chunk ends
// or a quote is doubled.

import { createReadStream } from 'node:fs'
import { PassThrough, pipeline, Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'

export type CsvErrorCode =
  | 'CSV_QUOTE_UNCLOSED'
  | 'CSV_QUOTE_STRAY'
  | 'CSV_CARRIAGE_RETURN'
  | 'CSV_FIELD_COUNT'
  | 'CSV_HEADER'
  | 'CSV_VALUE'
  | 'CSV_UNREADABLE'

/** What is wrong with a CSV file, and in which of its lines (counted from 1). */
export class CsvError extends Error {
  readonly code: CsvErrorCode
  readonly line: number

  constructor(code: CsvErrorCode, line: number, problem: string, cause?: unknown) {
    super(`line ${line}: ${problem}`, cause === undefined ? undefined : { cause })
    this.name = 'CsvError'
    this.code = code
    this.line = line
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const LF = 0x0a
const CR = 0x0d

type Place = 'field start' | 'plain field' | 'quoted field' | 'after quote' | 'after CR'

/** Turns text that arrives in pieces into records. */
export class CsvParser {
  readonly #onRecord: (fields: string[], line: number) => void
  #place: Place = 'field start'
  #fields: string[] = []
  /** What is known of the present field from earlier chunks and before doubled quotes. */
  #piece = ''
  #line = 1
  #recordLine = 1
  #quoteLine = 1

  /** onRecord gets each record and the line on which it starts; what it throws ends the parse. */
  constructor(onRecord: (fields: string[], line: number) => void) {
    this.#onRecord = onRecord
  }

  /** The line that is being read, for errors that come from elsewhere. */
  get line(): number {
    return this.#line
  }

  push(text: string): void {
    let position = 0
    while (position < text.length) {
      switch (this.#place) {
        case 'field start':
          if (text.charCodeAt(position) === QUOTE) {
            this.#place = 'quoted field'
            this.#quoteLine = this.#line
            position++
          } else {
            this.#place = 'plain field'
          }
          break
        case 'plain field':
          position = this.#readPlain(text, position)
          break
        case 'quoted field':
          position = this.#readQuoted(text, position)
          break
        case 'after quote':
          this.#readAfterQuote(text.charCodeAt(position))
          position++
          break
        case 'after CR':
          if (text.charCodeAt(position) !== LF) this.#refuseCarriageReturn()
          this.#endRecord()
          position++
          break
      }
    }
  }

  /** Ends the input: the last record needs no line break. */
  finish(): void {
    if (this.#place === 'quoted field') {
      throw new CsvError('CSV_QUOTE_UNCLOSED', this.#quoteLine, 'a quoted field is never closed')
    }
    if (this.#place === 'after CR') this.#refuseCarriageReturn()
    if (this.#place !== 'field start' || this.#fields.length > 0) this.#endRecord()
  }

  #readPlain(text: string, start: number): number {
    let end = start
    let code = 0
    for (; end < text.length; end++) {
      code = text.charCodeAt(end)
      // All four delimiters are below the comma's successor, and most text is above it.
      if (code <= COMMA && (code === COMMA || code === LF || code === CR || code === QUOTE)) break
    }
    this.#take(text, start, end)
    if (end === text.length) return end
    if (code === COMMA) this.#endField()
    else if (code === LF) this.#endRecord()
    else if (code === CR) this.#place = 'after CR'
    else throw new CsvError('CSV_QUOTE_STRAY', this.#line, 'a quote inside an unquoted field')
    return end + 1
  }

  #readQuoted(text: string, start: number): number {
    const quote = text.indexOf('"', start)
    const end = quote < 0 ? text.length : quote
    for (let lf = text.indexOf('\n', start); lf >= 0 && lf < end; lf = text.indexOf('\n', lf + 1)) {
      this.#line++
    }
    this.#take(text, start, end)
    if (quote < 0) return end
    this.#place = 'after quote'
    return quote + 1
  }

  #readAfterQuote(code: number): void {
    if (code === QUOTE) {
      this.#piece += '"'
      this.#place = 'quoted field'
    } else if (code === COMMA) this.#endField()
    else if (code === LF) this.#endRecord()
    else if (code === CR) this.#place = 'after CR'
    else throw new CsvError('CSV_QUOTE_STRAY', this.#line, 'text after the end of a quoted field')
  }

  #take(text: string, start: number, end: number): void {
    if (end === start) return
    const slice = text.slice(start, end)
    this.#piece = this.#piece === '' ? slice : this.#piece + slice
  }

  #endField(): void {
    this.#fields.push(this.#piece)
    this.#piece = ''
    this.#place = 'field start'
  }

  #endRecord(): void {
    this.#endField()
    const fields = this.#fields
    const line = this.#recordLine
    this.#fields = []
    this.#recordLine = ++this.#line
    this.#onRecord(fields, line)
  }

  #refuseCarriageReturn(): never {
    throw new CsvError('CSV_CARRIAGE_RETURN', this.#line, 'a carriage return without a line feed')
  }
}

/** One record of a file whose first record names the columns. */
export interface CsvRecord {
  readonly fields: readonly string[]
  readonly line: number
}

/**
 * Reads CSV bytes as batches of records; the first record must be exactly the columns asked for, and each record must
 * have as many fields.
 *
 * @throws CsvError with the line of the first thing that is wrong
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  columns: readonly string[],
): AsyncGenerator<CsvRecord[]> {
  let batch: CsvRecord[] = []
  let hasHeader = false
  const parser = new CsvParser((fields, line) => {
    if (hasHeader) batch.push({ fields, line })
    else checkHeader(fields, columns)
    hasHeader = true
    if (fields.length !== columns.length) {
      const problem = `${fields.length} fields where the header has ${columns.length}`
      throw new CsvError('CSV_FIELD_COUNT', line, problem)
    }
  })
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (cause) {
      throw new CsvError('CSV_UNREADABLE', parser.line, 'not UTF-8, here or soon after', cause)
    }
  }
  for await (const chunk of chunks) {
    parser.push(decode(chunk))
    if (batch.length === 0) continue
    yield batch
    batch = []
  }
  parser.push(decode())
  parser.finish()
  if (!hasHeader) throw new CsvError('CSV_HEADER', 1, `empty; expected ${columns.join(',')}`)
  if (batch.length > 0) yield batch
}

/** Streams a file's bytes, unpacked when its name ends in .gz. onBytes hears how much of the file was read. */
export async function* readFileChunks(
  path: string,
  onBytes: (byteCount: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      onBytes(chunk.length)
      done(undefined, chunk)
    },
  })
  const last = path.endsWith('.gz') ? createGunzip() : new PassThrough()
  // A failure of any stage destroys the last one, whose iteration then throws it: nothing is left for the callback.
  pipeline(createReadStream(path), counter, last, () => {})
  yield* last
}

function checkHeader(fields: readonly string[], columns: readonly string[]): void {
  if (fields.length === columns.length && fields.every((name, i) => name === columns[i])) return
  const problem = `columns are ${fields.join(',')}; expected ${columns.join(',')}`
  throw new CsvError('CSV_HEADER', 1, problem)
}
