// Where readable history begins. Policies say how long superseded versions stay (a window), and what stays whatever the
// window says (a hold). They belong to the floors above, and nothing is dropped before they are known.
//
// The floor of a key is the oldest snapshot at which it can be read completely. There is one for the rest of the database,
// one per table with a policy, and for each tenant with a policy one for its tables together and one for each of those.
//
// Invariants:
// 1. A job that starts drops by the floors of that moment: its watermarks are the floors.
// 2. A floor never falls, and never passes an open snapshot that could be read when it was opened. So what can be read at
//    a snapshot once can be read until it is closed or revoked.
// 3. While a policy is being changed floors stand still: those that are stored with the policy are those that it begins at,
//    above nothing that jobs drop before it is durable. Changes share commits of the log like other writes; which of two is
//    in force is what their commits' numbers say, in whatever order somebody hears of them.
// 4. No floor that follows from marks (lsm/history-marks.ts) and policies at the next opening is below one that a job used.
//
// Tenants with a policy may be many, and most services never ask for them before a job does: their policies are read when
// they are needed first: by a job in several turns of the event loop, by a read of the past at once. Until then no job
// has dropped anything, and what the opening found stands.
//
// See docs/decisions/0011-where-history-begins.md.

import { invariant } from '../base/assert.js'
import { EngineError } from '../base/errors.js'
import type { EventSource } from '../base/events.js'
import { SEQ_NUM_MAX, SEQ_NUM_ZERO, type SeqNum, type TenantId } from '../base/ids.js'
import type { KeyRange } from '../codec/entry.js'
import {
  ALL_TABLES,
  type HashRange,
  successorOfPrefix,
  TABLE_PREFIX_BYTES,
  tableIdOfKey,
  tenantIdOfKey,
} from '../codec/tenant-key.js'
import { compareKeys } from '../kernels/bytes.js'
import { addMark, floorOfMarks, floorOfWindow, type HistoryMark } from '../lsm/history-marks.js'
import { KEEP_EVERYTHING, type Watermarks, WatermarksBuilder } from '../lsm/watermarks.js'
import type { SnapshotRegistry } from './snapshots.js'

/** How long superseded versions stay. */
export interface HistoryPolicy {
  /** Undefined: as the next more general policy says. Infinity: for ever. */
  readonly windowMs: number | undefined
  /** Where the history began when the policy was set. */
  readonly floor: SeqNum
}

/** Of one tenant; more special than that of a table. */
export interface TenantPolicy extends HistoryPolicy {
  readonly tenantHash: number
  readonly tenantId: TenantId
  /** No version that a snapshot from here on sees goes; undefined: none is held. */
  readonly heldFrom: SeqNum | undefined
  /** By table id. */
  readonly tables: ReadonlyMap<number, HistoryPolicy>
}

export interface HistoryPolicies {
  /** By table id, for all tenants. */
  readonly tables: ReadonlyMap<number, HistoryPolicy>
  /** Reads those of the next tenants by their ids, a few at a time; none: there are no more. */
  readonly readTenants: (from: number) => readonly TenantPolicy[]
}

export const NO_POLICIES: HistoryPolicies = { tables: new Map(), readTenants: () => [] }

/** What a job needs to know, and what is to be remembered once it has dropped something. */
export interface JobHistory {
  readonly watermarks: Watermarks
  readonly historyMarks: readonly HistoryMark[]
}

/** Of jobs that drop nothing. */
const KEPT_HISTORY: JobHistory = { watermarks: KEEP_EVERYTHING, historyMarks: [] }

interface TenantFloors {
  readonly policy: TenantPolicy
  /** The commit that set it; 0: one of an earlier opening. */
  readonly since: SeqNum
  /** Ascending; the first is ALL_TABLES, for tables without a floor of their own. */
  readonly tableIds: readonly number[]
  /** As in `tableIds`; undefined: as the table says, or the rest. */
  readonly windowsMs: readonly (number | undefined)[]
  /** As in `tableIds`. */
  readonly floors: SeqNum[]
}

export interface HistoryFloorsOptions {
  readonly snapshots: SnapshotRegistry
  /** Where no policy says anything else. */
  readonly windowMs: number
  /** Of all tablets. */
  readonly marks: readonly HistoryMark[]
  /** The newest commit of earlier openings. */
  readonly lastSeqNum: SeqNum
  readonly events: EventSource
}

export class HistoryFloors {
  readonly #snapshots: SnapshotRegistry
  readonly #windowMs: number
  readonly #tables = new Map<number, SeqNum>()
  readonly #tenants = new Map<TenantId, TenantFloors>()
  /** In the order of their keys; made when it is needed. */
  #sorted: readonly TenantFloors[] | undefined
  readonly #tablePolicies = new Map<number, HistoryPolicy>()
  #marks: readonly HistoryMark[]
  #rest: SeqNum
  #highest: SeqNum
  #isKnown = false
  /** Set until the policies of tenants have been read. */
  #readTenants: HistoryPolicies['readTenants'] | undefined
  #nextTenantId = 0
  /** Nothing that earlier openings let go is above it. */
  readonly #openedAt: SeqNum
  readonly #events: EventSource
  /** Changes of policies that are under way. */
  #changeCount = 0

  constructor({ snapshots, windowMs, marks, lastSeqNum, events }: HistoryFloorsOptions) {
    this.#snapshots = snapshots
    this.#events = events
    this.#openedAt = Math.max(lastSeqNum, ...marks.map(({ durable }) => durable)) as SeqNum
    this.#windowMs = windowMs
    this.#marks = marks.reduce(addMark, [] as readonly HistoryMark[])
    this.#rest = floorOfMarks(this.#marks)
    this.#highest = this.#rest
  }

  /** Of keys that no policy names. */
  get rest(): SeqNum {
    return this.#rest
  }

  /** At and above it every key can be read. @throws ROW_CORRUPT as all that asks for a tenant */
  get highest(): SeqNum {
    this.#needTenants()
    return this.#highest
  }

  /** Whether every key can be read at a snapshot. */
  isWholeAt(seqNum: SeqNum): boolean {
    return (this.#readTenants !== undefined && seqNum >= this.#openedAt) || seqNum >= this.highest
  }

  /** Tables that have a floor of their own. */
  get tableIds(): Iterable<number> {
    return this.#tables.keys()
  }

  /** Whether all keys have one floor. */
  get isUniform(): boolean {
    this.#needTenants()
    return this.#tables.size === 0 && this.#tenants.size === 0
  }

  /** The oldest snapshot at which the key can be read. */
  of(key: Uint8Array): SeqNum {
    if (key.length < TABLE_PREFIX_BYTES) return this.#rest
    return this.ofTable(tenantIdOfKey(key), tableIdOfKey(key))
  }

  /** The same of all keys of a tenant's table; without a tenant: of tenants without a policy. */
  ofTable(tenantId: TenantId | undefined, tableId: number): SeqNum {
    const tenant = this.#tenantOf(tenantId)
    if (tenant === undefined) return this.#tables.get(tableId) ?? this.#rest
    return tenant.floors[Math.max(0, tenant.tableIds.indexOf(tableId))]!
  }

  /** How long versions of a tenant's table stay, holds apart; without a tenant: those of tenants without a policy. */
  windowMsOf(tenantId: TenantId | undefined, tableId: number): number {
    const policy = this.#tenantOf(tenantId)?.policy
    const ownMs = policy?.tables.get(tableId)?.windowMs ?? policy?.windowMs
    return ownMs ?? this.windowMsOfTable(tableId) ?? this.#windowMs
  }

  /** What a table itself says. */
  windowMsOfTable(tableId: number): number | undefined {
    return this.#tablePolicies.get(tableId)?.windowMs
  }

  /** The oldest snapshot at which all keys of a range can be read. */
  ofRange({ lower, upper }: KeyRange): SeqNum {
    if (lower === undefined || lower.length < TABLE_PREFIX_BYTES) return this.highest
    const end = successorOfPrefix(lower.subarray(0, TABLE_PREFIX_BYTES))
    const isOneTable = end === undefined || (upper !== undefined && compareKeys(upper, end) <= 0)
    return isOneTable ? this.of(lower) : this.highest
  }

  /** Says how long which keys keep their history; nothing is dropped before. */
  use({ tables, readTenants }: HistoryPolicies): void {
    invariant(!this.#isKnown, 'policies are made known once; later ones change')
    this.#isKnown = true
    for (const [tableId, policy] of tables) this.setTable(tableId, policy)
    this.#highest = Math.max(this.#highest, ...this.#tables.values()) as SeqNum
    this.#readTenants = readTenants
    // What earlier openings let go.
    this.#raise([], [])
  }

  #tenantOf(tenantId: TenantId | undefined): TenantFloors | undefined {
    if (tenantId === undefined) return undefined
    this.#needTenants()
    return this.#tenants.get(tenantId)
  }

  /** Reads what a job is about to need without holding up the event loop. What cannot be read the job itself meets again. */
  async prepare(pause: () => Promise<void>): Promise<void> {
    try {
      while (this.#readTenants !== undefined) {
        this.#readSome(this.#readTenants)
        await pause()
      }
    } catch {
      // See advance().
    }
  }

  /** Has the policies of tenants read, as they have been since the opening: a change waits for that. */
  #needTenants(): void {
    while (this.#readTenants !== undefined) this.#readSome(this.#readTenants)
  }

  #readSome(readTenants: HistoryPolicies['readTenants']): void {
    const policies = readTenants(this.#nextTenantId)
    for (const policy of policies) {
      this.setTenant(policy)
      this.#nextTenantId = policy.tenantId + 1
    }
    if (policies.length > 0) return
    this.#readTenants = undefined
    // What earlier openings let go, is gone for snapshots that are open now, too.
    this.#raise(this.#tenants.values(), [])
  }

  /** Runs a change of policies while floors stand still. */
  async change<Result>(change: () => Promise<Result>): Promise<Result> {
    this.#needTenants()
    this.#changeCount++
    try {
      return await change()
    } finally {
      this.#changeCount--
    }
  }

  /** Puts a table's policy in force; it is durable, and its floor stands still. */
  setTable(tableId: number, policy: HistoryPolicy): void {
    this.#tablePolicies.set(tableId, policy)
    this.#tables.set(tableId, policy.floor)
    for (const { policy: ofTenant, since, tableIds, floors } of this.#tenants.values()) {
      const known = new Map(tableIds.map((id, i) => [id, floors[i]!]))
      if (!known.has(tableId)) this.#setFloors(ofTenant, since, known.set(tableId, floors[0]!))
    }
  }

  /**
   * Puts a tenant's policy in force, unless a later one is; it is durable, and its floors stand still.
   *
   * @param since  the commit that set it; 0: one of an earlier opening
   */
  setTenant(policy: TenantPolicy, since: SeqNum = SEQ_NUM_ZERO): void {
    const known = this.#tenants.get(policy.tenantId)
    if (known !== undefined && known.since > since) return
    const floors = new Map([[ALL_TABLES, policy.floor]])
    for (const tableId of this.#tables.keys()) floors.set(tableId, policy.floor)
    for (const [tableId, { floor }] of policy.tables) floors.set(tableId, floor)
    this.#setFloors(policy, since, floors)
    this.#highest = Math.max(this.#highest, ...floors.values()) as SeqNum
  }

  #setFloors(policy: TenantPolicy, since: SeqNum, floors: ReadonlyMap<number, SeqNum>): void {
    const tableIds = [...floors.keys()].sort((a, b) => a - b)
    this.#tenants.set(policy.tenantId, {
      policy,
      since,
      tableIds,
      windowsMs: tableIds.map((tableId) => policy.tables.get(tableId)?.windowMs ?? policy.windowMs),
      floors: tableIds.map((tableId) => floors.get(tableId)!),
    })
    this.#sorted = undefined
  }

  /** In the order of their keys. */
  #tenantsOf({ hashStart, hashEnd }: HashRange): readonly TenantFloors[] {
    this.#sorted ??= [...this.#tenants.values()].sort(
      ({ policy: a }, { policy: b }) => a.tenantHash - b.tenantHash || a.tenantId - b.tenantId,
    )
    return this.#sorted.filter(
      ({ policy: { tenantHash } }) => hashStart <= tenantHash && tenantHash < hashEnd,
    )
  }

  /**
   * Moves the floors of a tablet on as far as policies and open snapshots allow, for a job that starts now.
   *
   * @param moment  the SeqNum that a commit of now would get
   */
  advance(range: HashRange, moment: SeqNum, durable: SeqNum): JobHistory {
    if (!this.#isKnown) return KEPT_HISTORY
    try {
      this.#needTenants()
    } catch (error) {
      // What is flushed while the database closes may keep more than it has to.
      const isClosed = error instanceof EngineError && error.kind === 'closed'
      if (!isClosed) this.#events.emit('error', { where: 'policies of tenants', error })
      return KEPT_HISTORY
    }
    const tenants = this.#tenantsOf(range)
    if (this.#changeCount === 0) {
      this.#marks = addMark(this.#marks, { moment, durable, floor: this.#rest })
      this.#raise(tenants, this.#snapshots.heldSeqNums())
      // Once more, with the floor that came out of it.
      this.#marks = addMark(this.#marks, { moment, durable, floor: this.#rest })
    }
    return { watermarks: this.#watermarks(tenants), historyMarks: this.#marks }
  }

  /** @param held  snapshots that no floor may pass, ascending */
  #raise(tenants: Iterable<TenantFloors>, held: readonly SeqNum[]): void {
    const up = (floor: SeqNum, limit: SeqNum) => {
      if (limit <= floor) return floor
      const raised = Math.min(limit, held[lowerBound(held, floor)] ?? limit) as SeqNum
      if (raised > this.#highest) this.#highest = raised
      return raised
    }
    this.#rest = up(this.#rest, floorOfWindow(this.#marks, this.#windowMs))
    for (const [tableId, floor] of this.#tables) {
      this.#tables.set(tableId, up(floor, this.#limitOfTable(tableId)))
    }
    for (const { policy, tableIds, windowsMs, floors } of tenants) {
      const { heldFrom = SEQ_NUM_MAX } = policy
      for (let i = 0; i < floors.length; i++) {
        const windowMs = windowsMs[i]
        // As all other tenants, whose floors have been raised before.
        const limit =
          windowMs === undefined
            ? this.ofTable(undefined, tableIds[i]!)
            : floorOfWindow(this.#marks, windowMs)
        floors[i] = up(floors[i]!, heldFrom < limit ? heldFrom : limit)
      }
    }
    this.#snapshots.revokeBelow(this.#highest)
  }

  /** Up to where versions of a table may go, but for tenants with policies of their own. */
  #limitOfTable(tableId: number): SeqNum {
    const windowMs = this.windowMsOfTable(tableId)
    return windowMs === undefined ? this.#rest : floorOfWindow(this.#marks, windowMs)
  }

  #watermarks(tenants: readonly TenantFloors[]): Watermarks {
    const count = tenants.reduce((sum, { floors }) => sum + floors.length, 0)
    const builder = new WatermarksBuilder(count)
    for (const { policy, tableIds, floors } of tenants) {
      for (let i = 0; i < floors.length; i++) builder.add(policy, tableIds[i]!, floors[i]!)
    }
    return builder.finish({ rest: this.#rest, tables: [...this.#tables] })
  }
}

/** The index of the first number that is not below `least`. */
function lowerBound(sorted: readonly SeqNum[], least: SeqNum): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < least) low = middle + 1
    else high = middle
  }
  return low
}
