// From an access path to the stretch of keys it walks.

import { engineError } from '../base/errors.js'
import { ByteWriter } from '../codec/bytes.js'
import type { KeyRange } from '../codec/entry.js'
import { encodeKeyField, type KeyCell, type KeyField } from '../codec/key.js'
import { type KeyPrefix, successorOfPrefix, writeKeyPrefix } from '../codec/tenant-key.js'
import type { AccessPath, PathBound } from './access-path.js'

/**
 * The keys of a path.
 *
 * @returns undefined when no key can be in it: a null where there is none, or a bound that is null
 * @throws ARGUMENT_INVALID when the path names more parts than the key has
 */
export function keyRangeOf(
  place: KeyPrefix,
  fields: readonly KeyField[],
  path: AccessPath,
): KeyRange | undefined {
  const { prefix = [], lower, upper } = path
  const isBounded = lower !== undefined || upper !== undefined
  if (prefix.length + (isBounded ? 1 : 0) > fields.length) {
    throw engineError('ARGUMENT_INVALID', `the key has ${fields.length} columns, the path has more`)
  }
  const writer = new ByteWriter(64)
  writeKeyPrefix(writer, place)
  for (let i = 0; i < prefix.length; i++) {
    const cell = prefix[i]!
    if (cell === null && !fields[i]!.isNullable) return undefined
    encodeKeyField(writer, fields[i]!, cell as KeyCell)
  }
  const base = writer.finish()
  if (!isBounded) return { lower: base, upper: successorOfPrefix(base) }
  if (lower?.cell === null || upper?.cell === null) return undefined
  const field = fields[prefix.length]!
  // Bytes of a descending part run the other way.
  const [first, last] = field.isDescending ? [upper, lower] : [lower, upper]
  return {
    lower: first === undefined ? firstValue(base, field) : edgeOf(base, field, first, true),
    upper: last === undefined ? behindValues(base, field) : edgeOf(base, field, last, false),
  }
}

/** Where the keys of a bound begin, or end: before or behind those that hold the bound's own value. */
function edgeOf(
  base: Uint8Array,
  field: KeyField,
  bound: PathBound,
  isLower: boolean,
): Uint8Array | undefined {
  const edge = withCell(base, field, bound.cell as KeyCell)
  return bound.isInclusive === isLower ? edge : successorOfPrefix(edge)
}

/** The smallest key whose part is not null: nulls come first when ascending. */
function firstValue(base: Uint8Array, field: KeyField): Uint8Array | undefined {
  if (!field.isNullable || field.isDescending) return base
  return successorOfPrefix(withCell(base, field, null))
}

/** Behind the largest key whose part is not null: nulls come last when descending. */
function behindValues(base: Uint8Array, field: KeyField): Uint8Array | undefined {
  if (!field.isNullable || !field.isDescending) return successorOfPrefix(base)
  return withCell(base, field, null)
}

function withCell(base: Uint8Array, field: KeyField, cell: KeyCell): Uint8Array {
  const writer = new ByteWriter(base.length + 32)
  writer.raw(base)
  encodeKeyField(writer, field, cell)
  return writer.finish()
}
