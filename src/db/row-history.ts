// What became of rows over time: their states, the commits that set their columns, and what differs between two moments.
// A row of a moment is shown as at() shows it, with the columns that there were; rows are compared with those of now.

import { isDeepStrictEqual } from 'node:util'

import type { SeqNum } from '../base/ids.js'
import type { AnyTable, KeyValue, Row } from '../catalog/table.js'
import type { Cell } from '../codec/cell.js'
import { type RowState, TableRows } from '../indexes/table-rows.js'
import type { Engine, TenantName } from './engine.js'
import { PAUSE, closedOnError, type RowSource } from './row-stream.js'
import { dateOfSeqNum, type Moment } from './time.js'

/** A commit. */
export interface RowCommit {
  /** Pass it to at(). */
  readonly seqNum: SeqNum
  readonly committedAt: Date
}

/** One state of a row, and the commit that made it. */
export interface RowVersion<T extends AnyTable> extends RowCommit {
  /** Undefined: the row was deleted. */
  readonly row: Row<T> | undefined
}

/** Which states of a row. Without options: all that the history holds. */
export interface HistoryOptions {
  /** From the state of this moment on. */
  readonly from?: Moment
  /** Up to the state of this moment. */
  readonly to?: Moment
  /** The newest so many. */
  readonly limit?: number
}

/** For each column the commit that gave it its value; undefined where that is older than the history. */
export type RowBlame<T extends AnyTable> = {
  readonly [Name in keyof Row<T>]: RowCommit | undefined
}

/** A row that is not the same at two moments. */
export interface RowChange<T extends AnyTable> {
  readonly key: KeyValue<T>
  /** Undefined: there was no such row. */
  readonly before: Row<T> | undefined
  readonly after: Row<T> | undefined
}

/** Which table of which tenant. */
export interface TableOfTenant {
  readonly engine: Engine
  readonly tenant: TenantName
  readonly table: string
}

/** States read between two pauses. */
const BATCH_STATE_COUNT = 256

/** States of a row, newest first; the oldest is what `from` sees. */
export async function* rowStates(
  { engine, tenant, table }: TableOfTenant,
  keyCells: readonly Cell[],
  { from, to, limit }: { readonly from: SeqNum; readonly to?: SeqNum; readonly limit?: number },
): AsyncGenerator<RowState, void, undefined> {
  const { store } = engine
  // What is read batch by batch must not go in between.
  const held = store.at(from, tenant.name)
  try {
    const ref = engine.findTenant(held, tenant)
    if (ref === undefined) return
    const rows = new TableRows(engine.mapper(table).definition, ref)
    let left = limit ?? Infinity
    for (let upTo = to; ; await engine.env.clock.yield()) {
      const batchCount = Math.min(left, BATCH_STATE_COUNT)
      const range = { from, limit: batchCount, ...(upTo !== undefined && { to: upTo }) }
      const batch = rows.history(store, keyCells, range)
      yield* batch
      left -= batch.length
      if (batch.length < batchCount || left === 0) return
      upTo = (batch.at(-1)!.seqNum - 1) as SeqNum
    }
  } finally {
    held.close()
  }
}

/** A state as users see it. */
export function rowVersion<T extends AnyTable>(
  { engine, table }: TableOfTenant,
  { seqNum, row }: RowState,
): RowVersion<T> {
  const mapper = engine.mapper(table, engine.catalog.schemaAt(seqNum))
  return { ...commitOf(seqNum), row: row && (mapper.toRow(row) as Row<T>) }
}

/** For each cell of the newest state the commit that set it; undefined when there is no row. */
export async function blameCells(
  states: AsyncIterable<RowState>,
  floor: SeqNum,
): Promise<(RowCommit | undefined)[] | undefined> {
  let newer: RowState | undefined
  const commits: (RowCommit | undefined)[] = []
  const open = new Set<number>()
  for await (const state of states) {
    if (newer === undefined) {
      if (state.row === undefined) return undefined
      for (const position of state.row.keys()) open.add(position)
    } else {
      for (const position of open) {
        if (state.row !== undefined && isDeepStrictEqual(state.row[position], newer.row![position]))
          continue
        open.delete(position)
        commits[position] = commitOf(newer.seqNum)
      }
    }
    newer = state
    if (open.size === 0) break
  }
  if (newer === undefined) return undefined
  // What the history begins with may have been so for longer.
  if (newer.seqNum > floor) for (const position of open) commits[position] = commitOf(newer.seqNum)
  return commits
}

/** Rows that differ between two moments, in key order, whichever is the later one. */
export function openDiff<T extends AnyTable>(
  { engine, tenant, table }: TableOfTenant,
  from: SeqNum,
  to: SeqNum,
): RowSource<RowChange<T>> {
  const { store, catalog } = engine
  const [early, late] = from < to ? [from, to] : [to, from]
  const mappers = [early, late].map((seqNum) => engine.mapper(table, catalog.schemaAt(seqNum)))
  const ref = engine.tenantRef(tenant)
  const rows = ref && new TableRows(mappers[1]!.definition, ref)
  // It holds what the later one needs, too.
  const held = store.at(early, tenant.name)
  const changes = closedOnError(held, () => rows?.changes(held, late))
  const shown = (which: number, cells: readonly Cell[] | undefined) =>
    cells && (mappers[which]!.toRow(cells) as Row<T>)
  return {
    next: () => {
      const state = changes?.next() ?? 'end'
      if (state === 'end') return undefined
      if (state === 'paused') return PAUSE
      const key = mappers[1]!.toKey((changes!.after ?? changes!.before)!) as KeyValue<T>
      const was = shown(0, changes!.before)
      const is = shown(1, changes!.after)
      return from < to ? { key, before: was, after: is } : { key, before: is, after: was }
    },
    close: () => {
      changes?.close()
      held.close()
    },
  }
}

function commitOf(seqNum: SeqNum): RowCommit {
  return { seqNum, committedAt: dateOfSeqNum(seqNum) }
}
