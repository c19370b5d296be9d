// @ts-check
// What a soak measures beside answers: memory, descriptors, the event loop, and what stopped it.

import { openSync, readdirSync, readSync, statSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'

import { Histogram } from '../../dist/base/metrics.js'

const TICK_MS = 5
/** Shorter delays are not worth a line. */
const STALL_MIN_MS = 20

/**
 * Milliseconds that this thread has waited for a processor which others had: their doing, and no stall of ours. Zero where
 * the system does not say (Linux does).
 */
export const waitedMs = (() => {
  const text = Buffer.alloc(96)
  let fd = -1
  try {
    fd = openSync('/proc/self/schedstat', 'r')
  } catch {
    return () => 0
  }
  return () => Number(text.toString('latin1', 0, readSync(fd, text, 0, 96, 0)).split(' ')[1]) / 1e6
})()

/** A clock that stands while the thread waits for a processor. */
export const ownMs = () => performance.now() - waitedMs()

/**
 * Milliseconds that the host kept processors from this machine, all of them together, in steps of 10; zero where the system
 * does not say.
 */
export const stolenMs = (() => {
  const text = Buffer.alloc(256)
  let fd = -1
  try {
    fd = openSync('/proc/stat', 'r')
  } catch {
    return () => 0
  }
  return () => Number(text.toString('latin1', 0, readSync(fd, text, 0, 256, 0)).split(/ +/)[8]) * 10
})()

/** Open descriptors of the process; 0 where the system does not list them. */
export function openFileCount() {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

/** Threads of the process, workers among them; 0 where the system does not list them. */
export function threadCount() {
  try {
    return readdirSync('/proc/self/task').length
  } catch {
    return 0
  }
}

/** Bytes of the log, and of all else. @param {string} directory */
export function bytesOnDisk(directory) {
  let logBytes = 0
  let otherBytes = 0
  for (const name of readdirSync(directory)) {
    const bytes = statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.size ?? 0
    if (name.endsWith('.wal')) logBytes += bytes
    else otherBytes += bytes
  }
  return { logBytes, otherBytes }
}

/** Ticks, and names what was going on when a tick came late. */
export class LoopProbe {
  /** In microseconds. */
  delays = new Histogram()
  stalls = /** @type {{ atMs: number, ownMs: number, during: string[] }[]} */ ([])
  #going = /** @type {Map<string, number>} */ (new Map())
  #lastOwnMs = ownMs()
  #lastStolenMs = stolenMs()
  #lastCpu = process.cpuUsage()
  #timer = setInterval(() => this.#tick(), TICK_MS)
  /** What ended since the last tick. */
  #ended = new Set()
  /** Collections of garbage that could be felt. */
  #collections = new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries()) {
      if (duration > STALL_MIN_MS / 2)
        this.nameStalls('garbage collection', performance.now() - startTime)
    }
  })

  constructor() {
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  /** @template T @param {string} what @param {() => Promise<T>} work */
  async during(what, work) {
    this.#going.set(what, (this.#going.get(what) ?? 0) + 1)
    try {
      return await work()
    } finally {
      this.#going.set(what, (this.#going.get(what) ?? 0) - 1)
      this.#ended.add(what)
    }
  }

  /** Something that is reported once it is over: it names stalls of its time. @param {string} what @param {number} durationMs */
  nameStalls(what, durationMs) {
    const startMs = performance.now() - durationMs
    for (const stall of this.stalls) if (stall.atMs >= startMs) stall.during.push(what)
    this.#ended.add(what)
  }

  stop() {
    clearInterval(this.#timer)
    this.#collections.disconnect()
  }

  #tick() {
    const now = ownMs()
    const lateMs = Math.max(0, now - this.#lastOwnMs - TICK_MS)
    this.#lastOwnMs = now
    this.delays.record(lateMs * 1000)
    const stolen = stolenMs() - this.#lastStolenMs
    this.#lastStolenMs += stolen
    const cpu = process.cpuUsage(this.#lastCpu)
    this.#lastCpu = process.cpuUsage()
    if (lateMs > STALL_MIN_MS) {
      this.#ended.add(`${Math.round((cpu.user + cpu.system) / 1000)} ms of CPU`)
      if (stolen > 0) this.#ended.add(`${stolen} ms taken by the host`)
      const going = [...this.#going].filter(([, count]) => count > 0).map(([what]) => what)
      const during = [...new Set([...going, ...this.#ended])]
      this.stalls.push({ atMs: performance.now(), ownMs: lateMs, during })
    }
    this.#ended.clear()
  }
}
