// Columns of 8-byte floats: what a query over them begins with.

/** Puts down the places of all values in low..high, both included, four bytes each; returns how many there are. */
export function filterRangeF64(values: usize, count: u32, low: f64, high: f64, places: usize): u32 {
  const lows = f64x2.splat(low)
  const highs = f64x2.splat(high)
  const start = places
  const paired = count & ~1
  let place: u32 = 0
  for (; place < paired; place += 2, values += 16) {
    const pair = v128.load(values)
    const hits = i64x2.bitmask(v128.and(f64x2.ge(pair, lows), f64x2.le(pair, highs)))
    store<u32>(places, place)
    places += (hits & 1) << 2
    store<u32>(places, place + 1)
    places += (hits & 2) << 1
  }
  if (place < count) {
    const value = load<f64>(values)
    store<u32>(places, place)
    if (value >= low && value <= high) places += 4
  }
  return ((places - start) >> 2) as u32
}

/** The sum, taken as that of the values at even places plus that of those at odd ones. */
export function sumF64(values: usize, count: u32): f64 {
  let sums = f64x2.splat(0)
  const end = values + ((count as usize) << 3)
  for (; values + 16 <= end; values += 16) sums = f64x2.add(sums, v128.load(values))
  let even = f64x2.extract_lane(sums, 0)
  if (values < end) even += load<f64>(values)
  return even + f64x2.extract_lane(sums, 1)
}
