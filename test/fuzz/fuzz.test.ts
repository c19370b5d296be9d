// Feeds every decoder and every parser with what nobody would write. FUZZ_RUNS=n gives each target n inputs; an ordinary
// run gives each about the same time. A failure prints target, seed and input, and belongs into corpus.json, which every
// run replays.
//
// One execution: an input is made from its seed, mutated, and with right checksums where a decoder lies behind some; it is
// given to the decoder, and to all that a target calls with it; a typed error ends it, and of what is accepted the property
// of the target is checked: it survives being written and read again, lies inside of the input, comes in order, is the same
// forwards and backwards.
import { describe, expect, it } from 'vitest'
import { Seeded } from '../model/seeded.js'
import { CODEC_TARGETS, type Target } from './codec-targets.js'
import corpus from './corpus.json' with { type: 'json' }
import { FILE_TARGETS } from './file-targets.js'
import { SSTABLE_TARGETS } from './sstable-targets.js'
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
const TARGETS = [...CODEC_TARGETS, ...FILE_TARGETS, ...SSTABLE_TARGETS, ...TEXT_TARGETS]

async function fuzz(target: Target, count: number): Promise<void> {
  const failed: number[] = []
  let acceptedCount = 0
  // Nearly every input is refused with an error, and most of the time would go into their stacks.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  for (let i = 0; i < count && failed.length < FAILURE_MAX_COUNT; i++) {
    if (i % TURN_INPUTS === 0) await new Promise(setImmediate)
    try {
      let isAccepted = target.check(inputOf(target, i))
      if (typeof isAccepted !== 'boolean') isAccepted = await isAccepted
      if (isAccepted) acceptedCount++
    } catch {
      failed.push(i)
    }
  }
  Error.stackTraceLimit = stackTraceLimit
  const failures: string[] = []
  // One after another: an input takes the place of the one before.
  for (const i of failed) failures.push(await failureOf(target, i))
  expect(failures.length, `${target.name}:\n${failures.join('\n')}`).toBe(0)
  // Else nothing behind the first check was ever reached.
  expect(acceptedCount, `accepted by ${target.name}`).toBeGreaterThan(0)
}

function inputOf(target: Target, i: number): Uint8Array {
  return target.make(new Seeded(SEED * 1_000_003 + i))
}

async function failureOf(target: Target, i: number): Promise<string> {
  const input = inputOf(target, i)
  const hex = Buffer.from(input).toString('hex')
  let failure = 'passes when it is tried alone'
  try {
    await target.check(input)
  } catch (error) {
    failure = (error as Error)?.stack ?? String(error)
  }
  return `SEED=${SEED} input ${i}: ${failure}\n${hex}`
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
