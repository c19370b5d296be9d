// Brings the rows of a tenant back to what they were at a moment, in one commit. Nothing of the history goes: the states in
// between stay readable, and the rewind itself can be rewound.
//
// Only rows that differ are written. Where an index is unique they are all taken out before the first is put back: rows
// that exchanged their values would otherwise meet half-way.
//
// The commit is serializable: everything that could differ counts as read. The work is done beside other commits, and again
// when one of the same tenant came in between; where those leave it no gap, it is done in one stretch that none can enter.

import { EngineError, engineError, type ErrorCode } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { checkOptionNames } from '../base/options.js'
import type { Cell } from '../codec/cell.js'
import { TableRows } from '../indexes/table-rows.js'
import type { Snapshot } from '../store/store-views.js'
import type { ReadView, WriteView } from '../store/view.js'
import type { Engine, TenantName } from './engine.js'
import type { Moment } from './time.js'
import { transact } from './transact.js'

/** Where to rewind to, and what. */
export interface RewindOptions<Name extends string = string> {
  /** The moment whose state the rows get again. */
  readonly to: Moment
  /** Only says what would change. */
  readonly dryRun?: boolean
  /** These tables only; default: all. */
  readonly tables?: readonly Name[]
}

/** What a rewind does to the rows of one table. */
export interface RewindCounts {
  /** Rows that were there and are no more. */
  readonly inserted: number
  /** Rows that were other than they are. */
  readonly updated: number
  /** Rows that were not there yet. */
  readonly deleted: number
}

/** What a rewind changed, or would change. */
export interface RewindResult {
  /** The commit whose state the rows have again. */
  readonly to: SeqNum
  /** The commit that it became; undefined when there was nothing to change, or with `dryRun`. */
  readonly seqNum: SeqNum | undefined
  /** Tables in which something differs, by name. */
  readonly tables: Readonly<Record<string, RewindCounts>>
}

/** Attempts beside other commits, but for the first. */
const RETRY_MAX_COUNT = 3

export async function rewind(
  engine: Engine,
  tenant: TenantName,
  options: RewindOptions,
): Promise<RewindResult> {
  const names = checkedTables(engine, options)
  const to = engine.seqNumAt(options.to)
  const ref = engine.tenantRef(tenant)
  const tables = names.flatMap((name) =>
    ref === undefined ? [] : [new TableRows(engine.schema.definitionOf(name)!, ref)],
  )
  const past = engine.store.at(to, tenant.name)
  try {
    const work = { engine, tables, past }
    if (options.dryRun === true) return { to, seqNum: undefined, tables: await preview(work) }
    const { seqNum, result } = await apply(work, ref?.hash)
    return { to, seqNum, tables: result }
  } catch (error) {
    throw isCode(error, 'TXN_TOO_LARGE') ? tooLarge(error) : error
  } finally {
    past.close()
  }
}

interface Work {
  readonly engine: Engine
  readonly tables: readonly TableRows[]
  readonly past: Snapshot
}

type Counts = Record<string, RewindCounts>

async function preview(work: Work): Promise<Counts> {
  const now = work.engine.store.at(work.engine.store.readable)
  try {
    return await inTurns(work, rewindTables(work, now))
  } finally {
    now.close()
  }
}

async function apply(
  work: Work,
  tenantHash: number | undefined,
): Promise<{ seqNum: SeqNum | undefined; result: Counts }> {
  const { engine, tables } = work
  try {
    return await transact(
      engine,
      ({ transaction }) => {
        for (const { rowRange } of tables) transaction.watch(rowRange)
        return inTurns(work, rewindTables(work, transaction, transaction))
      },
      { retryMaxCount: RETRY_MAX_COUNT },
    )
  } catch (error) {
    if (!isCode(error, 'TXN_CONFLICT')) throw error
  }
  let result: Counts = {}
  const rewindNow = (view: WriteView) => {
    result = inOneStretch(rewindTables(work, view, view))
  }
  const seqNum = await engine.store.write(rewindNow, { tenantHash })
  return { seqNum: Object.keys(result).length === 0 ? undefined : seqNum, result }
}

/** Yields where others may have their turn. Without `write` it only counts. */
function* rewindTables(work: Work, now: ReadView, write?: WriteView): Generator<void, Counts> {
  const counts: Counts = {}
  for (const rows of work.tables) {
    const ofTable = yield* rewindTable(work, rows, now, write)
    const { inserted, updated, deleted } = ofTable
    if (inserted + updated + deleted > 0) counts[rows.definition.name] = ofTable
  }
  return counts
}

function* rewindTable(
  work: Work,
  rows: TableRows,
  now: ReadView,
  write: WriteView | undefined,
): Generator<void, RewindCounts> {
  const counts = { inserted: 0, updated: 0, deleted: 0 }
  const isExclusive = rows.definition.indexes.some(({ isUnique }) => isUnique)
  yield* differences(work, rows, now, (was, is) => {
    counts[was === undefined ? 'deleted' : is === undefined ? 'inserted' : 'updated']++
    const isTakenOut = is !== undefined && (was === undefined || isExclusive)
    if (isTakenOut && write !== undefined) rows.delete(write, is)
  })
  if (write === undefined) return counts
  yield* differences(work, rows, now, (was, is) => {
    if (was === undefined) return
    if (is === undefined || isExclusive) rows.insert(write, was)
    else rows.update(write, is, was)
  })
  return counts
}

/** Calls `visit` for each row that is not what it was. */
function* differences(
  { past }: Work,
  rows: TableRows,
  now: ReadView,
  visit: (was: readonly Cell[] | undefined, is: readonly Cell[] | undefined) => void,
): Generator<void, void> {
  const changes = rows.changes(past, now.snapshot)
  try {
    for (let state = changes.next(); state !== 'end'; state = changes.next()) {
      if (state === 'changed') visit(changes.before, changes.after)
      else yield
    }
  } finally {
    changes.close()
  }
}

async function inTurns<Result>({ engine }: Work, steps: Generator<void, Result>): Promise<Result> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    await engine.env.clock.yield()
  }
}

function inOneStretch<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** @throws ARGUMENT_INVALID OPTION_UNKNOWN */
function checkedTables(engine: Engine, options: RewindOptions): readonly string[] {
  checkOptionNames('rewind()', options, ['to', 'dryRun', 'tables'])
  const { names } = engine.schema
  const { tables = names, dryRun = false } = options
  if (typeof dryRun !== 'boolean') throw engineError('ARGUMENT_INVALID', 'dryRun is true or false')
  if (!Array.isArray(tables)) throw engineError('ARGUMENT_INVALID', 'tables must be an array')
  const position = tables.findIndex((name) => !names.includes(name))
  if (position < 0) return [...new Set(tables)]
  const unknown: unknown = tables[position]
  const shown = typeof unknown === 'string' ? unknown.slice(0, 64) : `of type ${typeof unknown}`
  throw engineError(
    'ARGUMENT_INVALID',
    `there is no table ${shown} to rewind; there are: ${names.join(', ')}`,
  )
}

function isCode(error: unknown, code: ErrorCode): error is EngineError {
  return error instanceof EngineError && error.code === code
}

function tooLarge(cause: EngineError): EngineError {
  return engineError(
    'TXN_TOO_LARGE',
    'the rewind would change more than fits into one commit: rewind `tables` one by one, or write back what diff() shows in batches',
    { details: cause.details, cause },
  )
}
