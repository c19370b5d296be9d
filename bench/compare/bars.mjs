// What is measured of each workload, and the bars: ours must be so many times as good as the best peer of the run, or must not
// be above or below a number. `better` says which way is good.

export const WORKLOAD_TITLES = {
  load: 'W1: durable load in batches of 1,000 orders over 1,000 tenants',
  relaxed: 'W1 relaxed: the same, a commit returns before it is durable',
  commit: 'W1b: one order per durable commit',
  memory: 'W2: point reads, rows in memory',
  read: 'W2, W3, W4: reads of a reopened, settled database',
  events: 'W5: durable load of nested events, 200 a commit',
  open: 'W8: clean open and first read, in a process of its own',
  replay: 'W8: open after a kill, with all of the load in the log',
}

export const MEASURES = [
  { workload: 'load', measure: 'rowsPerSecond', title: 'rows/s', times: 3 },
  {
    workload: 'load',
    measure: 'settledRowsPerSecond',
    title: 'rows/s, until flushes and compaction are done',
    times: 3,
  },
  { workload: 'load', measure: 'batchP50Ms', title: 'a batch, p50, ms', better: 'less' },
  { workload: 'load', measure: 'batchP99Ms', title: 'a batch, p99, ms', better: 'less' },
  {
    workload: 'load',
    measure: 'processorMicrosPerRow',
    title: 'processor time, µs a row',
    better: 'less',
  },
  { workload: 'load', measure: 'diskBytesPerRow', title: 'on disk, bytes a row', better: 'less' },
  {
    workload: 'load',
    measure: 'writtenBytesPerRow',
    title: 'written to disk, bytes a row',
    better: 'less',
  },
  { workload: 'load', measure: 'rssMib', title: 'resident memory, MiB', better: 'less' },
  { workload: 'relaxed', measure: 'rowsPerSecond', title: 'rows/s' },
  { workload: 'commit', measure: 'alonePerSecond', title: 'one client, commits/s' },
  {
    workload: 'commit',
    measure: 'aloneP50Us',
    title: 'one client, p50, µs',
    better: 'less',
    times: 0.75,
  },
  { workload: 'commit', measure: 'aloneP99Us', title: 'one client, p99, µs', better: 'less' },
  { workload: 'commit', measure: 'sharedPerSecond', title: '64 clients, commits/s', times: 3 },
  { workload: 'commit', measure: 'sharedP50Us', title: '64 clients, p50, µs', better: 'less' },
  { workload: 'commit', measure: 'sharedP99Us', title: '64 clients, p99, µs', better: 'less' },
  { workload: 'memory', measure: 'uniformPerSecond', title: 'rows/s', times: 2 },
  { workload: 'memory', measure: 'uniformP99Us', title: 'p99, µs', better: 'less' },
  { workload: 'memory', measure: 'missingPerSecond', title: 'missing keys/s', times: 2 },
  {
    workload: 'read',
    measure: 'uniformPerSecond',
    title: 'W2, all rows as likely, rows/s',
    times: 1.3,
  },
  { workload: 'read', measure: 'zipfPerSecond', title: 'W2, zipf, rows/s', times: 1.3 },
  { workload: 'read', measure: 'uniformP99Us', title: 'W2, p99, µs', better: 'less' },
  { workload: 'read', measure: 'missingPerSecond', title: 'W2, missing keys/s', times: 2 },
  {
    workload: 'read',
    measure: 'lastsPerSecond',
    title: 'W3, last 100 rows of a tenant, scans/s',
    times: 1.3,
  },
  { workload: 'read', measure: 'lastsP99Us', title: 'W3, p99, µs', better: 'less' },
  {
    workload: 'read',
    measure: 'mixedPerSecond',
    title: 'W4, nine reads to one write, operations/s',
    times: 1.6,
  },
  { workload: 'events', measure: 'eventsPerSecond', title: 'events/s', times: 2 },
  {
    workload: 'events',
    measure: 'settledEventsPerSecond',
    title: 'events/s, until compaction is done',
  },
  {
    workload: 'events',
    measure: 'diskBytesPerEvent',
    title: 'on disk, bytes an event',
    better: 'less',
    atMost: 3000,
  },
  {
    workload: 'events',
    measure: 'logAndReserveBytesPerEvent',
    title: 'of these, log files and reserve',
    better: 'less',
  },
  {
    workload: 'events',
    measure: 'processorMicrosPerEvent',
    title: 'processor time, µs an event',
    better: 'less',
  },
  { workload: 'events', measure: 'getP50Us', title: 'a read, p50, µs', better: 'less' },
  { workload: 'open', measure: 'importMs', title: 'import of its modules, ms', better: 'less' },
  {
    workload: 'open',
    measure: 'openAndReadMs',
    title: 'open and first read, ms',
    better: 'less',
    atMost: 50,
  },
  {
    workload: 'open',
    measure: 'rssMib',
    title: 'resident memory then, MiB',
    better: 'less',
    atMost: 80,
  },
  {
    workload: 'replay',
    measure: 'openAndReadMs',
    title: 'open and first read, ms',
    better: 'less',
  },
  { workload: 'replay', measure: 'rowsReplayedPerSecond', title: 'rows/s' },
  { workload: 'replay', measure: 'logMbPerSecond', title: 'MB of log a second', atLeast: 150 },
]

/** What is measured, with the workload. */
export function titleOf({ workload, title }) {
  return title.startsWith('W') ? title : `${WORKLOAD_TITLES[workload].split(':')[0]}: ${title}`
}

/** What the price of a feature is told of. */
export const PRICED = [
  'rowsPerSecond',
  'settledRowsPerSecond',
  'diskBytesPerRow',
  'aloneP50Us',
  'sharedPerSecond',
  'uniformPerSecond',
  'missingPerSecond',
  'lastsPerSecond',
  'mixedPerSecond',
]

/** How the bar of a measure reads. */
export function spellBar({ better = 'more', times, atMost, atLeast }) {
  if (times !== undefined) return `${better === 'less' ? 'at most ' : ''}${times}x`
  if (atMost !== undefined) return `at most ${atMost.toLocaleString('en')}`
  if (atLeast !== undefined) return `at least ${atLeast.toLocaleString('en')}`
  return ''
}

/**
 * Whether a bar is reached; undefined where there is none, or nothing to compare with.
 *
 * @param bar   a row of MEASURES
 * @param ours  our number
 * @param ratio of ours to that of the best peer
 */
export function isReached({ better = 'more', times, atMost, atLeast }, ours, ratio) {
  if (atMost !== undefined) return ours <= atMost
  if (atLeast !== undefined) return ours >= atLeast
  if (times === undefined || ratio === undefined) return undefined
  return better === 'less' ? ratio <= times : ratio >= times
}
