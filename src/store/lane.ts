import { EngineError, engineError } from '../base/errors.js'
import type { Clock } from '../env/env.js'
import type { Tablet } from '../lsm/tablet.js'

/** Failures in a row after which a tablet becomes read-only. */
const STRIKE_MAX_COUNT = 3

/** The flushes, or the compactions, of one tablet: how they go, and whether they are given up. */
export class Lane {
  readonly tablet: Tablet
  readonly job: 'flush' | 'compaction'
  #running: Promise<void> | undefined
  #failure: unknown
  #strikeCount = 0
  #rest: AbortController | undefined
  /** Who waits for an outcome. */
  #watchers: (() => void)[] = []

  constructor(tablet: Tablet, job: 'flush' | 'compaction') {
    this.tablet = tablet
    this.job = job
  }

  /** Set while the lane works. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Begins to work, unless it does already. What ends at once ends behind this call, too. */
  start(work: () => Promise<void>): void {
    this.#running ??= Promise.resolve().then(work)
  }

  /** What the last attempt failed with; undefined when it succeeded. */
  get failure(): unknown {
    return this.#failure
  }

  get isDiskFull(): boolean {
    return isDiskFull(this.#failure)
  }

  /** Whether the system had no room or no descriptor: somebody may make some at any time. */
  get isShort(): boolean {
    return isShort(this.#failure)
  }

  /** Nothing is tried any more until the database is opened again. */
  get isGivenUp(): boolean {
    return this.#strikeCount >= STRIKE_MAX_COUNT
  }

  /** Whether an attempt is under way, or waits for its turn. */
  get isTrying(): boolean {
    return this.#running !== undefined && this.#rest === undefined
  }

  succeed(): void {
    this.#failure = undefined
    this.#strikeCount = 0
    this.#tell()
  }

  /** What somebody may put right at any time is no strike. */
  fail(error: unknown): void {
    this.#failure = error
    if (!isShort(error)) this.#strikeCount++
    if (this.isDiskFull) this.#tell()
  }

  /** The lane works no more. */
  end(): void {
    this.#running = undefined
    this.#tell()
  }

  /** Resolves when the next attempt succeeds, meets a full disk (nobody makes room while a caller waits), or is the last. */
  nextOutcome(): Promise<void> {
    if (this.isDiskFull) this.hurry()
    return new Promise((resolve) => this.#watchers.push(resolve))
  }

  /** Ends the wait for another attempt. */
  hurry(): void {
    this.#rest?.abort()
  }

  /** Waits before another attempt, unless somebody asks for it now. */
  async rest(clock: Clock, delayMs: number, stopping: AbortSignal): Promise<void> {
    const rest = new AbortController()
    this.#rest = rest
    await clock.sleep(delayMs, AbortSignal.any([rest.signal, stopping])).catch(() => undefined)
    this.#rest = undefined
  }

  #tell(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const tell of watchers) tell()
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

export function isDiskFull(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === 'DISK_FULL'
}

function isShort(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false
  const { errno } = error.details
  return isDiskFull(error) || errno === 'EMFILE' || errno === 'ENFILE'
}
