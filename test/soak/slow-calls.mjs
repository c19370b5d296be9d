// @ts-check
// Times the system calls that this thread waits for. Imported before whatever makes them.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const SLOW_MS = 10
const NAMES = /** @type {const} */ ([
  'openSync',
  'closeSync',
  'readSync',
  'writeSync',
  'fdatasyncSync',
  'fsyncSync',
  'ftruncateSync',
  'fstatSync',
  'statSync',
  'readdirSync',
  'renameSync',
  'linkSync',
  'unlinkSync',
])

/** Told of each call that took long: which one, and milliseconds. */
export const slowCalls = {
  onSlow: /** @type {(name: string, durationMs: number) => void} */ (() => undefined),
}

for (const name of NAMES) {
  const call = /** @type {(...of: any[]) => any} */ (fs[name])
  Object.assign(fs, {
    [name]: (/** @type {any[]} */ ...of) => {
      const start = performance.now()
      try {
        return call(...of)
      } finally {
        const durationMs = performance.now() - start
        if (durationMs > SLOW_MS) slowCalls.onSlow(name, durationMs)
      }
    },
  })
}
syncBuiltinESMExports()
