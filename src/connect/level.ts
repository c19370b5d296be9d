// Tabularium as an abstract-level database: the interface of the Level ecosystem over the key space of a tenant.
//
// What it promises beyond the interface: a batch is one commit, over all of its sublevels; iterators and snapshots keep
// their state for as long as they are open, whatever is flushed, compacted or cleared meanwhile; keys are ordered by their
// bytes. Reads are synchronous inside, so getSync() costs no more than get().

import type { AbstractDatabaseOptions, AbstractOpenOptions } from 'abstract-level'
import {
  type Components,
  type Database,
  EngineError,
  type KeySpace,
  open,
  type OpenSettings,
} from '../index.js'
import { codedError } from './level-error.js'
import { type KeySource, TenantLevel } from './tenant-level.js'

export {
  type BatchOptions,
  type DelOptions,
  type PutOptions,
  type SyncOptions,
  type TenantLevel,
} from './tenant-level.js'

/** Whose keys a directory of its own holds. */
const OWN_TENANT = 'level'

/** The part of a database that a Level database stands on. */
export type KeySpaces = Pick<Database<{}>, 'keySpace'>

/** Options of levelOf(). */
export type LevelOptions<K, V> = Omit<
  AbstractDatabaseOptions<K, V>,
  'createIfMissing' | 'errorIfExists'
>

/** Options of new TabulariumLevel(). */
export interface TabulariumLevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** See docs/options.md. The history window is 0 unless it is set here: Level has no way to read history. */
  readonly settings?: Omit<OpenSettings, 'createIfMissing' | 'salvage'> | undefined
}

/**
 * A Level database in a directory of its own.
 *
 * @example
 * const db = new TabulariumLevel('./data', { valueEncoding: 'json' })
 * await db.put('a', { n: 1 })
 * for await (const [key, value] of db.iterator({ gte: 'a' })) console.log(key, value)
 */
export class TabulariumLevel<KDefault = string, VDefault = string> extends TenantLevel<
  KDefault,
  VDefault
> {
  readonly location: string

  /**
   * @param location  the directory; made when it is missing
   * @param components  parts that a test may replace, as for open()
   */
  constructor(
    location: string,
    options: TabulariumLevelOptions<KDefault, VDefault> = {},
    components: Components = {},
  ) {
    const { settings, ...others } = options
    super(new OwnDirectory(location, settings, components), others)
    this.location = location
  }
}

/**
 * A Level database over the keys of one tenant, beside its tables; other tenants never see them. Closing it leaves the
 * database open.
 *
 * @throws TENANT_NAME_INVALID
 * @example
 * const level = levelOf(db, 'seller-1')
 * await level.put('a', 'b')
 */
export function levelOf<KDefault = string, VDefault = string>(
  database: KeySpaces,
  tenant: string,
  options: LevelOptions<KDefault, VDefault> = {},
): TenantLevel<KDefault, VDefault> {
  const space = database.keySpace(tenant)
  const source: KeySource = {
    features: {},
    open: () => {
      // That the database is still open is not known before something is read.
      space.has('')
      return space
    },
    close: () => undefined,
  }
  return new TenantLevel(source, options)
}

class OwnDirectory implements KeySource {
  readonly features = { createIfMissing: true, errorIfExists: true }
  readonly #location: string
  readonly #settings: OpenSettings
  readonly #components: Components
  #database: Database<{}> | undefined

  constructor(location: string, settings: OpenSettings | undefined, components: Components) {
    this.#location = location
    this.#settings = { historyWindowMs: 0, ...settings }
    this.#components = components
  }

  async open({ createIfMissing, errorIfExists }: AbstractOpenOptions): Promise<KeySpace> {
    if (errorIfExists === true && (await this.#exists())) {
      throw codedError('LEVEL_EXISTS', `${this.#location} holds a database that exists already`)
    }
    this.#database = await this.#open(createIfMissing !== false)
    return this.#database.keySpace(OWN_TENANT)
  }

  async close(): Promise<void> {
    await this.#database?.close()
  }

  async #exists(): Promise<boolean> {
    try {
      await (await this.#open(false)).close()
      return true
    } catch (error) {
      if (error instanceof EngineError && error.code === 'DB_NOT_FOUND') return false
      throw error
    }
  }

  #open(createIfMissing: boolean): Promise<Database<{}>> {
    const options = { ...this.#settings, path: this.#location, createIfMissing }
    return open(options, this.#components)
  }
}
