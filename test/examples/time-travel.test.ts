// The examples of docs/time-travel.md are one program; each part prints what stands under it.

import { expect, it } from 'vitest'

import { runPage } from './page-program.js'

it('the examples of docs/time-travel.md print what the page shows', () => {
  const parts = runPage('docs/time-travel.md')
  expect(parts.length).toBeGreaterThan(5)
  expect(parts.map(({ printed }) => printed)).toEqual(parts.map(({ shown }) => shown))
})
