/* oxlint-disable typescript/no-unsafe-declaration-merging -- TenantLevel inherits all that its interface declares */

import {
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractDatabaseOptions,
  type AbstractDelOptions,
  AbstractLevel,
  type AbstractOpenOptions,
  type AbstractPutOptions,
  AbstractSnapshot,
} from 'abstract-level'
import type {
  KeyBatch,
  KeyScan,
  KeyScanOptions,
  KeySnapshot,
  KeySpace,
  RawBytes,
} from '../index.js'
import { levelError } from './level-error.js'
import { type IteratorOptions, LevelIterator } from './level-iterator.js'

/** Keys read in one go, and entries deleted by one commit of clear(). */
const STEP_COUNT = 512

const MANIFEST = {
  encodings: { utf8: true, view: true },
  has: true,
  getSync: true,
  explicitSnapshots: true,
  signals: { iterators: true },
}

/** Where a Level database gets its keys from. */
export interface KeySource {
  /** What beyond the ordinary its open() can do. */
  readonly features: { readonly createIfMissing?: boolean; readonly errorIfExists?: boolean }
  open(options: AbstractOpenOptions): KeySpace | Promise<KeySpace>
  close(): void | Promise<void>
}

/** What every write takes. */
export interface SyncOptions {
  /**
   * True: the promise resolves once the write is durable. Otherwise once the operating system has it: the death of the
   * process does not undo it, a power failure within the setting `relaxedWindowMs` does.
   */
  readonly sync?: boolean | undefined
}

const SYNC = { durability: 'sync' } as const
const RELAXED = { durability: 'relaxed' } as const

interface ReadOptions {
  readonly keyEncoding: string
  readonly valueEncoding: string
  readonly snapshot?: AbstractSnapshot | undefined
}

interface ClearOptions extends KeyScanOptions {
  readonly limit: number
  readonly snapshot?: AbstractSnapshot | undefined
}

interface Operation {
  readonly type: 'put' | 'del'
  readonly key: RawBytes
  readonly value: RawBytes
  readonly sublevel?: unknown
}

/** Options of put(). */
export type PutOptions<K, V> = AbstractPutOptions<K, V> & SyncOptions
/** Options of del(). */
export type DelOptions<K> = AbstractDelOptions<K> & SyncOptions
/** Options of batch(). */
export type BatchOptions<K, V> = AbstractBatchOptions<K, V> & SyncOptions

/** A Level database over the key space of one tenant. */
export class TenantLevel<KDefault = string, VDefault = string> extends AbstractLevel<
  RawBytes,
  KDefault,
  VDefault
> {
  readonly #source: KeySource
  #open: KeySpace | undefined

  /** Made by levelOf(). */
  constructor(source: KeySource, options: AbstractDatabaseOptions<KDefault, VDefault>) {
    super({ ...MANIFEST, ...source.features }, options)
    this.#source = source
  }

  protected async _open(options: AbstractOpenOptions): Promise<void> {
    try {
      this.#open = await this.#source.open(options)
    } catch (error) {
      throw levelError(error)
    }
  }

  protected async _close(): Promise<void> {
    await this.#source.close()
  }

  protected _get(key: RawBytes, options: ReadOptions): RawBytes | undefined {
    return read(this.#readsOf(options), key, options)
  }

  protected _getSync(key: RawBytes, options: ReadOptions): RawBytes | undefined {
    return read(this.#readsOf(options), key, options)
  }

  protected _getMany(
    keys: readonly RawBytes[],
    options: ReadOptions,
  ): Promise<(RawBytes | undefined)[]> {
    return this.#readMany(keys, options, (reads, key) => read(reads, key, options))
  }

  protected _has(key: RawBytes, options: ReadOptions): boolean {
    return isThere(this.#readsOf(options), key)
  }

  protected _hasMany(keys: readonly RawBytes[], options: ReadOptions): Promise<boolean[]> {
    return this.#readMany(keys, options, isThere)
  }

  protected _put(key: RawBytes, value: RawBytes, options: SyncOptions): Promise<void> {
    return this.#write(options, (batch) => batch.put(key, value))
  }

  protected _del(key: RawBytes, options: SyncOptions): Promise<void> {
    return this.#write(options, (batch) => batch.delete(key))
  }

  protected _batch(operations: readonly Operation[], options: SyncOptions): Promise<void> {
    return this.#write(options, (batch) => {
      for (const { type, key, value, sublevel } of operations) {
        // Those of this database are prefixes of keys by now; the keys of another one's have no place here.
        if (sublevel) throw new TypeError('The sublevel is not one of this database')
        if (type === 'put') batch.put(key, value)
        else batch.delete(key)
      }
    })
  }

  /** Deletes what is there now, a step at a time, so that neither memory nor commits grow with the number of keys. */
  protected async _clear(options: ClearOptions): Promise<void> {
    const scan = this.#scan(options)
    try {
      let left = options.limit < 0 ? Infinity : options.limit
      while (left > 0) {
        const keys: Uint8Array[] = []
        while (keys.length < Math.min(left, STEP_COUNT) && scan.next()) keys.push(scan.key)
        if (keys.length === 0) return
        await this.#space.write((batch) => {
          for (const key of keys) batch.delete(key)
        }, RELAXED)
        left -= keys.length
      }
    } catch (error) {
      throw levelError(error)
    } finally {
      scan.close()
    }
  }

  protected _iterator(options: IteratorOptions): LevelIterator {
    const space = this.#space
    return new LevelIterator(this, {
      options,
      scan: this.#scan(options),
      yield: () => space.yield(),
    })
  }

  protected _snapshot(options: SnapshotOptions): LevelSnapshot {
    const space = this.#space
    try {
      return new LevelSnapshot(options, space, space.snapshot())
    } catch (error) {
      throw levelError(error)
    }
  }

  /** abstract-level asks for nothing before it has opened. */
  get #space(): KeySpace {
    return this.#open!
  }

  #readsOf({ snapshot }: Pick<ReadOptions, 'snapshot'>): KeySpace | KeySnapshot {
    const space = this.#space
    return snapshot === undefined || snapshot === null
      ? space
      : LevelSnapshot.reads(snapshot, space)
  }

  #scan(options: KeyScanOptions & Pick<ReadOptions, 'snapshot'>): KeyScan {
    try {
      return this.#readsOf(options).scan(options)
    } catch (error) {
      throw levelError(error)
    }
  }

  /** Reads at one state, whatever is written meanwhile. */
  async #readMany<Item>(
    keys: readonly RawBytes[],
    options: ReadOptions,
    readOne: (reads: KeySpace | KeySnapshot, key: RawBytes) => Item,
  ): Promise<Item[]> {
    const space = this.#space
    const given = this.#readsOf(options)
    const held = given === space && keys.length > STEP_COUNT ? space.snapshot() : undefined
    try {
      const items: Item[] = []
      for (const key of keys) {
        items.push(readOne(held ?? given, key))
        if (items.length % STEP_COUNT === 0) await space.yield()
      }
      return items
    } finally {
      held?.close()
    }
  }

  async #write({ sync }: SyncOptions, fn: (batch: KeyBatch) => void): Promise<void> {
    try {
      await this.#space.write(fn, sync === true ? SYNC : RELAXED)
    } catch (error) {
      throw levelError(error)
    }
  }
}

/** Inherited methods, with the options that they take beside those of the interface. */
export interface TenantLevel<KDefault, VDefault> {
  put(key: KDefault, value: VDefault): Promise<void>
  put<K = KDefault, V = VDefault>(key: K, value: V, options: PutOptions<K, V>): Promise<void>
  del(key: KDefault): Promise<void>
  del<K = KDefault>(key: K, options: DelOptions<K>): Promise<void>
  batch(operations: AbstractBatchOperation<this, KDefault, VDefault>[]): Promise<void>
  batch<K = KDefault, V = VDefault>(
    operations: AbstractBatchOperation<this, K, V>[],
    options: BatchOptions<K, V>,
  ): Promise<void>
  batch(): AbstractChainedBatch<this, KDefault, VDefault>
}

function read(
  reads: KeySpace | KeySnapshot,
  key: RawBytes,
  { valueEncoding }: ReadOptions,
): RawBytes | undefined {
  try {
    return valueEncoding === 'utf8' ? reads.getText(key) : reads.get(key)
  } catch (error) {
    throw levelError(error)
  }
}

function isThere(reads: KeySpace | KeySnapshot, key: RawBytes): boolean {
  try {
    return reads.has(key)
  } catch (error) {
    throw levelError(error)
  }
}

interface SnapshotOptions {
  /** The database or sublevel that closes it. */
  readonly owner: unknown
}

/** abstract-level's types leave its constructor out. */
const OwnedSnapshot = AbstractSnapshot as new (options: SnapshotOptions) => AbstractSnapshot

class LevelSnapshot extends OwnedSnapshot {
  readonly #space: KeySpace
  readonly #reads: KeySnapshot

  /** @throws TypeError for a snapshot of another database, which would show its keys here */
  static reads(snapshot: AbstractSnapshot, space: KeySpace): KeySnapshot {
    if (snapshot instanceof LevelSnapshot && snapshot.#space === space) return snapshot.#reads
    throw new TypeError('The snapshot is not one of this database')
  }

  constructor(options: SnapshotOptions, space: KeySpace, reads: KeySnapshot) {
    super(options)
    this.#space = space
    this.#reads = reads
  }

  protected _close(): void {
    this.#reads.close()
  }
}
