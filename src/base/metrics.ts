// Histograms: numbers in, plain objects out. Who reads them, and where they go, is not known here.

/** All in the unit that was recorded; quantiles are exact to an eighth. */
export interface HistogramSummary {
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
}

/** Each power of two is cut into 8 buckets: a bucket is at most an eighth of its value wide. */
const STEP_BITS = 3
const STEPS = 1 << STEP_BITS
/** Values at and above 2^40 share the last bucket: 12 days in microseconds. */
const TOP_BIT = 40
const BUCKET_COUNT = (TOP_BIT - STEP_BITS + 1) * STEPS + 1

/** Counts non-negative values in buckets that widen with the value: 2.4 KB, no allocation per value. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKET_COUNT)
  #count = 0
  #sum = 0
  #min = 0
  #max = 0

  /** Records one value; fractions are cut off for the bucket, a negative value counts as 0. */
  record(value: number): void {
    const clamped = value > 0 ? value : 0
    this.#counts[bucketOf(clamped)]! += 1
    this.#sum += clamped
    if (this.#count === 0 || clamped < this.#min) this.#min = clamped
    if (clamped > this.#max) this.#max = clamped
    this.#count++
  }

  /** The value that a share `fraction` (0..1) of the recorded ones does not exceed; 0 when there are none. */
  quantile(fraction: number): number {
    if (this.#count === 0) return 0
    const rank = Math.max(1, Math.ceil(fraction * this.#count))
    let seen = 0
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return Math.min(Math.max(bucketEnd(bucket), this.#min), this.#max)
    }
    return this.#max
  }

  summary(): HistogramSummary {
    return {
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
    }
  }
}

function bucketOf(value: number): number {
  if (value < STEPS) return Math.floor(value)
  if (value >= 2 ** TOP_BIT) return BUCKET_COUNT - 1
  const bit = topBitOf(value)
  const step = Math.floor(value / 2 ** (bit - STEP_BITS)) - STEPS
  return (bit - STEP_BITS + 1) * STEPS + step
}

/** The largest whole value in the bucket. */
function bucketEnd(bucket: number): number {
  if (bucket < STEPS) return bucket
  if (bucket === BUCKET_COUNT - 1) return Number.MAX_SAFE_INTEGER
  const shift = Math.floor(bucket / STEPS) - 1
  return ((bucket % STEPS) + STEPS + 1) * 2 ** shift - 1
}

function topBitOf(value: number): number {
  const high = Math.floor(value / 2 ** 32)
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value)
}
