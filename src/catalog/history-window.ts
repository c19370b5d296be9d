import { HISTORY_WINDOW_MAX_MS } from '../base/limits.js'

/** What a history window can be, for messages. */
export const HISTORY_WINDOW_RANGE: string = `a whole number of milliseconds from 0 to ${HISTORY_WINDOW_MAX_MS}`

export function isHistoryWindow(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= HISTORY_WINDOW_MAX_MS
}
