// Snapshots that are in use: those of scans, queries and transactions, and pins, which users open to keep a moment readable.
//
// Each holds back the history that it needs, but not for ever: past its age it does not count any more, and when a floor has
// passed it (store/history-floors.ts) it is revoked: reads through it are refused from then on, and its scans let go of the
// files that they hold. Until then they go on.

import { EngineError, engineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import type { SeqNum } from '../base/ids.js'
import type { Clock } from '../env/env.js'

/** What a snapshot is in use for. */
export type SnapshotKind = 'pin' | 'read' | 'transaction'

export interface SnapshotUse {
  readonly kind: SnapshotKind
  /** Whose it is: the name of a tenant, the first one of a transaction over several, or what a pin was given. */
  readonly owner: string
  /** How long it may hold history back; absent: as the registry says. */
  readonly maxAgeMs?: number
}

/** An open snapshot, as users see it. */
export interface SnapshotInfo extends Required<SnapshotUse> {
  readonly seqNum: SeqNum
  readonly ageMs: number
}

interface Closable {
  close(): void
}

export class OpenSnapshot {
  readonly seqNum: SeqNum
  readonly use: { readonly kind: SnapshotKind; owner: string; readonly maxAgeMs: number }
  readonly openedMicros: number
  #scans: Set<Closable> | undefined
  #revocation: SnapshotInfo | undefined

  /** Made by SnapshotRegistry. */
  constructor(seqNum: SeqNum, use: Required<SnapshotUse>, openedMicros: number) {
    this.seqNum = seqNum
    this.use = use
    this.openedMicros = openedMicros
  }

  get isRevoked(): boolean {
    return this.#revocation !== undefined
  }

  /** @throws TXN_SNAPSHOT_TOO_OLD when it was revoked */
  assertHeld(): void {
    if (this.#revocation === undefined) return
    const { kind, owner, ageMs, maxAgeMs, seqNum } = this.#revocation
    throw engineError(
      'TXN_SNAPSHOT_TOO_OLD',
      `the snapshot of this ${kind} was revoked: it was open for ${ageMs} ms, and it may hold history back for ${maxAgeMs} ms`,
      { details: { kind, owner, asked: seqNum, ageMs, maxAgeMs } },
    )
  }

  /** A scan at the snapshot has begun. */
  add(scan: Closable): void {
    this.#scans ??= new Set()
    this.#scans.add(scan)
  }

  delete(scan: Closable): void {
    this.#scans?.delete(scan)
  }

  revoke(info: SnapshotInfo): void {
    this.#revocation = info
    for (const scan of this.#scans ?? []) scan.close()
  }
}

export class SnapshotRegistry {
  readonly #open = new Set<OpenSnapshot>()
  readonly #clock: Clock
  readonly #events: EventSource
  readonly #maxAgeMs: number

  constructor(clock: Clock, events: EventSource, maxAgeMs = Infinity) {
    this.#clock = clock
    this.#events = events
    this.#maxAgeMs = maxAgeMs
  }

  get openCount(): number {
    return this.#open.size
  }

  /** What can be read at the snapshot now can be read until it is closed, or revoked past its age. */
  open(seqNum: SeqNum, { kind, owner, maxAgeMs = this.#maxAgeMs }: SnapshotUse): OpenSnapshot {
    const use = { kind, owner, maxAgeMs }
    const snapshot = new OpenSnapshot(seqNum, use, this.#clock.monotonicMicros())
    this.#open.add(snapshot)
    return snapshot
  }

  /** Idempotent. */
  close(snapshot: OpenSnapshot): void {
    this.#open.delete(snapshot)
  }

  /** The oldest first. */
  list(): SnapshotInfo[] {
    const infos = Array.from(this.#open, (snapshot) => this.#infoOf(snapshot))
    return infos.sort((a, b) => a.seqNum - b.seqNum)
  }

  /** Snapshots that no floor may pass, ascending. */
  heldSeqNums(): SeqNum[] {
    const held: SeqNum[] = []
    for (const snapshot of this.#open) if (!this.#isExpired(snapshot)) held.push(snapshot.seqNum)
    return held.sort((a, b) => a - b)
  }

  /** Revokes what is past its age and below a floor. */
  revokeBelow(floor: SeqNum): void {
    for (const snapshot of this.#open) {
      if (snapshot.seqNum >= floor || !this.#isExpired(snapshot)) continue
      const info = this.#infoOf(snapshot)
      this.#open.delete(snapshot)
      snapshot.revoke(info)
      this.#events.emit('snapshotRevoked', info)
    }
  }

  #isExpired({ openedMicros, use }: OpenSnapshot): boolean {
    return this.#clock.monotonicMicros() - openedMicros > use.maxAgeMs * 1000
  }

  #infoOf({ seqNum, use, openedMicros }: OpenSnapshot): SnapshotInfo {
    const ageMs = Math.floor((this.#clock.monotonicMicros() - openedMicros) / 1000)
    return { ...use, seqNum, ageMs }
  }
}

/** @param oldest  at which what was asked for can be read */
export function snapshotTooOld(asked: SeqNum, oldest: SeqNum): EngineError {
  return engineError(
    'TXN_SNAPSHOT_TOO_OLD',
    `history is kept from ${new Date(oldest / 1000).toISOString()} on`,
    { details: { asked, oldest } },
  )
}
