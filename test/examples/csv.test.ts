import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CsvError,
  CsvParser,
  type CsvRecord,
  readCsv,
  readFileChunks,
} from '../../examples/demo/dist/csv.js'

const COLUMNS = ['id', 'text']

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (let i = 0; start < bytes.length; i++) {
    const end = start + (sizes[i % sizes.length] ?? bytes.length)
    yield bytes.subarray(start, end)
    start = end
  }
}

async function readText(
  text: string | Uint8Array,
  columns = COLUMNS,
  sizes = [1 << 16],
): Promise<CsvRecord[]> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const records: CsvRecord[] = []
  for await (const batch of readCsv(chunksOf(bytes, sizes), columns)) records.push(...batch)
  return records
}

const fieldsOf = (records: readonly CsvRecord[]) => records.map(({ fields }) => fields)

async function errorOf(text: string | Uint8Array): Promise<Pick<CsvError, 'code' | 'line'>> {
  const error: unknown = await readText(text).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(CsvError)
  const { code, line } = error as CsvError
  return { code, line }
}

describe('reads', () => {
  it('plain and quoted fields, line breaks and quotes inside quotes', async () => {
    const records = await readText(
      'id,text\n1,plain\n2,"a,b"\n3,"two\nlines"\n4,"say ""hi"""\n5,\n',
    )
    expect(records).toEqual([
      { line: 2, fields: ['1', 'plain'] },
      { line: 3, fields: ['2', 'a,b'] },
      { line: 4, fields: ['3', 'two\nlines'] },
      { line: 6, fields: ['4', 'say "hi"'] },
      { line: 7, fields: ['5', ''] },
    ])
  })

  it('CRLF, a byte order mark, and a last line without a line break', async () => {
    const records = await readText('\ufeffid,text\r\n1,"a\r\nb"\r\n2,c')
    expect(fieldsOf(records)).toEqual([
      ['1', 'a\r\nb'],
      ['2', 'c'],
    ])
  })

  it('a header without records', async () => {
    expect(await readText('id,text\n')).toEqual([])
  })

  it('files, unpacked when they are gzipped', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'csv-'))
    try {
      const text = 'id,text\n1,é€😀\n'
      await writeFile(join(directory, 'a.csv'), text)
      await writeFile(join(directory, 'a.csv.gz'), gzipSync(text))
      for (const name of ['a.csv', 'a.csv.gz']) {
        const records: CsvRecord[] = []
        let byteCount = 0
        const chunks = readFileChunks(join(directory, name), (count) => {
          byteCount += count
        })
        for await (const batch of readCsv(chunks, COLUMNS)) records.push(...batch)
        expect(fieldsOf(records)).toEqual([['1', 'é€😀']])
        expect(byteCount).toBeGreaterThan(10)
      }
      await writeFile(join(directory, 'cut.csv.gz'), gzipSync(text).subarray(0, -6))
      const cut = readCsv(readFileChunks(join(directory, 'cut.csv.gz')), COLUMNS)
      await expect(drain(cut)).rejects.toThrow('unexpected end of file')
      const none = readCsv(readFileChunks(join(directory, 'none.csv')), COLUMNS)
      await expect(drain(none)).rejects.toThrow('ENOENT')
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of batches);
}

describe('refuses, with the line', () => {
  it.each([
    ['an unclosed quote', 'id,text\n1,a\n2,"b\nc\nd', 'CSV_QUOTE_UNCLOSED', 3],
    ['a quote inside a plain field', 'id,text\n1,a"b"\n', 'CSV_QUOTE_STRAY', 2],
    ['text after a closing quote', 'id,text\n1,"a"b\n', 'CSV_QUOTE_STRAY', 2],
    ['a lone carriage return', 'id,text\n1,a\rb\n', 'CSV_CARRIAGE_RETURN', 2],
    ['a carriage return at the end', 'id,text\n1,a\r', 'CSV_CARRIAGE_RETURN', 2],
    ['too few fields', 'id,text\n1,a\n2\n', 'CSV_FIELD_COUNT', 3],
    ['too many fields', 'id,text\n1,"a\nb"\n2,b,c\n', 'CSV_FIELD_COUNT', 4],
    ['an empty line', 'id,text\n1,a\n\n2,b\n', 'CSV_FIELD_COUNT', 3],
    ['other columns', 'id,name\n1,a\n', 'CSV_HEADER', 1],
    ['an empty file', '', 'CSV_HEADER', 1],
  ])('%s', async (_name, text, code, line) => {
    expect(await errorOf(text)).toEqual({ code, line })
  })

  it('bytes that are not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('id,text\n1,a\n2,'), Buffer.from([0xff, 0x0a])])
    expect((await errorOf(bytes)).code).toBe('CSV_UNREADABLE')
    const cutInside = Buffer.from('id,text\n1,é').subarray(0, -1)
    expect(await errorOf(cutInside)).toEqual({ code: 'CSV_UNREADABLE', line: 2 })
  })
})

describe('properties', () => {
  const field = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.stringMatching(/^[a"\n\r,é😀]*$/u),
    fc.constantFrom('', '"', '""', '\r\n', ',', ' a '),
  )
  const table = fc
    .integer({ min: 1, max: 4 })
    .chain((width) =>
      fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 12 }),
    )

  it('what is written is read, wherever chunks end and lines break', async () => {
    const run = fc.asyncProperty(
      table,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      async (rows, sizes, lineBreak, isQuotedAlways) => {
        const columns = (rows[0] ?? ['']).map((_, i) => `c${i}`)
        const text = [columns, ...rows]
          .map((row) => writeRecord(row, isQuotedAlways) + lineBreak)
          .join('')
        expect(fieldsOf(await readText(text, columns, sizes))).toEqual(rows)
        const cut = text.slice(0, -lineBreak.length)
        expect(fieldsOf(await readText(cut, columns, sizes))).toEqual(rows)
      },
    )
    await fc.assert(run, { numRuns: 300 })
  })

  it('any text in any pieces gives the same records or the same error', () => {
    const run = fc.property(
      fc.stringMatching(/^[ab",\n\r]{0,30}$/),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      (text, sizes) => {
        expect(parse(text, sizes)).toEqual(parse(text, [text.length + 1]))
      },
    )
    fc.assert(run, { numRuns: 1_000 })
  })
})

function writeRecord(fields: readonly string[], isQuotedAlways: boolean): string {
  const isQuoted = (field: string): boolean =>
    // A record of one empty field would be an empty line, and none at all at the end of the file.
    isQuotedAlways || /[",\r\n]/.test(field) || (field === '' && fields.length === 1)
  return fields
    .map((field) => (isQuoted(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')
}

function parse(text: string, sizes: readonly number[]): unknown {
  const records: unknown[] = []
  const parser = new CsvParser((fields, line) => records.push({ fields, line }))
  try {
    let start = 0
    for (let i = 0; start < text.length; i++) {
      const end = start + (sizes[i % sizes.length] ?? 1)
      parser.push(text.slice(start, end))
      start = end
    }
    parser.finish()
    return records
  } catch (error) {
    return { records, code: (error as CsvError).code, line: (error as CsvError).line }
  }
}
