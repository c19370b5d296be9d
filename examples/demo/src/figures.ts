// Figures as people read them.

export const formatCount = (count: number): string => Math.round(count).toLocaleString('en-US')

/** '850 ms', '4.2 s', '2 min 05 s'. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1) return `${(durationMs * 1_000).toFixed(0)} µs`
  if (durationMs < 1_000) return `${durationMs.toFixed(0)} ms`
  if (durationMs < 60_000) return `${(durationMs / 1_000).toFixed(1)} s`
  const seconds = Math.round(durationMs / 1_000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** '3.2 µs', '180 µs', '1.50 ms': a latency with two to three digits. */
export function formatLatency(latencyMs: number): string {
  const micros = latencyMs * 1_000
  if (micros < 10) return `${micros.toFixed(1)} µs`
  return micros < 1_000 ? `${micros.toFixed(0)} µs` : `${latencyMs.toFixed(2)} ms`
}

export const formatRate = (count: number, durationMs: number): string =>
  `${formatCount((count * 1_000) / Math.max(durationMs, 0.001))}/s`

export function formatBytes(byteCount: number): string {
  if (byteCount < 1_000_000) return `${(byteCount / 1_000).toFixed(0)} kB`
  return byteCount < 1e9
    ? `${(byteCount / 1e6).toFixed(0)} MB`
    : `${(byteCount / 1e9).toFixed(2)} GB`
}

/** Decimal text with thousands separated: '1234.50' becomes '1,234.50'. */
export const formatAmount = (amount: string): string =>
  amount.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','))

/** The value below which this part of the sorted values lies. */
export function quantile(sorted: Float64Array, part: number): number {
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * part))
  return sorted[index] ?? 0
}
