// Who may write how soon: what keeps writers from running away from flushes and compactions.
//
// Memory that everybody shares holds everybody back; what only one tablet is behind with holds back those who write to
// it. A tablet that is read-only holds nobody back: its writers are refused.

import type { EventSource } from '../base/events.js'
import { MiB } from '../base/limits.js'
import type { Clock } from '../env/env.js'
import type { Tablet } from '../lsm/tablet.js'
import type { Lane } from './lane.js'

/** Writers are slowed from this many level-0 tables of a tablet on, and stopped at the second figure. */
const LEVEL0_SLOW_COUNT = 12
const LEVEL0_STOP_COUNT = 24
/** Memtables, sealed ones included, may hold this many budgets before writers wait. */
const MEMTABLE_STOP_FACTOR = 2
/** Commits may hold this many bytes that the log has not begun to write; a write is one call on this thread. */
const PENDING_STOP_BYTES = 16 * MiB
/** How long a writer of a tablet that is behind waits, and of one whose flushes find no room. */
const SLOW_MS = 1
const DISK_FULL_SLOW_MS = 10
/** A delay that is longer than this is reported as a stall. */
const STALL_REPORT_MS = 100

/** A tablet with what is done for it. */
export interface TabletWork {
  readonly tablet: Tablet
  readonly flushes: Lane
  readonly compactions: Lane
}

export interface AdmissionOptions {
  readonly budgetBytes: number
  readonly clock: Clock
  readonly events: EventSource
  readonly works: readonly TabletWork[]
  /** Whether waiting makes level 0 shorter: where damage is in the way, it does not. */
  readonly canShrink: (work: TabletWork) => boolean
  /** Bytes of commits that the log has not begun to write. */
  readonly pendingBytes: () => number
  /** Resolves when a job has ended or the log has got on; undefined when neither will. */
  readonly nextChange: () => Promise<void> | undefined
}

type Pressure = 'none' | 'slow' | 'stop'

export function isReadOnly({ flushes, compactions }: TabletWork): boolean {
  return flushes.isGivenUp || compactions.isGivenUp
}

export class Admission {
  readonly #o: AdmissionOptions

  constructor(options: AdmissionOptions) {
    this.#o = options
  }

  /** Whether no writer has to wait and none is refused. Asked before every commit. */
  get isCalm(): boolean {
    const { works, budgetBytes, pendingBytes } = this.#o
    if (pendingBytes() > PENDING_STOP_BYTES) return false
    let bytes = 0
    for (let i = 0; i < works.length; i++) {
      const { tablet, flushes, compactions } = works[i]!
      if (flushes.failure !== undefined || compactions.isGivenUp) return false
      if (tablet.version.levels[0]!.length >= LEVEL0_SLOW_COUNT) return false
      bytes += tablet.memtableBytes
    }
    return bytes <= budgetBytes * MEMTABLE_STOP_FACTOR
  }

  /**
   * Resolves when somebody may write to these tablets, as far as space is concerned.
   *
   * @throws DISK_FULL IO_FAILED when the backlog of one of them cannot shrink for want of room or descriptors
   */
  async admit(tablets: readonly Tablet[]): Promise<void> {
    const { works, clock, events, nextChange } = this.#o
    const concerned = this.#worksOf(tablets)
    const full = () =>
      concerned.flatMap((work) => [work.flushes, work.compactions]).find((lane) => lane.isShort)
    const start = clock.monotonicMicros()
    const pressure = this.#pressure(concerned)
    if (pressure === 'none') return
    if (pressure === 'slow') {
      await clock.sleep(full() === undefined ? SLOW_MS : DISK_FULL_SLOW_MS)
    }
    while (this.#pressure(concerned) === 'stop') {
      const change = nextChange()
      const lane = full()
      if (lane !== undefined) throw lane.failure
      // The caller asks for the state again: the store may be closed or broken by now.
      if (change === undefined) break
      await change
    }
    const waitMs = (clock.monotonicMicros() - start) / 1000
    if (waitMs < STALL_REPORT_MS) return
    const tablet = busiestOf(concerned.length > 0 ? concerned : works)
    events.emit('stall', {
      tabletId: tablet.id,
      waitMs,
      cause: 'flushes and compactions are behind the writers',
      remedy: 'write more slowly, raise memoryBudgetBytes, or use a faster disk',
    })
  }

  isStopped(tablets: readonly Tablet[]): boolean {
    return this.#pressure(this.#worksOf(tablets)) === 'stop'
  }

  #worksOf(tablets: readonly Tablet[]): TabletWork[] {
    return this.#o.works.filter(({ tablet }) => tablets.includes(tablet))
  }

  #pressure(concerned: readonly TabletWork[]): Pressure {
    const { works, budgetBytes, canShrink, pendingBytes } = this.#o
    if (pendingBytes() > PENDING_STOP_BYTES) return 'stop'
    let soundBytes = 0
    let failingBytes = 0
    for (const { tablet, flushes } of works) {
      if (flushes.isGivenUp) continue
      if (flushes.failure === undefined) soundBytes += tablet.memtableBytes
      else failingBytes += tablet.memtableBytes
    }
    if (soundBytes > budgetBytes * MEMTABLE_STOP_FACTOR) return 'stop'
    let pressure: Pressure = 'none'
    for (const work of concerned) {
      if (isReadOnly(work)) continue
      const isFailing = work.flushes.failure !== undefined
      const level0Count = work.tablet.version.levels[0]!.length
      if (isFailing && failingBytes > budgetBytes) return 'stop'
      if (level0Count >= LEVEL0_STOP_COUNT && canShrink(work)) return 'stop'
      if (isFailing || level0Count >= LEVEL0_SLOW_COUNT) pressure = 'slow'
    }
    return pressure
  }
}

function busiestOf(works: readonly TabletWork[]): Tablet {
  return works
    .map(({ tablet }) => tablet)
    .reduce((a, b) => (b.memtableBytes > a.memtableBytes ? b : a))
}
