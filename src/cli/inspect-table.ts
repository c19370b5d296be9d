import { EngineError } from '../base/errors.js'
import { IDENTITY_TRANSFORM } from '../codec/block-transform.js'
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  FILE_TYPE_SSTABLE,
  type FoundIdentity,
} from '../codec/file-header.js'
import type { FileSystem } from '../env/file-system.js'
import {
  describeTable,
  type DamageDescription,
  type EntryDescription,
  type GarbageDescription,
  type TableHead,
  type TenantDescription,
} from '../sstable/describe.js'
import { endsOf } from '../sstable/garbage-block.js'
import { problemOf, type Report } from './command.js'
import {
  type Fact,
  fileReport,
  identityData,
  identityFacts,
  type InspectOptions,
  KEY_COLUMNS,
  keyCells,
  keyData,
} from './inspection.js'
import { factLines, restLines, tableLines } from './layout.js'
import { bytesAsText, commit, grouped, size } from './printable.js'

/** What was read of a table. */
interface Listing {
  head: TableHead | undefined
  readonly tenants: TenantDescription[]
  readonly entries: EntryDescription[]
  entryCount: number
  readonly garbage: GarbageDescription[]
  readonly damages: DamageDescription[]
  /** Why nothing behind the header can be read. */
  problem: EngineError | undefined
}

export function inspectTable(fs: FileSystem, path: string, options: InspectOptions): Report {
  const { identity, fileBytes } = readHeader(fs, path)
  const listing = readListing(fs, path, options.limit)
  const { head, entryCount } = listing
  const tenants = listing.tenants.slice(0, options.limit)
  const data = {
    file: path,
    type: 'sstable',
    fileBytes,
    ...identityData(identity),
    properties: head?.properties,
    footer: head?.footer,
    tenants: tenants.map(tenantData),
    garbage: listing.garbage.slice(0, options.limit).map(garbageData),
    ...(options.withEntries ? { entries: listing.entries.map(entryData) } : {}),
    damages: listing.damages.map(({ error }) => problemOf(error)),
  }
  const lines = [
    `${path}: sstable, ${size(fileBytes)}`,
    ...factLines([...identityFacts(identity), ...headFacts(head, listing.garbage)]),
    ...(tenants.length === 0 ? [] : ['', ...tenantLines(tenants)]),
    ...restLines(tenants.length, listing.tenants.length),
  ]
  if (options.withEntries && listing.entries.length > 0) {
    lines.push('', ...entryLines(listing.entries))
    lines.push(...restLines(listing.entries.length, entryCount))
  }
  const errors = listing.damages.map(({ error }) => error)
  return fileReport(data, lines, [listing.problem, ...errors])
}

/** The header can be read when everything behind it is damaged. */
function readHeader(
  fs: FileSystem,
  path: string,
): { readonly identity: FoundIdentity; readonly fileBytes: number } {
  const file = fs.open(path, 'read')
  try {
    const header = new Uint8Array(FILE_HEADER_BYTES)
    const bytes = header.subarray(0, file.read(header, 0))
    const corruptCode = 'SSTABLE_CORRUPT'
    const identity = decodeFileHeader(bytes, { path, fileType: FILE_TYPE_SSTABLE, corruptCode })
    return { identity, fileBytes: file.sizeBytes() }
  } finally {
    file.close()
  }
}

/** Reads every block, so that damage is found, and keeps the first entries. */
function readListing(fs: FileSystem, path: string, limit: number): Listing {
  const listing: Listing = {
    head: undefined,
    tenants: [],
    entries: [],
    entryCount: 0,
    garbage: [],
    damages: [],
    problem: undefined,
  }
  try {
    const items = describeTable(fs, path, { transform: IDENTITY_TRANSFORM, withEntries: true })
    for (const item of items) {
      if (item.what === 'table') listing.head = item
      else if (item.what === 'tenant') listing.tenants.push(item)
      else if (item.what === 'garbage') listing.garbage.push(item)
      else if (item.what === 'damage') listing.damages.push(item)
      else if (item.what === 'entry') {
        listing.entryCount++
        if (listing.entries.length < limit) listing.entries.push(item)
      }
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    listing.problem = error
  }
  return listing
}

function headFacts(head: TableHead | undefined, garbage: readonly GarbageDescription[]): Fact[] {
  if (head === undefined) return []
  const { properties, footer } = head
  const { firstEndSeqNum, lastEndSeqNum } = endsOf(garbage)
  const ended = lastEndSeqNum === 0 ? [] : [commit(firstEndSeqNum), commit(lastEndSeqNum)]
  const { entryCount, tombstoneCount, minSeqNum, maxSeqNum, tenantCount, blockCount } = properties
  return [
    ['tenants', grouped(tenantCount)],
    ['blocks', `${grouped(blockCount)}; ${size(properties.rawDataBytes)} before compression`],
    ['entries', `${grouped(entryCount)}, ${grouped(tombstoneCount)} of them tombstones`],
    ['oldest commit', commit(minSeqNum)],
    ['newest commit', commit(maxSeqNum)],
    ['superseded', ended.length === 0 ? 'nothing' : `from ${ended.join(' to ')}`],
    ['directory', `${size(footer.directoryBytes)} at ${grouped(footer.directoryOffsetBytes)}`],
  ]
}

function tenantLines(tenants: readonly TenantDescription[]): string[] {
  const columns = [
    { title: 'tenant', isRight: true },
    { title: 'hash' },
    { title: 'offset', isRight: true },
    { title: 'data', isRight: true },
    { title: 'index', isRight: true },
    { title: 'filter', isRight: true },
    { title: 'blocks', isRight: true },
    { title: 'entries', isRight: true },
    { title: 'history', isRight: true },
    { title: 'superseded', isRight: true },
  ]
  const rows = tenants.map((tenant) => [
    String(tenant.tenantId),
    tenant.tenantHash.toString(16).padStart(8, '0'),
    grouped(tenant.dataOffsetBytes),
    size(tenant.dataBytes),
    size(tenant.indexBytes),
    size(tenant.filterBytes),
    grouped(tenant.blockCount),
    grouped(tenant.entryCount),
    size(tenant.history?.dataBytes ?? 0),
    grouped(tenant.history?.entryCount ?? 0),
  ])
  return tableLines(columns, rows)
}

function garbageData({ what: _what, prefix, ...row }: GarbageDescription) {
  return { prefix: bytesAsText(prefix), ...row }
}

function tenantData({ what: _what, ...tenant }: TenantDescription): Record<string, unknown> {
  const { smallestKey, largestKey } = tenant
  return { ...tenant, smallestKey: keyData(smallestKey), largestKey: keyData(largestKey) }
}

function entryLines(entries: readonly EntryDescription[]): string[] {
  const columns = [
    ...KEY_COLUMNS,
    { title: 'commit' },
    { title: 'part' },
    { title: 'entry' },
    { title: 'size', isRight: true },
    { title: 'value' },
  ]
  const rows = entries.map(({ part, key, seqNum, kind, value }) => [
    ...keyCells(key),
    String(seqNum),
    part,
    kind === 'delete' ? 'tombstone' : 'put',
    ...(kind === 'delete' ? ['', ''] : [size(value.length), bytesAsText(value.subarray(0, 80))]),
  ])
  return tableLines(columns, rows)
}

function entryData({ part, key, seqNum, kind, value }: EntryDescription): Record<string, unknown> {
  return { ...keyData(key), seqNum, part, kind, ...(kind === 'delete' ? {} : { value }) }
}
