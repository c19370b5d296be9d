import { describe, expect, it } from 'vitest'
import { SimulatedClock, SystemClock } from '../../../dist/env/clock.js'
import { readFile } from '../../../dist/env/file-system.js'
import { SeededRandom, SystemRandom } from '../../../dist/env/random.js'
import { simulatedEnv } from '../../../dist/env/simulated-env.js'

describe('SimulatedClock', () => {
  it('ticks when it passes the time, once however far it goes, and moves for nobody who only ticks', async () => {
    const clock = new SimulatedClock()
    const ticks: number[] = []
    const stop = clock.every(1000, () => ticks.push(clock.monotonicMicros()))
    for (let i = 0; i < 5; i++) await clock.yield()
    clock.advance(999)
    expect(ticks).toEqual([])
    clock.advance(1)
    clock.advance(5000)
    expect(ticks).toEqual([1_000_000, 6_000_000])
    stop()
    clock.advance(5000)
    expect(ticks).toHaveLength(2)
  })

  it('stands still until it is moved', async () => {
    const clock = new SimulatedClock()
    const start = clock.wallMicros()
    expect(new Date(start / 1000).toISOString()).toBe('2026-01-01T00:00:00.000Z')
    await clock.yield()
    expect(clock.wallMicros()).toBe(start)
    clock.advance(1.5)
    expect(clock.wallMicros() - start).toBe(1500)
    expect(clock.monotonicMicros()).toBe(1500)
    clock.skewWall(-60_000)
    expect(clock.wallMicros() - start).toBe(1500 - 60_000_000)
    expect(clock.monotonicMicros()).toBe(1500)
    expect(() => clock.advance(-1)).toThrow(/INTERNAL/)
  })

  it('wakes sleepers in the order of their times', async () => {
    const clock = new SimulatedClock({ isHeld: true })
    const woken: string[] = []
    const sleep = (name: string, delayMs: number) =>
      clock.sleep(delayMs).then(() => woken.push(`${name}`))
    const sleeps = [sleep('c', 30), sleep('a', 10), sleep('b', 10), sleep('d', 40)]
    await clock.yield()
    expect([woken, clock.sleeperCount]).toEqual([[], 4])
    clock.advance(30)
    await clock.yield()
    expect(woken).toEqual(['a', 'b', 'c'])
    clock.advance(10)
    await Promise.all(sleeps)
    expect([woken.at(-1), clock.sleeperCount]).toEqual(['d', 0])
  })

  it('moves on by itself when everybody sleeps, unless held', async () => {
    const clock = new SimulatedClock()
    await Promise.all([clock.sleep(5000), clock.sleep(1000)])
    expect(clock.monotonicMicros()).toBe(5_000_000)
  })

  it('lets sleeps be aborted', async () => {
    for (const clock of [new SimulatedClock({ isHeld: true }), new SystemClock()]) {
      const abort = new AbortController()
      const sleeping = clock.sleep(60_000, abort.signal)
      abort.abort(new Error('enough'))
      await expect(sleeping).rejects.toThrow('enough')
      await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough')
    }
  })
})

describe('SystemClock', () => {
  it('gives whole microseconds and never runs backwards', async () => {
    const clock = new SystemClock()
    const before = clock.monotonicMicros()
    await clock.yield()
    await clock.sleep(2)
    expect(Number.isSafeInteger(clock.wallMicros())).toBe(true)
    expect(Number.isSafeInteger(before)).toBe(true)
    expect(clock.monotonicMicros()).toBeGreaterThanOrEqual(before + 1000)
  })
})

describe('random sources', () => {
  it('repeat themselves from a seed only', () => {
    const draw = (seed: number) => {
      const random = new SeededRandom(seed)
      return [random.float(), ...random.bytes(8)]
    }
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    const system = new SystemRandom()
    expect(system.bytes(16)).toHaveLength(16)
    expect(system.bytes(16)).not.toEqual(system.bytes(16))
  })

  it('stay within bounds', () => {
    for (const random of [new SeededRandom(3), new SystemRandom()]) {
      for (let i = 0; i < 1000; i++) {
        const x = random.float()
        expect(x >= 0 && x < 1).toBe(true)
      }
    }
  })
})

describe('simulatedEnv', () => {
  it('gives the same run for the same seed', async () => {
    const run = async (seed: number) => {
      const order: string[] = []
      const env = simulatedEnv({
        seed,
        jobDelayMaxTurns: 10,
        runJob: (job) => order.push(`run ${String(job)}`),
      })
      const jobs = Array.from({ length: 8 }, (_, i) =>
        env.jobs.run(i).then(() => order.push(`end ${i}`)),
      )
      await Promise.all(jobs)
      return [...order, env.random.float()].join()
    }
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
  })

  it('keeps files in memory', () => {
    const env = simulatedEnv({ seed: 1, runJob: () => undefined })
    env.fs.open('/a', 'create').write(Uint8Array.of(1, 2), 0)
    expect([...readFile(env.fs, '/a')]).toEqual([1, 2])
  })
})
