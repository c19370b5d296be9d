// Feeds every decoder and every parser with what nobody would write. FUZZ_RUNS=n gives each target n inputs; an ordinary
// run gives each about the same time. A failure prints target, seed and input, and belongs into corpus.json, which every
// run replays.
import { describe, expect, it } from 'vitest'
import { Seeded } from '../model/seeded.js'
import { CODEC_TARGETS, type Target } from './codec-targets.js'
import corpus from './corpus.json' with { type: 'json' }
import { FILE_TARGETS } from './file-targets.js'
import { TEXT_TARGETS } from './text-targets.js'

const FUZZ_RUNS = process.env.FUZZ_RUNS
/** Of the cheapest target, in an ordinary run. */
const SHORT_RUNS = 4000
const SEED = Number(process.env.SEED ?? 1)
const TIMEOUT_MS = 8 * 60 * 60_000
const FAILURE_MAX_COUNT = 10
/** The runner hears nothing while this thread works: it is let in now and then. */
const TURN_INPUTS = 20_000
const FOUND: Readonly<Record<string, readonly string[]>> = corpus
const TARGETS = [...CODEC_TARGETS, ...FILE_TARGETS, ...TEXT_TARGETS]

async function fuzz(target: Target, count: number): Promise<void> {
  const failures: string[] = []
  for (let i = 0; i < count && failures.length < FAILURE_MAX_COUNT; i++) {
    if (i % TURN_INPUTS === 0) await new Promise(setImmediate)
    const input = target.make(new Seeded(SEED * 1_000_003 + i))
    try {
      const done = target.check(input)
      if (done !== undefined) await done
    } catch (error) {
      const hex = Buffer.from(input).toString('hex')
      failures.push(`SEED=${SEED} input ${i}: ${(error as Error)?.stack ?? error}\n${hex}`)
    }
  }
  expect(failures.length, `${target.name}:\n${failures.join('\n')}`).toBe(0)
}

describe('fuzz', () => {
  for (const target of TARGETS) {
    const share = Math.max(50, Math.floor(SHORT_RUNS / target.cost))
    const count = FUZZ_RUNS === undefined ? share : Number(FUZZ_RUNS)
    it(`${target.name}, ${count} inputs`, () => fuzz(target, count), TIMEOUT_MS)
  }

  it('found inputs stay repaired', async () => {
    for (const [name, inputs] of Object.entries(FOUND)) {
      const target = TARGETS.find((one) => one.name === name)!
      for (const hex of inputs) await target.check(new Uint8Array(Buffer.from(hex, 'hex')))
    }
  })
})
