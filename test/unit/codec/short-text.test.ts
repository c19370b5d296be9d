import { expect, it } from 'vitest'

import { shortText } from '../../../dist/codec/short-text.js'

const BYTES = Uint8Array.from({ length: 64 }, (_, i) => 48 + i)
const ASCII = Buffer.from(BYTES).toString('latin1')

it('texts of each length are left to the runtime at first, and right from then on', () => {
  for (let count = 0; count <= 32; count++) {
    const texts = new Set<string | undefined>()
    for (let i = 0; i < 300; i++) texts.add(shortText(BYTES, 7, count))
    expect([...texts]).toEqual([undefined, ASCII.slice(7, 7 + count)])
  }
})

it('long texts and other characters are always left to the runtime', () => {
  const other = BYTES.slice()
  other[20] = 0xc3
  for (let i = 0; i < 300; i++) {
    expect(shortText(BYTES, 0, 33)).toBeUndefined()
    expect(shortText(other, 16, 8)).toBeUndefined()
  }
})
