// Rows as users give them go two ways to bytes and back: straight, and over cells. Nobody must be able to tell them apart.

import { deepStrictEqual } from 'node:assert'
import { spawnSync } from 'node:child_process'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { TableDefinition } from '../../../dist/catalog/definition.js'
import { RowMapper } from '../../../dist/catalog/row-values.js'
import { ByteWriter } from '../../../dist/codec/bytes.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { StagedEntries } from '../../../dist/indexes/staged-entries.js'
import { TableCodec } from '../../../dist/indexes/table-codec.js'
import { type ArbitraryColumn, cellOrNull, cellToValue, column } from '../codec/cells.js'
import { twoWays } from './two-ways.mjs'

interface Case {
  readonly definition: TableDefinition
  readonly row: unknown
}

const NAMES = ['id', 'a', 'note', 'toString', 'constructor', 'valueOf', '7', 'é "quoted"', '\u2028']

/** What a program might give for a column beside what it should. */
const anything = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, maxDepth: 2 }),
  fc.date({ noInvalidDate: false }),
  fc.constantFrom<unknown>(
    '1.5',
    '-0.10',
    1.5,
    -0,
    1e300,
    12345678.91,
    0.1,
    0.01,
    -3.1,
    '1e2',
    '007',
  ),
  fc.constantFrom<unknown>('\ud800', 'x'.repeat(3000), undefined, null, NaN, new Uint8Array(3)),
  fc.constantFrom<unknown>('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'new', 'é', 2 ** 53, 10n ** 20n),
)

function definitionOf(columns: readonly ArbitraryColumn[], descending: boolean): TableDefinition {
  // The key lies in the middle, so that the order of columns and that of bytes differ.
  const key = columns.findIndex(({ kind, isNullable }) => kind !== 'json' && !isNullable)
  const keyColumn: ArbitraryColumn = { kind: 'text', isNullable: false }
  const all = key < 0 ? [...columns, keyColumn] : columns
  const position = key < 0 ? columns.length : key
  return {
    name: 'any',
    id: 16,
    version: 1,
    nextIndexId: 2,
    columns: all.map((one, i) => ({ ...one, name: NAMES[i]!, id: i + 1, sinceVersion: 1 })),
    primaryKey: [{ column: NAMES[position]!, isDescending: descending }],
    indexes: [],
  }
}

const AS_IT_SHOULD = Symbol('as it should')

function seldom<T, U>(what: fc.Arbitrary<T>, mostly: U): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 19, arbitrary: fc.constant(mostly) }, { weight: 1, arbitrary: what })
}

const cases: fc.Arbitrary<Case> = fc
  .tuple(fc.array(column, { minLength: 1, maxLength: NAMES.length - 1 }), fc.boolean())
  .map(([columns, descending]) => definitionOf(columns, descending))
  .chain((definition) =>
    fc.tuple(
      fc.constant(definition),
      fc.tuple(...definition.columns.map((one) => cellOrNull(one))),
      fc.tuple(...definition.columns.map(() => seldom(anything, AS_IT_SHOULD))),
      seldom(fc.constantFrom('extra', 'nothing'), undefined),
    ),
  )
  .map(([definition, cells, others, extra]) => {
    const row: Record<string, unknown> = {}
    definition.columns.forEach((one, i) => {
      const other = others[i]
      row[one.name] = other === AS_IT_SHOULD ? cellToValue(one, cells[i]!) : other
    })
    if (extra === 'extra') row['extra'] = 1
    if (extra === 'nothing') row['nothing'] = undefined
    return { definition, row }
  })

describe('a row', () => {
  test('straight and over cells is the same bytes, or the same error, and the same row again', () => {
    let straightCount = 0
    let refusedCount = 0
    fc.assert(
      fc.property(cases, ({ definition, row }) => {
        const codec = new TableCodec(definition)
        const mapper = new RowMapper(definition)
        const straight = outcome(() => stagedBytes(codec, mapper, row))
        const overCells = outcome(() => bytesOverCells(codec, mapper, row))
        expect(straight).toStrictEqual(overCells)
        if (!(straight instanceof Uint8Array)) {
          refusedCount++
          return
        }
        if (codec.objects.encode(new ByteWriter(), row) >= 0) straightCount++
        const slot = slotOf(codec, mapper, row)
        const decoded = codec.decodeObject(slot, 1)
        deepStrictEqual(decoded, mapper.toRow(codec.decodeEntry(slot, 1)))
        const names = definition.columns.map(({ name }) => name)
        expect(Object.keys(decoded).sort()).toStrictEqual(names.sort())
      }),
      { numRuns: 800 },
    )
    // Else the test has compared the long way with itself.
    expect(straightCount).toBeGreaterThan(300)
    expect(refusedCount).toBeGreaterThan(100)
  })

  test('that stops half-way leaves nothing among those that are staged', () => {
    fc.assert(
      fc.property(cases, ({ definition, row }) => {
        const codec = new TableCodec(definition)
        const writer = new ByteWriter()
        writer.u8(7)
        if (codec.objects.encode(writer, row) < 0) expect(writer.length).toBe(1)
      }),
      { numRuns: 200 },
    )
  })

  test('of getters that write another row is written as it was read', () => {
    const columns = [
      { kind: 'text', isNullable: false },
      { kind: 'text', isNullable: false },
    ] as const
    const definition = definitionOf(columns, false)
    const codec = new TableCodec(definition)
    const mapper = new RowMapper(definition)
    const inner = { id: 'inner', a: 'of inner' }
    const outer = {
      id: 'outer',
      get a() {
        stagedBytes(codec, mapper, inner)
        return 'of outer'
      },
    }
    const plain = stagedBytes(codec, mapper, { id: 'outer', a: 'of outer' })
    expect(stagedBytes(codec, mapper, outer)).toStrictEqual(plain)
  })
})

test('a row of an older version has what its columns lacked', () => {
  const older = definitionOf([{ kind: 'text', isNullable: true }], false)
  const newer: TableDefinition = {
    ...older,
    version: 2,
    columns: [
      ...older.columns,
      { name: 'since', id: 9, kind: 'int', isNullable: false, sinceVersion: 2, default: 7 },
      { name: 'later', id: 10, kind: 'text', isNullable: true, sinceVersion: 2 },
    ],
  }
  const slot = slotOf(new TableCodec(older), new RowMapper(older), { id: null, a: 'key' })
  const codec = new TableCodec(newer)
  const expected = { id: null, a: 'key', since: 7, later: null }
  deepStrictEqual(codec.decodeObject(slot, 1), expected)
  const given = { ...expected, since: undefined, later: undefined }
  const again = slotOf(codec, new RowMapper(newer), given)
  deepStrictEqual(codec.decodeObject(again, 1), expected)
})

test('a row of many columns is written and read as others are', () => {
  const count = 100
  const columns = Array.from({ length: count }, (_, i) => ({
    name: `column ${i}`,
    id: i + 1,
    kind: 'int' as const,
    isNullable: i % 2 === 1,
    sinceVersion: 1,
  }))
  const primaryKey = [{ column: 'column 8', isDescending: false }]
  const definition = { ...definitionOf([], false), columns, primaryKey }
  const row = Object.fromEntries(columns.map(({ name }, i) => [name, i % 6 === 3 ? null : i]))
  const codec = new TableCodec(definition)
  const mapper = new RowMapper(definition)
  expect(codec.objects.encode(new ByteWriter(), row)).toBeGreaterThan(0)
  expect(stagedBytes(codec, mapper, row)).toStrictEqual(bytesOverCells(codec, mapper, row))
  deepStrictEqual(codec.decodeObject(slotOf(codec, mapper, row), 1), row)
})

test('damaged rows are the same rows straight and over cells, or none', () => {
  let sameCount = 0
  let corruptCount = 0
  fc.assert(
    fc.property(cases, fc.nat(), fc.nat(), fc.nat(255), ({ definition, row }, at, end, byte) => {
      const codec = new TableCodec(definition)
      const mapper = new RowMapper(definition)
      if (codec.objects.encode(new ByteWriter(), row) < 0) return
      const slot = slotOf(codec, mapper, row)
      const { valueStart, valueEnd } = slot
      const valueBytes = valueEnd - valueStart
      // Cut off behind the damage, which what lies there must not hide.
      slot.valueBytes[valueStart + (at % valueBytes)] = byte
      if (end % 2 === 0) slot.valueEnd = valueStart + (end % (valueBytes + 1))
      const straight = rowOrCode(() => codec.decodeObject(slot, 1))
      deepStrictEqual(
        straight,
        rowOrCode(() => mapper.toRow(codec.decodeEntry(slot, 1))),
      )
      if (straight === 'ROW_CORRUPT') corruptCount++
      else sameCount++
    }),
    { numRuns: 2000 },
  )
  expect(sameCount).toBeGreaterThan(100)
  expect(corruptCount).toBeGreaterThan(100)
})

describe('a key', () => {
  test('is the same bytes straight and over cells', () => {
    fc.assert(
      fc.property(cases, anything, ({ definition, row }, other) => {
        const codec = new TableCodec(definition)
        const mapper = new RowMapper(definition)
        const own = (row as Record<string, unknown>)[definition.primaryKey[0]!.column]
        for (const key of [own, [own], other, [other], [own, other], []]) {
          const writer = new ByteWriter()
          if (!codec.objects.encodeKey(writer, key)) {
            expect(writer.length).toBe(0)
            continue
          }
          const expected = new ByteWriter()
          codec.primary.writeCells(expected, mapper.keyCells(key))
          expect(writer.finish()).toStrictEqual(expected.finish())
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('where no code can be made of text rows are the same', () => {
  const script = new URL('two-ways.mjs', import.meta.url).pathname
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', script],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe('')
  const { hasGenerated, ...rest } = JSON.parse(stdout)
  expect(hasGenerated).toBe(false)
  const { hasGenerated: hasHere, ...here } = JSON.parse(JSON.stringify(twoWays()))
  expect(hasHere).toBe(true)
  expect(rest).toStrictEqual(here)
})

function stagedBytes(codec: TableCodec, mapper: RowMapper, row: unknown): Uint8Array {
  const rows = codec.takeRows()
  try {
    rows.add(mapper, row)
    return rows.entries.writer.finish()
  } finally {
    codec.giveBack(rows)
  }
}

function bytesOverCells(codec: TableCodec, mapper: RowMapper, row: unknown): Uint8Array {
  const cells = mapper.toCells(row)
  const staged = new StagedEntries()
  // The room for the prefix.
  staged.writer.raw(new Uint8Array(14))
  codec.primary.writeRow(staged.writer, cells)
  staged.endKey(0)
  codec.encodeValue(staged.writer, cells)
  staged.endPut()
  return staged.writer.finish()
}

function slotOf(codec: TableCodec, mapper: RowMapper, row: unknown): EntrySlot {
  const rows = codec.takeRows()
  rows.add(mapper, row)
  const slot = new EntrySlot()
  slot.keyBytes = rows.entries.key(0)
  slot.keyEnd = slot.keyBytes.length
  slot.valueBytes = rows.entries.writer.finish()
  slot.valueStart = slot.keyEnd
  slot.valueEnd = slot.valueBytes.length
  return slot
}

function rowOrCode(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return (error as { code: unknown }).code
  }
}

function outcome(call: () => Uint8Array): Uint8Array | { code: unknown; message: string } {
  try {
    return call()
  } catch (error) {
    const { code, message } = error as { code: unknown; message: string }
    return { code, message }
  }
}
