// A disk of so many bytes, filled and emptied at random, with flushes, compactions, kills and power cuts in between:
// readers see exactly what was acknowledged at all times, what was refused never comes up again, and with room there are
// writes again without reopening.
import { describe, expect, it } from 'vitest'
import type { StoreOptions } from '../../dist/store/store-options.js'
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { randomKey, randomWrites } from '../model/store-driver.js'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import { turns } from '../turns.js'
import { type BookedCommit, FaultDriver } from './fault-driver.js'
import { FAULT_SCRIPTS, optionsOf } from './fault-scripts.js'
import { FaultyFileSystem } from './faulty-file-system.js'

const RUNS = Number(process.env.FULL_DISK_RUNS ?? 40)
const STEPS = 60
/** Writes within which a store notices that there is room: jobs take turns of the event loop, not simulated time. */
const NOTICED_WITHIN = 10

/** A disk on which files take what they are long. */
class SmallDisk {
  readonly fs: MemoryFileSystem
  capacityBytes: number
  refusalCount = 0

  constructor(fs: MemoryFileSystem, capacityBytes: number) {
    this.fs = fs
    this.capacityBytes = capacityBytes
    fs.free = () => this.freeBytes
    fs.inject = ({ name, path, offsetBytes = 0, byteCount = 0 }) => {
      if (name !== 'write') return undefined
      const growthBytes = Math.max(0, offsetBytes + byteCount - fs.fileBytes(path))
      if (growthBytes === 0 || fs.totalBytes + growthBytes <= this.capacityBytes) return undefined
      this.refusalCount++
      return 'ENOSPC'
    }
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.fs.totalBytes)
  }

  /** No room but for so many bytes. */
  fill(leftBytes: number): void {
    this.capacityBytes = this.fs.totalBytes + leftBytes
  }
}

interface Tally {
  refusals: number
  refusedCommits: number
  deletesWhileFull: number
  resumptions: number
  reopenings: number
}

class Run {
  readonly #random: Seeded
  readonly #options: StoreOptions
  readonly #tally: Tally
  #disk: SmallDisk
  #driver: FaultDriver
  #wasFull = false

  constructor(seed: number, tally: Tally) {
    const random = new Seeded(seed)
    this.#random = random
    this.#tally = tally
    this.#options = {
      ...optionsOf(FAULT_SCRIPTS[0]!),
      defaultTabletCount: random.pick([1, 3]),
      memtableBudgetBytes: random.pick([2_000, 20_000, 1 << 20]),
      walFileBytes: random.pick([2_048, 8_192]),
      manifestFileBytes: random.pick([1_024, 4_096]),
    }
    this.#disk = new SmallDisk(new MemoryFileSystem(), random.pick([30_000, 60_000, 120_000]))
    this.#driver = this.#driverOf([])
  }

  async play(): Promise<void> {
    expect(await this.#driver.open()).toBe(true)
    for (let step = 0; step < STEPS; step++) {
      await this.#step()
      await this.#driver.read()
      this.#look()
    }
    await this.#recover()
    await this.#driver.close()
    expect(await this.#driver.open()).toBe(true)
    await this.#driver.read()
    await this.#driver.close()
    const refused = this.#driver.commits.filter(({ outcome }) => outcome === 'no')
    this.#tally.refusedCommits += refused.length
    this.#tally.refusals += this.#disk.refusalCount
  }

  async #step(): Promise<void> {
    const random = this.#random
    const driver = this.#driver
    const kind = random.below(20)
    if (kind < 5) await driver.write(this.#writes())
    else if (kind < 8) await driver.write(this.#writes(), 'relaxed')
    else if (kind < 11) await this.#writeInCompany()
    else if (kind < 13) await this.#delete()
    else if (kind < 14) await driver.transact([randomKey(random)], this.#writes())
    else if (kind < 15) await driver.flush()
    else if (kind < 16) await driver.compact()
    else if (kind < 17) this.#disk.fill(random.pick([0, 100, 1_000, 5_000]))
    else if (kind < 18) await this.#recover()
    else if (kind < 19) await driver.env.clock.sleep(random.pick([100, 1_000, 20_000]))
    else await this.#kill()
  }

  /** Some commits are appended while the log is busy with those before. */
  async #writeInCompany(): Promise<void> {
    const turnCount = this.#random.below(3)
    const writing = Array.from({ length: 6 }, async (_, i) => {
      await turns(i * turnCount)
      await this.#driver.write(this.#writes(), i % 3 === 1 ? 'relaxed' : 'sync')
    })
    await Promise.all(writing)
  }

  #writes() {
    const random = this.#random
    const label = this.#driver.nextLabel()
    if (random.below(4) > 0) return randomWrites(random, label)
    return new Map([[randomKey(random), `${label}:${'x'.repeat(random.pick([500, 3_000]))}`]])
  }

  async #delete(): Promise<void> {
    const isFull = () => this.#driver.store?.state === 'readOnly'
    const wasFull = isFull()
    await this.#driver.write(
      new Map([
        [randomKey(this.#random), undefined],
        [randomKey(this.#random), undefined],
      ]),
    )
    const { outcome } = this.#driver.commits.at(-1)!
    if (wasFull && isFull() && outcome === 'acknowledged') this.#tally.deletesWhileFull++
  }

  /** With room, and a second later, there is nothing that is refused. */
  async #recover(): Promise<void> {
    this.#disk.capacityBytes = this.#disk.fs.totalBytes + 200_000
    await this.#driver.env.clock.sleep(20_000)
    for (let i = 0; i < NOTICED_WITHIN; i++) {
      await this.#driver.write(this.#writes())
      const isAccepted = this.#driver.commits.at(-1)!.outcome === 'acknowledged'
      if (isAccepted && this.#driver.store!.state === 'open') break
      await turns(50)
      await this.#driver.env.clock.sleep(1_000)
    }
    expect(this.#driver.commits.at(-1)!.outcome).toBe('acknowledged')
    expect(this.#driver.store!.state).toBe('open')
    if (this.#wasFull) this.#tally.resumptions++
    this.#wasFull = false
  }

  /** The process dies, or the power goes, with commits under way. */
  async #kill(): Promise<void> {
    const driver = this.#driver
    const pending = [1, 2, 3].map(() => driver.write(this.#writes()))
    await turns(this.#random.below(6))
    const { fs, capacityBytes } = this.#disk
    const isPowered = this.#random.below(2) === 0
    const image = isPowered ? fs.clone() : fs.crashImage(this.#random)
    const commits = driver.commits.map(({ writes, outcome = 'unknown' }) => ({
      writes,
      outcome: outcome === 'relaxed' && !isPowered ? 'unknown' : outcome,
    }))
    await Promise.all(pending)
    this.#look()
    await driver.close()
    this.#tally.refusals += this.#disk.refusalCount
    this.#disk = new SmallDisk(image, capacityBytes)
    this.#driver = this.#driverOf(commits as BookedCommit[])
    this.#wasFull = false
    if (!(await this.#driver.open())) {
      // Opening needs room, too.
      this.#disk.capacityBytes += 200_000
      expect(await this.#driver.open()).toBe(true)
    }
    this.#tally.reopenings++
  }

  /** Want of room leaves nobody in doubt. */
  #look(): void {
    const { store, commits } = this.#driver
    expect(['open', 'readOnly']).toContain(store!.state)
    expect(commits.filter(({ outcome }) => outcome === 'unknown')).toEqual([])
    if (store!.state === 'readOnly') this.#wasFull = true
  }

  #driverOf(commits: readonly BookedCommit[]): FaultDriver {
    const syncTurns = this.#random.pick([1, 2, 6])
    this.#disk.fs.syncTurns = () => syncTurns
    const faulty = new FaultyFileSystem(this.#disk.fs)
    return new FaultDriver(faulty, this.#options, [...commits])
  }
}

describe('a disk without room', () => {
  it('refuses precisely and comes back by itself', async () => {
    const tally = {
      refusals: 0,
      refusedCommits: 0,
      deletesWhileFull: 0,
      resumptions: 0,
      reopenings: 0,
    }
    const seeds = seedsOf(RUNS, 1)
    for (const seed of seeds) await replayable(seed, () => new Run(seed, tally).play())
    console.info(`a full disk: ${JSON.stringify(tally)}`)
    if (seeds.length < 10) return
    for (const [what, count] of Object.entries(tally)) expect(count, what).toBeGreaterThan(0)
  }, 600_000)
})

describe('a compaction on a disk that is nearly full', () => {
  /** What it leaves: a WAL file and a manifest. */
  const LEFT_BYTES = 16_384 + 4_096
  const OPTIONS: StoreOptions = {
    ...optionsOf(FAULT_SCRIPTS[0]!),
    defaultTabletCount: 1,
    walFileBytes: 16_384,
    manifestFileBytes: 4_096,
    outputTableBytes: 8_192,
    picker: {
      ...optionsOf(FAULT_SCRIPTS[0]!).picker!,
      level0MaxCount: 100,
      level1MaxBytes: 1 << 20,
    },
  }

  /** A store with superseded rows in so many tables of level 0, and the disk that it is on. */
  async function filled(tableCount: number) {
    const random = new Seeded(1)
    const disk = new SmallDisk(new MemoryFileSystem(), Infinity)
    const driver = new FaultDriver(new FaultyFileSystem(disk.fs), OPTIONS)
    expect(await driver.open()).toBe(true)
    const text = (byteCount: number) =>
      Array.from({ length: byteCount }, () => String.fromCharCode(33 + random.below(90))).join('')
    const keys = Array.from({ length: 20 }, () => randomKey(random))
    for (let i = 0; i < tableCount; i++) {
      await driver.write(new Map(keys.map((key) => [key, text(1_000)])))
      expect(await driver.flush()).toBe(true)
    }
    return { disk, driver, text, key: keys[0]! }
  }

  it('stops before commits lack room, and gives back what it wrote', async () => {
    const { disk, driver, text, key } = await filled(4)
    disk.fill(LEFT_BYTES + 10_000)
    const { freeBytes } = disk
    let leastFreeBytes = freeBytes
    disk.fs.free = () => {
      leastFreeBytes = Math.min(leastFreeBytes, disk.freeBytes)
      return disk.freeBytes
    }
    expect(await driver.compact()).toBe(false)
    expect(leastFreeBytes).toBeLessThan(freeBytes)
    expect(leastFreeBytes).toBeGreaterThanOrEqual(LEFT_BYTES)
    expect(disk.refusalCount).toBe(0)
    // But for the manifest of this opening, nothing is left behind.
    expect(disk.freeBytes).toBeGreaterThan(freeBytes - 1_000)
    await driver.write(new Map([[key, text(100)]]))
    expect(driver.commits.at(-1)!.outcome).toBe('acknowledged')
    expect(driver.store!.state).toBe('open')
    disk.capacityBytes += 100_000
    expect(await driver.compact()).toBe(true)
    await driver.read()
    await driver.close()
  })

  it('takes all of it when commits lack room already, and so makes room for them', async () => {
    const { disk, driver, text, key } = await filled(4)
    disk.fill(LEFT_BYTES + 10_000)
    expect(await driver.compact()).toBe(false)
    await driver.write(new Map([[key, text(60_000)]]))
    expect(driver.commits.at(-1)!.outcome).toBe('no')
    expect(driver.store!.state).toBe('readOnly')
    expect(await driver.compact()).toBe(true)
    await driver.env.clock.sleep(20_000)
    await driver.write(new Map([[key, text(100)]]))
    expect(driver.commits.at(-1)!.outcome).toBe('acknowledged')
    expect(driver.store!.state).toBe('open')
    await driver.read()
    await driver.close()
  })
})
