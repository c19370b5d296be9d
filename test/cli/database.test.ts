import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

import { open } from '../../dist/index.js'
import {
  fileOf,
  flipByte,
  MAIN,
  makeCrashed,
  makeDatabase,
  makeNewer,
  newFolder,
  ROW_COUNT,
  run,
  runJson,
  TABLES,
  TRICKY_TENANT,
} from './command-line.js'

const DAY_MICROS = 86_400_000_000

let folder: string
let path: string
beforeAll(async () => {
  folder = newFolder()
  path = join(folder, 'data')
  await makeDatabase(path)
})

function copy(name: string): string {
  const target = join(folder, name)
  cpSync(path, target, { recursive: true })
  return target
}

describe('stats', () => {
  it('says in words what is there', () => {
    const { status, stdout, stderr } = run('stats', path)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(path)
    expect(stdout).toMatch(/tenants +3\n/)
    expect(stdout).toMatch(/tables +orders\n/)
    expect(stdout).toMatch(/newest commit +\d{16} \(\d{4}-\d\d-\d\d .* UTC\)\n/)
    expect(stdout).toMatch(/level 0 +1 +[\d.]+ KiB +\d+/)
  })

  it('--json has the numbers', () => {
    const stats = runJson(0, 'stats', path)
    expect(stats).toMatchObject({ path, tableNames: ['orders'], tenantCount: 3 })
    expect(stats.tableCount).toBeGreaterThan(0)
    expect(stats.tablets).toHaveLength(2)
    expect(stats.recovery).toMatchObject({ tornBytes: 0 })
  })
})

describe('verify', () => {
  it('reads every sstable', () => {
    const { status, stdout, stderr } = run('verify', path)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/SUPERBLOCK +superblock +16\.0 KiB/)
    expect(stdout).toMatch(/\d{6}\.sst +sstable +\d +0 +[\d.]+ KiB/)
    expect(stdout).toMatch(/\nsound: \d+ files, [\d.]+ KiB\n$/)
    const report = runJson(0, 'verify', path)
    expect(report).toMatchObject({ isSound: true, problems: [] })
    const roles = report.files.map(({ role }: { role: string }) => role)
    expect(new Set(roles)).toEqual(new Set(['superblock', 'manifest', 'log', 'lock', 'sstable']))
    expect(report.files.at(-1)).toMatchObject({ level: 0 })
    expect(report.files.at(-1).entryCount).toBeGreaterThan(ROW_COUNT)
  })

  it('names a damaged sstable and goes on', () => {
    const damaged = copy('damaged-table')
    const file = fileOf(damaged, '.sst')
    flipByte(file, 500)
    const { status, stdout, stderr } = run('verify', damaged)
    expect(status).toBe(1)
    expect(stdout).toMatch(/\ndamaged: 1 of \d+ files\n$/)
    expect(stderr).toMatch(/^SSTABLE_CORRUPT: .*\.sst at byte \d+: .*\n.*restore.*\n$/)
    const report = runJson(1, 'verify', damaged)
    expect(report.isSound).toBe(false)
    expect(report.problems).toHaveLength(1)
    expect(report.problems[0]).toMatchObject({ code: 'SSTABLE_CORRUPT', details: { file } })
    expect(Object.keys(report.problems[0])).toContain('advice')
  })

  it('names a damaged log', async () => {
    const damaged = join(folder, 'damaged.wal')
    await makeCrashed(damaged, 20)
    flipByte(fileOf(damaged, '.wal'), 100)
    const { problems } = runJson(1, 'verify', damaged)
    expect(problems).toMatchObject([{ code: 'WAL_CORRUPT' }])
    expect(run('stats', damaged).stderr).toMatch(/^WAL_CORRUPT: /)
  })

  it.each([
    ['SUPERBLOCK', 'MANIFEST_CORRUPT'],
    ['.manifest', 'MANIFEST_CORRUPT'],
  ])('a damaged %s is an error: %s', async (ending, code) => {
    const damaged = join(folder, `damaged${ending}`)
    await makeCrashed(damaged, 20)
    const offsets = ending === 'SUPERBLOCK' ? [70, 4200, 8300, 12400] : [100]
    for (const offsetBytes of offsets) flipByte(fileOf(damaged, ending), offsetBytes)
    expect(runJson(1, 'verify', damaged).error.code).toBe(code)
    expect(run('stats', damaged).stderr).toMatch(new RegExp(`^${code}: `))
  })

  it('a newer format is refused', async () => {
    const newer = join(folder, 'newer')
    await makeCrashed(newer, 1)
    makeNewer(join(newer, 'SUPERBLOCK'), 8192, 12_288)
    expect(runJson(1, 'verify', newer).error.code).toBe('FORMAT_UNSUPPORTED')
  })

  it('a missing sstable is an error', () => {
    const damaged = copy('missing-table')
    rmSync(fileOf(damaged, '.sst'))
    expect(runJson(1, 'verify', damaged).error.code).toBe('FILE_MISSING')
  })
})

describe('tenants', () => {
  it('prints names so that they cannot steer a terminal', () => {
    const { status, stdout, stderr } = run('tenants', path)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe('shop \\u{202e}3\nshop-1\nshop-2\n')
  })

  it('--json has them as they are', () => {
    expect(runJson(0, 'tenants', path)).toEqual({ tenants: [TRICKY_TENANT, 'shop-1', 'shop-2'] })
  })
})

describe('retention', () => {
  it('is listed by tenants --retention, and counted by stats', async () => {
    expect(run('tenants', '--retention', path).stdout).toBe(
      'no tenant has a retention of its own or a legal hold\n',
    )
    const kept = copy('kept')
    const { orders } = TABLES
    const { declaration } = orders
    const tables = { orders: { declaration: { ...declaration, historyWindowMs: 3_600_000 } } }
    const db = await open({ path: kept, tables })
    const shop = db.tenant('shop-1')
    await shop.setRetention({ historyWindowMs: 90 * 86_400_000, tables: { orders: 0 } })
    await db.tenant('shop-2').placeHold({ name: 'case\n1', reason: 'a letter' })
    await db.tenant('shop-2').placeHold({ name: 'case 2', reason: 'another' })
    await db.close()
    const { stdout } = run('tenants', '--retention', kept)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.trim().split(/ {2,}/)).slice(-3)).toEqual([
      ['shop-1', '90 d, orders 0 ms'],
      ['shop-2', 'as the tables and the database say', 'case\\n1 (all): a letter'],
      ['case 2 (all): another'],
    ])
    expect(runJson(0, 'stats', kept)).toMatchObject({
      tableWindowsMs: { orders: 3_600_000 },
      ownRetentionCount: 1,
      holdCount: 2,
      heldTenantCount: 1,
    })
  })
})

describe('sql', () => {
  const sql = (...args: string[]) => run('sql', path, '--tenant', 'shop-1', ...args)
  const sqlJson = (status: number, ...args: string[]) =>
    runJson(status, 'sql', path, '--tenant', 'shop-1', ...args)

  it('prints rows as a table', () => {
    const { status, stdout, stderr } = sql(
      "select id, amount, note, mark from orders where id in ('o-0', 'o-11') order by id",
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      [
        'id    amount  note                    mark',
        '----  ------  ----------------------  ----',
        'o-0     0.50  NULL                    00ff',
        'o-11   11.50  first\\nsecond \\x1b[31m  0bff',
        '(2 rows)',
        '',
      ].join('\n'),
    )
  })

  it('--json has columns with kinds, and rows', () => {
    const text = 'select id, amount, cents, at, mark, items from orders where id = ?'
    const result = sqlJson(0, text, '--param', 'o-1')
    expect(result.columns[1]).toEqual({ name: 'amount', kind: 'decimal' })
    expect(result.rows).toEqual([
      {
        id: 'o-1',
        amount: '1.50',
        cents: String(2n ** 60n + 1n),
        at: '2024-01-02T00:00:00.000Z',
        mark: '01ff',
        items: [{ sku: 'sku-1' }],
      },
    ])
    expect(result.affectedCount).toBe(0)
    expect(result.seqNum).toBeGreaterThan(0)
  })

  it.each([
    ['42', { v: 42 }],
    ['007', { v: '007' }],
    ['1.50', { v: '1.50' }],
    ['"42"', { v: '42' }],
    ['null', { v: null }],
    ['o-1', { v: 'o-1' }],
  ])('--param %s', (param, row) => {
    expect(sqlJson(0, 'select ? as v', `--param=${param}`).rows).toEqual([row])
  })

  it('--at reads the state of a moment', () => {
    const data = copy('past')
    const ask = (status: number, ...args: string[]) =>
      runJson(status, 'sql', data, '--tenant', 'shop-1', ...args)
    const count = 'select count(*) as n from orders'
    const { seqNum, rows } = ask(0, count)
    ask(0, "delete from orders where id = 'o-1'")
    expect(ask(0, `--at=${seqNum}`, count).rows).toEqual(rows)
    expect(ask(0, '--at=-0s', count).rows).toEqual([{ n: rows[0].n - 1 }])
    expect(ask(1, '--at=-0s', 'delete from orders').error.code).toBe('SQL_UNSUPPORTED')
  })

  it('writes are durable and say how many rows they changed', () => {
    const update = "update orders set note = 'x' where amount < ?"
    expect(sql(update, '--param', '2').stdout).toBe('2 rows affected\n')
    expect(sqlJson(0, update, '--param', '2')).toMatchObject({ rows: [], affectedCount: 2 })
    expect(sqlJson(0, "select count(*) as n from orders where note = 'x'").rows).toEqual([{ n: 2 }])
    const others = runJson(
      0,
      'sql',
      path,
      '--tenant',
      'shop-2',
      "select id from orders where note = 'x'",
    )
    expect(others.rows).toEqual([])
  })

  it('errors show the place', () => {
    const { status, stdout, stderr } = sql('select nonsense from orders')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^SQL_UNKNOWN_NAME: .*line 1, column 8\)\n {2}select nonsense/)
    expect(stderr).toContain('\n         ^\n')
    expect(sqlJson(1, 'selekt 1').error).toMatchObject({
      code: 'SQL_SYNTAX',
      details: { line: 1, column: 1 },
    })
    expect(sqlJson(1, 'select ?').error.code).toBe('SQL_PARAMETER')
    expect(sqlJson(1, 'select * from nothing').error.code).toMatch(/^S\w+_UNKNOWN_/)
  })

  it('refuses names that no tenant can have', () => {
    for (const tenant of ['', 'a\u0007b', 'x'.repeat(10_000)]) {
      const { error } = runJson(1, 'sql', path, '--tenant', tenant, 'select 1')
      expect(error.code).toBe('TENANT_NAME_INVALID')
    }
  })

  it('remarks that a tenant was never heard of', () => {
    const { status, stdout, stderr } = run(
      'sql',
      path,
      '--tenant',
      'shop1',
      'select id from orders',
    )
    expect([status, stdout]).toEqual([0, 'id\n--\n(0 rows)\n'])
    expect(stderr).toBe(
      'note: tenant shop1 has never written to this database; did you mean shop-1?\n',
    )
    expect(runJson(0, 'tenants', path).tenants).not.toContain('shop1')
  })
})

describe('beside an application', () => {
  it('a database that is open elsewhere is refused, with the name of the holder', async () => {
    const held = copy('held')
    await using db = await open({ path: held, tables: TABLES })
    for (const args of [['stats'], ['verify'], ['tenants'], ['sql', '--tenant', 'a', 'select 1']]) {
      const { error } = runJson(1, args[0]!, held, ...args.slice(1))
      expect(error).toMatchObject({ code: 'DB_LOCKED', details: { pid: process.pid } })
      expect(error.message).toContain(`process ${process.pid}`)
    }
    // Inspect needs no lock.
    expect(runJson(0, 'inspect', join(held, 'LOCK')).holder.pid).toBe(process.pid)
    expect(run('inspect', fileOf(held, '.wal')).status).toBe(0)
    await db.tenant('shop-1').orders.get('o-1')
  })

  it('what was in the log is kept, and no history is dropped', async () => {
    const crashed = join(folder, 'crashed')
    await makeCrashed(crashed, 20)
    expect(runJson(0, 'stats', crashed).recovery.commitCount).toBeGreaterThanOrEqual(20)
    const { historyFloor } = runJson(0, 'stats', crashed)
    expect(historyFloor).toBeLessThan(Date.now() * 1000 - 1000 * DAY_MICROS)
    const count = ['sql', crashed, '--tenant', 'shop-1', 'select count(*) as n from orders']
    expect(runJson(0, ...count).rows).toEqual([{ n: 20 }])
  })

  it('a reader that goes away is no failure', async () => {
    const text = 'select a.id, b.items, c.note from orders a join orders b on a.status = b.status'
    const args = ['sql', path, '--tenant', 'shop-1', `${text} join orders c on c.status = b.status`]
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let complaints = ''
    child.stderr.on('data', (bytes) => (complaints += String(bytes)))
    child.stdout.once('data', () => child.stdout.destroy())
    const [status] = (await once(child, 'exit')) as [number]
    expect([status, complaints]).toEqual([0, ''])
  })
})
