// The checker itself: it names what bad histories show, leaves good ones alone, and agrees with trying out all orders.

import { describe, expect, it } from 'vitest'

import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import { HAND_MADE, randomCycle } from './anomalies.js'
import { type Anomaly, anomaliesOf, describeAnomalies, writeSkewCount } from './checker.js'
import { isExplicable } from './explanation.js'
import { describeTransaction, type Level, parseHistory, type Transaction } from './history.js'
import { FLAWS, simulateHistory } from './simulated-history.js'

const LEVELS: readonly Level[] = ['serializable', 'snapshot']
const CYCLE_COUNT = 600
const GOOD_COUNT = 10_000
const SMALL_COUNT = 2_000

const MEDIUM = { clientCount: 5, transactionCount: 25, listCount: 4, operationMaxCount: 4 }
/** So few that all orders can be tried. */
const SMALL = { clientCount: 3, transactionCount: 4, listCount: 2, operationMaxCount: 3 }

function expectNothing(history: readonly Transaction[], level: Level): void {
  const anomalies = anomaliesOf(history, level)
  if (anomalies.length > 0) expect.fail(describeAnomalies(history, anomalies))
}

/** The kind of the first anomaly, which is the worst. */
function expectKind(history: readonly Transaction[], kind: Anomaly['kind']): void {
  const text = history.map(describeTransaction).join('\n')
  expect(anomaliesOf(history, 'serializable')[0]?.kind, text).toBe(kind)
  // Two rw edges in a row are what the snapshot level allows, and all that it does.
  const isAllowed = kind.startsWith('G2')
  expect(anomaliesOf(history, 'snapshot')[0]?.kind, text).toBe(isAllowed ? undefined : kind)
}

describe('the notation of histories', () => {
  it('is read as it is written', () => {
    const lines = ['T1@3-5: x+1 y=[2,3] x=[]', 'T2@1-9: x+2 unknown', 'T3@4-4: y=[] aborted']
    expect(parseHistory(lines.join('\n')).map(describeTransaction)).toEqual(lines)
  })

  it('refuses an item that is appended twice', () => {
    const history = parseHistory('T1: x+1\nT2: x+1')
    expect(() => anomaliesOf(history, 'snapshot')).toThrow('appended to x twice')
  })
})

describe('bad histories', () => {
  it.each(HAND_MADE)('$kind: $name', ({ kind, history }) => expectKind(history, kind))

  it('tells which transactions make the cycle', () => {
    const history = parseHistory('T1: x=[] y=[2]\nT2: x+1 y+2\nT3: x=[1]')
    const anomalies = anomaliesOf(history, 'snapshot')
    expect(anomalies).toEqual([{ kind: 'G-single', message: 'T1 -rw-> T2 -wr-> T1' }])
    expect(describeAnomalies(history, anomalies).split('\n')).toHaveLength(4)
  })

  it(`classifies ${CYCLE_COUNT} random cycles, each in the middle of a good history`, () => {
    const kinds = new Set<string>()
    for (const seed of seedsOf(CYCLE_COUNT, 1)) {
      const random = new Seeded(seed)
      const { name, kind, history } = randomCycle(random, 'c')
      const good = simulateHistory(random, { ...MEDIUM, level: 'serializable' })
      const whole = [...good, ...history].sort((a, b) => a.endedAt - b.endedAt)
      for (const level of LEVELS) {
        const found = anomaliesOf(whole, level).map((anomaly) => anomaly.kind)
        const isAllowed = level === 'snapshot' && kind.startsWith('G2')
        expect(found, `${name} (SEED=${seed})`).toEqual(isAllowed ? [] : [kind])
      }
      kinds.add(kind)
    }
    if (process.env.SEED === undefined) expect(kinds.size).toBe(10)
  })
})

describe('good histories', () => {
  it(`raises no alarm over ${GOOD_COUNT} of them`, async () => {
    let skewCount = 0
    for (const seed of seedsOf(GOOD_COUNT, 1)) {
      await replayable(seed, () => {
        const level = LEVELS[seed % 2]!
        const history = simulateHistory(new Seeded(seed), { ...MEDIUM, level })
        expectNothing(history, 'snapshot')
        if (level === 'serializable') expectNothing(history, level)
        else skewCount += writeSkewCount(history)
      })
    }
    if (process.env.SEED === undefined) expect(skewCount).toBeGreaterThan(1000)
  })

  it('reads 100,000 transactions in one go', () => {
    const options = { ...MEDIUM, level: 'serializable', clientCount: 32 } as const
    // Lists of some hundred items each, as clients would make them.
    const parts = Array.from({ length: 200 }, (_, i) =>
      simulateHistory(new Seeded(i), { ...options, transactionCount: 500 }).map((of) => ({
        ...of,
        operations: of.operations.map((operation) => ({
          ...operation,
          list: `${operation.list}.${i}`,
        })),
      })),
    )
    const history = parts.flat()
    const start = process.cpuUsage()
    expectNothing(history, 'serializable')
    const { user, system } = process.cpuUsage(start)
    const rate = Math.round((history.length / (user + system)) * 1e6)
    console.info(`${rate} transactions checked in a second of processor time`)
  })
})

describe('all orders tried one by one', () => {
  it(`agree in ${SMALL_COUNT} small histories, good and bad`, async () => {
    const badCounts = { serializable: 0, snapshot: 0 }
    for (const seed of seedsOf(SMALL_COUNT, 1)) {
      await replayable(seed, () => {
        const random = new Seeded(seed)
        const flaw = random.pick([undefined, ...FLAWS])
        const options = { ...SMALL, level: random.pick(LEVELS) }
        const history = simulateHistory(random, { ...options, ...(flaw && { flaw }) })
        const text = history.map(describeTransaction).join('\n')
        for (const level of LEVELS) {
          const isBad = !isExplicable(history, level)
          const anomalies = anomaliesOf(history, level)
          expect(anomalies.length > 0, `${level}\n${text}`).toBe(isBad)
          if (isBad) badCounts[level]++
        }
      })
    }
    console.info(`bad ones: ${JSON.stringify(badCounts)}`)
    if (process.env.SEED !== undefined) return
    expect(badCounts.serializable).toBeGreaterThan(badCounts.snapshot)
    expect(badCounts.snapshot).toBeGreaterThan(SMALL_COUNT / 20)
  })

  it.each(FLAWS)('notices a database in which %s', (flaw) => {
    // Whether what was written has changed is asked at the snapshot level only.
    const level = flaw === 'writes are not validated' ? 'snapshot' : 'serializable'
    const histories = Array.from({ length: 20 }, (_, seed) =>
      simulateHistory(new Seeded(seed), { ...MEDIUM, transactionCount: 100, level, flaw }),
    )
    const count = histories.filter((of) => anomaliesOf(of, level).length > 0).length
    expect(count).toBeGreaterThan(10)
  })
})
