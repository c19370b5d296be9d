// How long superseded versions stay, as users say it: for a table, for a tenant, for a table of a tenant, and by holds.

import { engineError } from '../base/errors.js'
import { type SeqNum, SEQ_NUM_ZERO } from '../base/ids.js'
import { HOLD_MAX_COUNT, HOLD_NAME_MAX_BYTES, HOLD_REASON_MAX_BYTES } from '../base/limits.js'
import { checkOptionNames } from '../base/options.js'
import type { Catalog } from '../catalog/catalog.js'
import type { LegalHold } from '../catalog/format.js'
import { HISTORY_WINDOW_RANGE, isHistoryWindow } from '../catalog/history-window.js'
import {
  type GivenRetention,
  givenOf,
  putTableRetention,
  putTenantRetention,
  readTablePolicies,
  readTenantPolicies,
  readTenantRetention,
} from '../catalog/retention.js'
import type { AnyTable } from '../catalog/table.js'
import type { TenantPolicy } from '../store/history-floors.js'
import type { Store } from '../store/store.js'
import type { Engine, TenantName } from './engine.js'
import { checkText } from './options.js'
import { dateOfSeqNum, type Moment } from './time.js'

/** What a tenant keeps; what is left out is as its tables or the database say. */
export interface RetentionOptions<Name extends string = string> {
  /** How long superseded rows of all tables stay, in milliseconds. */
  readonly historyWindowMs?: number | undefined
  /** The same of single tables. */
  readonly tables?: { readonly [Table in Name]?: number | undefined } | undefined
}

/** What is in force for one table of a tenant. */
export interface TableRetention {
  readonly historyWindowMs: number
  /** The oldest snapshot at which the table can be read. */
  readonly oldest: SeqNum
}

/** How long a tenant keeps its history. */
export interface Retention {
  /** What setRetention() was given last. */
  readonly own: RetentionOptions
  /** What is in force, by table. */
  readonly tables: Readonly<Record<string, TableRetention>>
}

/** A legal hold to place. */
export interface HoldOptions {
  /** Unique within the tenant, 1 to 256 bytes. */
  readonly name: string
  /** Why, for those who come across it later; up to 4,096 bytes. */
  readonly reason: string
  /** Everything that can be read from this moment on; default: all that is there. */
  readonly from?: Moment | undefined
}

/** A legal hold that stands. */
export interface Hold {
  readonly name: string
  readonly reason: string
  /** 0: everything that was there. */
  readonly from: SeqNum
  readonly placedAt: Date
}

/**
 * Makes stored policies known to the store, which drops nothing before, and stores what the declared tables say otherwise.
 * Those of tenants are read when they are needed first: opening does not depend on their number.
 *
 * @throws ROW_CORRUPT
 */
export async function declareRetention(
  store: Store,
  catalog: Catalog,
  tables: Readonly<Record<string, AnyTable>> = {},
): Promise<void> {
  const { history } = store
  const stored = readTablePolicies(store.latest())
  history.use({ tables: stored, readTenants: (from) => readTenantPolicies(store.latest(), from) })
  // Nothing can be written, and nothing is dropped.
  if (store.salvage !== undefined) return
  const changed = Object.values(tables)
    .map(({ declaration: { name, historyWindowMs } }) => {
      return { id: catalog.table(name)!.id, windowMs: historyWindowMs }
    })
    .filter(({ id, windowMs }) => stored.get(id)?.windowMs !== windowMs)
  if (changed.length === 0) return
  await history.change(async () => {
    const policies = changed.map(({ id, windowMs }) => {
      return { id, policy: { windowMs, floor: history.ofTable(undefined, id) } }
    })
    await store.write((view) => {
      for (const { id, policy } of policies) putTableRetention(view, id, policy)
    })
    for (const { id, policy } of policies) history.setTable(id, policy)
  })
}

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
export async function setRetention(
  engine: Engine,
  tenant: TenantName,
  options: RetentionOptions,
): Promise<void> {
  checkOptionNames('setRetention()', options, ['historyWindowMs', 'tables'])
  const { historyWindowMs: windowMs, tables = {} } = options
  if (windowMs !== undefined) checkWindow('historyWindowMs', windowMs)
  if (typeof tables !== 'object' || tables === null) {
    throw engineError('ARGUMENT_INVALID', 'tables must be an object: { orders: milliseconds }')
  }
  const windowsMs = new Map<number, number>()
  for (const [name, ofTable] of Object.entries(tables)) {
    const definition = engine.schema.definitionOf(name)
    if (definition === undefined) {
      const names = engine.schema.names.join(', ')
      throw engineError('ARGUMENT_INVALID', `there is no table ${name}; there are: ${names}`)
    }
    if (ofTable === undefined) continue
    checkWindow(`tables.${name}`, ofTable)
    windowsMs.set(definition.id, ofTable)
  }
  await changeRetention(engine, tenant, ({ holds }) => ({ windowMs, windowsMs, holds }))
}

export function retentionOf(engine: Engine, tenant: TenantName): Retention {
  const { store, schema } = engine
  const ref = engine.tenantRef(tenant)
  const { windowMs, windowsMs } = givenOf(ref && readTenantRetention(store.latest(), ref.id))
  const own: Record<string, number> = {}
  const tables: Record<string, TableRetention> = {}
  for (const name of schema.names) {
    const { id } = schema.definitionOf(name)!
    const ownMs = windowsMs.get(id)
    if (ownMs !== undefined) own[name] = ownMs
    const historyWindowMs = store.history.windowMsOf(ref?.id, id)
    tables[name] = { historyWindowMs, oldest: store.history.ofTable(ref?.id, id) }
  }
  return {
    own: { ...(windowMs !== undefined && { historyWindowMs: windowMs }), tables: own },
    tables,
  }
}

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
export async function placeHold(
  engine: Engine,
  tenant: TenantName,
  options: HoldOptions,
): Promise<void> {
  checkOptionNames('placeHold()', options, ['name', 'reason', 'from'])
  const { name, reason, from } = options
  checkText('the name of a hold', name, HOLD_NAME_MAX_BYTES)
  checkText('the reason of a hold', reason, HOLD_REASON_MAX_BYTES)
  const hold: LegalHold = {
    name,
    reason,
    from: from === undefined ? SEQ_NUM_ZERO : engine.seqNumAt(from),
    placedMicros: engine.nowMicros(),
  }
  await changeRetention(engine, tenant, (given) => {
    if (given.holds.some((other) => other.name === name)) {
      throw engineError('ARGUMENT_INVALID', `there is a hold ${name}: release it first`)
    }
    if (given.holds.length >= HOLD_MAX_COUNT) {
      throw engineError('ARGUMENT_INVALID', `a tenant can have ${HOLD_MAX_COUNT} holds at most`)
    }
    return { ...given, holds: [...given.holds, hold] }
  })
}

/** False when there was no such hold. */
export async function releaseHold(
  engine: Engine,
  tenant: TenantName,
  name: string,
): Promise<boolean> {
  checkText('the name of a hold', name, HOLD_NAME_MAX_BYTES)
  return changeRetention(engine, tenant, (given) => {
    const holds = given.holds.filter((hold) => hold.name !== name)
    return holds.length === given.holds.length ? undefined : { ...given, holds }
  })
}

/** In the order in which they were placed. */
export function holdsOf(engine: Engine, tenant: TenantName): Hold[] {
  const ref = engine.tenantRef(tenant)
  const stored = ref && readTenantRetention(engine.store.latest(), ref.id)
  return (stored?.holds ?? []).map(({ name, reason, from, placedMicros }) => {
    return { name, reason, from, placedAt: dateOfSeqNum(placedMicros as SeqNum) }
  })
}

/** False when `change` asked for nothing. */
function changeRetention(
  engine: Engine,
  tenant: TenantName,
  change: (given: GivenRetention) => GivenRetention | undefined,
): Promise<boolean> {
  const { store } = engine
  const { history } = store
  return history.change(async () => {
    let policy: TenantPolicy | undefined
    const seqNum = await store.write((view) => {
      policy = undefined
      const known = engine.findTenant(view, tenant)
      const next = change(givenOf(known && readTenantRetention(view, known.id)))
      if (next === undefined) return
      const ref = known ?? engine.internTenant(view, tenant)
      policy = putTenantRetention(view, history, ref, next)
    })
    if (policy !== undefined) history.setTenant(policy, seqNum)
    return policy !== undefined
  })
}

function checkWindow(name: string, value: unknown): void {
  if (isHistoryWindow(value)) return
  throw engineError('ARGUMENT_INVALID', `${name} must be ${HISTORY_WINDOW_RANGE}`)
}
