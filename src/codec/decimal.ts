// Exact decimals: a bigint of units, 10^-scale each. A decimal(12, 2) of 19.90 is 1990n.

import { engineError } from '../base/errors.js'
import { DECIMAL_PRECISION_MAX } from '../base/limits.js'

/** Digits that a number adds up without rounding. */
const SAFE_DIGITS = 15
const DECIMAL_PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/
/** Longer texts are refused unread; zeros alone cannot make a decimal this long. */
const TEXT_MAX_LENGTH = 256

const SMALL_POWERS: readonly number[] = Array.from({ length: SAFE_DIGITS + 1 }, (_, i) => 10 ** i)
/** Up to this scale there is a text for every fraction. */
const SHORT_SCALE_MAX = 3
/** By scale: '.0', '.1', ...; '.00', '.01', ... */
const FRACTIONS: readonly (readonly string[])[] = Array.from(
  { length: SHORT_SCALE_MAX + 1 },
  (_, scale) =>
    Array.from({ length: 10 ** scale }, (_unused, i) => `.${String(i).padStart(scale, '0')}`),
)
const POWERS: readonly bigint[] = Array.from(
  { length: DECIMAL_PRECISION_MAX + 1 },
  (_, i) => 10n ** BigInt(i),
)

/**
 * Reads a decimal without rounding.
 *
 * @param value  text like '-12.50' or '1e3'; a number counts as its shortest decimal text; a bigint as whole units
 * @param scale  digits after the point, 0..precision
 * @param precision  digits in all, at most DECIMAL_PRECISION_MAX
 * @returns units of 10^-scale
 * @throws SCHEMA_TYPE_MISMATCH when it is no number, has more digits behind the point than the scale, or too many in all
 */
export function parseDecimal(
  value: string | number | bigint,
  scale: number,
  precision: number,
): bigint {
  const units =
    typeof value === 'bigint' ? value * POWERS[scale]! : parseText(String(value), scale, precision)
  const limit = POWERS[precision]!
  if (units >= limit || units <= -limit)
    throw unfit(`more than ${precision} digits`, scale, precision)
  return units
}

/**
 * As parseDecimal, for what a number can add up.
 *
 * @returns units, or undefined when parseDecimal has to look at it
 */
export function parseSmallDecimal(
  value: string | number,
  scale: number,
  precision: number,
): number | undefined {
  const units = typeof value === 'string' ? parseShort(value, scale) : scaledNumber(value, scale)
  if (units === undefined) return undefined
  const isFit = precision >= SAFE_DIGITS || Math.abs(units) < SMALL_POWERS[precision]!
  return isFit ? units : undefined
}

/** As formatDecimal, of units that are a safe integer. */
export function formatSmallDecimal(units: number, scale: number): string {
  if (scale === 0 || scale > SHORT_SCALE_MAX) return formatDecimal(BigInt(units), scale)
  const magnitude = Math.abs(units)
  const power = SMALL_POWERS[scale]!
  const whole = Math.floor(magnitude / power)
  const fraction = FRACTIONS[scale]![magnitude - whole * power]!
  return units < 0 ? `-${whole}${fraction}` : whole + fraction
}

/** Writes units as text with exactly `scale` digits behind the point. */
export function formatDecimal(units: bigint, scale: number): string {
  if (scale === 0) return units.toString()
  const isNegative = units < 0n
  const digits = (isNegative ? -units : units).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${isNegative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`
}

/**
 * Units of a number. When the quotient of few enough units is the number itself, its shortest text has these digits: no two
 * decimals of so few digits are the same number.
 */
function scaledNumber(value: number, scale: number): number | undefined {
  if (scale > SAFE_DIGITS) return undefined
  const power = SMALL_POWERS[scale]!
  const units = Math.round(value * power)
  const isExact = units / power === value && Math.abs(units) < SMALL_POWERS[SAFE_DIGITS]!
  return isExact ? units + 0 : undefined
}

/** Sign, digits, at most one point, few enough digits to stay exact in a number; undefined for everything else. */
function parseShort(text: string, scale: number): number | undefined {
  let at = 0
  const isNegative = text.charCodeAt(0) === 0x2d
  if (isNegative) at++
  if (text.length - at > SAFE_DIGITS || at === text.length) return undefined
  let value = 0
  let digitCount = 0
  let fractionCount = 0
  let hasPoint = false
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x30 && unit <= 0x39) {
      value = value * 10 + (unit - 0x30)
      digitCount++
      if (hasPoint) fractionCount++
    } else if (unit === 0x2e && !hasPoint) {
      hasPoint = true
    } else {
      return undefined
    }
  }
  const missing = scale - fractionCount
  if (digitCount === 0 || missing < 0 || digitCount + missing > SAFE_DIGITS) return undefined
  const units = value * SMALL_POWERS[missing]!
  return isNegative ? 0 - units : units
}

function parseText(text: string, scale: number, precision: number): bigint {
  const short = parseShort(text, scale)
  return short === undefined ? parseLong(text, scale, precision) : BigInt(short)
}

function parseLong(text: string, scale: number, precision: number): bigint {
  const match = text.length <= TEXT_MAX_LENGTH ? DECIMAL_PATTERN.exec(text) : null
  if (match === null) throw unfit('not a number', scale, precision)
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') throw unfit('not a number', scale, precision)
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return 0n
  const shift = Number(exponent) - fraction.length + scale
  let units: bigint
  if (shift >= 0) {
    if (digits.length + shift > precision) {
      throw unfit(`more than ${precision} digits`, scale, precision)
    }
    units = BigInt(digits) * POWERS[shift]!
  } else {
    const kept = digits.length + shift
    if (kept <= 0 || !/^0+$/.test(digits.slice(kept))) {
      throw unfit(`more than ${scale} digits behind the point`, scale, precision)
    }
    units = BigInt(digits.slice(0, kept))
  }
  return sign === '-' ? -units : units
}

function unfit(problem: string, scale: number, precision: number) {
  return engineError('SCHEMA_TYPE_MISMATCH', `decimal(${precision}, ${scale}): ${problem}`, {
    details: { scale, precision },
  })
}
