// What the tests of the façade share: a directory that goes away, an orders table, and errors as values.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'

import {
  type Database,
  EngineError,
  type ErrorCode,
  type Insert,
  open,
  type OpenSettings,
  t,
  table,
  type Tables,
  type TransactionTenant,
} from '../../dist/index.js'

export const orders = table(
  'orders',
  {
    id: t.text(),
    customer: t.text(),
    status: t.enum(['placed', 'paid', 'shipped']).default('placed'),
    amount: t.decimal(12, 2),
    at: t.timestamp(),
    note: t.text().nullable(),
  },
  {
    primaryKey: ['id'],
    indexes: {
      byCustomer: ['customer', 'at'],
      byNote: { columns: ['note'], unique: true },
      newestFirst: [{ column: 'at', descending: true }],
    },
  },
)

export const counters = table('counters', { id: t.text(), n: t.int() }, { primaryKey: ['id'] })

export const shopTables = { orders, counters }
export type Shop = Database<typeof shopTables>
export type ShopTransaction = TransactionTenant<typeof shopTables>

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Runs after the test, last one first. */
export function onEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tabularium-db-'))
  onEnd(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Opens a database that is closed after the test. */
export async function openWith<const T extends Tables>(
  tables: T,
  settings: OpenSettings & { readonly path?: string } = {},
): Promise<Database<T>> {
  const db = await open({ path: temporaryDirectory(), walFileBytes: 1 << 20, ...settings, tables })
  onEnd(() => db.close())
  return db
}

export function openShop(settings?: OpenSettings & { readonly path?: string }): Promise<Shop> {
  return openWith(shopTables, settings)
}

/** The nth order, valid as it is. */
export function order(n: number, changes: Partial<Insert<typeof orders>> = {}) {
  return {
    id: `o-${String(n).padStart(5, '0')}`,
    customer: `c-${n % 7}`,
    amount: `${n}.50`,
    at: new Date(Date.UTC(2024, 0, 1) + n * 60_000),
    ...changes,
  }
}

/** The error that a call ends with: typed, with a code and advice. */
export async function errorOf(call: () => unknown): Promise<EngineError> {
  let error: unknown
  try {
    await call()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(EngineError)
  const typed = error as EngineError
  expect(typed.advice).not.toBe('')
  expect(typed.message).toContain(typed.code)
  return typed
}

export async function expectCode(code: ErrorCode, call: () => unknown): Promise<EngineError> {
  const error = await errorOf(call)
  expect(error.code, error.message).toBe(code)
  return error
}

/** Takes all of an iteration. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
