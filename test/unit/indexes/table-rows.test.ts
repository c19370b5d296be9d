import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { TenantId } from '../../../dist/base/ids.js'
import { t } from '../../../dist/catalog/column-types.js'
import { defineTable, type TableDefinition } from '../../../dist/catalog/definition.js'
import { table } from '../../../dist/catalog/table.js'
import type { Cell } from '../../../dist/codec/cell.js'
import type { AccessPath } from '../../../dist/indexes/access-path.js'
import { TableRows } from '../../../dist/indexes/table-rows.js'
import { SortedStore } from './sorted-store.js'

const people = table(
  'people',
  {
    team: t.text(),
    id: t.int(),
    mail: t.text().nullable(),
    level: t.enum(['low', 'high', 'mid']),
    score: t.float().nullable(),
    spent: t.decimal(12, 2).default('0'),
    extra: t.json().nullable(),
  },
  {
    primaryKey: ['team', { column: 'id', descending: true }],
    indexes: {
      byScore: ['level', { column: 'score', descending: true }],
      bySpent: ['spent'],
      byMail: { columns: ['mail'], unique: true },
      byScoreUp: ['score'],
    },
  },
)
const definition = defineTable(people.declaration, 16)
const tenant = { id: 7 as TenantId, hash: 0xdead_beef }
const other = { id: 8 as TenantId, hash: 0xdead_beef }

function all(rows: TableRows, store: SortedStore, path?: AccessPath): Cell[][] {
  const scan = rows.scan(store, path)
  const found: Cell[][] = []
  while (scan.next()) found.push(scan.row)
  return found
}

function person(team: string, id: number, more: Partial<Record<string, Cell>> = {}): Cell[] {
  const given: Record<string, Cell> = {
    mail: null,
    level: 'low',
    score: null,
    spent: 0n,
    extra: null,
    ...(more as Record<string, Cell>),
    team,
    id,
  }
  return definition.columns.map(({ name }) => given[name]!)
}

function filled(...rows: Cell[][]): { store: SortedStore; rows: TableRows } {
  const store = new SortedStore()
  const people_ = new TableRows(definition, tenant)
  for (const row of rows) people_.insert(store, row)
  return { store, rows: people_ }
}

describe('rows', () => {
  test('are found by their key, in their tenant only', () => {
    const ann = person('a', 1, { mail: 'ann@x', score: 1.5, spent: 1990n, extra: { tags: ['x'] } })
    const { store, rows } = filled(ann, person('a', 2), person('b', 1))
    expect(rows.get(store, ['a', 1])).toStrictEqual(ann)
    expect(rows.get(store, ['a', 3])).toBeUndefined()
    const others = new TableRows(definition, other)
    expect(others.get(store, ['a', 1])).toBeUndefined()
    expect(all(others, store)).toStrictEqual([])
    expect(all(others, store, { index: 'byMail' })).toStrictEqual([])
  })

  test('with a key that is there are refused, and nothing is written', () => {
    const { store, rows } = filled(person('a', 1))
    const before = store.entries
    expect(() => rows.insert(store, person('a', 1, { mail: 'x' }))).toThrow('ROW_DUPLICATE_KEY')
    rows.insert(store, person('a', 2))
    const moved = () => rows.update(store, person('a', 2), person('a', 1))
    expect(moved).toThrow('ROW_DUPLICATE_KEY')
    rows.delete(store, person('a', 2))
    expect(store.entries).toStrictEqual(before)
  })

  test('that take a value of a unique index are refused, and nothing is written', () => {
    const { store, rows } = filled(person('a', 1, { mail: 'ann@x' }), person('a', 2))
    const before = store.entries
    const taken = person('a', 2, { mail: 'ann@x' })
    for (const write of [
      () => rows.insert(store, person('b', 1, { mail: 'ann@x' })),
      () => rows.upsert(store, person('b', 1, { mail: 'ann@x' })),
      () => rows.upsert(store, taken),
      () => rows.update(store, person('a', 2), taken),
    ]) {
      expect(write).toThrow('ROW_UNIQUE_VIOLATION')
      expect(store.entries).toBe(before)
    }
  })

  test('keep their own value of a unique index when they change or move', () => {
    const ann = person('a', 1, { mail: 'ann@x' })
    const { store, rows } = filled(ann)
    const older = person('a', 1, { mail: 'ann@x', score: 2 })
    rows.upsert(store, older)
    const moved = person('b', 9, { mail: 'ann@x' })
    rows.update(store, older, moved)
    expect(all(rows, store, { index: 'byMail', prefix: ['ann@x'] })).toStrictEqual([moved])
    expect(rows.get(store, ['a', 1])).toBeUndefined()
    rows.delete(store, moved)
    expect(store.entries).toStrictEqual([])
  })

  test('write no index entry that stays as it is', () => {
    const { store, rows } = filled(person('a', 1, { mail: 'ann@x' }))
    const before = store.writeCount
    rows.upsert(store, person('a', 1, { mail: 'ann@x', extra: { new: true } }))
    expect(store.writeCount - before).toBe(1)
  })

  test('with a key that is too long are refused, and nothing is written', () => {
    const { store, rows } = filled()
    const long = person('a', 1, { mail: 'x'.repeat(3000) })
    expect(() => rows.insert(store, long)).toThrow('KEY_TOO_LARGE')
    expect(() => rows.insert(store, person('x'.repeat(2030), 1))).toThrow('KEY_TOO_LARGE')
    const huge = person('a', 1, { extra: 'x'.repeat(17 << 20) })
    expect(() => rows.insert(store, huge)).toThrow('VALUE_TOO_LARGE')
    expect(store.entries).toStrictEqual([])
    rows.insert(store, person('a', 1))
    expect(rows.get(store, ['a', 1])).toStrictEqual(person('a', 1))
  })

  test('of a table without indexes are replaced unread', () => {
    const plain: TableDefinition = { ...definition, indexes: [] }
    const rows = new TableRows(plain, tenant)
    const store = new SortedStore()
    rows.upsert(store, person('a', 1))
    rows.upsert(store, person('a', 1, { score: 3 }))
    expect(store.getCount).toBe(0)
    expect(rows.get(store, ['a', 1])).toStrictEqual(person('a', 1, { score: 3 }))
  })

  test('have a history', () => {
    const { store, rows } = filled(person('a', 1))
    const value = store.entries.find(({ key }) => key[13] === 0)!.value
    const versions = () => [
      { seqNum: store.snapshot, value: undefined },
      { seqNum: store.snapshot, value },
    ]
    const states = rows.history({ versions }, ['a', 1])
    expect(states.map(({ row }) => row)).toStrictEqual([undefined, person('a', 1)])
  })
})

describe('scans', () => {
  const scores = [null, -1, 0, 2.5, 2.5, 7]
  const { store, rows } = filled(
    ...scores.map((score, id) => person('a', id, { score, level: id % 2 ? 'low' : 'high' })),
  )
  const found = (path: AccessPath) => all(rows, store, path).map((row) => row[4])
  const bound = (cell: Cell, isInclusive: boolean) => ({ cell, isInclusive })

  test('go in index order, nulls first, both ways', () => {
    expect(found({ index: 'byScoreUp' })).toStrictEqual([null, -1, 0, 2.5, 2.5, 7])
    expect(found({ index: 'byScoreUp', reverse: true })).toStrictEqual([7, 2.5, 2.5, 0, -1, null])
    expect(found({ index: 'byScore', prefix: ['high'] })).toStrictEqual([2.5, 0, null])
    expect(found({ index: 'byScore', prefix: ['high', null] })).toStrictEqual([null])
    expect(found({ index: 'byScoreUp', prefix: [2.5] })).toStrictEqual([2.5, 2.5])
    expect(found({ prefix: ['a', 3] })).toStrictEqual([2.5])
  })

  test('keep to their bounds, which no null is in', () => {
    const up = (path: AccessPath) => found({ index: 'byScoreUp', ...path })
    expect(up({ lower: bound(0, true) })).toStrictEqual([0, 2.5, 2.5, 7])
    expect(up({ lower: bound(0, false), upper: bound(7, false) })).toStrictEqual([2.5, 2.5])
    expect(up({ upper: bound(0, true) })).toStrictEqual([-1, 0])
    expect(up({ upper: bound(0, false), reverse: true })).toStrictEqual([-1])
    expect(up({ lower: bound(3, true), upper: bound(2, true) })).toStrictEqual([])
    expect(up({ lower: bound(null, true) })).toStrictEqual([])
    const down = (path: AccessPath) => found({ index: 'byScore', prefix: ['high'], ...path })
    expect(down({ lower: bound(0, true) })).toStrictEqual([2.5, 0])
    expect(down({ lower: bound(0, false) })).toStrictEqual([2.5])
    expect(down({ upper: bound(2.5, true) })).toStrictEqual([2.5, 0])
    expect(down({ upper: bound(2.5, false) })).toStrictEqual([0])
    const ids = all(rows, store, { prefix: ['a'], lower: bound(2, true), upper: bound(4, false) })
    expect(ids.map((row) => row[1])).toStrictEqual([3, 2])
  })

  test('of what is not there are refused or empty', () => {
    expect(() => rows.scan(store, { index: 'byNone' })).toThrow('SCHEMA_UNKNOWN_INDEX')
    expect(() => rows.scan(store, { index: 'bySpent', prefix: [0n, 1n] })).toThrow(
      'ARGUMENT_INVALID',
    )
    expect(found({ prefix: [null] })).toStrictEqual([])
  })

  test('skip rows that were deleted behind their back', () => {
    const { store: own, rows: ownRows } = filled(person('a', 1), person('a', 2), person('a', 3))
    const scan = ownRows.scan(own, { index: 'bySpent' })
    expect(scan.next()).toBe(true)
    ownRows.delete(own, person('a', 2))
    expect(scan.next()).toBe(true)
    expect(scan.row[1]).toBe(1)
    expect(scan.next()).toBe(false)
  })

  test('find damage: an entry without a row, a row that is none', () => {
    const { store: own, rows: ownRows } = filled(person('a', 1, { mail: 'x' }))
    const [row, ...entries] = own.entries
    own.entries = entries
    for (const { name } of definition.indexes) {
      const scan = ownRows.scan(own, { index: name })
      expect(() => scan.next()).toThrow('ROW_CORRUPT')
    }
    own.entries = [{ key: row!.key, value: row!.value.slice(0, -1) }, ...entries]
    expect(() => all(ownRows, own)).toThrow('ROW_CORRUPT')
    expect(() => ownRows.get(own, ['a', 1])).toThrow('ROW_CORRUPT')
    own.entries = entries.map(({ key }) => ({ key, value: new Uint8Array(0) }))
    expect(() => all(ownRows, own, { index: 'bySpent' })).toThrow('ROW_CORRUPT')
  })
})

describe('against a map', () => {
  const value = fc.record({
    mail: fc.option(fc.constantFrom('a@x', 'b@x', 'c@x', '')),
    level: fc.constantFrom('low', 'mid', 'high'),
    score: fc.option(fc.constantFrom(-1, 0, 1.5)),
    spent: fc.constantFrom(-5n, 0n, 10n ** 11n),
    extra: fc.option(fc.constantFrom<Cell[]>({ a: 1 }, [1, 2])),
  })
  const key = fc.tuple(fc.constantFrom('', 'a', 'a\0', 'b'), fc.integer({ min: -1, max: 2 }))
  const row = fc.tuple(key, value).map(([[team, id], more]) => person(team, id, more))
  const change = fc.tuple(
    fc.constantFrom<('insert' | 'upsert' | 'update' | 'delete')[]>(
      'insert',
      'upsert',
      'update',
      'delete',
    ),
    row,
    key,
  )

  const nameOf = (team: Cell, id: Cell) => JSON.stringify([team, id])
  const compare = (a: Cell, b: Cell): number =>
    a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1

  /** Sorted by the parts of an index, then by primary key. */
  function sorted(rows: Iterable<Cell[]>, parts: TableDefinition['primaryKey']): Cell[][] {
    const order = [...parts, ...definition.primaryKey].map((part) => ({
      position: definition.columns.findIndex(({ name }) => name === part.column),
      sign: part.isDescending ? -1 : 1,
    }))
    return [...rows].sort((a, b) => {
      for (const { position, sign } of order) {
        const difference = compare(a[position]!, b[position]!) * sign
        if (difference !== 0) return difference
      }
      return 0
    })
  }

  test('any changes leave rows and indexes agreeing', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), (changes) => {
        const store = new SortedStore()
        const rows = new TableRows(definition, tenant)
        const model = new Map<string, Cell[]>()
        const hasMail = (mail: Cell, butFor: string[]) =>
          mail !== null &&
          [...model].some(([name, known]) => known[2] === mail && !butFor.includes(name))
        for (const [kind, given, [team, id]] of changes) {
          const name = nameOf(given[0]!, given[1]!)
          const oldName = nameOf(team, id)
          const old = kind === 'upsert' ? model.get(name) : model.get(oldName)
          if (kind === 'delete') {
            if (old === undefined) continue
            rows.delete(store, old)
            model.delete(oldName)
            continue
          }
          if (kind === 'update' && old === undefined) continue
          const isDuplicate =
            model.has(name) && (kind === 'insert' || (kind === 'update' && name !== oldName))
          const butFor = kind === 'insert' ? [] : kind === 'upsert' ? [name] : [oldName]
          const isTaken = hasMail(given[2]!, butFor)
          const act = () => {
            if (kind === 'insert') rows.insert(store, given)
            else if (kind === 'upsert') rows.upsert(store, given)
            else rows.update(store, old!, given)
          }
          if (isDuplicate) expect(act).toThrow('ROW_DUPLICATE_KEY')
          else if (isTaken) expect(act).toThrow('ROW_UNIQUE_VIOLATION')
          else {
            act()
            if (kind === 'update') model.delete(oldName)
            model.set(name, given)
          }
        }
        expect(store.entries.length).toBe(model.size * (1 + definition.indexes.length))
        for (const known of model.values()) {
          expect(rows.get(store, [known[0]!, known[1]!])).toStrictEqual(known)
        }
        const byKey = sorted(model.values(), [])
        expect(all(rows, store)).toStrictEqual(byKey)
        expect(all(rows, store, { reverse: true })).toStrictEqual(byKey.toReversed())
        for (const index of definition.indexes) {
          const expected = sorted(model.values(), index.parts)
          expect(all(rows, store, { index: index.name })).toStrictEqual(expected)
          const lastFirst = all(rows, store, { index: index.name, reverse: true })
          expect(lastFirst).toStrictEqual(expected.toReversed())
        }
      }),
      { numRuns: 300 },
    )
  })
})
