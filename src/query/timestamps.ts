// Calendar arithmetic on timestamps: integer Unix microseconds, always UTC.

const MICROS_PER_SECOND = 1_000_000
const MICROS_PER_MINUTE = 60 * MICROS_PER_SECOND
const MICROS_PER_HOUR = 60 * MICROS_PER_MINUTE
const MICROS_PER_DAY = 24 * MICROS_PER_HOUR

/** Units that date_trunc and extract know. */
export const TIME_UNITS: readonly string[] = [
  'year',
  'quarter',
  'month',
  'week',
  'day',
  'hour',
  'minute',
  'second',
]

/** ISO 8601 with as many digits of the second as it needs: 3 or 6. */
export function formatTimestamp(micros: number): string {
  const text = new Date(Math.floor(micros / 1000)).toISOString()
  const rest = ((micros % 1000) + 1000) % 1000
  return rest === 0 ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}

/** The start of the unit that holds the moment; weeks start on Monday. */
export function truncateTimestamp(unit: string, micros: number): number {
  const date = new Date(Math.floor(micros / 1000))
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth()
  switch (unit) {
    case 'year':
      return startOf(year, 0)
    case 'quarter':
      return startOf(year, month - (month % 3))
    case 'month':
      return startOf(year, month)
    case 'week': {
      const day = floorTo(micros, MICROS_PER_DAY)
      return day - ((date.getUTCDay() + 6) % 7) * MICROS_PER_DAY
    }
    case 'day':
      return floorTo(micros, MICROS_PER_DAY)
    case 'hour':
      return floorTo(micros, MICROS_PER_HOUR)
    case 'minute':
      return floorTo(micros, MICROS_PER_MINUTE)
    default:
      return floorTo(micros, MICROS_PER_SECOND)
  }
}

/** The calendar field of the moment; weeks are ISO weeks. */
export function extractField(unit: string, micros: number): number {
  const date = new Date(Math.floor(micros / 1000))
  switch (unit) {
    case 'year':
      return date.getUTCFullYear()
    case 'quarter':
      return Math.floor(date.getUTCMonth() / 3) + 1
    case 'month':
      return date.getUTCMonth() + 1
    case 'week':
      return isoWeek(micros)
    case 'day':
      return date.getUTCDate()
    case 'hour':
      return date.getUTCHours()
    case 'minute':
      return date.getUTCMinutes()
    default:
      return date.getUTCSeconds()
  }
}

/** The week belongs to the year that its Thursday lies in. */
function isoWeek(micros: number): number {
  const thursday = truncateTimestamp('week', micros) + 3 * MICROS_PER_DAY
  const yearStart = truncateTimestamp('year', thursday)
  return Math.floor((thursday - yearStart) / (7 * MICROS_PER_DAY)) + 1
}

function startOf(year: number, month: number): number {
  const date = new Date(0)
  date.setUTCFullYear(year, month, 1)
  return date.getTime() * 1000
}

function floorTo(micros: number, step: number): number {
  return Math.floor(micros / step) * step
}
