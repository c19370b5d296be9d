// Names that users chose stand in code that is made of text: whatever they are, they stay names.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { literal } from '../../dist/codec/generated.js'
import { t, table } from '../../dist/index.js'
import { openWith } from './db-kit.js'

const ATTACK = 'globalThis.injected = 1'
/** Ways out of a string, a template, a comment, a property, an object and a function. */
const ATTACKS = [
  ATTACK,
  ...[
    '"',
    "'",
    '`',
    '\\"',
    '\\\\"',
    '\u2028',
    '\u2029',
    '"]',
    '"})',
    '"]})',
    '*/',
    '\\',
    '\\u0022',
  ].flatMap((out) => [
    `${out};${ATTACK};//`,
    `${out}+(${ATTACK})+${out}`,
    `x${out}:${ATTACK},${out}`,
  ]),
  `\${${ATTACK}}`,
  `]: (${ATTACK}), ["x`,
  `__proto__": (${ATTACK}), "x`,
]

const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '"',
        '\\',
        "'",
        '`',
        '\n',
        '\r',
        '\0',
        '\u2028',
        '\u2029',
        '\ud800',
        'u',
        '${',
        '}',
      ),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(...ATTACKS),
)

test('a name is one string literal, and reads as the name', () => {
  fc.assert(
    fc.property(names, (name) => {
      const text = literal(name)
      // Nothing but a backslash and what it escapes could end it.
      expect(text).toMatch(/^"(?:[^"\\\p{Cc}\u2028\u2029]|[\x7f-\x9f]|\\.)*"$/u)
      // oxlint-disable-next-line no-new-func
      expect(new Function(`'use strict'\nreturn ${text}`)()).toBe(name)
    }),
    { numRuns: 2000 },
  )
})

test('columns and keys of JSON values that are code are stored as they are, and never run', async () => {
  const columns = ATTACKS.filter((name) => !/\p{Cc}/u.test(name)).slice(0, 50)
  const attacked = table(
    'attacked',
    { id: t.int(), json: t.json(), ...Object.fromEntries(columns.map((name) => [name, t.text()])) },
    { primaryKey: ['id'] },
  )
  const db = await openWith({ attacked })
  const rows = db.tenant('a').attacked
  const entries = (value: string) => columns.map((name) => [name, value])
  // Code is made for what comes often.
  for (let id = 0; id < 200; id++) {
    const json = [ATTACKS.map((key) => ({ [key]: id })), Object.fromEntries(entries('v'))]
    const row = { id, json, ...Object.fromEntries(entries(`v${id}`)) }
    await rows.upsert(row as never, { durability: 'relaxed' })
    expect(rows.getSync(id)).toEqual(row)
  }
  await db.flush()
  expect(await rows.scan().toArray()).toHaveLength(200)
  expect('injected' in globalThis).toBe(false)
})
