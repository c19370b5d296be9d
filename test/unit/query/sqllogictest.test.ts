import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { SltRunner } from './slt-runner.js'

const directory = fileURLToPath(new URL('../../../../shared/slt/', import.meta.url))
const isThere = existsSync(directory)
const files = isThere ? readdirSync(directory).filter((name) => /\.test(\.gz)?$/.test(name)) : []
const pick = process.env['SLT_FILE']

describe.skipIf(!isThere)('sqllogictest samples (skipped without the corpus)', () => {
  test.each(files.filter((name) => pick === undefined || name.includes(pick)))(
    '%s',
    async (name) => {
      const bytes = readFileSync(directory + name)
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
      const { passedCount, skippedCount, failures } = await new SltRunner().run(text)
      console.log(
        `${name}: ${passedCount} passed, ${skippedCount} skipped, ${failures.length} failed`,
      )
      expect(failures.slice(0, 5)).toEqual([])
      expect(passedCount).toBeGreaterThan(0)
    },
  )
})
