// strftime as in SQLite, for the fields that reports need.

import { extractField, truncateTimestamp } from './timestamps.js'

const MICROS_PER_DAY = 86_400_000_000

const FIELDS: Readonly<Record<string, (micros: number) => string>> = {
  Y: (micros) => padded(extractField('year', micros), 4),
  m: (micros) => padded(extractField('month', micros), 2),
  d: (micros) => padded(extractField('day', micros), 2),
  H: (micros) => padded(extractField('hour', micros), 2),
  M: (micros) => padded(extractField('minute', micros), 2),
  S: (micros) => padded(extractField('second', micros), 2),
  f: (micros) => {
    const millis = Math.floor((micros - truncateTimestamp('second', micros)) / 1000)
    return `${padded(extractField('second', micros), 2)}.${padded(millis, 3)}`
  },
  j: (micros) => {
    const days = truncateTimestamp('day', micros) - truncateTimestamp('year', micros)
    return padded(days / MICROS_PER_DAY + 1, 3)
  },
  w: (micros) => String(new Date(Math.floor(micros / 1000)).getUTCDay()),
  s: (micros) => String(Math.floor(micros / 1_000_000)),
  '%': () => '%',
}

/** Fills in %Y %m %d %H %M %S %f %j %w %s; null when the format has another field. */
export function strftime(format: string, micros: number): string | null {
  let isKnown = true
  const text = format.replace(/%(.?)/gs, (_, name: string) => {
    const field = FIELDS[name]
    if (field === undefined) isKnown = false
    return field?.(micros) ?? ''
  })
  return isKnown ? text : null
}

function padded(value: number, length: number): string {
  return String(value).padStart(length, '0')
}
