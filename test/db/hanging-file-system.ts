import type { SimulatedClock } from '../../dist/env/clock.js'
import { simulatedEnv } from '../../dist/env/simulated-env.js'
import { open } from '../../dist/index.js'
import { type Job, runJob } from '../../dist/lsm/jobs.js'
import { MemoryFileSystem } from '../../dist/testing.js'
import { counters, onEnd } from './db-kit.js'

/** Syncs of its log wait for `answer`. */
export class HangingFileSystem extends MemoryFileSystem {
  answer: Promise<void> = Promise.resolve()

  override open(...[path, mode]: Parameters<MemoryFileSystem['open']>) {
    const file = super.open(path, mode)
    if (!path.endsWith('.wal')) return file
    const sync = file.sync.bind(file)
    file.sync = async () => {
      await this.answer
      await sync()
    }
    return file
  }
}

/** Who commits again at once has his sync on the thread, where it cannot wait. After a pause he has not. */
export function pause(clock: SimulatedClock): void {
  clock.advance(1)
}

/** A database with one row, whose clock moves when the test says so. */
export async function openHanging(fs: HangingFileSystem = new HangingFileSystem()) {
  const env = simulatedEnv({
    seed: 1,
    fs,
    runJob: (job) => runJob(job as Job, fs),
    isClockHeld: true,
  })
  const db = await open({ path: '/data', tables: { counters }, walFileBytes: 1 << 16 }, { env })
  onEnd(() => db.close())
  const shop = db.tenant('a')
  await shop.counters.insert({ id: 'x', n: 0 })
  pause(env.clock)
  return { fs, clock: env.clock, db, shop }
}
