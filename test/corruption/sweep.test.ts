// Damages a reference database in every way that disks and people do, and asks it for everything it holds: an answer is
// right or a typed error about the damage. BIT_FLIPS=n sweeps every structural case and n
// bit flips.
import { beforeAll, describe, expect, it } from 'vitest'
import type { SeqNum } from '../../dist/base/ids.js'
import { Seeded } from '../model/seeded.js'
import {
  bitDamage,
  type Damage,
  lengthDamage,
  nameDamage,
  pieceDamage,
  piecesOf,
  sectorDamage,
  staleDamage,
} from './damage.js'
import { Judge, type Verdict } from './judge.js'
import { Answers, allKeys, askFace } from './read-back.js'
import { buildReference, filesOf, openImage, type Reference } from './reference.js'

const BIT_FLIPS = process.env.BIT_FLIPS
const IS_LONG = BIT_FLIPS !== undefined
const FLIP_COUNT = Number(BIT_FLIPS ?? 400)
const SEED = Number(process.env.SEED ?? 1)
/** Of the structural cases, in the ordinary run. */
const SAMPLE_COUNT = 60
const TIMEOUT_MS = 8 * 60 * 60_000

let reference: Reference
let judge: Judge

beforeAll(async () => {
  reference = await buildReference()
  const { store, database } = await openImage(reference.image.clone(), 2)
  const last = store.readable
  const moments = Array.from({ length: 130 }, (_, i) => (last - i) as SeqNum)
  const answers = new Answers(store, allKeys(store, moments))
  const past = [20, 60, 100].map((back) => (last - back) as SeqNum)
  judge = new Judge(reference, answers, await askFace(await database(), past), past)
})

/** Judges each case; prints how many of which verdict. */
async function sweep(cases: Iterable<Damage>, isThorough: (index: number) => boolean) {
  const counts = new Map<string, Map<Verdict, number>>()
  const failures: string[] = []
  let index = 0
  for (const damage of cases) {
    try {
      const verdict = await judge.judge(damage, { isThorough: isThorough(index++) })
      const ofKind = counts.get(damage.kind) ?? new Map<Verdict, number>()
      counts.set(damage.kind, ofKind.set(verdict, (ofKind.get(verdict) ?? 0) + 1))
    } catch (error) {
      failures.push(`SEED=${SEED} ${damage.kind}: ${damage.what}: ${error}`)
      if (failures.length === 1) console.error(error)
    }
  }
  for (const [kind, verdicts] of counts) {
    console.log(kind, [...verdicts].map(([verdict, count]) => `${verdict} ${count}`).join(', '))
  }
  expect(failures.length, failures.slice(0, 20).join('\n')).toBe(0)
  expect(index, 'cases judged').toBeGreaterThan(0)
}

/** All of them in the long run, an even sample otherwise. */
function sample(cases: Iterable<Damage>): Damage[] {
  const all = [...cases]
  if (IS_LONG || all.length <= SAMPLE_COUNT) return all
  const step = all.length / SAMPLE_COUNT
  const offset = new Seeded(SEED).float()
  return Array.from({ length: SAMPLE_COUNT }, (_, i) => all[Math.floor((i + offset) * step)]!)
}

describe('corruption sweep', () => {
  it(
    'sectors of zeros, ones and noise',
    async () => {
      const cases = sectorDamage(filesOf(reference.image), new Seeded(SEED))
      await sweep(sample(cases), () => true)
    },
    TIMEOUT_MS,
  )

  it(
    'files cut or grown',
    async () => {
      const step = IS_LONG ? 7 : 64
      const cases = lengthDamage(filesOf(reference.image), new Seeded(SEED), step)
      await sweep(sample(cases), () => true)
    },
    TIMEOUT_MS,
  )

  it(
    'pieces in the place of others',
    async () => {
      const cases = pieceDamage(filesOf(reference.image), piecesOf(reference.image))
      await sweep(sample(cases), (index) => !IS_LONG || index % 10 === 0)
    },
    TIMEOUT_MS,
  )

  it(
    'writes that got lost',
    async () => {
      await sweep(sample(staleDamage(reference, filesOf(reference.image))), () => true)
    },
    TIMEOUT_MS,
  )

  it(
    'files that are missing or misnamed',
    async () => {
      await sweep(sample(nameDamage(filesOf(reference.image))), () => true)
    },
    TIMEOUT_MS,
  )

  it(
    `${FLIP_COUNT} flipped bits`,
    async () => {
      const cases = bitDamage(filesOf(reference.image), new Seeded(SEED), FLIP_COUNT)
      await sweep(cases, (index) => index % 50 === 0)
    },
    TIMEOUT_MS,
  )
})
