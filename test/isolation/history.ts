// What clients did and saw: transactions over lists that only grow. Every append has an item of its own, so a read tells
// which appends came before it, and in which order (Kingsbury and Alvaro: Elle, VLDB 2020).

export interface Append {
  readonly kind: 'append'
  readonly list: string
  /** No other append to this list has it. */
  readonly item: number
}

export interface Read {
  readonly kind: 'read'
  readonly list: string
  readonly items: readonly number[]
}

export type Operation = Append | Read

/** `unknown`: the database went away before it said. */
export type Outcome = 'committed' | 'aborted' | 'unknown'

export interface Transaction {
  readonly name: string
  readonly operations: readonly Operation[]
  readonly outcome: Outcome
  /** It took place between these two ticks of a counter. A read of the past may have begun at 0. */
  readonly beganAt: number
  readonly endedAt: number
}

export type Level = 'serializable' | 'snapshot'

/** In the notation that parseHistory reads. */
export function describeTransaction(transaction: Transaction): string {
  const { name, operations, outcome, beganAt, endedAt } = transaction
  const words = operations.map((operation) =>
    operation.kind === 'append'
      ? `${operation.list}+${operation.item}`
      : `${operation.list}=[${operation.items.join(',')}]`,
  )
  const fate = outcome === 'committed' ? [] : [outcome]
  return [`${name}@${beganAt}-${endedAt}:`, ...words, ...fate].join(' ')
}

/**
 * Reads a history from text, one transaction a line: `T1: x+1 y=[2,3]` appends 1 to x and reads y. `aborted` or `unknown` behind
 * it tells its fate, `T1@3-5:` when it took place; without that all are concurrent.
 */
export function parseHistory(text: string): Transaction[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [head, ...words] = line.trim().split(/\s+/)
      const [, name, beganAt, endedAt] = /^(\w+)(?:@(\d+)-(\d+))?:$/.exec(head!)!
      const last = words.at(-1)
      const outcome = last === 'aborted' || last === 'unknown' ? last : 'committed'
      const operations = words.filter((word) => word !== outcome).map(parseOperation)
      const [from, to] = [Number(beganAt ?? 1), Number(endedAt ?? Number.MAX_SAFE_INTEGER)]
      return { name: name!, operations, outcome, beganAt: from, endedAt: to }
    })
}

function parseOperation(word: string): Operation {
  const [, list, item, items] = /^(\w+)(?:\+(\d+)|=\[([\d,]*)\])$/.exec(word)!
  if (item !== undefined) return { kind: 'append', list: list!, item: Number(item) }
  const numbers = items === '' ? [] : items!.split(',').map(Number)
  return { kind: 'read', list: list!, items: numbers }
}
