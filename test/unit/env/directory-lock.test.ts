import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DirectoryLock, lockDirectory } from '../../../dist/env/directory-lock.js'
import { LOCK_NAME } from '../../../dist/env/lock-file.js'
import {
  judgeHolder,
  type LockHolder,
  ownIdentity,
  parseHolder,
  processStartOf,
} from '../../../dist/env/lock-holder.js'
import { MemoryFileSystem } from '../../../dist/env/memory-file-system.js'
import { nodeEnv } from '../../../dist/env/node-env.js'
import { simulatedEnv } from '../../../dist/env/simulated-env.js'

const CHILD = fileURLToPath(new URL('lock-child.mjs', import.meta.url))
const env = nodeEnv({ jobModule: new URL('file:///none.js'), jobThreadCount: 1 })

let directory: string
let children: ChildProcess[] = []
let locks: DirectoryLock[] = []

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'tabularium-lock-'))
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const lock of locks) await lock.release()
  children = []
  locks = []
  fs.rmSync(directory, { recursive: true, force: true })
})

async function take(patienceMs = 300): Promise<DirectoryLock> {
  const lock = await lockDirectory(directory, env, { patienceMs })
  locks.push(lock)
  return lock
}

/** Starts a child; resolves with its first line and the child. */
async function startChild(): Promise<[string, ChildProcess]> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return [line, child]
}

const lockText = (): string => fs.readFileSync(join(directory, LOCK_NAME), 'utf8')

function leaveLock(changes: Partial<LockHolder>): void {
  const holder = { ...ownIdentity(), since: '2026-01-01T00:00:00.000Z', token: 'left', ...changes }
  fs.writeFileSync(join(directory, LOCK_NAME), JSON.stringify(holder))
}

describe('lockDirectory within one process', () => {
  it('lets one handle in, whatever the path is called, and the next one after release', async () => {
    const lock = await take()
    expect(lock.isHeld()).toBe(true)
    await expect(take()).rejects.toMatchObject({
      code: 'DB_LOCKED',
      details: { pid: process.pid, host: hostname() },
    })
    const alias = `${directory}-alias`
    fs.symlinkSync(directory, alias)
    await expect(lockDirectory(alias, env)).rejects.toMatchObject({ code: 'DB_LOCKED' })
    fs.rmSync(alias)
    await lock.release()
    await lock.release()
    expect(lock.isHeld()).toBe(false)
    expect(fs.existsSync(join(directory, LOCK_NAME))).toBe(false)
    await take()
  })

  it('lets one of many in', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 10 }, () => take()))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('does not take a new directory for a deleted one', async () => {
    await take()
    fs.rmSync(directory, { recursive: true })
    fs.mkdirSync(directory)
    await take()
  })

  it('notices that LOCK names somebody else', async () => {
    const lock = await take()
    leaveLock({ pid: 1 })
    expect(lock.isHeld()).toBe(false)
    await lock.release()
    expect(lockText()).toContain('left')
  })

  it('says what is missing', async () => {
    await expect(lockDirectory(join(directory, 'none'), env)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      details: { path: join(directory, 'none') },
    })
  })

  it('guards a simulated file system by its name', async () => {
    const runJob = () => undefined
    const simulated = simulatedEnv({ seed: 1, runJob })
    const lock = await lockDirectory('/db', simulated)
    await expect(lockDirectory('/db', simulated)).rejects.toMatchObject({ code: 'DB_LOCKED' })
    const other = simulatedEnv({ seed: 1, runJob, fs: new MemoryFileSystem() })
    await (await lockDirectory('/db', other)).release()
    await lock.release()
    expect(lock.isHeld()).toBe(false)
    await lockDirectory('/db', simulated)
  })
})

describe('lockDirectory among processes', () => {
  it('names the live holder and is free at once when it is killed', async () => {
    const [line, child] = await startChild()
    expect(line).toBe('locked')
    const { since } = JSON.parse(lockText()) as LockHolder
    await expect(take()).rejects.toMatchObject({
      code: 'DB_LOCKED',
      message: expect.stringContaining(`process ${child.pid} on ${hostname()} since ${since}`),
      details: { path: directory, pid: child.pid, host: hostname(), since },
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(lockText()).toContain(`"pid":${child.pid}`)
    // Patience would show as a time-out: who died on this machine is not waited for.
    await take(3_600_000)
    expect(lockText()).toContain(`"pid":${process.pid}`)
  })

  it('refuses a second child and lets it in after release', async () => {
    const [, first] = await startChild()
    const [refusal] = await startChild()
    expect(JSON.parse(refusal)).toMatchObject({ code: 'DB_LOCKED', details: { pid: first.pid } })
    first.stdin?.write('release\n')
    await once(first, 'exit')
    const [line] = await startChild()
    expect(line).toBe('locked')
  })

  it.runIf(process.platform === 'linux')('refuses although LOCK was deleted', async () => {
    const [, child] = await startChild()
    fs.rmSync(join(directory, LOCK_NAME))
    await expect(take()).rejects.toMatchObject({ code: 'DB_LOCKED', details: { path: directory } })
    child.kill('SIGKILL')
  })
})

describe.runIf(process.platform === 'linux')('a LOCK that was left behind', () => {
  it('is taken over at once after a restart of the machine', async () => {
    leaveLock({ bootId: 'another boot', pid: process.ppid })
    await take(3_600_000)
  })

  it('is respected while a foreign holder touches it', async () => {
    leaveLock({ bootId: 'another boot', host: 'elsewhere' })
    const taking = take(2000)
    const touch = setInterval(() => fs.utimesSync(join(directory, LOCK_NAME), 1, Date.now()), 50)
    await expect(taking).rejects.toMatchObject({
      code: 'DB_LOCKED',
      details: { host: 'elsewhere' },
    })
    clearInterval(touch)
  })

  it('is taken over from a foreign holder that gives no sign of life', async () => {
    leaveLock({ pidNamespace: 'pid:[1]', networkNamespace: 'net:[1]' })
    await take()
    expect(lockText()).not.toContain('left')
  })

  it.each([
    ['', 'empty'],
    ['{"pid": 1', 'half written'],
    ['\0'.repeat(300), 'zeros'],
    ['x'.repeat(100_000), 'a large file of somebody else'],
    [JSON.stringify({ ...ownIdentity(), since: '\u001b[2J', token: 't' }), 'control characters'],
  ])('is nobody, and not waited for, when it is no lock: %#', async (text) => {
    fs.writeFileSync(join(directory, LOCK_NAME), text)
    await take(3_600_000)
    expect(lockText()).toContain(`"pid":${process.pid}`)
  })

  it('is known by the start of its process, because numbers are used again', async () => {
    // Elsewhere in the network, so that the socket proves nothing; the number is in use, by another.
    leaveLock({ pid: process.ppid, processStart: '1', networkNamespace: 'net:[1]' })
    await take(3_600_000)
    const processStart = processStartOf(process.ppid)!
    await locks.pop()!.release()
    leaveLock({ pid: process.ppid, processStart, networkNamespace: 'net:[1]' })
    await expect(take(3_600_000)).rejects.toMatchObject({ code: 'DB_LOCKED' })
  })

  it('is an error when it cannot be read, written or removed', async () => {
    const path = join(directory, LOCK_NAME)
    fs.mkdirSync(path)
    await expect(take(3_600_000)).rejects.toMatchObject({
      code: 'DB_NOT_A_DATABASE',
      details: { path },
    })
    fs.rmdirSync(path)
    const lock = await take()
    expect(() => lock.check()).not.toThrow()
    fs.rmSync(path)
    expect(() => lock.check()).toThrow('FILE_MISSING')
    leaveLock({ pid: 1 })
    expect(() => lock.check()).toThrow('DB_LOCKED')
    fs.rmSync(path)
    fs.mkdirSync(path)
    expect(() => lock.isHeld()).toThrow('DB_NOT_A_DATABASE')
    await expect(lock.release()).rejects.toMatchObject({
      code: 'DB_NOT_A_DATABASE',
      details: { path },
    })
    fs.rmdirSync(path)
    // Everything else was let go of.
    await take()
    locks.shift()
  })

  it('is taken whatever the clock says', async () => {
    const clock = { ...env.clock, wallMicros: () => Number.MAX_VALUE }
    const lock = await lockDirectory(directory, { fs: env.fs, clock })
    expect(lock.isHeld()).toBe(true)
    await lock.release()
  })
})

describe('judgeHolder', () => {
  const self = {
    pid: 10,
    host: 'here',
    processStart: '500',
    bootId: 'boot',
    pidNamespace: 'pid:[1]',
    networkNamespace: 'net:[1]',
  }
  const holder = { ...self, pid: 11, since: '', token: '', networkNamespace: 'net:[2]' }
  const startOf = (start?: string) => () => start

  it('knows a process by its number and its start', () => {
    expect(judgeHolder(holder, self, true, startOf('500'))).toBe('alive')
    expect(judgeHolder(holder, self, true, startOf('501'))).toBe('gone')
    expect(judgeHolder(holder, self, true, startOf())).toBe('gone')
  })

  it('trusts a free socket in the same network namespace', () => {
    const near = { ...holder, networkNamespace: 'net:[1]' }
    expect(judgeHolder(near, self, true, startOf('500'))).toBe('gone')
    expect(judgeHolder(near, self, false, startOf('500'))).toBe('alive')
  })

  it('does not compare numbers across namespaces, boots and hosts', () => {
    expect(judgeHolder({ ...holder, pidNamespace: 'pid:[2]' }, self, true, startOf())).toBe(
      'unknown',
    )
    expect(judgeHolder({ ...holder, bootId: 'old' }, self, true, startOf('500'))).toBe('gone')
    const foreign = { ...holder, bootId: 'old', host: 'there' }
    expect(judgeHolder(foreign, self, true, startOf())).toBe('unknown')
  })

  it('is careful where the system tells nothing', () => {
    const blind = { ...self, bootId: '', processStart: '' }
    const peer = { ...holder, bootId: '', processStart: '' }
    expect(judgeHolder(peer, blind, false, startOf())).toBe('gone')
    expect(judgeHolder(peer, blind, false, startOf(''))).toBe('unknown')
  })

  it('finds out when processes started', () => {
    expect(processStartOf(process.pid)).toBe(ownIdentity().processStart)
    expect(processStartOf(2 ** 30)).toBeUndefined()
  })

  it('reads back only whole holders', () => {
    const whole = { ...holder, since: '2026', token: 't' }
    expect(parseHolder(JSON.stringify(whole))).toEqual(whole)
    for (const text of ['', 'null', '[]', '{"pid":1}', JSON.stringify({ ...whole, pid: -1 })]) {
      expect(parseHolder(text)).toBeUndefined()
    }
  })
})
