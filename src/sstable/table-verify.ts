import { SEQ_NUM_MAX, type SeqNum } from '../base/ids.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import {
  type HashRange,
  isHashIn,
  TABLE_PREFIX_BYTES,
  tenantHashOfKey,
} from '../codec/tenant-key.js'
import { compareKeys, hashBytes } from '../kernels/bytes.js'
import { EntryWalk } from './entry-walk.js'
import { filterMayContain } from './filter.js'
import type { TableHistory, TableMeta } from './format.js'
import { encodeGarbage, endsOf, GarbageBuilder, type GarbageRow } from './garbage-block.js'
import { type PartPlace, tableCorrupt } from './table-error.js'
import type { TableFile } from './table-file.js'

export interface TableCounts {
  readonly blockCount: number
  readonly entryCount: number
}

/**
 * Reads a whole table and checks what its format promises: checksums of every part, order of entries within and across
 * blocks and tenants, each superseded version behind the one that supersedes it, starts and largest keys of the indexes,
 * filters that know every key, what can become garbage, counts and bounds. Yields after each block how many bytes are done.
 *
 * @param metas  what the manifest says, once for each tablet that has a share of the table; none when the file is looked at
 * by itself
 * @throws SSTABLE_CORRUPT at the first thing that is wrong
 */
export function verifyTable(
  file: TableFile,
  metas: readonly TableMeta[] = [],
): Generator<number, TableCounts, undefined> {
  return new TableVerification(file, metas).run()
}

/** A meta with the first and the last key that it means, as the blocks say. */
interface CheckedMeta {
  readonly meta: TableMeta
  smallestKey?: Uint8Array
  largestKey?: Uint8Array
}

class TableVerification {
  readonly #file: TableFile
  /** In format version 1 all versions of a key lie one behind the other. */
  readonly #hasHistory: boolean
  readonly #garbage = new GarbageBuilder()
  readonly #metas: readonly CheckedMeta[]
  #lastKey: Uint8Array = new Uint8Array(0)
  #lastSeqNum = 0
  #blockCount = 0
  #entryCount = 0
  #tombstoneCount = 0
  #historyCount = 0
  #historyBytes = 0
  #minSeqNum: number = SEQ_NUM_MAX
  #maxSeqNum = 0
  #rawDataBytes = 0

  constructor(file: TableFile, metas: readonly TableMeta[]) {
    this.#file = file
    this.#hasHistory = file.identity.formatVersion > 1
    this.#metas = metas.map((meta) => ({ meta }))
  }

  *run(): Generator<number, TableCounts, undefined> {
    const { directory } = this.#file
    for (let tenant = 0; tenant < directory.tenantCount; tenant++) {
      yield* this.#checkTenant(tenant)
    }
    if (this.#hasHistory) this.#checkGarbage(this.#garbage.finish())
    this.#checkProperties()
    for (const meta of this.#metas) this.#checkMeta(meta)
    return { blockCount: this.#blockCount, entryCount: this.#entryCount }
  }

  *#checkTenant(tenant: number): Generator<number, void, undefined> {
    const file = this.#file
    const { directory } = file
    const startBytes = directory.startOffsetOf(tenant)
    const filter = file.readFilter(tenant)
    const main = new EntryWalk(file, tenant, file.readIndex(tenant))
    const historyIndex = file.readHistoryIndex(tenant)
    const history =
      historyIndex === undefined ? undefined : new EntryWalk(file, tenant, historyIndex)
    const doneBytes = () => startBytes + main.storedBytes + (history?.storedBytes ?? 0)
    history?.next()
    for (main.next(); main.isValid; main.next()) {
      if (main.isBlockStart) yield doneBytes()
      if (main.isSameKey && this.#hasHistory) throw main.corrupt('main blocks hold a key twice')
      this.#checkKey(main, filter)
      this.#count(main)
      while (isAtKey(history, main.lastKey)) {
        if (history.isBlockStart) yield doneBytes()
        this.#countSuperseded(history)
        history.next()
      }
    }
    if (history?.isValid) throw history.corrupt('nothing supersedes a version')
    for (const walk of history === undefined ? [main] : [main, history]) {
      this.#blockCount += walk.index.blockCount
      this.#rawDataBytes += walk.rawBytes
    }
    this.#historyBytes += directory.mainOffsetOf(tenant) - startBytes
  }

  #countSuperseded(history: EntryWalk): void {
    if (history.seqNum >= this.#lastSeqNum) {
      throw history.corrupt('a version is not older than the one that supersedes it')
    }
    this.#historyCount++
    this.#garbage.addSuperseded(history.entryBytes, this.#lastSeqNum as SeqNum)
    this.#count(history)
  }

  #checkKey(main: EntryWalk, filter: Uint32Array): void {
    const key = main.lastKey
    if (!filterMayContain(filter, hashBytes(key, 0, key.length))) {
      throw main.corrupt('the filter does not know a key')
    }
    const before = this.#lastKey
    if (compareKeys(prefixOf(key), prefixOf(before)) !== 0) {
      this.#garbage.beginPrefix(key, 0, key.length)
    }
    this.#lastKey = key
    for (const checked of this.#metas) {
      const { share } = checked.meta
      if (share !== undefined && !isHashIn(share, tenantHashOfKey(key))) continue
      checked.smallestKey ??= key
      checked.largestKey = key
    }
  }

  #count({ kind, seqNum, entryBytes }: EntryWalk): void {
    this.#entryCount++
    this.#lastSeqNum = seqNum
    if (kind === ENTRY_KIND_DELETE) {
      this.#tombstoneCount++
      this.#garbage.addTombstone(entryBytes, seqNum as SeqNum)
    }
    if (seqNum < this.#minSeqNum) this.#minSeqNum = seqNum
    if (seqNum > this.#maxSeqNum) this.#maxSeqNum = seqNum
  }

  #checkGarbage(rows: readonly GarbageRow[]): void {
    const stated = this.#file.readGarbage()
    if (Buffer.compare(encodeGarbage(stated), encodeGarbage(rows)) === 0) return
    throw tableCorrupt(this.#file.garbagePlace, 'the garbage block does not fit the blocks')
  }

  #checkProperties(): void {
    const { properties, directory, propertiesPlace } = this.#file
    const found = {
      entryCount: this.#entryCount,
      tombstoneCount: this.#tombstoneCount,
      minSeqNum: this.#minSeqNum,
      maxSeqNum: this.#maxSeqNum,
      tenantCount: directory.tenantCount,
      blockCount: this.#blockCount,
      rawDataBytes: this.#rawDataBytes,
    }
    for (const name of Object.keys(found) as (keyof typeof found)[]) {
      if (properties[name] !== found[name]) {
        const problem = `${name} is ${properties[name]}, the blocks say ${found[name]}`
        throw tableCorrupt(propertiesPlace, problem)
      }
    }
  }

  #checkMeta({ meta, smallestKey, largestKey }: CheckedMeta): void {
    const isRight =
      smallestKey !== undefined &&
      largestKey !== undefined &&
      meta.share?.bytes === this.#bytesOf(meta.share) &&
      meta.entryCount === this.#entryCount &&
      meta.tombstoneCount === this.#tombstoneCount &&
      meta.minSeqNum === this.#minSeqNum &&
      meta.maxSeqNum === this.#maxSeqNum &&
      compareKeys(meta.smallestKey, smallestKey) === 0 &&
      compareKeys(meta.largestKey, largestKey) === 0 &&
      this.#isRight(meta.history)
    if (!isRight) {
      const place: PartPlace = { path: this.#file.path, offsetBytes: 0 }
      throw tableCorrupt(place, 'the manifest describes other contents')
    }
  }

  #bytesOf(share: HashRange | undefined): number | undefined {
    return share === undefined ? undefined : this.#file.directory.stretchOf(share).bytes
  }

  #isRight(history: TableHistory | undefined): boolean {
    if (history === undefined) return !this.#hasHistory
    const { firstEndSeqNum, lastEndSeqNum } = endsOf(this.#garbage.finish())
    return (
      this.#hasHistory &&
      history.entryCount === this.#historyCount &&
      history.bytes === this.#historyBytes &&
      history.firstEndSeqNum === firstEndSeqNum &&
      history.lastEndSeqNum === lastEndSeqNum
    )
  }
}

/** Whether the history is at a version of the key; none may be of a key before it. */
function isAtKey(history: EntryWalk | undefined, key: Uint8Array): history is EntryWalk {
  if (history === undefined || !history.isValid) return false
  const order = compareKeys(history.lastKey, key)
  if (order < 0) throw history.corrupt('nothing supersedes a version')
  return order === 0
}

/** What rows of the garbage block are told apart by. */
function prefixOf(key: Uint8Array): Uint8Array {
  return key.subarray(0, TABLE_PREFIX_BYTES)
}
