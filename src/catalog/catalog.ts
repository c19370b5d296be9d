// The tables and tenants of a database, stored in the database itself; see format.ts.

import { engineError } from '../base/errors.js'
import { SEQ_NUM_ZERO, type SeqNum, type TenantId } from '../base/ids.js'
import { TENANT_NAME_MAX_BYTES } from '../base/limits.js'
import { EndOfBytes, isWellFormed } from '../codec/bytes.js'
import { EntrySlot } from '../codec/entry.js'
import { successorOfPrefix, tenantHashOf } from '../codec/tenant-key.js'
import type { KeyVersion, ReadView, WriteView } from '../store/view.js'
import {
  defineTable,
  FIRST_TABLE_ID,
  type IndexDefinition,
  type TableDeclaration,
  type TableDefinition,
} from './definition.js'
import { type Evolution, planEvolution, schemaMismatch } from './evolution.js'
import {
  decodeIdKey,
  decodeNameKey,
  decodeTable,
  decodeTenantId,
  decodeTenantName,
  encodeTable,
  encodeTenantId,
  encodeTenantName,
  SYSTEM_TABLES,
  SYSTEM_TENANT_NAMES,
  SYSTEM_TENANTS,
  systemKey,
} from './format.js'
import { RowMapper } from './row-values.js'
import { Schema, schemasOf, type TableVersion } from './schema.js'

/** What keys say of a tenant. */
export interface TenantRef {
  readonly id: TenantId
  readonly hash: number
}

export interface NamedTenant extends TenantRef {
  readonly name: string
}

/** What the catalog needs of the store. */
export interface CatalogStore {
  latest(): ReadView
  write(fn: (view: WriteView) => void): Promise<SeqNum>
  versions(key: Uint8Array): readonly KeyVersion[]
}

/**
 * Writes the entries of new indexes for rows that are there.
 *
 * @param definition  the table with the new indexes in it
 */
export type IndexBuilder = (
  store: CatalogStore,
  definition: TableDefinition,
  newIndexes: readonly IndexDefinition[],
  tenants: readonly TenantRef[],
) => Promise<void>

const TENANT_ID_MAX = 0xffff_ffff
/** Tenants that are being made at once, or were tried and never committed. */
const GIVEN_ID_MAX_COUNT = 10_000

export class Catalog {
  /** The tables as they are. */
  readonly schema: Schema
  readonly #store: CatalogStore
  /** Newest first; read when somebody asks for the past. */
  #schemas: readonly Schema[] | undefined
  /** Tenants that are known to be committed. */
  readonly #tenants = new Map<string, TenantRef>()
  /** Numbers given to tenants that are not known yet to be committed. */
  readonly #givenIds = new Map<string, TenantId>()
  readonly #slot = new EntrySlot()
  /** Read with the first tenant that is new. */
  #nextTenantId: number | undefined

  private constructor(store: CatalogStore, schema: Schema) {
    this.#store = store
    this.schema = schema
  }

  /**
   * Reads the stored tables, and creates or grows the declared ones, all of them in one commit, once new indexes are built;
   * nobody else may write meanwhile. Stored tables that are not declared stay as they are. Tenants are not read.
   *
   * @param buildIndexes  without it, indexes that are new on a stored table are refused
   * @throws SCHEMA_INVALID SCHEMA_MISMATCH before anything is written
   * @throws ROW_UNIQUE_VIOLATION when rows contradict a new unique index; then no table has changed
   * @throws ROW_CORRUPT
   */
  static async open(
    store: CatalogStore,
    declared: readonly TableDeclaration[] = [],
    buildIndexes?: IndexBuilder,
  ): Promise<Catalog> {
    const stored = readSchema(store.latest())
    const tables = new Map(stored.names.map((name) => [name, stored.definitionOf(name)!]))
    const changes = planTables(tables, declared).filter(({ isChanged }) => isChanged)
    const growing = changes.filter(({ newIndexes }) => newIndexes.length > 0)
    if (growing.length > 0) {
      if (buildIndexes === undefined) throw notStored(growing[0]!)
      await store.write((write) => {
        for (const { definition } of growing) {
          const { name, nextIndexId } = definition
          putTable(write, { ...tables.get(name)!, nextIndexId })
        }
      })
      for (const { definition, newIndexes } of growing) {
        await buildIndexes(store, definition, newIndexes, [...tenantsOf(store.latest())])
      }
    }
    if (changes.length > 0) {
      await store.write((write) => {
        for (const { definition } of changes) putTable(write, definition)
      })
    }
    return new Catalog(store, changes.length === 0 ? stored : readSchema(store.latest()))
  }

  /** All stored tables, in the order of their ids. */
  tables(): TableDefinition[] {
    return this.schema.names.map((name) => this.schema.definitionOf(name)!)
  }

  table(name: string): TableDefinition | undefined {
    return this.schema.definitionOf(name)
  }

  /** The tables as of a moment that the history reaches back to. */
  schemaAt(seqNum: SeqNum): Schema {
    if (seqNum >= this.schema.since) return this.schema
    this.#schemas ??= this.#readSchemas()
    return this.#schemas.find(({ since }) => since <= seqNum)!
  }

  #readSchemas(): readonly Schema[] {
    const tables = new Map<string, TableVersion[]>()
    for (const name of this.schema.names) {
      const versions: TableVersion[] = []
      for (const { seqNum, value } of this.#store.versions(systemKey(SYSTEM_TABLES, name))) {
        if (value !== undefined) versions.push(tableVersion(name, value, seqNum))
      }
      tables.set(name, versions)
    }
    return schemasOf(tables)
  }

  /** A tenant that has written before and whose first write is readable. */
  tenant(name: string): TenantRef | undefined {
    const known = this.#tenants.get(name)
    if (known !== undefined) return known
    const found = this.#readTenant(this.#store.latest(), name)
    if (found === undefined) return undefined
    this.#tenants.set(name, found)
    this.#givenIds.delete(name)
    return found
  }

  /** A tenant that is readable, or that the view sees: written by the view itself, or not durable yet. */
  findTenant(view: ReadView, name: string): TenantRef | undefined {
    // What the view sees is not kept in #tenants: its commit may still fail.
    return this.tenant(name) ?? this.#readTenant(view, name)
  }

  /**
   * The numbers of a tenant that tenant() does not know: as the view sees them, or new ones, in the same commit as what the
   * view writes next.
   *
   * @throws TENANT_NAME_INVALID
   */
  internTenant(view: WriteView, name: string): TenantRef {
    const found = this.#readTenant(view, name)
    if (found !== undefined) return found
    checkTenantName(name)
    const id = this.#givenIds.get(name) ?? this.#giveId(name)
    view.put(systemKey(SYSTEM_TENANTS, name), encodeTenantId(id))
    view.put(systemKey(SYSTEM_TENANT_NAMES, id), encodeTenantName(name))
    return { id, hash: tenantHashOf(name) }
  }

  /** The name of a tenant by its number. */
  tenantName(view: ReadView, id: TenantId): string | undefined {
    if (!view.get(systemKey(SYSTEM_TENANT_NAMES, id), this.#slot)) return undefined
    const value = this.#slot.copyValue()
    return decoded('a tenant', () => decodeTenantName(value))
  }

  /** The names of all tenants that have written, in the order of their UTF-8 bytes. */
  *listTenants(view: ReadView): Generator<string, void, void> {
    for (const { key } of systemEntries(view, SYSTEM_TENANTS)) {
      yield decoded('a tenant', () => decodeNameKey(key))
    }
  }

  /**
   * Transactions that make the same tenant at once give it the same number, though only one of them will commit: the others
   * find their own writes under it for as long as they go on.
   */
  #giveId(name: string): TenantId {
    // Nothing was given before, so what is readable says all.
    this.#nextTenantId ??= readNextTenantId(this.#store.latest())
    const id = this.#nextTenantId as TenantId
    if (id > TENANT_ID_MAX) throw engineError('INTERNAL', 'all tenant ids are used up')
    this.#nextTenantId = id + 1
    // Names that were tried and never committed are forgotten some time.
    if (this.#givenIds.size >= GIVEN_ID_MAX_COUNT) this.#givenIds.clear()
    this.#givenIds.set(name, id)
    return id
  }

  #readTenant(view: ReadView, name: string): TenantRef | undefined {
    // A name that no tenant can have would be refused as a key, too.
    if (!isTenantName(name) || !view.get(systemKey(SYSTEM_TENANTS, name), this.#slot)) {
      return undefined
    }
    const value = this.#slot.copyValue()
    return { id: decoded('a tenant', () => decodeTenantId(value)), hash: tenantHashOf(name) }
  }
}

/** @throws TENANT_NAME_INVALID */
export function checkTenantName(name: unknown): asserts name is string {
  if (isTenantName(name)) return
  const found = typeof name === 'string' ? `a text of ${name.length} characters` : typeof name
  throw engineError(
    'TENANT_NAME_INVALID',
    `a tenant name is 1..${TENANT_NAME_MAX_BYTES} bytes of text without control characters or lone surrogates, not ${name === '' ? 'empty' : found}`,
  )
}

function isTenantName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name !== '' &&
    name.length <= TENANT_NAME_MAX_BYTES &&
    isWellFormed(name) &&
    !/\p{Cc}/u.test(name) &&
    Buffer.byteLength(name) <= TENANT_NAME_MAX_BYTES
  )
}

/** Decides about every declared table before the first is written. */
function planTables(
  stored: ReadonlyMap<string, TableDefinition>,
  declared: readonly TableDeclaration[],
): Evolution[] {
  let nextId = FIRST_TABLE_ID
  for (const { id } of stored.values()) nextId = Math.max(nextId, id + 1)
  const seen = new Set<string>()
  return declared.map((declaration) => {
    const { name } = declaration
    if (seen.has(name)) throw engineError('SCHEMA_INVALID', `table ${name} is declared twice`)
    seen.add(name)
    const known = stored.get(name)
    if (known !== undefined) return planEvolution(known, declaration)
    return { definition: defineTable(declaration, nextId++), newIndexes: [], isChanged: true }
  })
}

function notStored({ definition, newIndexes }: Evolution): Error {
  return schemaMismatch(
    definition.name,
    newIndexes.map(({ name }) => `index ${name} is not stored`),
  )
}

function putTable(view: WriteView, definition: TableDefinition): void {
  view.put(systemKey(SYSTEM_TABLES, definition.name), encodeTable(definition))
}

/** The stored tables by name. @throws ROW_CORRUPT */
export function readTables(view: Pick<ReadView, 'scan'>): Map<string, TableDefinition> {
  const tables = new Map<string, TableDefinition>()
  for (const { key, value } of systemEntries(view, SYSTEM_TABLES)) {
    const name = tableName(key)
    tables.set(name, tableDefinition(name, value))
  }
  return tables
}

/** The newest schema. @throws ROW_CORRUPT */
function readSchema(view: ReadView): Schema {
  const tables = new Map<string, TableVersion[]>()
  let newest = SEQ_NUM_ZERO
  for (const { key, value, seqNum } of systemEntries(view, SYSTEM_TABLES)) {
    const name = tableName(key)
    tables.set(name, [tableVersion(name, value, seqNum)])
    if (seqNum > newest) newest = seqNum
  }
  return new Schema(tables, newest)
}

function tableVersion(name: string, value: Uint8Array, since: SeqNum): TableVersion {
  return { since, mapper: new RowMapper(tableDefinition(name, value)) }
}

function tableName(key: Uint8Array): string {
  return decoded('a table', () => decodeNameKey(key))
}

function tableDefinition(name: string, value: Uint8Array): TableDefinition {
  return decoded(`table ${name}`, () => decodeTable(name, value))
}

/** All tenants, in the order of the bytes of their names. @throws ROW_CORRUPT */
export function* tenantsOf(view: Pick<ReadView, 'scan'>): Generator<NamedTenant, void, void> {
  for (const { key, value } of systemEntries(view, SYSTEM_TENANTS)) {
    const name = decoded('a tenant', () => decodeNameKey(key))
    yield { name, id: decoded('a tenant', () => decodeTenantId(value)), hash: tenantHashOf(name) }
  }
}

function readNextTenantId(view: ReadView): number {
  for (const { key } of systemEntries(view, SYSTEM_TENANT_NAMES, { reverse: true })) {
    return decoded('a tenant', () => decodeIdKey(key)) + 1
  }
  return 1
}

/** Entries of one kind, in the order of their keys; with `from`, those of this id and later ones. */
export function* systemEntries(
  view: Pick<ReadView, 'scan'>,
  tableId: number,
  { from, reverse = false }: { readonly from?: number; readonly reverse?: boolean } = {},
): Generator<{ key: Uint8Array; value: Uint8Array; seqNum: SeqNum }, void, void> {
  const upper = successorOfPrefix(systemKey(tableId))
  const scan = view.scan({ lower: systemKey(tableId, from), upper }, { reverse })
  try {
    while (scan.next()) {
      const { entry } = scan
      yield { key: entry.copyKey(), value: entry.copyValue(), seqNum: entry.seqNum }
    }
  } finally {
    scan.close()
  }
}

/** Passes on what cannot be decoded as ROW_CORRUPT. */
export function decoded<Value>(what: string, decode: () => Value): Value {
  try {
    return decode()
  } catch (cause) {
    if (!(cause instanceof EndOfBytes)) throw cause
    throw engineError('ROW_CORRUPT', `the catalog entry of ${what} cannot be decoded`, { cause })
  }
}
