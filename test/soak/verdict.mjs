// @ts-check
// What a soak may look like: pure functions of what was sampled, so that tests can show them bad series.
//
// Growth is the rise of a straight line fitted over the second half of the run: by then caches are full and levels have
// their shape. A series may rise by `bytes` (or `count`), or by a share of its mean where that is more.

const MiB = 1 << 20

/** @typedef {{ atMs: number, value: number }} Point */
/** @typedef {{ atMs: number, ownMs: number, during: readonly string[] }} Stall */
/**
 * @typedef {object} Findings
 * @property {Readonly<Record<string, readonly Point[]>>} series
 * @property {readonly { p50: number, p99: number, p999: number }[]} readWindows  in microseconds
 * @property {readonly Stall[]} stalls
 * @property {readonly { bytes: number, modelBytes: number }[]} disk
 * @property {readonly string[]} errors
 */

/** @type {Readonly<Record<string, { readonly rise: number, readonly share: number }>>} */
export const RISE_LIMITS = {
  heapBytes: { rise: 4 * MiB, share: 0.05 },
  rssBytes: { rise: 48 * MiB, share: 0.15 },
  externalBytes: { rise: 16 * MiB, share: 0.1 },
  openFileCount: { rise: 8, share: 0.1 },
  threadCount: { rise: 2, share: 0 },
  logBytes: { rise: 4 * MiB, share: 0.5 },
  debtBytes: { rise: 8 * MiB, share: 0.5 },
}
export const DISK_FACTOR_MAX = 1.5
export const READ_P99_MAX_MICROS = 1000
export const STALL_MAX_MS = 50
/** Work that stops the loop by its nature, and is the harness's or is asked for. */
const EXCUSES = new Set(['gc', 'open', 'close'])

/** Rise of the fitted line over the second half. @param {readonly Point[]} points */
export function riseOf(points) {
  const half = points.slice(points.length >> 1)
  if (half.length < 3) return { rise: 0, mean: half[0]?.value ?? 0 }
  const meanAt = half.reduce((sum, { atMs }) => sum + atMs, 0) / half.length
  const mean = half.reduce((sum, { value }) => sum + value, 0) / half.length
  let across = 0
  let square = 0
  for (const { atMs, value } of half) {
    across += (atMs - meanAt) * (value - mean)
    square += (atMs - meanAt) ** 2
  }
  const spanMs = /** @type {Point} */ (half.at(-1)).atMs - /** @type {Point} */ (half[0]).atMs
  return { rise: square === 0 ? 0 : (across / square) * spanMs, mean }
}

/** @param {string} name @param {readonly Point[]} points @returns {string[]} */
export function growthComplaints(name, points) {
  const limit = RISE_LIMITS[name]
  if (limit === undefined) throw new Error(`there is no limit for ${name}`)
  const { rise, mean } = riseOf(points)
  const allowed = Math.max(limit.rise, limit.share * mean)
  if (rise <= allowed) return []
  return [`${name} rose by ${Math.round(rise)} in the second half; ${Math.round(allowed)} may be`]
}

/** The disk is judged by its median: a compaction under way holds its inputs and its outputs. */
export function diskComplaints(/** @type {Findings['disk']} */ samples) {
  const factor = medianOf(samples.map(({ bytes, modelBytes }) => bytes / modelBytes))
  if (factor <= DISK_FACTOR_MAX) return []
  return [`the disk holds ${factor.toFixed(2)} times the model; ${DISK_FACTOR_MAX} may be`]
}

export function readComplaints(/** @type {Findings['readWindows']} */ windows) {
  const p99 = medianOf(windows.map((window) => window.p99))
  if (p99 < READ_P99_MAX_MICROS) return []
  return [`p99 of point reads is ${Math.round(p99)} us; below ${READ_P99_MAX_MICROS} is asked for`]
}

/** Reads answer before they return, so they wait for the disk where they must: that time is no stall of ours. */
export function stallComplaints(/** @type {readonly Stall[]} */ stalls) {
  return stalls
    .filter(({ ownMs, during }) => {
      const isExcused = during.some((of) => EXCUSES.has(of))
      return !isExcused && ownMs - readMsOf(during) > STALL_MAX_MS
    })
    .map(({ ownMs, during }) => {
      const what = during.length === 0 ? 'nothing known' : during.join(', ')
      return `the event loop stood for ${Math.round(ownMs)} ms during ${what}`
    })
}

/** How long slow reads took. @param {readonly string[]} during */
function readMsOf(during) {
  return during.reduce((sum, of) => sum + Number(/^readSync of (\d+) ms$/.exec(of)?.[1] ?? 0), 0)
}

/** Everything that is wrong with a run. @param {Findings} findings @returns {string[]} */
export function judge({ series, readWindows, stalls, disk, errors }) {
  return [
    ...errors,
    ...Object.entries(series).flatMap(([name, points]) => growthComplaints(name, points)),
    ...diskComplaints(disk),
    ...readComplaints(readWindows),
    ...stallComplaints(stalls),
  ]
}

/** @param {readonly number[]} values */
export function medianOf(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}
