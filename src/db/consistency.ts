// How new what a read sees has to be.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import type { Engine } from './engine.js'

/**
 * `strong`: everything that was committed when the read began. A snapshot: the state as of that commit, every time. At most
 * so many milliseconds old: readers whom one snapshot suits share it, so that their answers agree.
 */
export type Consistency = 'strong' | { readonly snapshot: SeqNum } | { readonly maxAgeMs: number }

/**
 * Gives the snapshot for a read of now.
 *
 * @throws ARGUMENT_INVALID
 */
export function snapshotChoice(engine: Engine, consistency: Consistency): () => SeqNum {
  if (consistency === 'strong') return () => engine.store.readable
  const { snapshot, maxAgeMs, ...others } = Object(consistency) as {
    snapshot?: unknown
    maxAgeMs?: unknown
  }
  const isOne = (snapshot === undefined) !== (maxAgeMs === undefined)
  if (isOne && Object.keys(others).length === 0) {
    if (typeof snapshot === 'number') {
      const seqNum = engine.seqNumAt(snapshot as SeqNum)
      return () => seqNum
    }
    if (typeof maxAgeMs === 'number' && maxAgeMs >= 0) {
      return () => engine.recentSnapshot.within(maxAgeMs)
    }
  }
  throw engineError(
    'ARGUMENT_INVALID',
    "a consistency is 'strong', { snapshot: seqNum } or { maxAgeMs: milliseconds }",
  )
}
