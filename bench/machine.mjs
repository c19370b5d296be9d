// What a result says about where it was measured, and what the operating system knows of this process and its files.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'

/** The commit, the Node version and the processors. */
export function machineFacts() {
  const commit = execFileSync(
    'git',
    ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=12'],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  ).trim()
  return { commit, node: process.version, cpu: `${cpus().length} x ${cpus()[0].model}` }
}

/** How many processes have been running or waiting for the disk in the last minute. */
export const systemLoad = () => Number(loadavg()[0].toFixed(1))

/** What the files of a directory take of the disk. */
export function diskBytes(path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.blocks * 512
  return readdirSync(path).reduce((total, name) => total + diskBytes(join(path, name)), 0)
}

/** What this process has had written to disks so far; undefined where the system does not tell. */
export function writtenBytes() {
  const path = '/proc/self/io'
  if (!existsSync(path)) return undefined
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1])
}

export const residentMib = () => Math.round(process.memoryUsage.rss() / 2 ** 20)

/** Microseconds of all processors that this process has taken. */
export function processorMicros() {
  const { user, system } = process.cpuUsage()
  return user + system
}
