// The workloads whose every file-system call is made to fail once. Each runs the same way each time.
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { randomKey, randomWrites } from '../model/store-driver.js'
import { Seeded } from '../model/seeded.js'
import { WINDOW_MS } from '../model/window-clock.js'
import { turns } from '../turns.js'
import type { FaultDriver, Writes } from './fault-driver.js'

export interface FaultScript {
  readonly name: string
  readonly options?: Partial<StoreOptions>
  /** On a good disk, before the faults. What it leaves open is left as after a kill. */
  readonly prepare?: (driver: FaultDriver, random: Seeded) => Promise<void>
  readonly run: (driver: FaultDriver, random: Seeded) => Promise<void>
}

const PLAIN: StoreOptions = {
  path: '/db',
  createIfMissing: true,
  defaultTabletCount: 2,
  memtableBudgetBytes: 1 << 20,
  blockCacheBytes: 0,
  blockBytes: 512,
  walFileBytes: 1 << 14,
  outputTableBytes: 1_024,
  relaxedWindowMs: WINDOW_MS,
  historyWindowMs: 0,
  transform: IDENTITY_TRANSFORM,
  picker: {
    level0MaxCount: 2,
    level1MaxBytes: 500,
    levelRatio: 2,
    level0BiteBytes: 1 << 20,
    moveMinBytes: 1 << 20,
  },
}

export function optionsOf(script: FaultScript): StoreOptions {
  return { ...PLAIN, ...script.options }
}

async function writeSome(driver: FaultDriver, random: Seeded, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await driver.write(randomWrites(random, driver.nextLabel()))
}

async function relaxed(driver: FaultDriver, random: Seeded, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await driver.write(randomWrites(random, driver.nextLabel()), 'relaxed')
  }
}

function big(driver: FaultDriver, random: Seeded, valueBytes: number): Writes {
  return new Map([
    [randomKey(random), `${driver.nextLabel()}:${'x'.repeat(valueBytes)}`],
    [randomKey(random), `${driver.nextLabel()}:${'y'.repeat(valueBytes)}`],
  ])
}

async function together(driver: FaultDriver, random: Seeded, count: number): Promise<void> {
  const commits = Array.from({ length: count }, () =>
    driver.write(randomWrites(random, driver.nextLabel())),
  )
  await Promise.all(commits)
}

export const FAULT_SCRIPTS: readonly FaultScript[] = [
  {
    name: 'create, commit, close',
    async run(driver, random) {
      await driver.open()
      await writeSome(driver, random, 4)
      await driver.read()
    },
  },
  {
    name: 'commits in company',
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 4; i++) {
        await together(driver, random, 5)
        await driver.read()
      }
    },
  },
  {
    name: 'a log of many files',
    options: { walFileBytes: 4_096 },
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 8; i++) {
        await driver.write(big(driver, random, 700))
        await together(driver, random, 3)
      }
      await driver.read()
      await driver.flush()
      await driver.write(big(driver, random, 6_000))
      await driver.read()
    },
  },
  {
    name: 'flushes',
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 3; i++) {
        await writeSome(driver, random, 3)
        await driver.flush()
        await driver.read()
      }
      await writeSome(driver, random, 1)
    },
  },
  {
    name: 'flushes in the middle of commits',
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 4; i++) {
        const commits = together(driver, random, 3)
        // By now the log syncs.
        await turns(2)
        await Promise.all([commits, driver.flush()])
        await driver.read()
      }
    },
  },
  {
    name: 'compactions',
    async prepare(driver, random) {
      await driver.open()
      await writeSome(driver, random, 6)
      await driver.compact()
      await writeSome(driver, random, 6)
      await driver.flush()
      await driver.close()
    },
    async run(driver, random) {
      await driver.open()
      await writeSome(driver, random, 4)
      await driver.compact()
      await driver.read()
      await writeSome(driver, random, 2)
      await driver.compact()
      await driver.read()
    },
  },
  {
    name: 'splits and merges',
    async prepare(driver, random) {
      await driver.open()
      await writeSome(driver, random, 8)
      await driver.compact()
      await driver.close()
    },
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 3; i++) {
        await writeSome(driver, random, 2)
        await driver.rebalance(random)
        await driver.read()
      }
      await driver.compact()
    },
  },
  {
    name: 'checkpoints',
    async prepare(driver, random) {
      await driver.open()
      await writeSome(driver, random, 5)
      await driver.compact()
      await writeSome(driver, random, 2)
      await driver.close()
    },
    async run(driver, random) {
      await driver.open()
      await writeSome(driver, random, 3)
      await driver.checkpoint()
      await writeSome(driver, random, 2)
      await driver.compact()
      await driver.checkpoint()
      await driver.read()
    },
  },
  {
    name: 'recovery',
    options: { walFileBytes: 4_096 },
    async prepare(driver, random) {
      await driver.open()
      await writeSome(driver, random, 3)
      await driver.flush()
      for (let i = 0; i < 5; i++) await driver.write(big(driver, random, 600))
      await together(driver, random, 4)
    },
    async run(driver, random) {
      await driver.open()
      await driver.read()
      await writeSome(driver, random, 2)
    },
  },
  {
    name: 'opened again and again',
    async run(driver, random) {
      for (let i = 0; i < 3; i++) {
        await driver.open()
        await driver.read()
        await writeSome(driver, random, 2)
        await driver.close()
      }
      await driver.open()
    },
  },
  {
    name: 'transactions',
    async prepare(driver, random) {
      await driver.open()
      await writeSome(driver, random, 8)
      await driver.close()
    },
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 4; i++) {
        const reads = [randomKey(random), randomKey(random)]
        await driver.transact(reads, randomWrites(random, driver.nextLabel()))
      }
      await driver.flush()
      await driver.transact([randomKey(random)], randomWrites(random, driver.nextLabel()))
      await driver.read()
    },
  },
  {
    name: 'relaxed commits',
    options: { walFileBytes: 4_096 },
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 3; i++) {
        await relaxed(driver, random, 3)
        await driver.read()
        // Goes on in the next file, which the window then syncs.
        await driver.write(big(driver, random, 1_500), 'relaxed')
        await turns(30)
        await relaxed(driver, random, 2)
        await writeSome(driver, random, 1)
        await driver.write(big(driver, random, 300), 'relaxed')
        await driver.read()
        if (i === 0) await driver.flush()
        if (i === 1) await driver.whenDurable()
      }
      await driver.checkpoint()
      await relaxed(driver, random, 2)
      await driver.close()
      await driver.open()
      await driver.read()
      await relaxed(driver, random, 2)
    },
  },
  {
    name: 'more than memory holds',
    options: { memtableBudgetBytes: 2_000, walFileBytes: 4_096, defaultTabletCount: 4 },
    async run(driver, random) {
      await driver.open()
      for (let i = 0; i < 6; i++) {
        await Promise.all([
          driver.write(big(driver, random, 900)),
          driver.write(big(driver, random, 300)),
        ])
        if (i % 3 === 2) await driver.read()
      }
    },
  },
]
