// Reads and checks every file of an open store. The log, the manifest and the superblock were checked in full when the
// store was opened; what was written since is in memory too. Tables are read to the last block.

import { EngineError } from '../base/errors.js'
import type { TabletId } from '../base/ids.js'
import type { Env } from '../env/env.js'
import { tableFileName } from '../sstable/format.js'
import type { OpenedFiles } from './open-files.js'

export interface VerifyProgress {
  /** The file that is read next. */
  readonly file: string
  readonly doneFileCount: number
  readonly fileCount: number
  readonly doneBytes: number
  readonly bytes: number
}

export interface VerifiedFile {
  readonly file: string
  readonly tabletId: TabletId
  readonly level: number
  readonly bytes: number
  readonly blockCount: number
  readonly entryCount: number
}

export interface VerifyProblem {
  readonly file: string
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, string | number>>
}

export interface VerifyReport {
  readonly isSound: boolean
  readonly files: readonly VerifiedFile[]
  readonly problems: readonly VerifyProblem[]
}

/** Checks every table of every tablet; damage goes into the report. Other work gets its turn between files. */
export async function verifyFiles(
  opened: OpenedFiles,
  env: Env,
  onProgress?: (progress: VerifyProgress) => void,
): Promise<VerifyReport> {
  const held = opened.tablets.map((tablet) => ({ tablet, view: tablet.acquire() }))
  try {
    const all = held.flatMap(({ tablet, view }) =>
      view.levels.flatMap((tables, level) =>
        tables.map((table) => ({ tabletId: tablet.id, level, ...table })),
      ),
    )
    const bytes = all.reduce((sum, { meta }) => sum + meta.fileBytes, 0)
    const files: VerifiedFile[] = []
    const problems: VerifyProblem[] = []
    let doneBytes = 0
    for (const [i, { tabletId, level, meta, reader }] of all.entries()) {
      const file = tableFileName(meta.fileId)
      onProgress?.({ file, doneFileCount: i, fileCount: all.length, doneBytes, bytes })
      await env.clock.yield()
      try {
        const { blockCount, entryCount } = reader.verify()
        files.push({ file, tabletId, level, bytes: meta.fileBytes, blockCount, entryCount })
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        const { code, message, details } = error
        problems.push({ file, code, message, details })
      }
      doneBytes += meta.fileBytes
    }
    return { isSound: problems.length === 0, files, problems }
  } finally {
    for (const { tablet, view } of held) tablet.release(view)
  }
}
