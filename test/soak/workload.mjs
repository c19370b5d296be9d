// @ts-check
// The load of a soak, and the model that every answer is checked against.
//
// A row is a function of its tenant, its number and its version, so the model is one integer per row: the version that
// the newest commit left, 0 where there is none. One writer at a time changes a tenant; whoever checks more than one row
// takes its turn with them.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { table, t } from 'tabularium'

import { Mutex } from '../../dist/base/async.js'

const GROUP_COUNT = 10
const BATCH_ROWS = 10
/** Past states that are remembered, to be read again. */
const MEMORY_COUNT = 2000
const HELD_MAX_COUNT = 8
/** Rows checked in one go: the harness must not stand in the way of what it measures. */
const CHECK_ROWS = 50

export const soakTables = {
  items: table(
    'items',
    { id: t.int(), version: t.int(), kind: t.text(), changedAt: t.timestamp(), note: t.text() },
    { primaryKey: ['id'], indexes: { byKind: ['kind', 'version'], newest: ['changedAt'] } },
  ),
  counters: table('counters', { id: t.text(), count: t.int() }, { primaryKey: ['id'] }),
}

/** @typedef {import('tabularium').Database<typeof soakTables>} Soaked */
/** @typedef {{ below(bound: number): number, chance(probability: number): boolean }} Random */
/** @typedef {ReturnType<typeof rowOf>} Item */

/** @param {number} id @param {number} version */
const kindOf = (id, version) => `kind-${(id * 7 + version) % GROUP_COUNT}`

/** Text that compresses no better than that of people. @param {string} tenant @param {number} id @param {number} version */
function noteOf(tenant, id, version) {
  let state = (id + 1) * 0x9e3779b1 + version
  let note = tenant
  for (let i = 0; i < 20 + ((id + version) % 10); i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i
    note += ` ${(state >>> 0).toString(36)}`
  }
  return note
}

/** @param {string} tenant @param {number} id @param {number} version */
export function rowOf(tenant, id, version) {
  return {
    id,
    version,
    kind: kindOf(id, version),
    changedAt: new Date(Date.UTC(2026, 0, 1) + version * 60_000 + id),
    note: noteOf(tenant, id, version),
  }
}

/** @param {string} tenant @param {number} id @param {number} version */
const jsonBytesOf = (tenant, id, version) => JSON.stringify(rowOf(tenant, id, version)).length

class TenantModel {
  turn = new Mutex()
  count = 0
  /** @param {string} name @param {number} rowCount */
  constructor(name, rowCount) {
    this.name = name
    this.versions = new Uint32Array(rowCount)
    /** Versions go on where they were when a row comes back. */
    this.highest = new Uint32Array(rowCount)
  }
}

export class Workload {
  liveBytes = 0
  /** Bytes of versions that history still has to hold. */
  retainedBytes = 0
  #memories = /** @type {{ tenant: string, id: number, version: number, seqNum: number }[]} */ ([])
  #retained = /** @type {{ atMs: number, bytes: number }[]} */ ([])
  #held = /** @type {(() => Promise<void>)[]} */ ([])
  #tenants
  #nextMemory = 0

  /**
   * @param {object} options
   * @param {() => Soaked} options.db
   * @param {Random} options.random
   * @param {number} options.tenantCount
   * @param {number} options.rowsPerTenant
   * @param {number} options.historyWindowMs
   * @param {(micros: number) => void} options.onRead
   * @param {() => number} options.ownMicros  a clock that stands while the machine gives us no processor
   */
  constructor(options) {
    this.o = options
    const { tenantCount, rowsPerTenant } = options
    this.#tenants = Array.from(
      { length: tenantCount },
      (_, i) => new TenantModel(`tenant-${i}`, rowsPerTenant),
    )
  }

  /** Fills every tenant. */
  async fill() {
    for (const tenant of this.#tenants) {
      const ids = Array.from(tenant.versions, (_, id) => id)
      while (ids.length > 0) await this.#put(tenant, ids.splice(0, 200))
    }
  }

  /** One operation, drawn by lot. Rejects when an answer is wrong. */
  async step() {
    const draw = this.o.random.below(100)
    const tenant = this.#pick(this.#tenants)
    if (draw < 50) this.#read(tenant)
    else if (draw < 70) await tenant.turn.run(() => this.#put(tenant, this.#someIds(tenant)))
    else if (draw < 75) await tenant.turn.run(() => this.#delete(tenant))
    else if (draw < 85) await this.#readPast()
    else if (draw < 89) await tenant.turn.run(() => this.#race(tenant))
    else if (draw < 94) await tenant.turn.run(() => this.#scanKind(tenant))
    else if (draw < 98) await tenant.turn.run(() => this.#sum(tenant))
    else if (draw < 99) await this.#hold(tenant)
    else if (this.o.random.chance(0.1)) await this.#addTenant()
  }

  /** Drains the scans that are held open: before closing, and to see what they saw. */
  async release() {
    for (const drain of this.#held.splice(0)) await drain()
  }

  /** Compares every row of every tenant. */
  async compareAll() {
    for (const tenant of this.#tenants) {
      await tenant.turn.run(async () => {
        const { items, counters } = this.#sessionOf(tenant)
        await compare(tenant, tenant.versions, await items.scan().toArray())
        const count = counters.getSync('c')?.count ?? 0
        if (count !== tenant.count) wrong(`${tenant.name} counts ${count}, not ${tenant.count}`)
      })
    }
    const names = this.o.db().tenants()
    if (names.length !== this.#tenants.length) wrong(`${names.length} tenants are known`)
  }

  /** Live rows and the versions that history must hold, as JSON. */
  get modelBytes() {
    const oldestMs = performance.now() - this.o.historyWindowMs
    while (this.#retained[0] !== undefined && this.#retained[0].atMs < oldestMs) {
      this.retainedBytes -= /** @type {{ bytes: number }} */ (this.#retained.shift()).bytes
    }
    return this.liveBytes + this.retainedBytes
  }

  /** Makes the model say something else than was written. */
  plantWrongAnswer() {
    for (const { versions } of this.#tenants) versions.fill(1_000_000)
  }

  /** @param {TenantModel} tenant */
  #sessionOf(tenant) {
    return this.o.db().tenant(tenant.name)
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  #pick(list) {
    return /** @type {T} */ (list[this.o.random.below(list.length)])
  }

  /** @param {TenantModel} tenant */
  #someIds(tenant) {
    const ids = new Set(
      Array.from({ length: BATCH_ROWS }, () => this.o.random.below(tenant.versions.length)),
    )
    return [...ids]
  }

  /** @param {TenantModel} tenant */
  #read(tenant) {
    if (tenant.turn.isBusy) return
    const id = this.o.random.below(tenant.versions.length)
    const { items } = this.#sessionOf(tenant)
    const start = this.o.ownMicros()
    const row = items.getSync(id)
    this.o.onRead(this.o.ownMicros() - start)
    same(tenant.name, id, tenant.versions[id] ?? 0, row)
  }

  /** @param {TenantModel} tenant @param {number[]} ids */
  async #put(tenant, ids) {
    const rows = ids.map((id) => rowOf(tenant.name, id, (tenant.highest[id] ?? 0) + 1))
    const seqNum = await this.#sessionOf(tenant).items.upsert(rows)
    for (const { id, version } of rows) {
      this.#set(tenant, id, version)
      tenant.highest[id] = version
    }
    const [{ id, version } = { id: 0, version: 0 }] = rows
    this.#memories[this.#nextMemory++ % MEMORY_COUNT] = { tenant: tenant.name, id, version, seqNum }
  }

  /** @param {TenantModel} tenant */
  async #delete(tenant) {
    const id = this.o.random.below(tenant.versions.length)
    const isFound = await this.#sessionOf(tenant).items.delete(id)
    if (isFound !== (tenant.versions[id] ?? 0) > 0)
      wrong(`delete of ${tenant.name} ${id}: ${isFound}`)
    this.#set(tenant, id, 0)
  }

  /** @param {TenantModel} tenant @param {number} id @param {number} version */
  #set(tenant, id, version) {
    const before = tenant.versions[id] ?? 0
    if (before > 0) {
      const bytes = jsonBytesOf(tenant.name, id, before)
      this.liveBytes -= bytes
      this.retainedBytes += bytes
      this.#retained.push({ atMs: performance.now(), bytes })
    }
    if (version > 0) this.liveBytes += jsonBytesOf(tenant.name, id, version)
    tenant.versions[id] = version
  }

  async #readPast() {
    if (this.#memories.length === 0) return
    const { tenant, id, version, seqNum } = this.#pick(this.#memories)
    // Half of the window: the machine may be slow, and the floor only moves on.
    const oldest = (Date.now() - this.o.historyWindowMs / 2) * 1000
    if (seqNum < oldest) return
    const past = this.o
      .db()
      .tenant(tenant)
      .at(/** @type {any} */ (seqNum))
    same(tenant, id, version, await past.items.get(id))
  }

  /** Two transactions at the same time: both count. @param {TenantModel} tenant */
  async #race(tenant) {
    const session = this.#sessionOf(tenant)
    const increment = () =>
      session.transact(async (tx) => {
        const count = (await tx.counters.get('c'))?.count ?? 0
        await tx.counters.upsert({ id: 'c', count: Number(count) + 1 })
      })
    await Promise.all([increment(), increment()])
    tenant.count += 2
  }

  /** @param {TenantModel} tenant */
  async #scanKind(tenant) {
    const kind = `kind-${this.o.random.below(GROUP_COUNT)}`
    const { items } = this.#sessionOf(tenant)
    const rows = await items.scan({ index: 'byKind', prefix: [kind] }).toArray()
    const expected = tenant.versions.map((version, id) =>
      version > 0 && kindOf(id, version) === kind ? version : 0,
    )
    await compare(tenant, expected, rows)
  }

  /** @param {TenantModel} tenant */
  async #sum(tenant) {
    const text = 'select count(*) as n, sum(version) as total from items where id < ?'
    const bound = this.o.random.below(tenant.versions.length)
    const [row] = await this.#sessionOf(tenant).query(text, [bound])
    const versions = tenant.versions.subarray(0, bound)
    const n = versions.filter((version) => version > 0).length
    const total = versions.reduce((sum, version) => sum + version, 0)
    const isSame = Number(row?.['n']) === n && Number(row?.['total'] ?? 0) === total
    if (!isSame) wrong(`${tenant.name} sums up ${JSON.stringify(row)}, not ${n}, ${total}`)
  }

  /** Opens a scan and leaves it open; the oldest that is open is read to its end. @param {TenantModel} tenant */
  async #hold(tenant) {
    await tenant.turn.run(async () => {
      const expected = tenant.versions.slice()
      const batches = this.#sessionOf(tenant).items.scan().batches(100)
      const { value: first } = await batches.next()
      this.#held.push(async () => {
        const rows = /** @type {Item[]} */ ([...(first ?? [])])
        for await (const batch of batches) rows.push(.../** @type {Item[]} */ (batch))
        await compare(tenant, expected, rows)
      })
    })
    if (this.#held.length > HELD_MAX_COUNT) await this.#held.shift()?.()
  }

  async #addTenant() {
    const tenant = new TenantModel(`tenant-${this.#tenants.length}`, 20)
    this.#tenants.push(tenant)
    const ids = Array.from(tenant.versions, (_, id) => id)
    await tenant.turn.run(() => this.#put(tenant, ids))
  }
}

/** @param {string} tenant @param {number} id @param {number} version @param {object | undefined} row */
function same(tenant, id, version, row) {
  const expected = version === 0 ? undefined : rowOf(tenant, id, version)
  if (JSON.stringify(row) === JSON.stringify(expected)) return
  wrong(`${tenant} ${id} should be of version ${version}: ${JSON.stringify(row)?.slice(0, 200)}`)
}

/** @param {TenantModel} tenant @param {Uint32Array} versions @param {readonly { id: unknown }[]} rows */
async function compare(tenant, versions, rows) {
  const seen = new Set()
  for (const [i, row] of rows.entries()) {
    if (i % CHECK_ROWS === CHECK_ROWS - 1) await nextTurn()
    const id = Number(row.id)
    same(tenant.name, id, versions[id] ?? 0, row)
    seen.add(id)
  }
  const count = versions.filter((version) => version > 0).length
  if (seen.size !== count) wrong(`${tenant.name} shows ${seen.size} rows, not ${count}`)
}

/** @param {string} what @returns {never} */
function wrong(what) {
  throw new Error(`wrong answer: ${what}`)
}
