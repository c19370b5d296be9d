// What single writes and transactions take to say how safe their commit has to be.

import { engineError } from '../base/errors.js'
import { checkOptionNames } from '../base/options.js'
import type { Durability } from '../store/commit-log.js'

/** When a write is acknowledged. */
export interface WriteOptions {
  /**
   * `'sync'`, the default: the promise resolves once the commit is durable. `'relaxed'`: once the operating system has it;
   * the death of the process does not undo it, a power failure within `relaxedWindowMs` does.
   */
  readonly durability?: Durability | undefined
}

/** Of a single write. @throws ARGUMENT_INVALID OPTION_UNKNOWN */
export function durabilityOfWrite(options: WriteOptions): Durability {
  checkOptionNames('a write', options, ['durability'])
  return checkedDurability(options)
}

/** @throws ARGUMENT_INVALID */
export function checkedDurability({ durability = 'sync' }: WriteOptions): Durability {
  if (durability === 'sync' || durability === 'relaxed') return durability
  throw engineError(
    'ARGUMENT_INVALID',
    `durability is 'sync' or 'relaxed', not ${typeof durability === 'string' ? `'${durability}'` : typeof durability}`,
  )
}
