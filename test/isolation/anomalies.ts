// Histories that show one anomaly each: written by hand, and made from a random cycle.

import type { Seeded } from '../model/seeded.js'
import type { Anomaly } from './checker.js'
import { type Operation, parseHistory, type Transaction } from './history.js'

export interface BadHistory {
  readonly name: string
  readonly kind: Anomaly['kind']
  readonly history: readonly Transaction[]
}

const bad = (kind: Anomaly['kind'], name: string, text: string): BadHistory => ({
  name,
  kind,
  history: parseHistory(text),
})

export const HAND_MADE: readonly BadHistory[] = [
  bad('internal', 'own append is not seen', 'T1: x+1 x=[]'),
  bad('internal', 'own append is seen before what was there', 'T1: x+1\nT2: x+2 x=[2,1]'),
  bad('internal', 'own appends are seen the wrong way round', 'T1: x+1 x+2 x=[2,1]'),
  bad('internal', 'a second read shows more', 'T1: x=[] x=[1]\nT2: x+1'),
  bad('internal', 'a second read shows less', 'T1: x=[1] x=[]\nT2: x+1'),
  bad('internal', 'own append has gone again', 'T1: x+1 x=[1] x=[]'),
  bad('internal', 'another append came before the own one', 'T1: x=[] x+1 x=[2,1]\nT2: x+2'),
  bad('garbage', 'nobody wrote it', 'T1: x=[7]'),
  bad('garbage', 'written to another list', 'T1: x+1\nT2: y=[1]'),
  bad('duplicate', 'an append happened twice', 'T1: x+1\nT2: x=[1,1]'),
  bad('duplicate', 'and once more behind another one', 'T1: x+1\nT2: x+2\nT3: x=[1,2,1]'),
  bad('incompatible-order', 'two orders', 'T1: x+1\nT2: x+2\nT3: x=[1,2]\nT4: x=[2,1]'),
  bad('incompatible-order', 'one is missing', 'T1: x+1\nT2: x+2\nT3: x=[1,2]\nT4: x=[2]'),
  bad('incompatible-order', 'two first ones', 'T1: x+1\nT2: x+2\nT3: x=[1]\nT4: x=[2]'),
  bad('G1a', 'read of what was aborted', 'T1: x+1 aborted\nT2: x=[1]'),
  bad('G1a', 'the same, by one that is aborted itself', 'T1: x+1 aborted\nT2: x=[1] aborted'),
  bad('G1a', 'an append behind what was aborted', 'T1: x+1 aborted\nT2: x+2\nT3: x=[1,2]'),
  bad('G1b', 'read of half a transaction', 'T1: x+1 x+2\nT2: x=[1]\nT3: x=[1,2]'),
  bad('G1b', 'the same, while its rest was not seen', 'T1: x+1 x+2\nT2: x=[1]'),
  bad('G1b', 'half of one of unknown fate', 'T1: x+1 x+2 unknown\nT2: x=[1]'),
  bad('G0', 'appends are mixed up', 'T1: x+1 y+1\nT2: x+2 y+2\nT3: x=[1,2] y=[2,1]'),
  bad('G0', 'a transaction in the middle of another one', 'T1: x+1 x+3\nT2: x+2\nT3: x=[1,2,3]'),
  bad(
    'G0',
    'three in a circle',
    'T1: x+1 y+4\nT2: y+3 z+6\nT3: z+5 x+2\nT4: x=[2,1] y=[4,3] z=[6,5]',
  ),
  bad('G1c', 'each saw the other', 'T1: x+1 y=[2]\nT2: y+2 x=[1]'),
  bad('G1c', 'before the append of one whom it saw', 'T1: x+1 y=[2]\nT2: x+3 y+2\nT3: x=[1,3]'),
  bad('G1c', 'one of unknown fate was seen', 'T1: x+1 y=[2] unknown\nT2: y+2 x=[1]'),
  bad('G-single', 'read skew', 'T1: x=[] y=[2]\nT2: x+1 y+2\nT3: x=[1]'),
  bad('G-single', 'read skew, of what nobody read afterwards', 'T1: x=[] y=[2]\nT2: x+1 y+2'),
  bad('G-single', 'read skew of one that is aborted', 'T1: x=[] y=[2] aborted\nT2: x+1 y+2'),
  bad('G-single', 'lost update', 'T1: x=[] x+1\nT2: x=[] x+2\nT3: x=[1,2]'),
  bad(
    'G-single',
    'lost update, behind another append',
    'T0: x+9\nT1: x=[9] x+1\nT2: x=[9] x+2\nT3: x=[9,1,2]',
  ),
  bad('G-single', 'read skew over three', 'T1: x=[] z=[3]\nT2: x+1 y+2\nT3: y=[2] z+3\nT4: x=[1]'),
  bad(
    'G-nonadjacent',
    'long fork',
    'T1: x+1\nT2: y+2\nT3: x=[1] y=[]\nT4: x=[] y=[2]\nT5: x=[1] y=[2]',
  ),
  bad('G2-item', 'write skew', 'T1: x=[] y+1\nT2: y=[] x+2\nT3: x=[2] y=[1]'),
  bad('G2-item', 'write skew that nobody read', 'T1: x=[] y+1\nT2: y=[] x+2'),
  bad(
    'G2-item',
    'read-only anomaly',
    'T1: x=[] y=[] x+1\nT2: y=[] y+2\nT3: x=[] y=[2]\nT4: x=[1] y=[2]',
  ),
  bad('G2-item', 'write skew of three', 'T1: x=[] y+1\nT2: y=[] z+2\nT3: z=[] x+3'),
  bad('G-single-realtime', 'a commit is not seen', 'T1@1-2: x+1\nT2@3-4: x=[]\nT3@5-6: x=[1]'),
  bad('G-single-realtime', 'a commit is lost', 'T1@1-2: x+1\nT2@3-4: x=[]'),
  bad(
    'G-single-realtime',
    'a commit comes late',
    'T1@1-2: x+1 unknown\nT2@3-4: x=[]\nT3@5-6: x=[1]',
  ),
  bad('G0-realtime', 'appended before what was there', 'T1@1-2: x+1\nT2@3-4: x+2\nT3@5-6: x=[2,1]'),
  bad('G1c-realtime', 'seen before it began', 'T1@1-2: x=[1]\nT2@3-4: x+1'),
]

type EdgeWord = 'ww' | 'wr' | 'rw' | 'realtime'

/**
 * A cycle of a random length and shape among transactions of their own, which may read and append to more. What the edges
 * are decides what it must be found to be.
 */
export function randomCycle(random: Seeded, prefix: string): BadHistory {
  const length = 2 + random.below(6)
  const words: EdgeWord[] = Array.from({ length }, () => random.pick(['ww', 'wr', 'rw']))
  // One that the clock orders, unless everything is: a cycle of times alone cannot be.
  if (random.chance(0.3)) words[random.below(length)] = 'realtime'
  const operations: Operation[][] = words.map(() => [])
  const proof: Operation[] = []
  for (const [i, word] of words.entries()) {
    const [from, to] = [operations[i]!, operations[(i + 1) % length]!]
    const list = `${prefix}${i}`
    const append = (item: number) => ({ kind: 'append', list, item }) as const
    const read = (...items: number[]) => ({ kind: 'read', list, items }) as const
    if (word === 'ww') {
      from.push(append(1))
      to.push(append(2))
      proof.push(read(1, 2))
    } else if (word === 'wr') {
      from.push(append(1))
      to.push(read(1))
    } else if (word === 'rw') {
      from.push(read())
      to.push(append(1))
      if (random.chance(0.5)) proof.push(read(1))
    }
  }
  const clocked = words.indexOf('realtime')
  const history = operations.map((of, i): Transaction => {
    // All are concurrent but for the two that the clock orders.
    const beganAt = clocked >= 0 && i === (clocked + 1) % length ? 20 : 10
    const endedAt = i === clocked ? 15 : 30
    return { name: `${prefix}T${i}`, operations: of, outcome: 'committed', beganAt, endedAt }
  })
  history.push({
    name: `${prefix}proof`,
    operations: proof,
    outcome: 'committed',
    beganAt: 10,
    endedAt: 30,
  })
  return { name: words.join(' '), kind: kindOf(words), history }
}

function kindOf(words: readonly EdgeWord[]): Anomaly['kind'] {
  const isClocked = words.includes('realtime')
  const rwCount = words.filter((word) => word === 'rw').length
  const meet = words.some((word, i) => word === 'rw' && words[(i + 1) % words.length] === 'rw')
  const kind =
    rwCount === 0
      ? words.includes('wr')
        ? 'G1c'
        : 'G0'
      : rwCount === 1
        ? 'G-single'
        : meet
          ? 'G2-item'
          : 'G-nonadjacent'
  return isClocked ? `${kind}-realtime` : kind
}
