import { EngineError, engineError } from '../base/errors.js'
import type { FileSystem } from '../env/file-system.js'
import { manifestFileName } from '../lsm/manifest-format.js'
import { readSectors, type Superblock, type SuperblockSector } from '../lsm/superblock.js'
import { walFileName } from '../wal/format.js'
import type { Report } from './command.js'
import { type Fact, fileReport } from './inspection.js'
import { factLines, tableLines } from './layout.js'
import { grouped, hex } from './printable.js'

export function inspectSuperblock(fs: FileSystem, path: string): Report {
  const sectors = readSectors(fs, path)
  const newest = newestOf(sectors)
  const errors = sectors.map(({ error }) => error).filter((error) => error instanceof EngineError)
  if (newest === undefined && errors.length === 0) {
    errors.push(
      engineError('MANIFEST_CORRUPT', `${path}: it holds no copy of a superblock`, {
        details: { file: path, offsetBytes: 0 },
      }),
    )
  }
  const data = {
    file: path,
    type: 'superblock',
    current: newest,
    sectors: sectors.map((sector) => ({
      offsetBytes: sector.offsetBytes,
      state: stateOf(sector),
      generation: sector.superblock?.generation,
    })),
  }
  const lines = [
    `${path}: superblock`,
    ...(newest === undefined ? [] : factLines(factsOf(newest))),
    ...(sectors.length === 0 ? [] : ['', ...sectorLines(sectors)]),
  ]
  return fileReport(data, lines, errors)
}

function newestOf(sectors: readonly SuperblockSector[]): Superblock | undefined {
  let newest: Superblock | undefined
  for (const { superblock } of sectors) {
    if (superblock !== undefined && superblock.generation > (newest?.generation ?? 0)) {
      newest = superblock
    }
  }
  return newest
}

function factsOf(superblock: Superblock): Fact[] {
  const { manifestFileId, manifestProvenBytes, wal } = superblock
  const manifest = `${manifestFileName(manifestFileId)}, durable up to ${grouped(manifestProvenBytes)}`
  return [
    ['database', hex(superblock.databaseId)],
    ['opening', hex(superblock.incarnation)],
    ['generation', grouped(superblock.generation)],
    ['manifest', manifest],
    [
      'closed',
      superblock.isClean ? 'with every commit in sstables' : 'no, or with commits in the log',
    ],
    ['next file id', String(superblock.nextFileId)],
    [
      'log',
      wal === undefined
        ? 'nothing is known'
        : `${walFileName(wal.fileId)}, durable up to ${grouped(wal.endBytes)}`,
    ],
  ]
}

function sectorLines(sectors: readonly SuperblockSector[]): string[] {
  const columns = [
    { title: 'copy' },
    { title: 'offset', isRight: true },
    { title: 'generation', isRight: true },
    { title: 'state' },
  ]
  const rows = sectors.map((sector, i) => [
    `${i < 2 ? 'A' : 'B'}${(i % 2) + 1}`,
    grouped(sector.offsetBytes),
    sector.superblock === undefined ? '' : grouped(sector.superblock.generation),
    stateOf(sector),
  ])
  return tableLines(columns, rows)
}

function stateOf({ superblock, error }: SuperblockSector): string {
  if (superblock !== undefined) return 'valid'
  return error === undefined ? 'empty' : 'damaged'
}
