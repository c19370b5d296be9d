// Whether a store may be read and written to.
//
//   open ----> poisoned    a failure left it unknown what is durable; to open again is the way back
//   readOnly               opened to be salvaged, for good; for want of room see reserve.ts
//   any  ----> closed      refuses everything as soon as closing has begun

import { type EngineError, engineError } from '../base/errors.js'
import type { StoreState } from './stats.js'

export class StoreCondition {
  #state: StoreState
  #failure: unknown
  #isClosing = false

  constructor(state: 'open' | 'readOnly') {
    this.#state = state
  }

  get state(): StoreState {
    return this.#isClosing ? 'closed' : this.#state
  }

  /** Whether what was committed may go to the disk: also while it closes. */
  get isSound(): boolean {
    return this.#state === 'open'
  }

  get poisonedError(): EngineError {
    return engineError('DB_POISONED', 'an earlier failure left the outcome of commits unknown', {
      cause: this.#failure,
    })
  }

  /** @throws DB_CLOSED DB_POISONED */
  assertReadable(): void {
    if (this.#isClosing) throw engineError('DB_CLOSED', 'the database is closed')
    if (this.#state === 'open' || this.#state === 'readOnly') return
    throw this.poisonedError
  }

  /** @throws DB_READ_ONLY DB_CLOSED DB_POISONED */
  assertWritable(): void {
    if (this.#state !== 'readOnly') return this.assertReadable()
    throw engineError('DB_READ_ONLY', 'the database was opened to be salvaged')
  }

  /** False when it makes no difference any more. */
  poison(error: unknown): boolean {
    if (this.#state === 'closed' || this.#state === 'poisoned') return false
    this.#state = 'poisoned'
    this.#failure = error
    return true
  }

  /** From now on everything is refused. */
  beginClosing(): void {
    this.#isClosing = true
  }

  /** Nothing that fails from now on can poison it. */
  endClosing(): void {
    this.#state = 'closed'
  }
}
