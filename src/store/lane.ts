import { EngineError, engineError } from '../base/errors.js'
import type { Tablet } from '../lsm/tablet.js'

/** Failures in a row after which a tablet becomes read-only. */
const STRIKE_MAX_COUNT = 3

/** The flushes, or the compactions, of one tablet: how they go, and whether they are given up. */
export class Lane {
  readonly tablet: Tablet
  readonly job: 'flush' | 'compaction'
  /** Set while the lane works. */
  running: Promise<void> | undefined
  #failure: unknown
  #strikeCount = 0

  constructor(tablet: Tablet, job: 'flush' | 'compaction') {
    this.tablet = tablet
    this.job = job
  }

  /** What the last attempt failed with; undefined when it succeeded. */
  get failure(): unknown {
    return this.#failure
  }

  get isDiskFull(): boolean {
    return isDiskFull(this.#failure)
  }

  /** Nothing is tried any more until the database is opened again. */
  get isGivenUp(): boolean {
    return this.#strikeCount >= STRIKE_MAX_COUNT
  }

  succeed(): void {
    this.#failure = undefined
    this.#strikeCount = 0
  }

  /** A full disk is no strike: somebody may make room at any time. */
  fail(error: unknown): void {
    this.#failure = error
    if (!isDiskFull(error)) this.#strikeCount++
  }

  /** @throws TABLET_READ_ONLY */
  assertTried(): void {
    if (!this.isGivenUp) return
    const cause = this.#failure
    const { id } = this.tablet
    const why = cause instanceof Error ? cause.message : String(cause)
    const code = cause instanceof EngineError ? cause.code : 'INTERNAL'
    throw engineError(
      'TABLET_READ_ONLY',
      `tablet ${id} is read-only since its ${this.job} failed ${STRIKE_MAX_COUNT} times: ${why}`,
      { details: { tablet: id, cause: code }, cause },
    )
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'DISK_FULL'
}
