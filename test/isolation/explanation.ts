// The meaning of the levels, tried out: is there any order of the transactions, or of their starts and commits, in which a
// plain database would have answered as the history says? Takes all orders one by one, so it is for a handful of
// transactions; it shares nothing with the checker, whose verdict must be the same.

import type { Level, Transaction } from './history.js'

type Lists = ReadonlyMap<string, readonly number[]>

/** A transaction that has its snapshot. */
interface Open {
  readonly transaction: Transaction
  readonly snapshot: Lists
}

export function isExplicable(history: readonly Transaction[], level: Level): boolean {
  return canGoOn({ waiting: history, open: [], lists: new Map() }, level)
}

interface State {
  readonly waiting: readonly Transaction[]
  readonly open: readonly Open[]
  readonly lists: Lists
}

function canGoOn(state: State, level: Level): boolean {
  const { waiting, open, lists } = state
  if (waiting.length === 0 && open.length === 0) return true
  const isCommitted = open.some((of) =>
    outcomesOf(of, lists).some((after) =>
      canGoOn({ ...state, open: open.filter((other) => other !== of), lists: after }, level),
    ),
  )
  if (isCommitted) return true
  // Serializable: nothing lies between a snapshot and its commit.
  if (level === 'serializable' && open.length > 0) return false
  return waiting.some((transaction) => {
    const others = waiting.filter((other) => other !== transaction)
    const unfinished = [...others, ...open.map((of) => of.transaction)]
    if (unfinished.some(({ endedAt }) => endedAt < transaction.beganAt)) return false
    if (!isAnswered(transaction, lists)) return false
    const opened = [...open, { transaction, snapshot: lists }]
    return canGoOn({ waiting: others, open: opened, lists }, level)
  })
}

/** The lists after the transaction, in each way that it may have ended. */
function outcomesOf({ transaction, snapshot }: Open, lists: Lists): Lists[] {
  const { operations, outcome } = transaction
  const after = new Map(lists)
  let isOverwriting = false
  for (const operation of operations) {
    if (operation.kind === 'read') continue
    const { list, item } = operation
    isOverwriting ||= snapshot.get(list) !== lists.get(list)
    after.set(list, [...(after.get(list) ?? []), item])
  }
  if (outcome === 'aborted') return [lists]
  const committed = isOverwriting ? [] : [after]
  return outcome === 'committed' ? committed : [lists, ...committed]
}

/** Whether its reads are what the lists and its own appends give. */
function isAnswered({ operations }: Transaction, lists: Lists): boolean {
  const own = new Map(lists)
  return operations.every((operation) => {
    const items = own.get(operation.list) ?? []
    if (operation.kind === 'append') own.set(operation.list, [...items, operation.item])
    else return items.join() === operation.items.join()
    return true
  })
}
