// The zoo itself runs for long (npm run test:zoo); that its bugs still have a place is seen here.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { BUGS } from './bugs-table.mjs'
import { HARNESSES } from './harnesses.mjs'
import { planted } from './planted.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('every bug of the zoo has one place in the engine, a name and a harness of its own', () => {
  const stale = BUGS.filter((bug) => planted(ROOT, bug) === undefined)
  expect(stale.map(({ name, file }) => `${name}: ${file}`)).toEqual([])
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length)
  for (const { harness } of BUGS) expect(Object.keys(HARNESSES)).toContain(harness)
})

test('every harness of the zoo is there', () => {
  for (const { path } of Object.values(HARNESSES)) {
    const isThere = ['', '.test.ts', '.ts'].some((ending) => existsSync(`${ROOT}/${path}${ending}`))
    expect(isThere, path).toBe(true)
  }
})
