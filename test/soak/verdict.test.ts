import { describe, expect, test } from 'vitest'

import {
  diskComplaints,
  growthComplaints,
  judge,
  readComplaints,
  riseOf,
  stallComplaints,
} from './verdict.mjs'

const MiB = 1 << 20

/** A sample a second for ten minutes. */
function series(valueAt: (second: number) => number) {
  return Array.from({ length: 600 }, (_, second) => ({
    atMs: second * 1000,
    value: valueAt(second),
  }))
}

/** What a sound run shows: memtables fill and empty, caches fill in the first minutes. */
const sawtooth = series((second) => 100 * MiB + (second % 20) * MiB + Math.min(second, 120) * MiB)
const sound = {
  series: {
    heapBytes: series(() => 40 * MiB),
    rssBytes: sawtooth,
    openFileCount: series(() => 30),
  },
  readWindows: [{ p50: 5, p99: 80, p999: 400 }],
  stalls: [{ atMs: 1, ownMs: 120, during: ['open'] }],
  disk: [{ bytes: 100, modelBytes: 90 }],
  errors: [],
}

describe('the verdict of a soak', () => {
  test('a sound run passes', () => {
    expect(judge(sound)).toEqual([])
  })

  test('the rise is that of the second half', () => {
    expect(riseOf(series((second) => 2 * second)).rise).toBeCloseTo(2 * 299)
    expect(riseOf(series((second) => Math.min(second, 300))).rise).toBeCloseTo(0)
    expect(riseOf([])).toEqual({ rise: 0, mean: 0 })
  })

  test('a leak of 2 MiB a minute is found in each kind of memory that is flat otherwise', () => {
    const leak = (base: number) => series((second) => base + (second / 60) * 2 * MiB)
    expect(growthComplaints('heapBytes', leak(40 * MiB))).toHaveLength(1)
    const faster = series((second) => 40 * MiB + (second / 60) * 20 * MiB)
    expect(growthComplaints('externalBytes', faster)).toHaveLength(1)
    expect(growthComplaints('rssBytes', faster)).toHaveLength(1)
  })

  test('open files, workers and compaction debt must not grow', () => {
    expect(
      growthComplaints(
        'openFileCount',
        series((second) => 30 + second / 10),
      ),
    ).toHaveLength(1)
    expect(
      growthComplaints(
        'threadCount',
        series((second) => second / 100),
      ),
    ).toHaveLength(1)
    expect(
      growthComplaints(
        'debtBytes',
        series((second) => second * 100_000),
      ),
    ).toHaveLength(1)
    expect(() => growthComplaints('debts', [])).toThrow('no limit')
  })

  test('the disk may hold one and a half times the model, more for a moment', () => {
    const usual = { bytes: 149, modelBytes: 100 }
    expect(diskComplaints([usual, usual, { bytes: 300, modelBytes: 100 }])).toEqual([])
    expect(diskComplaints([{ bytes: 151, modelBytes: 100 }])).toHaveLength(1)
  })

  test('point reads are judged by the median window', () => {
    const fast = { p50: 5, p99: 999, p999: 5000 }
    const slow = { p50: 5, p99: 1000, p999: 5000 }
    expect(readComplaints([fast, fast, slow])).toEqual([])
    expect(readComplaints([fast, slow, slow])).toHaveLength(1)
  })

  test('a stall counts unless it is the harness, an opening or a read from the disk', () => {
    const stall = (ownMs: number, ...during: string[]) => ({ atMs: 0, ownMs, during })
    expect(stallComplaints([stall(49, 'flush'), stall(80, 'gc'), stall(80, 'close')])).toEqual([])
    expect(stallComplaints([stall(51, 'flush')])).toEqual([
      'the event loop stood for 51 ms during flush',
    ])
    expect(stallComplaints([stall(51)])).toHaveLength(1)
    expect(
      stallComplaints([stall(289, 'readSync of 287 ms'), stall(51, 'readSync of 1 ms')]),
    ).toEqual([])
    expect(stallComplaints([stall(101, 'readSync of 40 ms', 'flush')])).toHaveLength(1)
    expect(stallComplaints([stall(101, 'fdatasyncSync of 99 ms')])).toHaveLength(1)
  })

  test('what went wrong on the way fails the run', () => {
    expect(judge({ ...sound, errors: ['row 7 has version 2, not 3'] })).toHaveLength(1)
  })
})
