// What single writes and transactions take to say how safe their commit has to be.

import { engineError } from '../base/errors.js'
import type { Durability } from '../store/commit-log.js'

export interface WriteOptions {
  /**
   * `'sync'`, the default: the promise resolves once the commit is durable. `'relaxed'`: once the operating system has it;
   * the death of the process does not undo it, a power failure within `relaxedWindowMs` does.
   */
  readonly durability?: Durability | undefined
}

/** @throws ARGUMENT_INVALID */
export function checkedDurability(options: WriteOptions): Durability {
  if (typeof options !== 'object' || options === null) {
    throw engineError('ARGUMENT_INVALID', "options must be an object: { durability: 'relaxed' }")
  }
  const { durability = 'sync' } = options
  if (durability === 'sync' || durability === 'relaxed') return durability
  throw engineError(
    'ARGUMENT_INVALID',
    `durability is 'sync' or 'relaxed', not ${typeof durability === 'string' ? `'${durability}'` : typeof durability}`,
  )
}
