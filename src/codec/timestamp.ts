// Timestamps are integer Unix microseconds, always UTC.

const ISO_TEXT =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/
const MICROS_PER_MINUTE = 60_000_000

/**
 * Reads ISO 8601: '2024-02-29', '2024-02-29 12:30', '2024-02-29T12:30:00.123456Z', offsets like +02:00. Without an offset
 * it is UTC, whatever the zone of the process. Digits behind the microseconds are cut off.
 *
 * @returns Unix microseconds, or undefined when the text is no such moment
 */
export function parseTimestamp(text: string): number | undefined {
  const match = ISO_TEXT.exec(text)
  if (match === null) return undefined
  const year = Number(match[1])
  const month = Number(match[2]) - 1
  const day = Number(match[3])
  const hour = Number(match[4] ?? 0)
  const minute = Number(match[5] ?? 0)
  const second = Number(match[6] ?? 0)
  const millis = Date.UTC(year, month, day, hour, minute, second)
  const date = new Date(millis)
  // Date.UTC lets fields overflow and reads years below 100 as 19xx: both show as a changed field.
  const isReal =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60
  if (!isReal) return undefined
  const fraction = match[7] === undefined ? 0 : Number(match[7].padEnd(6, '0'))
  return millis * 1000 + fraction - offsetMicros(match[8])
}

function offsetMicros(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return zone[0] === '-' ? -minutes * MICROS_PER_MINUTE : minutes * MICROS_PER_MINUTE
}
