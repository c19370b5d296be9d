// Columns of 8-byte floats in portable TypeScript.

/** The places of the values in low..high, both included. */
export function filterRangeF64(values: Float64Array, low: number, high: number): Uint32Array {
  const places = new Uint32Array(values.length)
  let count = 0
  for (let i = 0; i < values.length; i++) {
    places[count] = i
    if (values[i]! >= low && values[i]! <= high) count++
  }
  return places.slice(0, count)
}

/** The sum, taken as that of the values at even places plus that of those at odd ones, so that two can be added at a time. */
export function sumF64(values: Float64Array): number {
  const paired = values.length & ~1
  let even = 0
  let odd = 0
  for (let i = 0; i < paired; i += 2) {
    even += values[i]!
    odd += values[i + 1]!
  }
  if (paired < values.length) even += values[paired]!
  return even + odd
}
