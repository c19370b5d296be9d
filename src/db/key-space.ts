// The key space of a tenant: bytes under bytes, in the order of the keys' bytes, beside its tables and in the same commits,
// snapshots, files and backups. It is what adapters to key-value interfaces stand on.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkFunction } from '../base/options.js'
import { ByteReader } from '../codec/bytes.js'
import { EntrySlot } from '../codec/entry.js'
import {
  bytesOf,
  checkRawKey,
  type RawBytes,
  RawKeyCodec,
  type RawKeyRange,
} from '../codec/raw-key.js'
import type { Snapshot } from '../store/store.js'
import type { ReadView, WriteView } from '../store/view.js'
import { durabilityOfWrite, type WriteOptions } from './durability.js'
import type { Engine, TenantName } from './engine.js'
import { KeyScan } from './key-scan.js'

/** Which keys a scan walks, and in which order. Without options: all of them, ascending. */
export interface KeyScanOptions extends RawKeyRange {
  /** Last first. */
  readonly reverse?: boolean | undefined
}

/** Where the raw keys of a tenant lie, once it has numbers. */
class KeyPlace {
  readonly engine: Engine
  readonly tenant: TenantName
  #codec: RawKeyCodec | undefined

  constructor(engine: Engine, name: string) {
    this.engine = engine
    this.tenant = { name, ref: undefined }
  }

  at(seqNum: SeqNum): Snapshot {
    return this.engine.store.at(seqNum, this.tenant.name)
  }

  /** Undefined when the view knows no such tenant, which then has no keys. */
  codec(view: ReadView): RawKeyCodec | undefined {
    const known = this.#known()
    if (known !== undefined) return known
    const tenant = this.engine.findTenant(view, this.tenant)
    return tenant === undefined ? undefined : new RawKeyCodec(tenant)
  }

  /** For adding keys: a new tenant becomes known with the commit of the view. */
  codecToAdd(view: WriteView): RawKeyCodec {
    return this.#known() ?? new RawKeyCodec(this.engine.internTenant(view, this.tenant))
  }

  /** Kept once the tenant's numbers are durable. */
  #known(): RawKeyCodec | undefined {
    if (this.#codec !== undefined) return this.#codec
    const tenant = this.engine.tenantRef(this.tenant)
    if (tenant !== undefined) this.#codec = new RawKeyCodec(tenant)
    return this.#codec
  }
}

/** Of all point reads, one after the other, so that no key space keeps hold of what was read last. */
const slot = new EntrySlot()
const valueText = new ByteReader(slot.valueBytes)

/** Reads of raw keys at one state: the newest, or that of a snapshot. */
abstract class KeyReads {
  protected readonly place: KeyPlace

  constructor(place: KeyPlace) {
    this.place = place
  }

  /** A copy of the value; undefined when there is none. @throws DB_CLOSED */
  get(key: RawBytes): Uint8Array | undefined {
    return this.has(key) ? slot.copyValue() : undefined
  }

  /** The value as text, which its bytes are in UTF-8. @throws DB_CLOSED */
  getText(key: RawBytes): string | undefined {
    if (!this.has(key)) return undefined
    const { valueBytes, valueStart, valueEnd } = slot
    valueText.reset(valueBytes, valueStart, valueEnd)
    return valueText.utf8(valueEnd - valueStart)
  }

  /** Whether there is a value. @throws DB_CLOSED */
  has(key: RawBytes): boolean {
    const view = this.viewNow()
    const codec = this.place.codec(view)
    return codec !== undefined && view.get(codec.encode(key), slot)
  }

  /** Walks a range of keys as of now, whatever is written meanwhile. Close it: it keeps the versions that it sees. */
  scan(options: KeyScanOptions = {}): KeyScan {
    if (typeof options !== 'object' || options === null) {
      throw engineError('ARGUMENT_INVALID', 'scan() takes its options as an object')
    }
    const codec = this.place.codec(this.viewNow())
    const range = codec?.range(options)
    return new KeyScan({ view: this.hold(), codec, range, reverse: options.reverse === true })
  }

  /** A view for one synchronous stretch. */
  protected abstract viewNow(): ReadView
  /** One for longer, of the same state. */
  protected abstract hold(): Snapshot
}

/** The raw keys of a tenant at one moment. Close it: it keeps the versions that it sees. */
export class KeySnapshot extends KeyReads {
  readonly #view: Snapshot

  /** Made by KeySpace.snapshot(). */
  constructor(place: KeyPlace, view: Snapshot) {
    super(place)
    this.#view = view
  }

  /** The newest commit that it sees. */
  get seqNum(): SeqNum {
    return this.#view.snapshot
  }

  /** Idempotent. Scans that it opened go on. */
  close(): void {
    this.#view.close()
  }

  protected viewNow(): ReadView {
    return this.#view
  }

  protected hold(): Snapshot {
    return this.place.at(this.seqNum)
  }
}

/** The raw keys of a tenant: reads of the newest state, and writes. */
export class KeySpace extends KeyReads {
  /** Made by Database.keySpace(). */
  constructor(engine: Engine, name: string) {
    super(new KeyPlace(engine, name))
  }

  /** The state of now, for any number of reads. @throws DB_CLOSED */
  snapshot(): KeySnapshot {
    return new KeySnapshot(this.place, this.hold())
  }

  /**
   * Commits what `fn` puts and deletes, all of it or, when fn throws, nothing. It is not checked against what others write:
   * the last commit wins.
   *
   * @param fn  must do nothing else and wait for nothing; runs at once or when there is room, and perhaps again
   * @returns the commit's SeqNum, once it is durable, or as safe as `options` ask for
   * @throws ARGUMENT_INVALID KEY_TOO_LARGE VALUE_TOO_LARGE TXN_TOO_LARGE
   * @throws DISK_FULL TABLET_READ_ONLY DB_CLOSED DB_POISONED
   * @example
   * await db.keySpace('seller-1').write((batch) => {
   *   batch.put('greeting', 'hello')
   *   batch.delete(new Uint8Array([0xff]))
   * })
   */
  async write(fn: (batch: KeyBatch) => void, options: WriteOptions = {}): Promise<SeqNum> {
    checkFunction('write', fn)
    const { engine, tenant } = this.place
    const durability = durabilityOfWrite(options)
    const write = (view: WriteView) => fn(new KeyBatch(this.place, view))
    return engine.store.write(write, { tenantHash: tenant.ref?.hash, durability })
  }

  /** Lets other work of the event loop have its turn: for loops over many keys. */
  yield(): Promise<void> {
    return this.place.engine.env.clock.yield()
  }

  protected viewNow(): ReadView {
    return this.place.engine.store.latest()
  }

  protected hold(): Snapshot {
    return this.place.at(this.place.engine.store.readable)
  }
}

/** The writes of one commit to a key space. Works only inside of the function that it was handed to. */
export class KeyBatch {
  readonly #place: KeyPlace
  readonly #view: WriteView
  #codec: RawKeyCodec | undefined

  /** Made by KeySpace.write(). */
  constructor(place: KeyPlace, view: WriteView) {
    this.#place = place
    this.#view = view
  }

  /** Copies both. */
  put(key: RawBytes, value: RawBytes): void {
    const bytes = bytesOf(value)
    this.#codec ??= this.#place.codecToAdd(this.#view)
    const encoded = this.#codec.encode(key)
    checkRawKey(encoded)
    this.#view.put(encoded, bytes)
  }

  delete(key: RawBytes): void {
    // A tenant that nobody knows has nothing to delete, and is not made known by that.
    this.#codec ??= this.#place.codec(this.#view)
    if (this.#codec === undefined) return
    const encoded = this.#codec.encode(key)
    checkRawKey(encoded)
    this.#view.delete(encoded)
  }
}
