// Commands through the façade, tables with indexes and SQL included, and one run of a list under given settings.
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { type Database, open, type OpenSettings, type SeqNum, t, table } from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { Seeded } from '../model/seeded.js'

const parcels = table(
  'parcels',
  { id: t.text(), owner: t.text(), weight: t.int(), label: t.text().nullable() },
  {
    primaryKey: ['id'],
    indexes: {
      byOwner: ['owner', 'weight'],
      byLabel: { columns: ['label'], unique: true },
      heaviest: [{ column: 'weight', descending: true }],
    },
  },
)
const tables = { parcels }
type Depot = Database<typeof tables>
type DepotTenant = ReturnType<Depot['tenant']>

/** A command; its answer is turned into text. */
export interface FaceCommand {
  readonly what: string
  readonly run: (depot: Depot, past: (share: number) => SeqNum) => Promise<unknown>
}

const INDEXES = [undefined, 'byOwner', 'byLabel', 'heaviest'] as const
const QUERIES = [
  'select owner, count(*) as n, sum(weight) as total from parcels group by owner order by owner',
  "select id, weight from parcels where owner = 'o-1' and weight > 3 order by weight desc, id",
  'select id from parcels where label is null order by id limit 5',
  'select a.id, b.id as other from parcels a join parcels b on a.weight = b.weight and a.id < b.id order by 1, 2',
  "select id, owner from parcels where label between 'l-1' and 'l-3' order by label",
]

export function randomFaceCommands(random: Seeded, count: number): FaceCommand[] {
  return Array.from({ length: count }, (_, i) => randomFaceCommand(random, i))
}

function randomFaceCommand(random: Seeded, step: number): FaceCommand {
  const name = random.pick(['north', 'south', 'east'])
  const id = () => `p-${random.below(25)}`
  const parcel = () => ({
    id: id(),
    owner: `o-${random.below(4)}`,
    weight: random.below(12),
    label: random.chance(0.6) ? `l-${random.below(40)}` : null,
  })
  const on = (what: string, run: (tenant: DepotTenant, db: Depot) => Promise<unknown>) => ({
    what: `${step}: ${what} in ${name}`,
    run: (db: Depot) => run(db.tenant(name), db),
  })
  const roll = random.below(100)
  if (roll < 25) {
    const rows = Array.from({ length: 1 + random.below(3) }, parcel)
    return on('insert', (tenant) => tenant.parcels.insert(rows))
  }
  const [row, key] = [parcel(), id()]
  if (roll < 35) return on('upsert', (tenant) => tenant.parcels.upsert(row))
  if (roll < 42) {
    return on('update', (tenant) =>
      tenant.parcels.update(key, { weight: row.weight, label: row.label }),
    )
  }
  if (roll < 50) return on('delete', (tenant) => tenant.parcels.delete(key))
  if (roll < 58) {
    const [text, values] = random.pick<[string, unknown[]]>([
      ['update parcels set weight = weight + 1 where owner = ?', [row.owner]],
      ['delete from parcels where weight > ? and owner = ?', [9, row.owner]],
      ['insert into parcels (id, owner, weight, label) values (?, ?, ?, ?)', Object.values(row)],
    ])
    return on(text, (tenant) => tenant.query(text, values))
  }
  if (roll < 62) return on('transact', (_, db) => transact(db, name, { row, key }))
  if (roll < 66) return on('write', (_, db) => writeBatch(db, name, { row, key }))
  const index = random.pick(INDEXES)
  const order = { reverse: random.chance(0.5), ...(index === undefined ? {} : { index }) }
  const limit = 1 + random.below(20)
  if (roll < 70) {
    return on(`get ${key}`, async (tenant) => [
      tenant.parcels.getSync(key),
      await tenant.parcels.get(row.id),
    ])
  }
  if (roll < 78) {
    return on(`scan ${index}`, (tenant) => tenant.parcels.scan({ ...order, limit }).toArray())
  }
  const query = random.pick(QUERIES)
  if (roll < 86) return on(query, (tenant) => tenant.query(query))
  const share = random.float()
  return {
    what: `${step}: the past of ${name} at ${share}: ${query}`,
    run: async (db, past) => {
      const tenant = db.tenant(name).at(past(share))
      return [await tenant.query(query), await tenant.parcels.scan(order).toArray()]
    },
  }
}

/** Moves a parcel between tenants; every third time it gives up after it has written. */
function transact(
  db: Depot,
  name: string,
  {
    row,
    key,
  }: { row: { id: string; owner: string; weight: number; label: string | null }; key: string },
): Promise<unknown> {
  return db.transact(async (tx) => {
    const from = tx.tenant(name).parcels
    const to = tx.tenant('south').parcels
    const found = await from.get(key)
    if (found !== undefined) await from.delete(key)
    await to.upsert({ ...row, weight: (found?.weight ?? 0) + 1 })
    if (row.weight % 3 === 0) throw new Error('on purpose')
    return found
  })
}

/** Deletes a parcel and brings another to a tenant; every fifth time the batch is given up. */
async function writeBatch(
  db: Depot,
  name: string,
  {
    row,
    key,
  }: { row: { id: string; owner: string; weight: number; label: string | null }; key: string },
): Promise<unknown> {
  let wasThere = false
  await db.write((batch) => {
    wasThere = batch.tenant(name).parcels.delete(key)
    batch.tenant('south').parcels.upsert([row, { ...row, id: `${row.id}-2`, label: null }])
    if (row.weight % 5 === 0) throw new Error('on purpose')
  })
  return wasThere
}

/** A database under settings that must make no difference to any answer; number 0 is the plain one. */
export class FaceSession {
  readonly #random: Seeded
  readonly #settings: OpenSettings
  readonly #chances: { flush: number; compact: number; reopen: number; crash: number }
  readonly #moments: SeqNum[] = []
  #fs = new MemoryFileSystem()
  #db!: Depot

  private constructor(number: number) {
    const random = new Seeded(number)
    this.#random = random
    this.#settings = {
      tabletCount: random.pick([1, 2, 5, 16]),
      walFileBytes: random.pick([65_536, 1 << 20]),
      memoryBudgetBytes: random.pick([4 << 20, 6 << 20, 64 << 20]),
      rowCacheBytes: random.pick([0, 2048, 1 << 20]),
      historyWindowMs: 3650 * 86_400_000,
    }
    const chance = (...choices: number[]) => (number === 0 ? 0 : random.pick(choices))
    this.#chances = {
      flush: chance(0, 0.05, 0.3),
      compact: chance(0, 0.05),
      reopen: chance(0, 0.02, 0.1),
      crash: chance(0, 0.02, 0.1),
    }
  }

  /** The answers to all commands under the settings of this number. */
  static async run(number: number, commands: readonly FaceCommand[]): Promise<string[]> {
    const session = new FaceSession(number)
    await session.#open()
    const answers: string[] = []
    for (const { run } of commands) {
      await session.#disturb()
      answers.push(await session.#answer(run))
      session.#moments.push(session.#db.stats().seqNum)
    }
    await session.#db.close()
    return answers
  }

  async #answer(run: FaceCommand['run']): Promise<string> {
    const moments = this.#moments
    try {
      const answer = await run(this.#db, (share) => moments[Math.floor(share * moments.length)]!)
      // SeqNums tell the time, which is of each run's own.
      return typeof answer === 'number' ? 'committed' : JSON.stringify(answer)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return `${code ?? ''} ${message}`
    }
  }

  async #open(): Promise<void> {
    const env = memoryEnv({ seed: this.#random.below(1 << 30), fs: this.#fs })
    this.#db = await open({ path: '/db', tables, ...this.#settings }, { env })
  }

  async #disturb(): Promise<void> {
    const { flush, compact, reopen, crash } = this.#chances
    if (this.#random.chance(flush)) await this.#db.flush()
    if (this.#random.chance(compact)) await this.#db.compact()
    if (this.#random.chance(reopen)) {
      await this.#db.close()
      await this.#open()
    }
    if (this.#random.chance(crash)) {
      const image = this.#fs.crashImage(this.#random)
      this.#fs.cutPowerAt(this.#fs.callCount)
      await this.#db.close().catch(() => undefined)
      this.#fs = image
      await this.#open()
    }
  }
}
