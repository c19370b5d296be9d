// @ts-check
/**
 * What each harness runs, with counts that every bug of its rows must fall to.
 * @type {Readonly<Record<string, { readonly path: string, readonly env?: Record<string, string> }>>}
 */
export const HARNESSES = {
  powerCut: { path: 'test/crash/power-cut', env: { POWER_CUTS: '1500' } },
  model: { path: 'test/model', env: { MODEL_RUNS: '80' } },
  fault: { path: 'test/fault/fault.test', env: { FAULT_STRIDE: '37' } },
  fullDisk: { path: 'test/fault/full-disk', env: { FULL_DISK_RUNS: '25' } },
  failingDisk: { path: 'test/crash/failing-disk' },
  durability: { path: 'test/db/durability' },
  tokens: { path: 'test/db/tokens' },
  hangingDisk: { path: 'test/db/hanging-disk' },
  lostWal: { path: 'test/crash/lost-wal' },
  kill: { path: 'test/crash/kill.test', env: { KILLS: '12' } },
  metamorphic: { path: 'test/metamorphic/store-settings', env: { METAMORPHIC_RUNS: '2' } },
  tables: { path: 'test/unit/sstable' },
  corruption: { path: 'test/corruption/sweep' },
  quarantine: { path: 'test/corruption/quarantine' },
  garbage: { path: 'test/model/garbage', env: { MODEL_RUNS: '12' } },
  garbagePicker: { path: 'test/unit/lsm/garbage-picker' },
  jobs: { path: 'test/unit/lsm/jobs.test' },
  picker: { path: 'test/unit/lsm/picker' },
  workers: { path: 'test/db/worker-faults' },
  retention: { path: 'test/model/retention', env: { RETENTION_RUNS: '12' } },
  marks: { path: 'test/unit/lsm/history-marks' },
  snapshots: { path: 'test/db/retention' },
  pastReads: { path: 'test/model/past-reads', env: { PAST_READS: '400' } },
  rowHistory: { path: 'test/db/row-history' },
  rewind: { path: 'test/db/rewind' },
  level: { path: 'test/level/level.test' },
  levelModel: { path: 'test/level/model', env: { LEVEL_RUNS: '20' } },
  levelPowerCut: { path: 'test/level/power-cut' },
  compat: { path: 'test/compat' },
}
