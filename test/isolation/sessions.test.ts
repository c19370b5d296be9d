// The sessions of scripts-table.ts, at every level and by every way of reading. What comes out is compared with
// hermitage.txt and additions.txt, which are there to be read; REWRITE=1 writes them anew. The verdicts are judged beside that.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { tenantHashOf } from '../../dist/codec/tenant-key.js'
import { ADDITIONS, HERMITAGE } from './scripts-table.js'
import {
  type Column,
  COLUMNS,
  Outcome,
  runScript,
  type Script,
  type Transcript,
} from './session.js'
import { WAYS } from './ways.js'

const IS_REWRITING = process.env.REWRITE !== undefined
const STEP_WIDTH = 30
const RESULT_WIDTH = 22

/** One line a step, one column a level. */
function tableOf(script: Script, transcripts: ReadonlyMap<Column, Transcript>): string {
  const line = (step: string, results: readonly string[]) =>
    [step.padEnd(STEP_WIDTH), ...results.map((result) => result.padEnd(RESULT_WIDTH))]
      .join('')
      .trimEnd()
  const all = [...transcripts.values()]
  const verdicts = all.map((of) => (script.isAnomaly(new Outcome(of)) ? 'ALLOWED' : 'prevented'))
  return [
    line('', [...transcripts.keys()]),
    ...script.steps.map((step, i) =>
      line(
        step,
        all.map(({ results }) => results[i]!),
      ),
    ),
    line(
      'rows after',
      all.map(({ after }) => after),
    ),
    line('verdict', verdicts),
  ].join('\n')
}

/** All ways of one script; those with the same answers share a table. */
async function sessionText(script: Script): Promise<string> {
  const waysOf = new Map<string, string[]>()
  for (const way of WAYS) {
    const transcripts = new Map<Column, Transcript>()
    for (const column of COLUMNS) {
      if (column === 'time travel' && script.travellers === undefined) continue
      const transcript = await runScript(script, column, way)
      transcripts.set(column, transcript)
      const isAnomaly = script.isAnomaly(new Outcome(transcript))
      const about = `${script.name}, ${column}, by ${way.name}: ${transcript.results.join('; ')}`
      expect(isAnomaly, about).toBe(script.isAllowed === column)
    }
    const text = tableOf(script, transcripts)
    waysOf.set(text, [...(waysOf.get(text) ?? []), way.name])
  }
  const tables = [...waysOf].map(([text, ways]) => `by ${ways.join(', ')}\n\n${text}`)
  return [`${script.name}: ${script.title}`, ...tables].join('\n\n')
}

describe.each([
  ['hermitage.txt', HERMITAGE],
  ['additions.txt', ADDITIONS],
])('the sessions of %s', (name, scripts) => {
  const path = fileURLToPath(new URL(name, import.meta.url))
  const rule = `\n\n${'-'.repeat(STEP_WIDTH + 3 * RESULT_WIDTH)}\n\n`
  const written: string[] = []

  it.each(scripts)('$name: $title', async (script) => {
    const text = await sessionText(script)
    written.push(text)
    if (IS_REWRITING) return
    const session = readFileSync(path, 'utf8').trimEnd().split(rule)[written.length - 1]
    expect(text).toBe(session)
  })

  it('are all there', () => {
    if (IS_REWRITING) writeFileSync(path, `${written.join(rule)}\n`)
    expect(readFileSync(path, 'utf8')).toBe(`${written.join(rule)}\n`)
  })
})

it('tenants a and b are in different tablets', () => {
  const tabletOf = (name: string) => Math.floor((tenantHashOf(name) / 2 ** 32) * 4)
  expect(tabletOf('a')).not.toBe(tabletOf('b'))
})
