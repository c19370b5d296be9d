import { type EngineError, engineError } from '../base/errors.js'
import type { TenantId } from '../base/ids.js'

/** Which part of which file is damaged, and whose it is when it is one tenant's. */
export interface PartPlace {
  readonly path: string
  readonly offsetBytes: number
  readonly tenantId?: TenantId
}

/** Makes the SSTABLE_CORRUPT error for the part of a file at a place. */
export function tableCorrupt(place: PartPlace, problem: string, cause?: unknown): EngineError {
  const { path, offsetBytes, tenantId } = place
  const details = { file: path, offsetBytes, ...(tenantId === undefined ? {} : { tenantId }) }
  return engineError('SSTABLE_CORRUPT', `${path} at byte ${offsetBytes}: ${problem}`, {
    details,
    ...(cause === undefined ? {} : { cause }),
  })
}
