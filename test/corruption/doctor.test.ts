// The doctor looks at whatever disks and people made of the reference database: it never fails, never touches anything, and
// what it says of the next opening comes true.
import { expect, it } from 'vitest'
import { diagnose } from '../../dist/cli/diagnosis.js'
import { Seeded } from '../model/seeded.js'
import { bitDamage, lengthDamage, nameDamage, sectorDamage, staleDamage } from './damage.js'
import { buildReference, DIRECTORY, filesOf, openImage } from './reference.js'

const SEED = Number(process.env.SEED ?? 1)
const CASE_COUNT = Number(process.env.DAMAGES ?? 80)

it(
  `what is said of ${CASE_COUNT} damages of each kind comes true (SEED=${SEED})`,
  async () => {
    const reference = await buildReference()
    const files = filesOf(reference.image)
    const random = new Seeded(SEED)
    const kinds = [
      [...sectorDamage(files, random)],
      [...lengthDamage(files, random, 64)],
      [...staleDamage(reference, files)],
      [...nameDamage(files)],
      [...bitDamage(files, random, CASE_COUNT)],
    ]
    const sound = diagnose(reference.image, DIRECTORY)
    expect(sound.findings).toEqual([])
    expect(sound.forecast?.commitCount).toBeGreaterThan(0)
    expect(new Set(sound.files.map(({ state }) => state))).toEqual(new Set(['live', 'leftover']))
    const counts = { opens: 0, refused: 0 }
    for (const cases of kinds) {
      for (let i = 0; i < CASE_COUNT; i++) {
        const { what, kind, apply } = random.pick(cases)
        const image = reference.image.clone()
        apply(image)
        const before = image.digest()
        const { forecast, findings } = diagnose(image, DIRECTORY)
        expect(image.digest()).toBe(before)
        const opened = await openImage(image, 2).catch(() => undefined)
        const context = `SEED=${SEED} ${kind}: ${what}: ${JSON.stringify(findings)}`
        expect(forecast !== undefined, context).toBe(opened !== undefined)
        if (forecast === undefined) expect(findings.length, context).toBeGreaterThan(0)
        if (forecast !== undefined && opened !== undefined) {
          const { commitCount, tornBytes } = opened.store.stats().recovery
          expect(forecast, context).toMatchObject({ commitCount, tornBytes })
        }
        for (const { code, advice } of findings) {
          expect(code, context).not.toBe('INTERNAL')
          expect(advice).not.toBe('')
        }
        counts[forecast === undefined ? 'refused' : 'opens']++
      }
    }
    console.log('doctor', counts)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
  },
  8 * 60 * 60_000,
)
