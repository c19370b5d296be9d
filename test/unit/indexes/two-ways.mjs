// Rows of every kind of column written and read. Run by itself it prints what came of it: object-codec.test.ts compares.

import { pathToFileURL } from 'node:url'

import { defineTable } from '../../../dist/catalog/definition.js'
import { RowMapper } from '../../../dist/catalog/row-values.js'
import { EntrySlot } from '../../../dist/codec/entry.js'
import { generate } from '../../../dist/codec/generated.js'
import { TableCodec } from '../../../dist/indexes/table-codec.js'
import { t, table } from '../../../dist/index.js'

const columns = {
  id: t.text(),
  toString: t.text().nullable(),
  int: t.int(),
  float: t.float().nullable(),
  big: t.bigint(),
  amount: t.decimal(12, 2),
  at: t.timestamp(),
  micros: t.timestamp({ precision: 'us' }).nullable(),
  flag: t.boolean().default(true),
  raw: t.bytes().nullable(),
  uuid: t.uuid(),
  status: t.enum(['new', 'paid']).default('new'),
  items: t.json(),
}

function row(i) {
  const items = Array.from({ length: i % 4 }, (_, n) => ({ sku: `s-${i}`, qty: n, price: n / 100 }))
  return {
    id: `row ${i}`,
    ...(i % 3 === 0 && { toString: 'own' }),
    int: i * 1000 - 500,
    float: i % 2 === 0 ? null : i / 7,
    big: 10n ** BigInt(i % 30),
    amount: i % 2 === 0 ? `${i}.25` : i / 4,
    at: new Date(1_700_000_000_000 + i),
    ...(i % 5 === 0 && { micros: BigInt(i) }),
    raw: i % 2 === 0 ? Uint8Array.of(i) : null,
    uuid: '01234567-89ab-4def-8123-456789abcdef',
    ...(i % 2 === 0 && { status: 'paid' }),
    items: { ['__proto__']: i, items, [`key ${i}`]: [null, true, 'é', -i, i / 3] },
  }
}

export function twoWays() {
  const definition = defineTable(table('all', columns, { primaryKey: ['id'] }).declaration, 16)
  const codec = new TableCodec(definition)
  const mapper = new RowMapper(definition)
  const slot = new EntrySlot()
  const results = Array.from({ length: 200 }, (_, i) => {
    const rows = codec.takeRows()
    rows.add(mapper, row(i))
    slot.keyBytes = rows.entries.key(0)
    slot.keyEnd = slot.keyBytes.length
    slot.valueBytes = rows.entries.writer.finish()
    slot.valueStart = slot.keyEnd
    slot.valueEnd = slot.valueBytes.length
    const bytes = Buffer.from(slot.valueBytes).toString('hex')
    const decoded = Object.entries(codec.decodeObject(slot, 1))
    codec.giveBack(rows)
    return [bytes, decoded.map(([name, value]) => [name, textOf(value)])]
  })
  return { results, hasGenerated: generate('return 1', {}) === 1 }
}

function textOf(value) {
  if (typeof value === 'bigint') return `${value}n`
  return JSON.stringify(value)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(JSON.stringify(twoWays()))
}
