// Exact arithmetic on units of 10^-scale. Rounding, where a result needs it, is half away from zero.

const POWERS: bigint[] = [1n]
const NUMBER_TEXT = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/
/** A number has at most this many digits on either side of its point; longer texts are no decimals. */
const DIGITS_MAX_LENGTH = 400

export interface Decimal {
  readonly units: bigint
  readonly scale: number
}

export function powerOfTen(exponent: number): bigint {
  while (POWERS.length <= exponent) POWERS.push(POWERS.at(-1)! * 10n)
  return POWERS[exponent]!
}

/** Changes the scale; digits that fall off are rounded. */
export function rescale(units: bigint, from: number, to: number): bigint {
  return to >= from ? units * powerOfTen(to - from) : divideRounded(units, powerOfTen(from - to))
}

export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  const twice = (dividend % divisor) * 2n
  const isUp = (twice < 0n ? -twice : twice) >= (divisor < 0n ? -divisor : divisor)
  if (!isUp) return quotient
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n
}

/** Reads the exact value of a text such as '-12.50' or '1e-7'; undefined when it is no number. */
export function decimalOfText(text: string): Decimal | undefined {
  if (text.length > DIGITS_MAX_LENGTH) return undefined
  const match = NUMBER_TEXT.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match
  if (whole === '' && fraction === '') return undefined
  const exponent = Number(exponentText)
  if (Math.abs(exponent) > DIGITS_MAX_LENGTH) return undefined
  const digits = BigInt(whole + fraction)
  const units = sign === '-' ? -digits : digits
  const scale = fraction.length - exponent
  return scale >= 0 ? { units, scale } : { units: units * powerOfTen(-scale), scale: 0 }
}

/** The decimal that a finite number prints as. */
export function decimalOfNumber(value: number): Decimal | undefined {
  return Number.isFinite(value) ? decimalOfText(String(value)) : undefined
}

export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const x = rescale(a.units, a.scale, scale)
  const y = rescale(b.units, b.scale, scale)
  return x < y ? -1 : x > y ? 1 : 0
}

export function numberOfDecimal(units: bigint, scale: number): number {
  const small = Number(units)
  // Up to 22 powers of ten are exact floats, so one division rounds once.
  if (Number.isSafeInteger(small) && scale <= 22) return small / 10 ** scale
  return Number(`${units}e-${scale}`)
}
