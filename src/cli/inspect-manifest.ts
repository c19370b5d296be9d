import type { FileSystem } from '../env/file-system.js'
import {
  describeManifest,
  type ManifestDescription,
  type ManifestFrameDescription,
} from '../lsm/describe.js'
import { floorOfMarks } from '../lsm/history-marks.js'
import type { TabletState } from '../lsm/manifest-state.js'
import type { VersionEdit } from '../lsm/version-edit.js'
import { shareOfCount, tableBytes, tableFileName, type TableMeta } from '../sstable/format.js'
import type { Report } from './command.js'
import {
  type Fact,
  fileReport,
  identityData,
  identityFacts,
  type InspectOptions,
  keyData,
} from './inspection.js'
import { factLines, restLines, tableLines } from './layout.js'
import { commit, counted, grouped, size } from './printable.js'
import { hashRange } from './hash-range.js'

interface LiveTable {
  readonly tabletId: number
  readonly level: number
  readonly meta: TableMeta
}

export function inspectManifest(fs: FileSystem, path: string, options: InspectOptions): Report {
  const manifest = describeManifest(fs, path)
  const { identity, fileBytes, frames, tablets, scan, problem } = manifest
  const tables = tablets.flatMap(({ tabletId, version }) =>
    version.levels.flatMap((metas, level) => metas.map((meta) => ({ tabletId, level, meta }))),
  )
  const shownTables = tables.slice(0, options.limit)
  const shownFrames = frames.slice(0, options.limit)
  const { endBytes, end, tornBytes, provenBytes } = scan
  const data = {
    file: path,
    type: 'manifest',
    fileBytes,
    ...identityData(identity),
    frameCount: frames.length,
    endBytes,
    end,
    tornBytes,
    provenBytes,
    tablets: tablets.map(tabletData),
    tableCount: tables.length,
    tables: shownTables.map(({ tabletId, level, meta }) => ({
      tabletId,
      level,
      ...metaData(meta),
    })),
    ...(options.withEntries ? { entries: shownFrames.map(frameData) } : {}),
  }
  const lines = [
    `${path}: manifest, ${size(fileBytes)}`,
    ...factLines(factsOf(manifest)),
    '',
    ...tabletLines(tablets),
    '',
    ...tableListLines(shownTables),
    ...restLines(shownTables.length, tables.length),
  ]
  if (options.withEntries) {
    lines.push('', ...frameLines(shownFrames))
    lines.push(...restLines(shownFrames.length, frames.length))
  }
  return fileReport(data, lines, [problem])
}

function factsOf({ identity, fileBytes, frames, scan, problem }: ManifestDescription): Fact[] {
  const last = frames.at(-1)
  const place = `${grouped(scan.endBytes)} of ${counted(fileBytes, 'byte')}`
  const behind = `behind it ${counted(scan.tornBytes, 'byte')} of a write that was cut off`
  const end = scan.end === 'torn' ? behind : 'nothing behind it'
  return [
    ...identityFacts(identity),
    ['frames', grouped(frames.length)],
    ['last edit', last === undefined ? 'none' : grouped(last.editNumber)],
    ['next file id', last === undefined ? 'unknown' : String(last.nextFileId)],
    ['end', problem === undefined ? `at ${place}; ${end}` : `damaged at ${place}`],
  ]
}

function tabletLines(tablets: readonly TabletState[]): string[] {
  const columns = [
    { title: 'tablet', isRight: true },
    { title: 'tenant hashes' },
    { title: 'sstables', isRight: true },
    { title: 'in sstables up to' },
    { title: 'history from' },
  ]
  const rows = tablets.map(({ tabletId, hashStart, hashEnd, version }) => [
    String(tabletId),
    hashRange(hashStart, hashEnd),
    grouped(version.tableCount),
    commit(version.flushedSeqNum),
    commit(version.historyFloor),
  ])
  return tableLines(columns, rows)
}

function tableListLines(tables: readonly LiveTable[]): string[] {
  if (tables.length === 0) return ['no sstables']
  const columns = [
    { title: 'sstable' },
    { title: 'tablet', isRight: true },
    { title: 'level', isRight: true },
    { title: 'size', isRight: true },
    { title: 'entries', isRight: true },
    { title: 'tombstones', isRight: true },
    { title: 'newest commit' },
  ]
  const rows = tables.map(({ tabletId, level, meta }) => [
    tableName(meta),
    String(tabletId),
    String(level),
    size(tableBytes(meta)),
    grouped(shareOfCount(meta.entryCount, meta)),
    grouped(shareOfCount(meta.tombstoneCount, meta)),
    commit(meta.maxSeqNum),
  ])
  return tableLines(columns, rows)
}

function frameLines(frames: readonly ManifestFrameDescription[]): string[] {
  const columns = [
    { title: 'offset', isRight: true },
    { title: 'frame' },
    { title: 'edit', isRight: true },
    { title: 'tablet', isRight: true },
    { title: 'what changed' },
  ]
  const rows = frames.flatMap(({ offsetBytes, type, editNumber, edits }) => {
    const changes = edits.flatMap((edit) =>
      changeTexts(edit).map((text) => [String(edit.tabletId), text]),
    )
    const frame = [grouped(offsetBytes), type, grouped(editNumber)]
    return changes.map((change, i) => [...(i === 0 ? frame : ['', '', '']), ...change])
  })
  return tableLines(columns, rows)
}

/** With the hashes of the tenants that count, where tablets share the file. */
function tableName({ fileId, share }: TableMeta): string {
  const name = tableFileName(fileId)
  return share === undefined ? name : `${name} of ${hashRange(share.hashStart, share.hashEnd)}`
}

function changeTexts(edit: VersionEdit): string[] {
  const { created, range, isEnded, removed, added, flushedSeqNum, historyMarks = [] } = edit
  const texts = [
    ...removed.map(({ level, fileId }) => `- ${tableFileName(fileId)}, level ${level}`),
    ...added.map(({ level, meta }) => `+ ${tableName(meta)}, level ${level}`),
  ]
  if (created !== undefined)
    texts.unshift(`created: ${hashRange(created.hashStart, created.hashEnd)}`)
  if (range !== undefined) texts.unshift(`now: ${hashRange(range.hashStart, range.hashEnd)}`)
  if (isEnded === true) texts.unshift('ended')
  if (flushedSeqNum) texts.push(`in sstables up to ${commit(flushedSeqNum)}`)
  const floor = floorOfMarks(historyMarks)
  if (floor > 0) texts.push(`history from ${commit(floor)}`)
  return texts
}

function tabletData({ tabletId, hashStart, hashEnd, version }: TabletState) {
  const { tableCount, flushedSeqNum, historyFloor, historyMarks } = version
  return { tabletId, hashStart, hashEnd, tableCount, flushedSeqNum, historyFloor, historyMarks }
}

function metaData({ smallestKey, largestKey, ...meta }: TableMeta): Record<string, unknown> {
  return { ...meta, smallestKey: keyData(smallestKey), largestKey: keyData(largestKey) }
}

function frameData({ edits, ...frame }: ManifestFrameDescription): Record<string, unknown> {
  return {
    ...frame,
    edits: edits.map(({ added, ...edit }) => ({
      ...edit,
      added: added.map(({ level, meta }) => ({ level, ...metaData(meta) })),
    })),
  }
}
