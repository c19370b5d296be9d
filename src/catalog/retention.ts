// How long tables and tenants keep their history, stored in the database itself; see format.ts. store/history-floors.ts obeys.
//
// A change is made while floors stand still. It stores where the history begins at that moment, table by table: a longer
// window does not bring back what is gone, and the next opening must know. A shorter one counts once it is durable.

import { type SeqNum, SEQ_NUM_ZERO, type TenantId } from '../base/ids.js'
import { EntrySlot } from '../codec/entry.js'
import { ALL_TABLES } from '../codec/tenant-key.js'
import type { HistoryFloors, HistoryPolicy, TenantPolicy } from '../store/history-floors.js'
import type { ReadView, WriteView } from '../store/view.js'
import { decoded, systemEntries, type TenantRef } from './catalog.js'
import {
  decodeIdKey,
  decodeTableRetention,
  decodeTenantRetention,
  encodeTableRetention,
  encodeTenantRetention,
  type LegalHold,
  SYSTEM_TABLE_RETENTIONS,
  SYSTEM_TABLES,
  SYSTEM_TENANT_NAMES,
  SYSTEM_TENANT_RETENTIONS,
  SYSTEM_TENANTS,
  systemKey,
  type TenantRetention,
} from './format.js'

/** So many take a few milliseconds. */
const POLICIES_AT_ONCE_COUNT = 200

const FOR_EVER: HistoryPolicy = { windowMs: Infinity, floor: SEQ_NUM_ZERO }

/**
 * The catalog itself keeps every version: the past is read with the tables and tenants that there were. What else lies under
 * the system tenant (token-format.ts) is kept like the rows of tenants.
 */
const SYSTEM_POLICY: TenantPolicy = {
  tenantHash: 0,
  tenantId: 0 as TenantId,
  windowMs: undefined,
  floor: SEQ_NUM_ZERO,
  heldFrom: undefined,
  tables: new Map([
    [SYSTEM_TABLES, FOR_EVER],
    [SYSTEM_TENANTS, FOR_EVER],
    [SYSTEM_TENANT_NAMES, FOR_EVER],
    [SYSTEM_TABLE_RETENTIONS, FOR_EVER],
    [SYSTEM_TENANT_RETENTIONS, FOR_EVER],
  ]),
}

/** What is stored for tables. @throws ROW_CORRUPT */
export function readTablePolicies(view: ReadView): Map<number, HistoryPolicy> {
  const tables = new Map<number, HistoryPolicy>()
  for (const { key, value } of systemEntries(view, SYSTEM_TABLE_RETENTIONS)) {
    decoded('a retention', () => tables.set(decodeIdKey(key), decodeTableRetention(value)))
  }
  return tables
}

/** What is stored for the next tenants by their ids, a few at a time. @throws ROW_CORRUPT */
export function readTenantPolicies(view: ReadView, from: number): TenantPolicy[] {
  const tenants = from === 0 ? [SYSTEM_POLICY] : []
  for (const { key, value } of systemEntries(view, SYSTEM_TENANT_RETENTIONS, { from })) {
    decoded('a retention', () => {
      tenants.push(policyOf(decodeIdKey(key) as TenantId, decodeTenantRetention(value)))
    })
    if (tenants.length >= POLICIES_AT_ONCE_COUNT) break
  }
  return tenants
}

/** What is stored of a tenant, if anything. @throws ROW_CORRUPT */
export function readTenantRetention(
  view: ReadView,
  tenantId: TenantId,
): TenantRetention | undefined {
  const slot = new EntrySlot()
  if (!view.get(systemKey(SYSTEM_TENANT_RETENTIONS, tenantId), slot)) return undefined
  return decoded('a retention', () => decodeTenantRetention(slot.copyValue()))
}

/** What a change of a tenant's retention is made of. */
export interface GivenRetention {
  readonly windowMs: number | undefined
  /** By table id. */
  readonly windowsMs: ReadonlyMap<number, number>
  readonly holds: readonly LegalHold[]
}

/** What a tenant was given so far. */
export function givenOf(retention: TenantRetention | undefined): GivenRetention {
  const windowsMs = new Map<number, number>()
  for (const [tableId, { windowMs }] of retention?.tables ?? []) {
    if (windowMs !== undefined) windowsMs.set(tableId, windowMs)
  }
  return { windowMs: retention?.windowMs, windowsMs, holds: retention?.holds ?? [] }
}

/** Stores what a tenant is given; the result is to be put in force once it is durable. Floors must stand still. */
export function putTenantRetention(
  view: WriteView,
  floors: HistoryFloors,
  { id, hash }: TenantRef,
  { windowMs, windowsMs, holds }: GivenRetention,
): TenantPolicy {
  // Whatever has a floor of its own keeps it, also where nothing else is said of it any more.
  const before = readTenantRetention(view, id)
  const tableIds = [...(before?.tables.keys() ?? []), ...floors.tableIds, ...windowsMs.keys()]
  const tables = new Map<number, HistoryPolicy>()
  for (const tableId of tableIds) {
    tables.set(tableId, { windowMs: windowsMs.get(tableId), floor: floors.ofTable(id, tableId) })
  }
  const floor = floors.ofTable(id, ALL_TABLES)
  const retention: TenantRetention = { tenantHash: hash, windowMs, floor, tables, holds }
  view.put(systemKey(SYSTEM_TENANT_RETENTIONS, id), encodeTenantRetention(retention))
  return policyOf(id, retention)
}

export function putTableRetention(view: WriteView, tableId: number, policy: HistoryPolicy): void {
  view.put(systemKey(SYSTEM_TABLE_RETENTIONS, tableId), encodeTableRetention(policy))
}

function policyOf(tenantId: TenantId, retention: TenantRetention): TenantPolicy {
  const { tenantHash, windowMs, floor, tables, holds } = retention
  const heldFrom =
    holds.length === 0 ? undefined : (Math.min(...holds.map(({ from }) => from)) as SeqNum)
  return { tenantHash, tenantId, windowMs, floor, heldFrom, tables }
}
