// Steps of benchmarks that take a process of their own: each prints one JSON object.
import { spawnSync } from 'node:child_process'

/**
 * Runs a script of Node and returns what it says. One that must not close its database kills itself once it has said all.
 *
 * @param options.flags  of Node itself
 */
export function runChild(script, args, { flags = [], env, timeoutMs } = {}) {
  const { stdout, error, status, signal } = spawnSync(
    process.execPath,
    [...flags, script, ...args],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: timeoutMs,
      killSignal: 'SIGTERM',
      env: { ...process.env, ...env },
    },
  )
  if (error !== undefined || (status !== 0 && signal !== 'SIGKILL')) {
    throw new Error(`${script} ${args.join(' ')} failed`, { cause: error })
  }
  return JSON.parse(stdout)
}
