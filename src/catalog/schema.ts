// The tables of a database as of a moment. Tables change while a database is being opened and at no other time, so the
// past of a long-lived database has a handful of schemas, each in force from one commit on.

import { SEQ_NUM_ZERO, type SeqNum } from '../base/ids.js'
import type { TableDefinition } from './definition.js'
import type { RowMapper } from './row-values.js'

/** One state of a table. */
export interface TableVersion {
  /** The commit that made it so. */
  readonly since: SeqNum
  readonly mapper: RowMapper
}

/** Tables by name, the versions of each newest first. */
export type TableVersions = ReadonlyMap<string, readonly TableVersion[]>

export class Schema {
  /** The commit that made it what it is: no two schemas of a database share one. */
  readonly since: SeqNum
  /** In the order in which the tables were made. */
  readonly names: readonly string[]
  /** Whether tables have changed since. */
  readonly isPast: boolean
  readonly #versions: TableVersions

  constructor(versions: TableVersions, since: SeqNum) {
    this.since = since
    this.#versions = versions
    const definitions = [...versions.keys()].flatMap((name) => this.definitionOf(name) ?? [])
    this.names = definitions.sort((a, b) => a.id - b.id).map(({ name }) => name)
    this.isPast = [...versions.values()].some((states) => states.some((one) => one.since > since))
  }

  /** Rows of a table to values and back; undefined when there is no such table. */
  mapper(table: string): RowMapper | undefined {
    return this.#versions.get(table)?.find(({ since }) => since <= this.since)?.mapper
  }

  definitionOf(table: string): TableDefinition | undefined {
    return this.mapper(table)?.definition
  }
}

/** Every schema there was, newest first. The last one, before the first commit, has no tables. */
export function schemasOf(versions: TableVersions): readonly Schema[] {
  const changes = new Set<SeqNum>([SEQ_NUM_ZERO])
  for (const states of versions.values()) for (const { since } of states) changes.add(since)
  return [...changes].sort((a, b) => b - a).map((since) => new Schema(versions, since))
}
