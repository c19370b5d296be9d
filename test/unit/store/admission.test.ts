import { describe, expect, test } from 'vitest'
import { EventSource } from '../../../dist/base/events.js'
import { MiB } from '../../../dist/base/limits.js'
import { SimulatedClock } from '../../../dist/env/clock.js'
import type { Tablet } from '../../../dist/lsm/tablet.js'
import { Admission, type TabletWork } from '../../../dist/store/admission.js'
import { Lane } from '../../../dist/store/lane.js'

const BUDGET_BYTES = 64 * MiB

/** What admission looks at of a tablet. */
class FakeTablet {
  readonly id = 1
  readonly version = { levels: [[] as unknown[]] }
  active = { arenaBytes: 0 }
  sealedBytes = 0

  get memtableBytes(): number {
    return this.active.arenaBytes + this.sealedBytes
  }

  set level0Count(count: number) {
    this.version.levels[0] = Array.from({ length: count })
  }
}

function setUp(tabletCount: number) {
  const clock = new SimulatedClock()
  const tablets = Array.from({ length: tabletCount }, () => new FakeTablet())
  const works = tablets.map((fake): TabletWork => {
    const tablet = fake as unknown as Tablet
    return {
      tablet,
      flushes: new Lane(tablet, 'flush'),
      compactions: new Lane(tablet, 'compaction'),
    }
  })
  const admission = new Admission({
    budgetBytes: BUDGET_BYTES,
    clock,
    events: new EventSource(),
    works,
    canShrink: () => true,
    pendingBytes: () => 0,
    nextChange: () => undefined,
    onShortage: () => expect.unreachable('no disk is full'),
  })
  /** How long commits to a tablet take, one after the other. */
  async function writeMs(index: number, commitCount: number, commitBytes = MiB / 8) {
    const start = clock.monotonicMicros()
    for (let i = 0; i < commitCount; i++) {
      if (!admission.isCalm) await admission.admit([works[index]!.tablet])
      tablets[index]!.active.arenaBytes += commitBytes
    }
    return (clock.monotonicMicros() - start) / 1000
  }
  return { tablets, writeMs, admission }
}

describe('Admission', () => {
  test('nobody waits while flushes and compactions keep up', async () => {
    const { tablets, writeMs, admission } = setUp(2)
    tablets[0]!.level0Count = 10
    expect(await writeMs(0, 300)).toBe(0)
    expect(admission.isCalm).toBe(true)
  })

  test('the further level 0 is behind the longer the same writes take, those of other tablets do not', async () => {
    const { tablets, writeMs } = setUp(2)
    let before = 0
    for (const count of [12, 15, 18, 21]) {
      tablets[0]!.level0Count = count
      const took = await writeMs(0, 40)
      expect(took).toBeGreaterThan(before)
      before = took
      expect(await writeMs(1, 40)).toBe(0)
    }
  })

  test('memory that everybody shares slows everybody, and never stops them as long as it is enough', async () => {
    const { tablets, writeMs, admission } = setUp(2)
    tablets[0]!.sealedBytes = 1.3 * BUDGET_BYTES
    await writeMs(1, 1)
    const little = await writeMs(1, 40)
    tablets[0]!.sealedBytes = 1.7 * BUDGET_BYTES
    expect(await writeMs(1, 40)).toBeGreaterThan(little * 3)
    expect(admission.isStopped([])).toBe(false)
    tablets[0]!.sealedBytes = 2 * BUDGET_BYTES
    expect(admission.isStopped([])).toBe(true)
  })

  test('small commits wait for what they wrote together, not each', async () => {
    const { tablets, writeMs } = setUp(1)
    tablets[0]!.level0Count = 17
    await writeMs(0, 1)
    const large = await writeMs(0, 64, 1 << 16)
    const small = await writeMs(0, 64 * 64, 1 << 10)
    expect(large).toBeGreaterThan(20)
    expect(Math.abs(small - large)).toBeLessThan(large / 10)
  })
})
