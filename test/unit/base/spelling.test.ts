import { expect, it } from 'vitest'
import { nearestName } from '../../../dist/base/spelling.js'
import { Seeded } from '../../model/seeded.js'

/** Levenshtein, row by row and to the end. */
function distanceOf(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, before[j]! + 1, row[j - 1]! + 1))
    }
    before = row
  }
  return before[b.length]!
}

it('the nearest name is the first of the least distance, if that is a third of the length at most', () => {
  const random = new Seeded(1)
  const word = () => Array.from({ length: random.below(9) }, () => random.pick(['a', 'b', 'C']))
  for (let i = 0; i < 3000; i++) {
    const name = word().join('')
    const candidates = Array.from({ length: 5 }, () => word().join(''))
    const distances = candidates.map((other) => {
      return distanceOf(name.toLowerCase(), other.toLowerCase())
    })
    const least = Math.min(...distances)
    const isAlike = least <= Math.ceil(name.length / 3)
    const expected = isAlike ? candidates[distances.indexOf(least)] : undefined
    expect(nearestName(name, candidates), `${name} of ${candidates.join()}`).toBe(expected)
  }
})
