// What is salvaged of the reference database, however it was damaged: a version that is called certain is right, and what
// is missing lies in a range that is reported.
import { beforeAll, expect, it } from 'vitest'
import { EngineError } from '../../dist/base/errors.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { successorOfPrefix } from '../../dist/codec/tenant-key.js'
import { SalvagedDatabase } from '../../dist/db/salvaged-database.js'
import { compareKeys } from '../../dist/kernels/bytes.js'
import type { Store } from '../../dist/store/store.js'
import { Seeded } from '../model/seeded.js'
import { bitDamage, type Damage, lengthDamage, nameDamage, sectorDamage } from './damage.js'
import { Answers, allKeys } from './read-back.js'
import { buildReference, filesOf, openImage, type Reference } from './reference.js'

const SEED = Number(process.env.SEED ?? 1)
const CASE_COUNT = Number(process.env.DAMAGES ?? 40)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

let reference: Reference
let answers: Answers
beforeAll(async () => {
  reference = await buildReference()
  const { store } = await openImage(reference.image.clone(), 2)
  const moments = Array.from({ length: 130 }, (_, i) => (store.readable - i) as SeqNum)
  answers = new Answers(store, allKeys(store, moments))
})

/** @returns how many keys were not certain */
function checkTenant(store: Store, tenant: Uint8Array): number {
  // The end of the log may be gone together with every proof that it was there; the sweep judges whether it was proven.
  const lostAfter = store.salvage!.lostLog?.afterSeqNum ?? store.readable
  const scan = store.salvageScan({ lower: tenant, upper: successorOfPrefix(tenant) })
  const found = new Map<string, { readonly value: string; readonly seqNum: SeqNum }>()
  let uncertainCount = scan.uncertainTombstoneCount
  while (scan.next()) {
    const { entry } = scan
    const key = hex(entry.copyKey())
    if (scan.isCertain) found.set(key, { value: hex(entry.copyValue()), seqNum: entry.seqNum })
    else uncertainCount++
  }
  scan.close()
  for (const { key, tenant: owner, versions } of answers.histories) {
    if (owner !== hex(tenant)) continue
    const got = found.get(hex(key))
    const newest = versions[0]!
    if (got !== undefined) {
      const at = versions.findIndex(({ seqNum }) => seqNum === got.seqNum)
      expect(versions[at]?.value, hex(key)).toBe(got.value)
      // Only commits that the log lost may be newer.
      if (at > 0) expect(versions[at - 1]!.seqNum).toBeGreaterThan(lostAfter)
      continue
    }
    const isGone = newest.value === undefined
    const isCovered = scan.holes.some(
      ({ lower, upper }) => compareKeys(lower, key) <= 0 && compareKeys(key, upper) <= 0,
    )
    const isLost = newest.seqNum > lostAfter
    expect(isGone || isCovered || isLost, `${hex(key)} is missing`).toBe(true)
  }
  return uncertainCount
}

it(
  `of ${CASE_COUNT} damages of each kind (SEED=${SEED})`,
  async () => {
    const files = filesOf(reference.image)
    const random = new Seeded(SEED)
    const kinds: readonly (readonly Damage[])[] = [
      [...sectorDamage(files, random)],
      [...lengthDamage(files, random, 64)],
      [...nameDamage(files)],
      [...bitDamage(files, random, CASE_COUNT)],
    ]
    const counts = { salvaged: 0, refused: 0, holes: 0, uncertain: 0, lostLogs: 0 }
    for (const cases of kinds) {
      for (let i = 0; i < CASE_COUNT; i++) {
        const damage = random.pick(cases)
        const image = reference.image.clone()
        damage.apply(image)
        let store: Store
        try {
          store = (await openImage(image, 2, { isSalvage: true })).store
        } catch (error) {
          if (!(error instanceof EngineError) || error.kind !== 'corrupt') throw error
          counts.refused++
          continue
        }
        const before = image.digest()
        try {
          for (const tenant of answers.prefixes) counts.uncertain += checkTenant(store, tenant)
          const database = new SalvagedDatabase(store, async () => undefined)
          for (const tenant of database.tenants) {
            for (const table of database.tables) {
              const rows = database.rows(tenant, table)
              for (const { row } of rows)
                expect(Object.keys(row)).toEqual(['id', 'n', 'note', 'doc'])
              counts.holes += rows.unreadable.length
            }
          }
          if (store.salvage!.lostLog !== undefined) counts.lostLogs++
          counts.salvaged++
        } catch (error) {
          throw new Error(`SEED=${SEED} ${damage.kind}: ${damage.what}`, { cause: error })
        }
        expect(image.digest()).toBe(before)
      }
    }
    console.log('salvage', counts)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
  },
  8 * 60 * 60_000,
)
