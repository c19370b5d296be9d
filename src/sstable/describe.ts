// An sstable in words, for `tabularium inspect`. Looks at one file alone, so it knows of the footer only that it fits
// itself, not that it is the one the manifest means.

import { EngineError } from '../base/errors.js'
import type { SeqNum, TenantId } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { CODEC_LZ4 } from '../codec/compression.js'
import { ENTRY_KIND_DELETE } from '../codec/entry.js'
import type { FileIdentity } from '../codec/file-header.js'
import type { FileSystem } from '../env/file-system.js'
import { type Block, EntryDecoder } from './block.js'
import type { TableFooter, TableProperties } from './format.js'
import type { TableIndex } from './index-block.js'
import { TableFile } from './table-file.js'

export interface TableHead {
  readonly what: 'table'
  readonly path: string
  readonly fileBytes: number
  readonly identity: FileIdentity
  readonly footer: TableFooter
  readonly footerChecksum: number
  readonly properties: TableProperties
}

export interface TenantDescription {
  readonly what: 'tenant'
  readonly tenantHash: number
  readonly tenantId: TenantId
  readonly dataOffsetBytes: number
  readonly dataBytes: number
  readonly indexBytes: number
  readonly filterBytes: number
  readonly blockCount: number
  readonly entryCount: number
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
}

export interface BlockDescription {
  readonly what: 'block'
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
  readonly key: Uint8Array
  readonly seqNum: SeqNum
  readonly kind: 'put' | 'delete'
  readonly value: Uint8Array
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
  | DamageDescription

export interface DescribeOptions {
  readonly transform: BlockTransform
  /** Read the data blocks too and list their entries. */
  readonly withEntries: boolean
}

/**
 * Lists a table: its head, then each tenant with its blocks, and their entries when asked for.
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
  if ('what' in index) {
    yield index
    return
  }
  const prefix = directory.prefixOf(tenant)
  const dataOffsetBytes = directory.dataOffsetOf(tenant)
  yield {
    what: 'tenant',
    tenantHash: directory.tenantHashes[tenant]!,
    tenantId: directory.tenantIdOf(tenant),
    dataOffsetBytes,
    dataBytes: directory.indexOffsets[tenant]! - dataOffsetBytes,
    indexBytes: directory.indexBytes[tenant]!,
    filterBytes: directory.filterBytes[tenant]!,
    blockCount: index.blockCount,
    entryCount: index.entryCount,
    smallestKey: index.copyKey(0, prefix),
    largestKey: index.copyKey(index.blockCount, prefix),
  }
  for (let blockIndex = 0; blockIndex < index.blockCount; blockIndex++) {
    yield describeBlock(index, blockIndex, prefix)
    if (!withEntries) continue
    const block = orDamage(() => file.readBlock(tenant, index, blockIndex))
    if ('what' in block) yield block
    else yield* describeEntries(block, prefix)
  }
  const filter = orDamage(() => file.readFilter(tenant))
  if ('what' in filter) yield filter
}

function describeBlock(
  index: TableIndex,
  blockIndex: number,
  prefix: Uint8Array,
): BlockDescription {
  return {
    what: 'block',
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

function* describeEntries(block: Block, prefix: Uint8Array): Generator<TableItem, void> {
  const decoder = new EntryDecoder()
  decoder.setTenantPrefix(prefix)
  let position = 0
  while (position < block.entriesEnd) {
    const next = orDamage(() => decoder.decode(block, position, block.entriesEnd))
    if (typeof next !== 'number') {
      yield next
      return
    }
    position = next
    yield {
      what: 'entry',
      key: decoder.key.slice(0, decoder.keyEnd),
      seqNum: decoder.seqNum as SeqNum,
      kind: decoder.kind === ENTRY_KIND_DELETE ? 'delete' : 'put',
      value: block.bytes.slice(decoder.valueStart, decoder.valueEnd),
    }
  }
}

function orDamage<Part>(read: () => Part): Part | DamageDescription {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'SSTABLE_CORRUPT') throw error
    return { what: 'damage', offsetBytes: Number(error.details['offsetBytes']), error }
  }
}
