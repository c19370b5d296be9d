// The examples of docs/transactions.md are one program; each part prints what stands under it.

import { expect, it } from 'vitest'

import { runPage } from './page-program.js'

it('the examples of docs/transactions.md print what the page shows', () => {
  const parts = runPage('docs/transactions.md')
  expect(parts.length).toBeGreaterThan(4)
  expect(parts.map(({ printed }) => printed)).toEqual(parts.map(({ shown }) => shown))
})
