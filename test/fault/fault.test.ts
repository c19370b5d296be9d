// Every file-system call of every script fails, once and from then on, in every way: no acknowledged commit is lost, none
// is there by half, none is there that was said not to be, every error is typed, nothing hangs, and a healed disk opens.
//
// A sync that lies may lose acknowledged commits at a power cut, and nothing can be done about that. What still holds: what
// comes back is the state after some first part of the commits, or opening or reading is refused with a typed error.
import { afterAll, describe, expect, it } from 'vitest'
import { EventSource } from '../../dist/base/events.js'
import { EngineError } from '../../dist/base/errors.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { Store } from '../../dist/store/store.js'
import { Seeded } from '../model/seeded.js'
import { dump, simulation } from '../model/store-driver.js'
import { type BookedCommit, FaultDriver } from './fault-driver.js'
import { FAULT_SCRIPTS, type FaultScript, optionsOf } from './fault-scripts.js'
import {
  FAULT_MODES,
  FAULTS,
  type FaultPlan,
  FaultyFileSystem,
  isPossible,
} from './faulty-file-system.js'

/** One of so many cases in the ordinary run; the long run asks for 1, which is all of them. */
const FAULT_STRIDE = Number(process.env.FAULT_STRIDE ?? 47)
/** Replays one case: `<script>/<call>/<fault>/<mode>`. */
const FAULT_CASE = process.env.FAULT_CASE

const SEED = 11
/** After so many a script is given up. */
const FAILURES_SHOWN = 12

/** Of a tenant that the scripts do not know. */
const HEALED_KEY = new Uint8Array(20).fill(1)

interface Prepared {
  readonly fs: MemoryFileSystem
  readonly commits: readonly BookedCommit[]
}

async function prepare(script: FaultScript): Promise<Prepared> {
  const fs = new MemoryFileSystem()
  const driver = new FaultDriver(new FaultyFileSystem(fs), optionsOf(script))
  await script.prepare?.(driver, new Seeded(SEED + 1))
  // The clone knows nothing of open handles: to it the process has died.
  const left = fs.clone()
  await driver.close()
  return { fs: left, commits: driver.commits }
}

interface ScriptEnd {
  readonly driver: FaultDriver
  readonly disk: MemoryFileSystem
  /** What power cuts leave: one before the store was closed, one after. */
  readonly afterCuts: readonly MemoryFileSystem[]
}

async function runScript(
  script: FaultScript,
  { fs, commits }: Prepared,
  plan?: FaultPlan,
): Promise<ScriptEnd> {
  const disk = fs.clone()
  const faulty = new FaultyFileSystem(disk)
  faulty.plan = plan
  const driver = new FaultDriver(faulty, optionsOf(script), [...commits])
  await script.run(driver, new Seeded(SEED))
  const random = new Seeded(plan?.callNumber ?? 0)
  const cutWhileOpen = disk.crashImage(random, 'lost')
  await driver.close()
  return { driver, disk, afterCuts: [cutWhileOpen, disk.crashImage(random)] }
}

/** Opens what is left on a good disk and judges it; undefined when a lying disk left nothing that opens. */
async function judge(
  driver: FaultDriver,
  disk: MemoryFileSystem,
  fate: 'alive' | 'cut' | 'liar',
): Promise<void> {
  let present: BookedCommit[]
  try {
    const store = await Store.open(driver.options, simulation(1, disk), new EventSource())
    present = driver.expectLawful(dump(store.latest()), fate)
    expect((await store.verify()).problems).toEqual([])
    await store.write((view) => view.put(HEALED_KEY, Buffer.from('healed')))
    await store.close()
  } catch (error) {
    const isTyped = error instanceof EngineError && error.code !== 'INTERNAL'
    if (fate === 'liar' && isTyped) return
    throw error
  }
  const again = await Store.open(driver.options, simulation(2, disk), new EventSource())
  expect(dump(again.latest())).toEqual(driver.stateOf(present))
  await again.close()
}

async function check(script: FaultScript, prepared: Prepared, plan: FaultPlan): Promise<void> {
  const { driver, disk, afterCuts } = await runScript(script, prepared, plan)
  expect(driver.fs.hitCount).toBeGreaterThan(0)
  const fate = plan.fault === 'noSync' ? 'liar' : 'cut'
  for (const image of afterCuts) await judge(driver, image, fate)
  // The same files, as the next process finds them when the machine stays up.
  await judge(driver, disk.clone(), 'alive')
  // The same process, through the same directory lock.
  driver.fs.plan = undefined
  expect(await driver.open(), 'opens once the disk is good').toBe(true)
  driver.expectLawful(dump(driver.store!.latest()), 'alive')
  await driver.close()
}

function* plansOf(script: FaultScript, calls: FaultyFileSystem['calls']): Generator<FaultPlan> {
  for (const [i, call] of calls.entries()) {
    for (const fault of FAULTS) {
      if (!isPossible(fault, call)) continue
      for (const mode of FAULT_MODES) {
        const name = `${script.name}/${i + 1}/${fault}/${mode}`
        if (FAULT_CASE === undefined || FAULT_CASE === name) {
          yield { callNumber: i + 1, fault, mode }
        }
      }
    }
  }
}

describe('a failing file system', () => {
  const totals = { scripts: 0, calls: 0, possible: 0, run: 0, violations: 0 }
  afterAll(() => {
    const { scripts, calls, possible, run, violations } = totals
    const crossed = calls * FAULTS.length * FAULT_MODES.length
    console.info(
      `${scripts} scripts, ${calls} calls x ${FAULTS.length} faults x ${FAULT_MODES.length} modes = ${crossed}, of which ${possible} can befall their call; ${run} run, ${violations} violations (seed ${SEED})`,
    )
  })

  it.each(FAULT_SCRIPTS)(
    'costs nothing acknowledged: $name',
    async (script) => {
      const prepared = await prepare(script)
      const sound = await runScript(script, prepared)
      expect(
        sound.driver.commits.every(
          ({ outcome }) => outcome === 'acknowledged' || outcome === 'relaxed',
        ),
      ).toBe(true)
      const { calls } = sound.driver.fs
      const plans = [...plansOf(script, calls)]
      const stride = FAULT_CASE === undefined ? FAULT_STRIDE : 1
      let count = 0
      const failures: string[] = []
      for (let i = SEED % stride; i < plans.length; i += stride) {
        const plan = plans[i]!
        const name = `${script.name}/${plan.callNumber}/${plan.fault}/${plan.mode}`
        count++
        try {
          await check(script, prepared, plan)
        } catch (error) {
          if (FAULT_CASE !== undefined) throw error
          if (failures.length === FAILURES_SHOWN) break
          failures.push(`FAULT_CASE='${name}' (${calls[plan.callNumber - 1]}): ${String(error)}`)
        }
      }
      console.info(`${script.name}: ${calls.length} calls, ${count} of ${plans.length} cases`)
      totals.scripts++
      totals.calls += calls.length
      totals.possible += plans.length
      totals.run += count
      totals.violations += failures.length
      expect(failures.length, failures.join('\n')).toBe(0)
    },
    60 * 60_000,
  )
})
