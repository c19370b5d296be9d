// "When something broke" of docs/reliability.md: its commands, run on a database that broke as described, print what stands
// there, and its program brings back what was saved.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { open } from '../../dist/index.js'
import { flipByte, MAIN } from '../cli/command-line.js'
import { PROJECT_ROOT } from '../tidy/project.js'

// Inside the project, so that `tabularium` means this package; ignored by git.
const FOLDER = join(PROJECT_ROOT, '.vitest/when-something-broke')
const PAGE = readFileSync(join(PROJECT_ROOT, 'docs/reliability.md'), 'utf8')
const SECTION = PAGE.slice(PAGE.indexOf('## When something broke'))
const ROW_COUNT = 2000

const TABLES = `import { t, table } from 'tabularium'
export const orders = table('orders', { id: t.text(), amount: t.decimal(12, 2) }, { primaryKey: ['id'] })
export const kinds = table(
  'kinds',
  {
    id: t.int(), float: t.float(), bigint: t.bigint(), decimal: t.decimal(38, 10), millis: t.timestamp(),
    micros: t.timestamp({ precision: 'us' }), flag: t.boolean(), bytes: t.bytes(), uuid: t.uuid(),
    choice: t.enum(['a', 'b']), doc: t.json(), text: t.text().nullable(),
  },
  { primaryKey: ['id'] },
)
`
const HOSTILE_TENANT = '../..\u2028/c"on\\'

function kindsRow(id: number, float: number) {
  return {
    id,
    float,
    bigint: -(2n ** 1000n),
    decimal: '-1234567890123456789012345678.0000000001',
    millis: new Date(-1),
    micros: 1_700_000_000_000_001n,
    flag: id % 2 === 0,
    bytes: Uint8Array.of(0, 255, id),
    uuid: '00000000-0000-4000-8000-00000000000a',
    choice: 'b',
    doc: { list: [1, null, 'x\n'], deep: { '': true } },
    text: id === 1 ? null : 'zeile\r\n"\u0000',
  }
}
const KINDS = [-0, Infinity, -Infinity, 1.5, 5e-324, Number.MAX_VALUE].map((x, i) => kindsRow(i, x))

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'tables.mjs'), TABLES)
  writeFileSync(join(FOLDER, 'load.mjs'), /```js\n([\s\S]*?)```/.exec(SECTION)![1]!)
  const tables = await import(join(FOLDER, 'tables.mjs'))
  const live = join(FOLDER, 'live')
  await using db = await open({ path: live, tables: { orders: tables.orders }, tabletCount: 1 })
  for (const name of ['shop-1', 'shop-2']) {
    const rows = Array.from({ length: ROW_COUNT }, (_, i) => ({
      id: `o-${String(i).padStart(4, '0')}`,
      amount: `${i}.50`,
    }))
    // oxlint-disable-next-line typescript/no-explicit-any -- declared in a module of its own
    await (db.tenant(name) as any).orders.insert(rows)
  }
  await db.flush()
  for (const id of ['o-0000', 'o-0001', 'o-0002']) {
    // oxlint-disable-next-line typescript/no-explicit-any -- declared in a module of its own
    await (db.tenant('shop-2') as any).orders.upsert({ id, amount: '1.00' })
  }
  cpSync(live, join(FOLDER, 'data'), { recursive: true })
  rmSync(join(FOLDER, 'data/LOCK'))
})

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

function run(file: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: FOLDER,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

/** Whether the output is as the page shows it; `...` stands for anything. */
function expectShown(shown: string, output: string): void {
  const escaped = shown.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const pattern = escaped.replaceAll('\\.\\.\\.', '[\\s\\S]*?').replace(/ +/g, ' +')
  expect(output, `as shown:\n${shown}`).toMatch(new RegExp(`^${pattern}\\s*$`))
}

it('the commands print what the page shows', () => {
  const examples = [...SECTION.matchAll(/```console\n\$ npx tabularium ([^\n]*)\n([\s\S]*?)```/g)]
  expect(examples.map(([, args]) => args!.split(' ')[0])).toEqual(['doctor', 'verify', 'salvage'])
  for (const [i, [, args, shown]] of examples.entries()) {
    if (i === 1) {
      const name = readdirSync(join(FOLDER, 'data')).find((file) => file.endsWith('.sst'))
      flipByte(join(FOLDER, 'data', name!), 5000)
    }
    const { status, output } = run(MAIN, ...args!.split(' '))
    expect(status).toBe(i === 0 ? 0 : 1)
    expectShown(shown!, output)
  }
})

it('the program brings back every row that was saved', async () => {
  expect(run('load.mjs')).toEqual({ status: 0, output: '' })
  const { files } = JSON.parse(readFileSync(join(FOLDER, 'saved/index.json'), 'utf8'))
  const [{ unreadable }] = files
  const [from, to] = [unreadable[0].from, unreadable[0].to].map((text: string) =>
    Buffer.from(text, 'hex').toString('latin1'),
  )
  await using db = await open({ path: join(FOLDER, 'restored') })
  const ids = async (tenant: string) => {
    const rows = await db.tenant(tenant).query<{ id: string }>('select id from orders order by id')
    return [...rows].map(({ id }) => id)
  }
  const all = Array.from({ length: ROW_COUNT }, (_, i) => `o-${String(i).padStart(4, '0')}`)
  expect(await ids('shop-2')).toEqual(all)
  const saved = await ids('shop-1')
  expect(saved.length).toBeGreaterThan(1000)
  expect(saved.length).toBeLessThan(ROW_COUNT)
  const isReported = (id: string) => id >= from!.slice(0, 6) && id <= to!
  expect(saved).toEqual(all.filter((id) => saved.includes(id)))
  for (const id of all) expect(saved.includes(id) || isReported(id), id).toBe(true)
})

it('every type of value and every tenant name comes back as it was', async () => {
  for (const name of ['data', 'saved', 'restored']) {
    rmSync(join(FOLDER, name), { recursive: true, force: true })
  }
  const tables = await import(join(FOLDER, 'tables.mjs'))
  {
    await using db = await open({ path: join(FOLDER, 'data'), tables: { kinds: tables.kinds } })
    // oxlint-disable-next-line typescript/no-explicit-any -- declared in a module of its own
    await (db.tenant(HOSTILE_TENANT) as any).kinds.insert(KINDS)
  }
  const { status, output } = run(MAIN, 'salvage', './data', '--out', './saved')
  expect(output).toContain('\ncomplete\n')
  expect(status).toBe(0)
  expect(readdirSync(join(FOLDER, 'saved')).toSorted()).toHaveLength(2)
  expect(run('load.mjs')).toEqual({ status: 0, output: '' })
  await using db = await open({ path: join(FOLDER, 'restored'), tables: { kinds: tables.kinds } })
  // oxlint-disable-next-line typescript/no-explicit-any -- declared in a module of its own
  const rows = await (db.tenant(HOSTILE_TENANT) as any).kinds.scan().toArray()
  expect(rows).toEqual(KINDS)
})
