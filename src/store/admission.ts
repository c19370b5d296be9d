// Who may write how soon: what keeps writers from running away from flushes and compactions.
//
// Memory that everybody shares holds everybody back; what only one tablet is behind with holds back those who write to
// it. A tablet that is read-only holds nobody back: its writers are refused.
//
// Debt says how far behind flushes and compactions are: 0 while nobody has to wait, 1 where writers are stopped. In between a
// byte that is written costs time, more the larger the debt, and who writes next waits for it. So writers slow down to
// what the background can do, early and evenly, before they would have to be stopped.

import type { EngineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import { MiB } from '../base/limits.js'
import type { Clock } from '../env/env.js'
import type { Memtable } from '../lsm/memtable.js'
import type { Tablet } from '../lsm/tablet.js'
import { isDiskFull, type Lane } from './lane.js'

/** Writers are slowed from more than this many level-0 tables of a tablet on, and stopped at the second figure. */
const LEVEL0_SLOW_COUNT = 10
const LEVEL0_STOP_COUNT = 24
/** Memtables, sealed ones included, may hold this many budgets before writers are slowed, and before they are stopped. */
const MEMTABLE_SLOW_FACTOR = 1.25
const MEMTABLE_STOP_FACTOR = 2
/** Of a tablet whose level 0 does not get shorter by waiting. */
const UNSTOPPED_MAX_DEBT = 0.99
/** What a byte in a memtable costs at a debt of 1; it grows with the square. A flush takes 10 to 20 a byte. */
const BYTE_MAX_NANOS = 64
/** The clock knows no shorter waits: until they add up to it, nobody waits. */
const SLOW_MIN_MS = 1
/** The longest that a writer waits before the state is looked at again. */
const SLOW_MAX_MS = 20
/** Commits may hold this many bytes that the log has not begun to write; a write is one call on this thread. */
const PENDING_STOP_BYTES = 16 * MiB
/** How long a writer of a tablet whose flushes fail waits, and of one whose flushes find no room. */
const FAILING_SLOW_MS = 1
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
  /** The backlog of a tablet cannot shrink for want of room. */
  readonly onShortage: (error: EngineError) => void
}

/** What was in the active memtable of a tablet when a writer paid last. */
interface PaidBytes {
  readonly memtable: Memtable
  readonly bytes: number
}

export function isReadOnly({ flushes, compactions }: TabletWork): boolean {
  return flushes.isGivenUp || compactions.isGivenUp
}

export class Admission {
  readonly #o: AdmissionOptions
  readonly #paid = new WeakMap<Tablet, PaidBytes>()
  /** Until when what was written is paid for. */
  #paidUntilMicros = 0

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
      if (tablet.version.levels[0]!.length > LEVEL0_SLOW_COUNT) return false
      bytes += tablet.memtableBytes
    }
    return bytes <= budgetBytes * MEMTABLE_SLOW_FACTOR
  }

  /**
   * Resolves when somebody may write to these tablets, as far as space is concerned.
   *
   * @throws IO_FAILED when the backlog of one of them cannot shrink for want of descriptors
   */
  async admit(tablets: readonly Tablet[]): Promise<void> {
    const { works, clock, events, nextChange } = this.#o
    const concerned = this.#worksOf(tablets)
    const start = clock.monotonicMicros()
    const debt = this.#debt(concerned)
    if (debt < 1) {
      const delayMs = this.#delayMs(concerned, debt)
      if (delayMs >= SLOW_MIN_MS) await clock.sleep(delayMs)
    }
    while (this.#debt(concerned) === 1) {
      const change = nextChange()
      const lane = shortLane(concerned)
      if (lane !== undefined) {
        if (!isDiskFull(lane.failure)) throw lane.failure
        // It is for the commit to be refused, unless it only deletes.
        this.#o.onShortage(lane.failure)
        return
      }
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
    return this.#debt(this.#worksOf(tablets)) === 1
  }

  #worksOf(tablets: readonly Tablet[]): TabletWork[] {
    return this.#o.works.filter(({ tablet }) => tablets.includes(tablet))
  }

  /** How far behind is what these tablets wait for, from 0 to 1. */
  #debt(concerned: readonly TabletWork[]): number {
    const { works, budgetBytes, canShrink, pendingBytes } = this.#o
    if (pendingBytes() > PENDING_STOP_BYTES) return 1
    let soundBytes = 0
    let failingBytes = 0
    for (const { tablet, flushes } of works) {
      if (flushes.isGivenUp) continue
      if (flushes.failure === undefined) soundBytes += tablet.memtableBytes
      else failingBytes += tablet.memtableBytes
    }
    let debt = shareOf(soundBytes / budgetBytes, MEMTABLE_SLOW_FACTOR, MEMTABLE_STOP_FACTOR)
    for (const work of concerned) {
      if (isReadOnly(work)) continue
      if (work.flushes.failure !== undefined && failingBytes > budgetBytes) return 1
      const level0Count = work.tablet.version.levels[0]!.length
      const ofLevel0 = shareOf(level0Count, LEVEL0_SLOW_COUNT, LEVEL0_STOP_COUNT)
      debt = Math.max(debt, ofLevel0 < 1 || canShrink(work) ? ofLevel0 : UNSTOPPED_MAX_DEBT)
    }
    return debt
  }

  /** How long who writes to these tablets has to wait for what was written there since somebody waited. */
  #delayMs(concerned: readonly TabletWork[], debt: number): number {
    const isFailing = concerned.some(
      (work) => !isReadOnly(work) && work.flushes.failure !== undefined,
    )
    if (debt === 0 && !isFailing) return 0
    if (shortLane(concerned) !== undefined) return DISK_FULL_SLOW_MS
    if (isFailing) return FAILING_SLOW_MS
    const now = this.#o.clock.monotonicMicros()
    const costMicros = (this.#takeUnpaidBytes(concerned) * BYTE_MAX_NANOS * debt * debt) / 1000
    const until = Math.max(now, this.#paidUntilMicros) + costMicros
    this.#paidUntilMicros = Math.min(until, now + SLOW_MAX_MS * 1000)
    return (this.#paidUntilMicros - now) / 1000
  }

  #takeUnpaidBytes(concerned: readonly TabletWork[]): number {
    let unpaidBytes = 0
    for (const { tablet } of concerned) {
      const { active } = tablet
      const before = this.#paid.get(tablet)
      const bytes = active.arenaBytes
      if (before !== undefined)
        unpaidBytes += before.memtable === active ? bytes - before.bytes : bytes
      this.#paid.set(tablet, { memtable: active, bytes })
    }
    return unpaidBytes
  }
}

/** Where between two figures a number lies, from 0 to 1. */
function shareOf(value: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)))
}

/** One that finds no room, or no descriptor. */
function shortLane(works: readonly TabletWork[]): Lane | undefined {
  return works
    .flatMap(({ flushes, compactions }) => [flushes, compactions])
    .find((lane) => lane.isShort)
}

function busiestOf(works: readonly TabletWork[]): Tablet {
  return works
    .map(({ tablet }) => tablet)
    .reduce((a, b) => (b.memtableBytes > a.memtableBytes ? b : a))
}
