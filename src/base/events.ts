// What the engine tells whoever listens. Events are facts about work in the background: nothing waits for a listener, and
// a listener that throws cannot break the engine.

import type { FileId, SeqNum, TabletId, TenantId } from './ids.js'

/** A memtable became sstables. */
export interface FlushEvent {
  readonly tabletId: TabletId
  readonly fileIds: readonly FileId[]
  readonly entryCount: number
  readonly outputBytes: number
  readonly durationMs: number
}

/** Sstables were rewritten into a lower level, or moved there. */
export interface CompactionEvent {
  readonly tabletId: TabletId
  readonly fromLevel: number
  readonly toLevel: number
  readonly inputFileIds: readonly FileId[]
  readonly outputFileIds: readonly FileId[]
  readonly inputBytes: number
  readonly outputBytes: number
  readonly durationMs: number
}

/** A tablet split into two, or two became one; no data was rewritten. */
export interface RebalanceEvent {
  readonly kind: 'split' | 'merge'
  /**
   * Why: the tablet was too large; one tenant wrote more than compaction kept up with, and gets a tablet to itself; both
   * were small and nobody had written to them for long; or somebody asked for it.
   */
  readonly reason: 'large' | 'hot' | 'idle' | 'asked'
  /** The one that goes on. */
  readonly tabletId: TabletId
  /** The one that began, or ended. */
  readonly otherTabletId: TabletId
  /** The first tenant hash of that one. */
  readonly hash: number
  /** What is in sstables of each of those there are now. */
  readonly tabletBytes: readonly number[]
  /** Sstables of theirs that other tablets have a part of, too, until compactions have rewritten them. */
  readonly sharedTableCount: number
  readonly durationMs: number
}

/** A caller was held back. */
export interface StallEvent {
  /** Absent when the log holds everybody back. */
  readonly tabletId?: TabletId
  /** Absent when every tenant of the tablet waits. */
  readonly tenantId?: TenantId
  readonly waitMs: number
  readonly cause: string
  /** What would make it rarer. */
  readonly remedy: string
}

/** A background job failed or its thread died; the engine tries it again. */
export interface JobFailureEvent {
  readonly job: string
  readonly tabletId: TabletId
  readonly attemptCount: number
  readonly error: unknown
}

/** Damage was found in an sstable. What it covers cannot be read, and compaction leaves the file as it is. */
export interface DamageEvent {
  readonly tabletId: TabletId
  readonly fileId: FileId
  readonly file: string
  /** Absent when it is not one place: the file is missing, say. */
  readonly offsetBytes?: number
  /** Absent when the damage is not in one tenant's bytes, or it is not known whose they are. */
  readonly tenantId?: TenantId
  readonly error: unknown
}

/** A snapshot was open for longer than it may hold history back: reads through it are refused from now on. */
export interface SnapshotRevokedEvent {
  readonly kind: 'pin' | 'read' | 'transaction'
  /** The tenant whose it was, the first one of a transaction over several, or what the pin was given. */
  readonly owner: string
  readonly seqNum: SeqNum
  readonly ageMs: number
  readonly maxAgeMs: number
}

/** An error that no caller was there to receive. */
export interface ErrorEvent {
  readonly where: string
  readonly error: unknown
}

/** Event names with what they carry. */
export interface EngineEvents {
  readonly flush: FlushEvent
  readonly compaction: CompactionEvent
  readonly rebalance: RebalanceEvent
  readonly stall: StallEvent
  readonly jobFailure: JobFailureEvent
  readonly damage: DamageEvent
  readonly snapshotRevoked: SnapshotRevokedEvent
  readonly error: ErrorEvent
}

/** What `on()` can listen to. */
export type EventName = keyof EngineEvents

export const EVENT_NAMES: readonly EventName[] = [
  'flush',
  'compaction',
  'rebalance',
  'stall',
  'jobFailure',
  'damage',
  'snapshotRevoked',
  'error',
]

/** What `on()` calls. */
export type EventListener<Name extends EventName> = (event: EngineEvents[Name]) => void

export class EventSource {
  readonly #listeners = new Map<EventName, readonly EventListener<never>[]>()

  /** Calls `listener` on every event of this name until the returned function is called. */
  on<Name extends EventName>(name: Name, listener: EventListener<Name>): () => void {
    // One wrapper per call, so that a function registered twice is removed once. Lists are replaced, never changed:
    // listeners may come and go during an emit.
    const entry: EventListener<Name> = (event) => listener(event)
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), entry])
    return () => {
      const kept = (this.#listeners.get(name) ?? []).filter((other) => other !== entry)
      if (kept.length > 0) this.#listeners.set(name, kept)
      else this.#listeners.delete(name)
    }
  }

  /** Tells every listener. Never throws; what a listener throws becomes an `error` event. */
  emit<Name extends EventName>(name: Name, event: EngineEvents[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) return
    for (const listener of listeners as readonly EventListener<Name>[]) {
      try {
        const returned: unknown = listener(event)
        if (returned instanceof Promise) returned.catch((error) => this.#onThrown(name, error))
      } catch (error) {
        this.#onThrown(name, error)
      }
    }
  }

  #onThrown(name: EventName, error: unknown): void {
    const where = `listener of '${name}' events`
    if (name !== 'error' && this.#listeners.has('error')) this.emit('error', { where, error })
    else process.emitWarning(`${where} threw: ${textOf(error)}`, 'TabulariumWarning')
  }
}

/** Of whatever was thrown: an object without a prototype has no text, and asking it for one throws. */
function textOf(error: unknown): string {
  try {
    return String(error)
  } catch {
    return typeof error
  }
}
