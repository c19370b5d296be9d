// Sstables in which damage was found. Their damaged blocks cannot be read, all else of them can, and compaction leaves
// the files alone: rewriting one would make old versions of its lost keys the newest, dropping it would lose the rest.
// Nothing of this is stored: after reopening, damage is found again by the first read, compaction or verification that
// meets it.

import { EngineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { FileId, TabletId, TenantId } from '../base/ids.js'
import { type TableMeta, tableFileName } from '../sstable/format.js'

export interface Damage {
  readonly file: string
  readonly fileId: FileId
  readonly tabletId: TabletId
  /** Absent when it is not one place: the file is missing, say. */
  readonly offsetBytes?: number
  /** Absent when the damage is not in one tenant's bytes, or it is not known whose they are. */
  readonly tenantId?: TenantId
  readonly code: string
  readonly message: string
}

/** Places remembered; further ones of the same files are not. */
const DAMAGE_MAX_COUNT = 1000

export class Quarantine {
  readonly #events: EventSource
  readonly #fileIds = new Set<FileId>()
  readonly #damages = new Map<string, Damage>()

  constructor(events: EventSource) {
    this.#events = events
  }

  get fileIds(): ReadonlySet<FileId> {
    return this.#fileIds
  }

  get damages(): readonly Damage[] {
    return [...this.#damages.values()]
  }

  /** Takes note of what was found; anything but damage is left out. True when the file was thought sound before. */
  add(tabletId: TabletId, fileId: FileId, error: unknown): boolean {
    if (!isDamage(error)) return false
    const { code, message, details } = error
    const { offsetBytes, tenantId } = details
    const place = {
      ...(typeof offsetBytes === 'number' ? { offsetBytes } : {}),
      ...(typeof tenantId === 'number' ? { tenantId: tenantId as TenantId } : {}),
    }
    const isNew = !this.#fileIds.has(fileId)
    this.#fileIds.add(fileId)
    const key = `${fileId} ${offsetBytes ?? ''} ${tabletId}`
    if (this.#damages.has(key) || this.#damages.size >= DAMAGE_MAX_COUNT) return isNew
    const file = tableFileName(fileId)
    this.#damages.set(key, { file, fileId, tabletId, ...place, code, message })
    this.#events.emit('damage', { tabletId, fileId, file, ...place, error })
    return isNew
  }

  /** Takes note of what a job found in its inputs. True when one of them was thought sound before. */
  addInputs(tabletId: TabletId, inputs: readonly TableMeta[], error: unknown): boolean {
    if (!isDamage(error)) return false
    const named = String(error.details['file'] ?? error.details['path'] ?? '')
    let isNew = false
    for (const { fileId } of inputs) {
      if (named.includes(tableFileName(fileId)) && this.add(tabletId, fileId, error)) isNew = true
    }
    return isNew
  }
}

/** Whether an error of reading an sstable says that the file is not what it was. */
export function isDamage(error: unknown): error is EngineError {
  if (!(error instanceof EngineError)) return false
  return error.code === 'SSTABLE_CORRUPT' || error.code === 'FILE_MISSING'
}
