import type { Hold, Retention } from '../db/retention.js'
import { duration, printable, timeOf } from './printable.js'

/** Whether a tenant says anything itself about how long its history stays. */
export function hasOwn({ own }: Retention): boolean {
  return own.historyWindowMs !== undefined || Object.keys(own.tables ?? {}).length > 0
}

/** What a tenant says itself, in words. */
export function ownText({ own }: Retention): string {
  const all = own.historyWindowMs === undefined ? [] : [duration(own.historyWindowMs)]
  const tables = Object.entries(own.tables ?? {}).map(([name, ms]) => `${name} ${duration(ms!)}`)
  return [...all, ...tables].join(', ')
}

export function holdText({ name, reason, from }: Hold): string {
  const since = from === 0 ? 'all' : `from ${timeOf(from)}`
  return `${printable(name)} (${since}): ${printable(reason)}`
}
