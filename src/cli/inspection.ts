// What all inspected files have in common.

import type { FoundIdentity } from '../codec/file-header.js'
import type { EngineError } from '../base/errors.js'
import { readKeyPrefix, KEY_PREFIX_BYTES } from '../codec/tenant-key.js'
import { type Problem, problemOf, type Report } from './command.js'
import { bytesAsText, hex } from './printable.js'

export interface InspectOptions {
  /** Whether what the file holds is listed, too, not only how it is built. */
  readonly withEntries: boolean
  /** Lines of each list. */
  readonly limit: number
}

export type Fact = readonly [name: string, value: string]

export function identityFacts(identity: FoundIdentity): Fact[] {
  const { formatVersion, databaseId, incarnation, fileId, epoch, transformId } = identity
  return [
    ['format version', String(formatVersion)],
    ['database', hex(databaseId)],
    ['opening', hex(incarnation)],
    ['file id', String(fileId)],
    ['epoch', epoch.toString(16).padStart(8, '0')],
    ['transform', transformId === 0 ? 'none' : String(transformId)],
  ]
}

export function identityData(identity: FoundIdentity): Record<string, unknown> {
  const { formatVersion, databaseId, incarnation, fileId, epoch, transformId } = identity
  return { formatVersion, databaseId, incarnation, fileId, epoch, transformId }
}

/** A report of a file that may be damaged. */
export function fileReport(
  data: Record<string, unknown>,
  lines: readonly string[],
  errors: readonly (EngineError | undefined)[],
): Report {
  const problems: Problem[] = []
  for (const error of errors) if (error !== undefined) problems.push(problemOf(error))
  const [error] = problems
  return { data: error === undefined ? data : { ...data, error }, lines, problems }
}

export const KEY_COLUMNS = [
  { title: 'tenant', isRight: true },
  { title: 'table', isRight: true },
  { title: 'index', isRight: true },
  { title: 'key' },
] as const

/** Cells for KEY_COLUMNS. */
export function keyCells(key: Uint8Array): string[] {
  if (key.length < KEY_PREFIX_BYTES) return ['', '', '', bytesAsText(key)]
  const { tenantId, tableId, indexId } = readKeyPrefix(key)
  return [...[tenantId, tableId, indexId].map(String), bytesAsText(key.subarray(KEY_PREFIX_BYTES))]
}

export function keyData(key: Uint8Array): Record<string, unknown> {
  if (key.length < KEY_PREFIX_BYTES) return { key }
  return { ...readKeyPrefix(key), key: key.subarray(KEY_PREFIX_BYTES) }
}
