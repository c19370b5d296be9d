// Which commits share a sync, where clients commit again as soon as they are told.

import { beforeEach, expect, test } from 'vitest'

import { Deferred } from '../../../dist/base/async.js'
import type { EventSource } from '../../../dist/base/events.js'
import { type SeqNum, SEQ_NUM_ZERO } from '../../../dist/base/ids.js'
import type { ByteWriter } from '../../../dist/codec/bytes.js'
import { SimulatedClock } from '../../../dist/env/clock.js'
import { CommitLog } from '../../../dist/store/commit-log.js'
import type { WalWriter } from '../../../dist/wal/writer.js'

/** A log whose syncs end when the test says so. */
class FakeWal {
  pendingBytes = 0
  readonly canWriteNow = true
  readonly durable = { fileId: 1, endBytes: 0 }
  syncing: Deferred<void> | undefined
  syncStartMs = 0
  /** Commits that each sync was the first for. */
  readonly synced: number[] = []
  #unsyncedCount = 0

  append(_seqNum: SeqNum, encode: (out: ByteWriter) => void): void {
    this.#unsyncedCount++
    encode(undefined as unknown as ByteWriter)
  }

  writeNow(): void {
    this.pendingBytes = 0
  }

  sync(): Promise<void> {
    this.syncing = new Deferred()
    this.syncStartMs = nowMs()
    this.synced.push(this.#unsyncedCount)
    this.#unsyncedCount = 0
    return this.syncing.promise
  }
}

let wal: FakeWal
let clock: SimulatedClock
let log: CommitLog
let last: number
/** Of the syncs so far. */
let groups: number[]
let commitsOfGroup: number

beforeEach(() => {
  wal = new FakeWal()
  clock = new SimulatedClock({ isHeld: true })
  last = 0
  groups = []
  commitsOfGroup = 0
  log = new CommitLog({
    wal: wal as unknown as WalWriter,
    clock,
    events: { emit: () => undefined } as unknown as EventSource,
    relaxedWindowMs: 100,
    durable: SEQ_NUM_ZERO,
    onReadable: () => undefined,
    onRotated: () => undefined,
    onRefused: () => undefined,
    onBroken: (error) => expect.unreachable(String(error)),
  })
})

function commit(byteCount = 100): Promise<SeqNum> {
  const seqNum = ++last as SeqNum
  log.append(seqNum, () => {
    wal.pendingBytes += byteCount
  })
  commitsOfGroup++
  return log.whenSafe(seqNum, 'sync')
}

const nowMs = () => clock.monotonicMicros() / 1000
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Turns of the event loop until the disk is asked to sync. */
async function syncBegins(): Promise<void> {
  for (let count = 0; wal.syncing === undefined; count++) {
    expect(count, 'turns before a sync begins').toBeLessThan(100)
    await turn()
  }
  groups.push(commitsOfGroup)
  commitsOfGroup = 0
}

function syncEnds(): void {
  const { syncing } = wal
  wal.syncing = undefined
  syncing!.resolve()
}

test('clients who commit again share one sync, whatever groups they began in', async () => {
  const client = async () => {
    while (groups.length < 20) await commit()
  }
  const clients: Promise<void>[] = []
  for (let i = 0; i < 8; i++) clients.push(client())
  await syncBegins()
  for (let i = 0; i < 56; i++) clients.push(client())
  while (groups.length < 20) {
    syncEnds()
    await syncBegins()
  }
  expect(groups.slice(0, 2)).toEqual([8, 64])
  expect(new Set(groups.slice(2))).toEqual(new Set([64]))
  while (commitsOfGroup > 0 || wal.syncing !== undefined) {
    if (wal.syncing === undefined) await syncBegins()
    syncEnds()
    await turn()
  }
  await Promise.all(clients)
})

test('a group does not wait for long for clients who take their time', async () => {
  let toldCount = 0
  const busy = Array.from({ length: 300 }, () =>
    commit().then(() => {
      toldCount++
      clock.advance(0.1)
    }),
  )
  await syncBegins()
  const waiting = commit()
  syncEnds()
  await syncBegins()
  expect(toldCount, 'one turn, or two, of ten milliseconds').toBeGreaterThanOrEqual(100)
  expect(toldCount).toBeLessThanOrEqual(200)
  syncEnds()
  await Promise.all([...busy, waiting])
})

test('a large group does not wait at all', async () => {
  let isTold = false
  const first = commit().then(() => {
    isTold = true
  })
  await syncBegins()
  const large = commit(300_000)
  syncEnds()
  for (let count = 0; wal.syncing === undefined && count < 10; count++) await Promise.resolve()
  expect(wal.syncing, 'its sync begins in the same turn').toBeDefined()
  expect(isTold).toBe(false)
  syncEnds()
  await Promise.all([first, large])
})

/**
 * Two clients with large commits that take 5 ms each to prepare, and a disk that takes `syncMs`: how many commits each of so
 * many syncs had.
 */
async function groupsOfTwo(syncMs: number, count: number): Promise<number[]> {
  const first = wal.synced.length
  const busy = new Set<number>()
  const client = async (id: number) => {
    busy.add(id)
    while (wal.synced.length < first + count) {
      clock.advance(5)
      await commit(300_000)
    }
    busy.delete(id)
  }
  const clients = [client(1), client(2)]
  for (; busy.size > 0; await turn()) {
    if (wal.syncing === undefined) continue
    // Meanwhile who was told prepares his next commit.
    for (let i = 0; i < 5; i++) await turn()
    const restMs = wal.syncStartMs + syncMs - nowMs()
    if (restMs > 0) clock.advance(restMs)
    syncEnds()
  }
  await Promise.all(clients)
  return wal.synced.slice(first, first + count)
}

test('the next large commit is prepared beside the sync of the one before', async () => {
  expect(await groupsOfTwo(8, 50)).toEqual(Array.from({ length: 50 }, () => 1))
})

test('on a disk that takes longer than both are prepared for, they share syncs, and it is tried again', async () => {
  const slow = await groupsOfTwo(40, 100)
  expect(slow.filter((size) => size === 2).length).toBeGreaterThan(80)
  expect(slow.slice(10).includes(1), 'tried again').toBe(true)
  const quick = await groupsOfTwo(8, 100)
  expect(quick.slice(-50), 'as soon as it is quick').toEqual(Array.from({ length: 50 }, () => 1))
})
