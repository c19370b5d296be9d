// A database in memory whose tests are about how long history stays.

import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { type Database, type OpenSettings, open, t, table } from '../../dist/index.js'
import { type CompactionJob, type FlushJob, type Job, runJob } from '../../dist/lsm/jobs.js'

export const HOUR_MS = 3_600_000
export const columns = { id: t.text(), n: t.int() }
export const key = { primaryKey: ['id'] } as const

function tablesOf(sessionsMs: number | undefined) {
  const window = sessionsMs === undefined ? {} : { historyWindowMs: sessionsMs }
  return {
    orders: table('orders', columns, key),
    sessions: table('sessions', columns, { ...key, ...window }),
  }
}

/** A database in memory whose clock the test moves, and that can be opened again. */
export class World {
  readonly fs = new MemoryFileSystem()
  readonly jobs: (FlushJob | CompactionJob)[] = []
  env = this.#newEnv()
  #elapsedMs = 0

  async open(sessionsMs?: number, settings: OpenSettings = {}) {
    this.env = this.#newEnv()
    this.env.clock.advance(this.#elapsedMs)
    const given = { walFileBytes: 65_536, historyWindowMs: HOUR_MS, ...settings }
    return open({ path: '/db', tables: tablesOf(sessionsMs), ...given }, { env: this.env })
  }

  async close(db: Database<{}>): Promise<void> {
    await db.close()
    this.#elapsedMs = this.env.clock.monotonicMicros() / 1000
  }

  #newEnv() {
    return simulatedEnv({
      seed: 1,
      fs: this.fs,
      runJob: (job) => {
        this.jobs.push(job as Job)
        return runJob(job as Job, this.fs)
      },
    })
  }
}

type Db = Awaited<ReturnType<World['open']>>

/** Writes a row of both tables, then lets an hour pass and collects garbage, so often. */
export async function grow(world: World, db: Db, tenants: readonly string[], hours: number) {
  const written: number[] = []
  for (let n = 0; n < hours; n++) {
    for (const name of tenants) {
      await db.tenant(name).orders.upsert({ id: 'o', n })
      await db.tenant(name).sessions.upsert({ id: 's', n })
    }
    written.push(db.stats().seqNum)
    world.env.clock.advance(HOUR_MS)
    await db.flush()
  }
  return written
}
