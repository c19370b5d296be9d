// What applications rely on, under crashes and reopenings: money moves and never comes or goes, and of those on call one stays.
// The second one needs the serializable level: at the snapshot level two may leave at once, and here they do.

import { describe, expect, it } from 'vitest'

import {
  type Database,
  type PastTenant,
  t,
  table,
  type Tenant,
  type TransactionTenant,
} from '../../dist/index.js'
import { PowerCut } from '../../dist/testing.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import type { Level } from './history.js'
import { isExpectedEnd, type Life, MortalDatabase } from './mortal-database.js'

const LEVELS: readonly Level[] = ['serializable', 'snapshot']
const RUN_COUNT = 2
const CLIENT_COUNT = 16
const TRANSACTION_COUNT = 600
const DISTURB_EVERY = 100

const accounts = table(
  'accounts',
  { id: t.int(), branch: t.int(), balance: t.int() },
  { primaryKey: ['id'], indexes: { byBranch: ['branch', 'balance'] } },
)
const doctors = table(
  'doctors',
  { id: t.int(), isOnCall: t.boolean() },
  { primaryKey: ['id'], indexes: { onCall: ['isOnCall'] } },
)
const tables = { accounts, doctors }
type Hospital = Database<typeof tables>
type Inside = TransactionTenant<typeof tables>
type Reading = Inside | Tenant<typeof tables> | PastTenant<typeof tables>

const TENANTS = ['north', 'south', 'east'] as const
const ACCOUNT_COUNT = 4
const BALANCE = 100
const TOTAL = TENANTS.length * ACCOUNT_COUNT * BALANCE
const DOCTOR_COUNT = 3

/** Sets everything up, and lets clients do `work` until there was enough of it. */
async function play(
  random: Seeded,
  work: (db: Hospital) => Promise<void>,
): Promise<MortalDatabase<typeof tables>> {
  const database = new MortalDatabase(random, tables)
  const { db } = await database.life
  for (const name of TENANTS) {
    const ids = Array.from({ length: ACCOUNT_COUNT }, (_, id) => id)
    await db
      .tenant(name)
      .accounts.insert(ids.map((id) => ({ id, branch: id % 2, balance: BALANCE })))
    await db
      .tenant(name)
      .doctors.insert(Array.from({ length: DOCTOR_COUNT }, (_, id) => ({ id, isOnCall: true })))
  }
  let doneCount = 0
  const client = async () => {
    while (doneCount++ < TRANSACTION_COUNT) {
      await once(await database.life, work)
      if (random.below(DISTURB_EVERY) === 0) await database.disturb()
    }
  }
  await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
  await database.disturb()
  return database
}

async function once(
  life: Life<typeof tables>,
  work: (db: Hospital) => Promise<void>,
): Promise<void> {
  try {
    await Promise.race([work(life.db), life.over])
  } catch (error) {
    const isDead = life.isOver() || error instanceof PowerCut
    if (!isDead && !isExpectedEnd(error)) throw error
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a bank', () => {
  async function balances(random: Seeded, tenant: Reading): Promise<number[]> {
    switch (random.below(4)) {
      case 0:
        return (await tenant.accounts.scan().toArray()).map(({ balance }) => balance)
      case 1: {
        const branches = [0, 1].map((branch) =>
          tenant.accounts.scan({ index: 'byBranch', prefix: [branch] }).toArray(),
        )
        return (await Promise.all(branches)).flat().map(({ balance }) => balance)
      }
      case 2: {
        const ids = Array.from({ length: ACCOUNT_COUNT }, (_, id) => id)
        const rows = await Promise.all(ids.map((id) => tenant.accounts.get(id)))
        return rows.map((row) => row!.balance)
      }
      default: {
        const sums = await tenant.sql<{ sum: number }>`
          select sum(balance) as sum from accounts group by branch`
        return sums.map(({ sum }) => sum)
      }
    }
  }

  function check(found: readonly number[]): void {
    expect(found.reduce((sum, balance) => sum + balance, 0)).toBe(TOTAL)
    expect(found.filter((balance) => balance < 0)).toEqual([])
  }

  async function transfer(random: Seeded, of: (tenant: string) => Inside): Promise<void> {
    const [from, to] = [of(random.pick(TENANTS)), of(random.pick(TENANTS))]
    const [debtor, creditor] = [random.below(ACCOUNT_COUNT), random.below(ACCOUNT_COUNT)]
    const amount = 1 + random.below(60)
    const { balance } = (await from.accounts.get(debtor))!
    if (balance < amount) return
    await from.accounts.update(debtor, { balance: balance - amount })
    await to.sql`update accounts set balance = balance + ${amount} where id = ${creditor}`
  }

  it.each(LEVELS)('loses no money and makes none: %s', async (level) => {
    for (const seed of seedsOf(RUN_COUNT, 1)) {
      await replayable(seed, async () => {
        const random = new Seeded(seed)
        let auditCount = 0
        const audit = async (of: (tenant: string) => Reading) => {
          const found: number[] = []
          for (const name of TENANTS) found.push(...(await balances(random, of(name))))
          check(found)
          auditCount++
        }
        const database = await play(random, async (db) => {
          const roll = random.float()
          if (roll < 0.2) {
            const { seqNum } = db.tenant('north').at('-0s')
            await audit((name) => db.tenant(name).at(seqNum))
          } else if (roll < 0.4) {
            await db.transact((tx) => audit((name) => tx.tenant(name)), { isolation: level })
          } else {
            const run = (tx: { tenant(name: string): Inside }) =>
              transfer(random, (name) => tx.tenant(name))
            await db.transact(run, { isolation: level, retryMaxCount: random.below(5) })
          }
        })
        const { db } = await database.life
        await db.transact((tx) => audit((name) => tx.tenant(name)))
        expect(auditCount).toBeGreaterThan(TRANSACTION_COUNT / 10)
        await database.close()
      })
    }
  })
})

describe('doctors on call', () => {
  async function countOnCall(random: Seeded, tenant: Reading): Promise<number> {
    switch (random.below(3)) {
      case 0:
        return (await tenant.doctors.scan({ index: 'onCall', prefix: [true] }).toArray()).length
      case 1:
        return (await tenant.doctors.scan().toArray()).filter(({ isOnCall }) => isOnCall).length
      default: {
        const found = await tenant.sql<{ n: number }>`
          select count(*) as n from doctors where isOnCall`
        return found[0]!.n
      }
    }
  }

  /** Leaves if another one stays, or comes back. */
  async function change(random: Seeded, tenant: Inside): Promise<void> {
    const id = random.below(DOCTOR_COUNT)
    const { isOnCall } = (await tenant.doctors.get(id))!
    if (isOnCall && (await countOnCall(random, tenant)) < 2) return
    await tenant.doctors.update(id, { isOnCall: !isOnCall })
  }

  /** How often nobody was on call. */
  async function emptyCount(level: Level, seed: number): Promise<number> {
    const random = new Seeded(seed)
    let count = 0
    const look = async (tenant: Reading) => {
      if ((await countOnCall(random, tenant)) === 0) count++
    }
    const database = await play(random, async (db) => {
      const tenant = db.tenant(random.pick(TENANTS))
      if (random.chance(0.3)) await look(tenant)
      else await tenant.transact((tx) => change(random, tx), { isolation: level, retryMaxCount: 2 })
    })
    const { db } = await database.life
    for (const name of TENANTS) await look(db.tenant(name))
    await database.close()
    return count
  }

  it('are never all away at the serializable level', async () => {
    for (const seed of seedsOf(RUN_COUNT, 1)) {
      await replayable(seed, async () => expect(await emptyCount('serializable', seed)).toBe(0))
    }
  })

  it('can all be away at the snapshot level: that is write skew', async () => {
    const counts = []
    for (const seed of seedsOf(RUN_COUNT, 1)) counts.push(await emptyCount('snapshot', seed))
    expect(Math.max(...counts)).toBeGreaterThan(0)
  })
})
