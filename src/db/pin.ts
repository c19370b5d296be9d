// A pin keeps a moment readable for as long as somebody works with it, and no longer than they said they would.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { HOLD_NAME_MAX_BYTES } from '../base/limits.js'
import { checkOptionNames } from '../base/options.js'
import type { OpenSnapshot } from '../store/snapshots.js'
import type { Engine } from './engine.js'
import { checkText } from './options.js'
import type { Moment } from './time.js'

/** Which moment to keep, for whom and how long. */
export interface PinOptions {
  /** Who or what it is for, 1 to 256 bytes; `pins()` shows it. */
  readonly owner: string
  /** How long it may hold history back. */
  readonly maxAgeMs: number
  /** The moment; default: now. */
  readonly at?: Moment | undefined
}

/** A moment that stays readable until this is closed; made by Database.pin(). */
export class Pin {
  /** Pass it to at(). */
  readonly seqNum: SeqNum
  readonly #open: OpenSnapshot
  readonly #release: () => void

  constructor(open: OpenSnapshot, release: () => void) {
    this.seqNum = open.seqNum
    this.#open = open
    this.#release = release
  }

  /** Whether it reached its age and history went on without it. */
  get isRevoked(): boolean {
    return this.#open.isRevoked
  }

  /** Idempotent. */
  close(): void {
    this.#release()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
export function openPin(engine: Engine, options: PinOptions): Pin {
  checkOptionNames('pin()', options, ['owner', 'maxAgeMs', 'at'])
  const { owner, maxAgeMs, at } = options
  checkText('the owner of a pin', owner, HOLD_NAME_MAX_BYTES)
  if (!(Number.isSafeInteger(maxAgeMs) && maxAgeMs > 0)) {
    throw engineError('ARGUMENT_INVALID', 'maxAgeMs must be a whole number of milliseconds above 0')
  }
  const { store } = engine
  const open = store.pin(at === undefined ? store.readable : engine.seqNumAt(at), owner, maxAgeMs)
  return new Pin(open, () => store.release(open))
}
