// @ts-check
// Writes a small database of the current format, and what it answers, for every later version to open:
// test/compat/format-N/*.gz, answers.json.gz among them. Run it once for a format, after a build; it refuses to write over an
// earlier result, because the point of those files is that they never change.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import { FORMAT_VERSION } from '../dist/codec/file-header.js'
import { open, t, table } from '../dist/index.js'
import { readFile } from '../dist/env/file-system.js'
import { RESERVE_NAME } from '../dist/store/reserve.js'
import { memoryEnv, MemoryFileSystem } from '../dist/testing.js'

const FORMAT = `../test/compat/format-${FORMAT_VERSION}`
const TARGET = fileURLToPath(new URL(FORMAT, import.meta.url))
const DIRECTORY = '/golden'
const YEARS_MS = 3600 * 86_400_000
const TENANTS = ['acme', 'Zürich', 'tenant three']

const kinds = table(
  'kinds',
  {
    id: t.text(),
    part: t.int(),
    int: t.int().nullable(),
    float: t.float().nullable(),
    bigint: t.bigint().nullable(),
    decimal: t.decimal(12, 2).nullable(),
    timestamp: t.timestamp().nullable(),
    boolean: t.boolean().nullable(),
    bytes: t.bytes().nullable(),
    uuid: t.uuid().nullable(),
    choice: t.enum(['red', 'green', 'blue']).nullable(),
    json: t.json().nullable(),
  },
  {
    primaryKey: ['id', 'part'],
    indexes: {
      byInt: ['int'],
      byDecimal: { columns: ['choice', 'decimal'] },
      newest: [{ column: 'timestamp', descending: true }],
      byUuid: { columns: ['uuid'], unique: true },
    },
  },
)

/** @param {number} n @param {number} tenant */
function row(n, tenant) {
  const isSparse = n % 5 === 0
  return {
    id: `row ${n % 40} ${'é'.repeat(n % 3)}`,
    part: n % 2 === 0 ? n : -n,
    int: isSparse ? null : (n - 20) * 1_000_003 ** (n % 3),
    float: isSparse ? null : (n - 17) / 7,
    bigint: isSparse ? null : (BigInt(n) - 9n) ** BigInt(n % 24),
    decimal: isSparse ? null : `${n * 37 - 500}.${String(n % 100).padStart(2, '0')}`,
    timestamp: new Date(Date.UTC(1960 + n, n % 12, 1, n % 24, 30)),
    boolean: n % 3 === 0 ? null : n % 3 === 1,
    bytes: Uint8Array.from({ length: n % 9 }, (_, i) => (n * 31 + i * 7) & 255),
    uuid: `00000000-0000-4000-8000-${String(tenant * 1_000_000 + n).padStart(12, '0')}`,
    choice: /** @type {const} */ (['red', 'green', 'blue'])[n % 3],
    json: isSparse ? null : { n, list: [n, null, `${n}`], nested: { deep: { yes: true } } },
  }
}

/** A value as JSON that keeps what JSON has no words for. @param {unknown} value */
export function plain(value) {
  return JSON.parse(
    JSON.stringify(value, function replace(key, shown) {
      const raw = key === '' ? shown : this[key]
      if (typeof raw === 'bigint') return { $bigint: String(raw) }
      if (raw instanceof Date) return { $date: raw.toISOString() }
      if (raw instanceof Uint8Array) return { $bytes: Buffer.from(raw).toString('hex') }
      return shown
    }) ?? 'null',
  )
}

/**
 * What a golden database says: all rows, index orders, sums, a few histories, and everything as of some commits.
 *
 * @param {any} db
 * @param {readonly number[]} moments
 */
export async function answersOf(db, moments) {
  /** @type {Record<string, unknown>} */
  const answers = { tenants: db.tenants() }
  for (const name of db.tenants()) {
    const tenant = db.tenant(name)
    const keys = (await tenant.kinds.scan().toArray()).map((/** @type {any} */ found) => found)
    answers[`${name} rows`] = plain(keys)
    for (const index of ['byInt', 'byDecimal', 'newest', 'byUuid']) {
      const found = await tenant.kinds.scan({ index }).toArray()
      answers[`${name} ${index}`] = found.map((/** @type {any} */ r) => [r.id, r.part])
    }
    const totals =
      'select choice, count(*) as n, sum(decimal) as d from kinds group by choice order by choice'
    answers[`${name} totals`] = plain(await tenant.query(totals))
    for (const n of [1, 4, 7, 12]) {
      const { id, part } = row(n, 0)
      answers[`${name} history ${n}`] = plain(await tenant.kinds.history([id, part]))
    }
    for (const moment of moments) {
      const past = tenant.at(moment)
      answers[`${name} at ${moment}`] = plain(await past.kinds.scan({ reverse: true }).toArray())
    }
  }
  return answers
}

/** @returns {Promise<{ files: Map<string, Uint8Array>, moments: number[], answers: Record<string, unknown> }>} */
export async function makeGolden() {
  const fs = new MemoryFileSystem()
  const settings = {
    path: DIRECTORY,
    tabletCount: 2,
    walFileBytes: 65_536,
    historyWindowMs: YEARS_MS,
  }
  /** @type {number[]} */
  const moments = []
  const env = memoryEnv({ seed: 20_260_101, fs })
  let db = await open({ ...settings, tables: { kinds } }, { env })
  /** @param {number} round */
  const write = async (round) => {
    for (const [i, name] of TENANTS.entries()) {
      const tenant = db.tenant(name)
      const rows = Array.from({ length: 12 + i }, (_, j) => row(round * 6 + j, i))
      await tenant.kinds.upsert(rows)
      const { id, part } = row(round * 6 + 1, i)
      await tenant.kinds.update([id, part], { int: round, json: { round } })
      moments.push(await tenant.kinds.upsert({ ...row(4, i), float: round }))
      if (round % 2 === 1) await tenant.kinds.delete([row(7, i).id, row(7, i).part])
    }
    env.clock.advance(1000)
  }
  for (let round = 0; round < 6; round++) {
    await write(round)
    await db.flush()
    // Four tables of level 0 go down; two more follow.
    if (round === 3) await db.compact()
  }
  await db.close()
  db = await open({ ...settings, tables: { kinds } }, { env })
  // From here on only the log knows, over two openings.
  await write(6)
  await write(7)
  const crashed = fs.clone()
  db = await open({ ...settings, tables: { kinds } }, { env: memoryEnv({ seed: 7, fs: crashed }) })
  const tenant = db.tenant('acme')
  await db.transact(async (tx) => {
    await tx.tenant('acme').kinds.delete([row(12, 0).id, row(12, 0).part])
    await tx.tenant('tenant three').kinds.upsert({ ...row(99, 2), uuid: null })
  })
  moments.push(await tenant.kinds.upsert({ ...row(4, 0), float: -0.5 }))
  const shown = moments.filter((_, i) => i % 5 === 0)
  const answers = await answersOf(db, shown)
  // The reserve holds nothing.
  const names = crashed.list(DIRECTORY).filter((name) => name !== RESERVE_NAME)
  const files = new Map(names.map((name) => [name, readFile(crashed, `${DIRECTORY}/${name}`)]))
  return { files, moments: shown, answers }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (existsSync(TARGET)) throw new Error(`${TARGET} exists: golden files are written once`)
  const { files, moments, answers } = await makeGolden()
  mkdirSync(TARGET, { recursive: true })
  files.set('answers.json', Buffer.from(`${JSON.stringify({ moments, answers })}\n`))
  for (const [name, bytes] of files) {
    writeFileSync(join(TARGET, `${name}.gz`), gzipSync(bytes, { level: 9 }))
  }
}
