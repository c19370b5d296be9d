// An sstable in words, for `tabularium inspect`. Looks at one file alone, so it knows of the footer only that it fits
// itself, not that it is the one the manifest means.

import { EngineError } from '../base/errors.js'
import type { SeqNum, TenantId } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { CODEC_LZ4 } from '../codec/compression.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import type { FoundIdentity } from '../codec/file-header.js'
import type { FileSystem } from '../env/file-system.js'
import { type Block, BlockEntries } from './block.js'
import type { IndexPlace } from './directory.js'
import type { TableFooter, TablePart, TableProperties } from './format.js'
import type { GarbageRow } from './garbage-block.js'
import type { TableIndex } from './index-block.js'
import { TableFile } from './table-file.js'

export interface TableHead {
  readonly what: 'table'
  readonly path: string
  readonly fileBytes: number
  readonly identity: FoundIdentity
  readonly footer: TableFooter
  readonly footerChecksum: number
  readonly properties: TableProperties
}

/** The main or the history blocks of a tenant, and the index behind them. */
export interface BlocksDescription {
  readonly dataOffsetBytes: number
  readonly dataBytes: number
  readonly indexBytes: number
  readonly blockCount: number
  readonly entryCount: number
}

export interface TenantDescription extends BlocksDescription {
  readonly what: 'tenant'
  readonly tenantHash: number
  readonly tenantId: TenantId
  readonly filterBytes: number
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
  /** Undefined when the tenant has none. */
  readonly history: BlocksDescription | undefined
}

export interface BlockDescription {
  readonly what: 'block'
  readonly part: TablePart
  readonly blockIndex: number
  readonly offsetBytes: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly codec: 'lz4' | 'none'
  readonly checksum: number
  readonly startKey: Uint8Array
  readonly startSeqNum: SeqNum
}

export interface EntryDescription {
  readonly what: 'entry'
  readonly part: TablePart
  readonly key: Uint8Array
  readonly seqNum: SeqNum
  readonly kind: 'put' | 'delete'
  readonly value: Uint8Array
}

/** What of one table of a tenant can become garbage. */
export interface GarbageDescription extends GarbageRow {
  readonly what: 'garbage'
}

/** A part that cannot be read; the listing goes on behind it. */
export interface DamageDescription {
  readonly what: 'damage'
  readonly offsetBytes: number
  readonly error: EngineError
}

export type TableItem =
  | TableHead
  | TenantDescription
  | BlockDescription
  | EntryDescription
  | GarbageDescription
  | DamageDescription

export interface DescribeOptions {
  readonly transform: BlockTransform
  /** Read the data blocks too and list their entries. */
  readonly withEntries: boolean
}

/**
 * Lists a table: its head, then each tenant with its main and its history blocks, and their entries when asked for, last what
 * can become garbage.
 *
 * @throws SSTABLE_CORRUPT when the header, footer, directory or properties are damaged
 * @throws FORMAT_UNSUPPORTED, FILE_MISSING, IO_FAILED
 */
export function* describeTable(
  fs: FileSystem,
  path: string,
  options: DescribeOptions,
): Generator<TableItem, void> {
  const file = TableFile.open(fs, path, {}, options.transform)
  try {
    const { fileBytes, identity, footer, footerChecksum, properties } = file
    yield { what: 'table', path, fileBytes, identity, footer, footerChecksum, properties }
    for (let tenant = 0; tenant < file.directory.tenantCount; tenant++) {
      yield* describeTenant(file, tenant, options.withEntries)
    }
    const garbage = orDamage(() => file.readGarbage())
    if (isDamage(garbage)) yield garbage
    else for (const row of garbage) yield { what: 'garbage', ...row }
  } finally {
    file.close()
  }
}

function* describeTenant(
  file: TableFile,
  tenant: number,
  withEntries: boolean,
): Generator<TableItem, void> {
  const { directory } = file
  const index = orDamage(() => file.readIndex(tenant))
  const history = orDamage(() => file.readHistoryIndex(tenant))
  if (isDamage(index)) yield index
  else {
    const prefix = directory.prefixOf(tenant)
    yield {
      what: 'tenant',
      tenantHash: directory.tenantHashes[tenant]!,
      tenantId: directory.tenantIdOf(tenant),
      ...describeIndex(index, directory.indexOf(tenant)),
      filterBytes: directory.filterBytes[tenant]!,
      smallestKey: index.copyKey(0, prefix),
      largestKey: index.copyKey(index.blockCount, prefix),
      history:
        history === undefined || isDamage(history)
          ? undefined
          : describeIndex(history, directory.historyOf(tenant)!),
    }
    yield* describeBlocks(file, { tenant, index, part: 'main', withEntries })
  }
  if (isDamage(history)) yield history
  else if (history !== undefined) {
    yield* describeBlocks(file, { tenant, index: history, part: 'history', withEntries })
  }
  const filter = orDamage(() => file.readFilter(tenant))
  if (isDamage(filter)) yield filter
}

function describeIndex(index: TableIndex, place: IndexPlace): BlocksDescription {
  const dataOffsetBytes = index.offsets[0]!
  return {
    dataOffsetBytes,
    dataBytes: place.offsetBytes - dataOffsetBytes,
    indexBytes: place.storedBytes,
    blockCount: index.blockCount,
    entryCount: index.entryCount,
  }
}

interface ListedBlocks {
  readonly tenant: number
  readonly index: TableIndex
  readonly part: TablePart
  readonly withEntries: boolean
}

function* describeBlocks(
  file: TableFile,
  { tenant, index, part, withEntries }: ListedBlocks,
): Generator<TableItem, void> {
  const prefix = file.directory.prefixOf(tenant)
  for (let blockIndex = 0; blockIndex < index.blockCount; blockIndex++) {
    yield { what: 'block', part, ...describeBlock(index, blockIndex, prefix) }
    if (!withEntries) continue
    const block = orDamage(() => file.readBlock(tenant, index, blockIndex))
    if (isDamage(block)) yield block
    else yield* describeEntries(block, prefix, part)
  }
}

function describeBlock(
  index: TableIndex,
  blockIndex: number,
  prefix: Uint8Array,
): Omit<BlockDescription, 'what' | 'part'> {
  return {
    blockIndex,
    offsetBytes: index.offsets[blockIndex]!,
    storedBytes: index.storedBytesOf(blockIndex),
    rawBytes: index.rawBytes[blockIndex]!,
    codec: index.codecIds[blockIndex] === CODEC_LZ4 ? 'lz4' : 'none',
    checksum: index.checksums[blockIndex]!,
    startKey: index.copyKey(blockIndex, prefix),
    startSeqNum: index.startSeqNums[blockIndex] as SeqNum,
  }
}

function* describeEntries(
  block: Block,
  prefix: Uint8Array,
  part: TablePart,
): Generator<TableItem, void> {
  const entries = new BlockEntries()
  const { entry } = entries
  entries.setTenantPrefix(prefix)
  entries.setBlock(block)
  for (let i = 0; i < block.entryCount; i++) {
    entries.load(i)
    yield {
      what: 'entry',
      part,
      key: entry.copyKey(),
      seqNum: entry.seqNum,
      kind: entry.kind === ENTRY_KIND_DELETE ? 'delete' : 'put',
      value: entry.copyValue(),
    }
  }
}

function isDamage(part: object | undefined): part is DamageDescription {
  return part !== undefined && 'what' in part
}

function orDamage<Part>(read: () => Part): Part | DamageDescription {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'SSTABLE_CORRUPT') throw error
    return { what: 'damage', offsetBytes: Number(error.details['offsetBytes']), error }
  }
}
