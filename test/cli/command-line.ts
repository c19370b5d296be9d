// What tests of the command line share: running it in a process of its own, and a small database to run it on.

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, expect } from 'vitest'

import { FORMAT_VERSION } from '../../dist/codec/file-header.js'
import { open, t, table } from '../../dist/index.js'
import { PROJECT_ROOT } from '../tidy/project.js'

export const MAIN: string = join(PROJECT_ROOT, 'dist/cli/main.js')
/** A tenant whose name would turn a terminal around. */
export const TRICKY_TENANT = 'shop \u202e3'
export const ROW_COUNT = 40

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function run(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  // Whatever goes wrong, nobody is shown a stack.
  expect(stderr).not.toMatch(/^\s+at /m)
  return { status, stdout, stderr }
}

/** Runs with --json, checks the exit code and that nothing but the object is printed; returns the object. */
// oxlint-disable-next-line typescript/no-explicit-any -- each test knows the shape it asks for
export function runJson(status: number, ...args: string[]): any {
  const ran = run(...args, '--json')
  expect(ran.stderr).toBe('')
  expect(ran.status).toBe(status)
  return JSON.parse(ran.stdout)
}

const folders: string[] = []

/** A folder of its own, removed after the tests of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tabularium-cli-'))
  folders.push(folder)
  return folder
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const orders = table(
  'orders',
  {
    id: t.text(),
    status: t.enum(['placed', 'paid']),
    amount: t.decimal(12, 2),
    cents: t.bigint(),
    at: t.timestamp(),
    mark: t.bytes(),
    items: t.json<unknown>(),
    note: t.text().nullable(),
  },
  { primaryKey: ['id'], indexes: { byStatus: ['status', 'at'] } },
)

export const TABLES = { orders }

/** Row `i` of every tenant. */
export function orderOf(i: number) {
  return {
    id: `o-${i}`,
    status: i % 2 === 0 ? ('placed' as const) : ('paid' as const),
    amount: `${i}.50`,
    cents: 2n ** 60n + BigInt(i),
    at: new Date(Date.UTC(2024, 0, 1 + i)),
    mark: Uint8Array.of(i, 255),
    items: [{ sku: `sku-${i}` }],
    note: i === 0 ? null : `first\nsecond \u001b[31m`,
  }
}

/** Three tenants with ROW_COUNT rows each in sstables, closed. */
export async function makeDatabase(path: string): Promise<void> {
  await using db = await open({ path, tables: TABLES, tabletCount: 2 })
  for (const name of ['shop-1', 'shop-2', TRICKY_TENANT]) {
    await db.tenant(name).transact(async (tx) => {
      for (let i = 0; i < ROW_COUNT; i++) await tx.orders.insert(orderOf(i))
    })
  }
  await db.flush()
}

/** The files as a power cut leaves them while a database with `commitCount` commits in its log is open. */
export async function makeCrashed(path: string, commitCount: number): Promise<void> {
  const source = join(newFolder(), 'open')
  await using db = await open({ path: source, tables: TABLES, tabletCount: 2 })
  for (let i = 0; i < commitCount; i++) await db.tenant('shop-1').orders.insert(orderOf(i))
  cpSync(source, path, { recursive: true, filter: (name) => basename(name) !== 'LOCK' })
}

/** The only, or first, file of a database with this ending. */
export function fileOf(directory: string, ending: string): string {
  const name = readdirSync(directory).find((found) => found.endsWith(ending))
  expect(name).toBeDefined()
  return join(directory, name!)
}

export function flipByte(path: string, offsetBytes: number): void {
  const fd = openSync(path, 'r+')
  const byte = new Uint8Array(1)
  expect(readSync(fd, byte, 0, 1, offsetBytes)).toBe(1)
  writeSync(fd, Uint8Array.of(byte[0]! ^ 0xff), 0, 1, offsetBytes)
  closeSync(fd)
}

/** Makes intact headers, wherever one lies in the file, those of a version that does not exist yet. */
export function makeNewer(path: string, ...offsets: number[]): void {
  const bytes = readFileSync(path)
  for (const at of offsets) {
    bytes.writeUInt16LE(FORMAT_VERSION + 1, at + 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 60)), at + 60)
  }
  writeFileSync(path, bytes)
}
