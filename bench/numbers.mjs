// What benchmarks say about many measurements.

/** The least number that a share of all are not above; undefined of none. */
export function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[Math.floor((sorted.length - 1) * share)]
}

export function median(numbers) {
  const sorted = Float64Array.from(numbers).sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

/** Three digits that count, at least: figures are not more exact than that. */
export function rounded(number) {
  if (Math.abs(number) >= 100) return Math.round(number)
  return Number(number.toPrecision(3))
}
