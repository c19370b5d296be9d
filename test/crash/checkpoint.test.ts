// A checkpoint that is interrupted at any file-system call, by a power cut or by a failure: the target is refused with a
// typed error, or is whole; the database that is copied has lost nothing.
import { beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '../../dist/base/errors.js'
import { EventSource } from '../../dist/base/events.js'
import {
  type FileCall,
  type InjectedFailure,
  MemoryFileSystem,
} from '../../dist/env/memory-file-system.js'
import { Store } from '../../dist/store/store.js'
import { Seeded } from '../model/seeded.js'
import { dump, randomWrites, simulation, storeOptions, unhex } from '../model/store-driver.js'
import { type ModelState, VersionModel } from '../model/version-model.js'
import { turns } from '../turns.js'

const SEED = Number(process.env.SEED ?? 4)
const TARGET = '/backups/copy'
/** What a directory may answer that holds no finished checkpoint. */
const REFUSALS = ['DB_NOT_FOUND', 'CHECKPOINT_UNFINISHED']

const random = new Seeded(SEED)
const options = { ...storeOptions(random), manifestFileBytes: 4096, memtableBudgetBytes: 1 << 20 }
const base = new MemoryFileSystem()
let state: ModelState

/** Opens, and waits for the compactions that this begins: the calls that follow are those of a checkpoint alone. */
async function open(fs: MemoryFileSystem, path = '/db'): Promise<Store> {
  const settings = { ...options, path, createIfMissing: path === '/db' }
  const store = await Store.open(settings, simulation(1, fs), new EventSource())
  await turns(50)
  return store
}

async function stateOf(fs: MemoryFileSystem, path: string): Promise<ModelState> {
  const store = await open(fs, path)
  try {
    return dump(store.latest())
  } finally {
    await store.close()
  }
}

/** A state, or the code that opening gave. */
async function targetOf(fs: MemoryFileSystem): Promise<ModelState | string> {
  return stateOf(fs, TARGET).catch((error: unknown) => {
    if (error instanceof EngineError) return error.code
    throw error
  })
}

beforeAll(async () => {
  const model = new VersionModel()
  const store = await open(base)
  for (let i = 0; i < 25; i++) {
    const writes = randomWrites(random, i)
    await store.write((view) => {
      for (const [key, value] of writes) {
        if (value === undefined) view.delete(unhex(key))
        else view.put(unhex(key), Buffer.from(value))
      }
    })
    model.invoke(writes)
    if (i === 8) await store.compact()
    if (i === 15) await store.flush()
  }
  state = model.stateAfter(model.commits.length)
  base.cutPowerAt(base.callCount)
  await store.close().catch(() => undefined)
})

/** The calls of an undisturbed checkpoint. */
async function callsOf(canLink: boolean): Promise<FileCall[]> {
  const fs = base.clone()
  const store = await open(fs)
  const calls: FileCall[] = []
  fs.inject = (call) => {
    calls.push(call)
    return canLink || call.name !== 'link' ? undefined : 'EXDEV'
  }
  const { linkedTableCount, tableCount } = await store.checkpoint(TARGET)
  fs.inject = undefined
  await store.close()
  expect(tableCount).toBeGreaterThan(2)
  expect(linkedTableCount > 0).toBe(canLink)
  expect(await targetOf(fs)).toEqual(state)
  return calls
}

describe.each([true, false])('a checkpoint, with links: %s', (canLink) => {
  it('cut off by a power cut at any call is refused or whole', async () => {
    const calls = await callsOf(canLink)
    // The first call only reads: it bears the number of the change before.
    const changes = calls.at(-1)!.number - calls[0]!.number
    const seen = new Set<string>()
    for (let n = 1; n <= changes; n++) {
      const fs = base.clone()
      const store = await open(fs)
      if (!canLink) fs.inject = ({ name }) => (name === 'link' ? 'EXDEV' : undefined)
      fs.cutPowerAt(fs.callCount + n)
      await expect(store.checkpoint(TARGET)).rejects.toThrow('power was cut')
      await store.close().catch(() => undefined)
      for (const mode of ['lost', 'kept', 'subset', 'torn'] as const) {
        const image = fs.crashImage(random, mode)
        const target = await targetOf(image)
        if (typeof target === 'string') expect(REFUSALS).toContain(target)
        else expect(target).toEqual(state)
        seen.add(typeof target === 'string' ? target : 'whole')
        expect(await stateOf(image, '/db')).toEqual(state)
      }
    }
    expect([...seen].sort()).toEqual([...REFUSALS, 'whole'].sort())
  })

  it.each<InjectedFailure>(['EIO', 'ENOSPC'])(
    'that meets %s at any call says so and leaves an empty directory',
    async (errno) => {
      const calls = await callsOf(canLink)
      for (let n = 0; n < calls.length; n++) {
        const fs = base.clone()
        const store = await open(fs)
        const before = fs.list('/db')
        let count = 0
        fs.inject = ({ name }) => {
          if (count++ === n) return errno
          return canLink || name !== 'link' ? undefined : 'EXDEV'
        }
        const outcome = await store.checkpoint(TARGET).catch((error: unknown) => error)
        fs.inject = undefined
        expect(outcome, calls[n]!.name).toMatchObject({
          code: errno === 'EIO' ? 'IO_FAILED' : 'DISK_FULL',
        })
        expect(fs.exists(TARGET) ? fs.list(TARGET) : []).toEqual([])
        expect(fs.list('/db')).toEqual(before)
        // Nothing is in the way of a second try.
        await store.checkpoint(TARGET)
        await store.close()
        expect(await targetOf(fs)).toEqual(state)
      }
    },
  )
})
