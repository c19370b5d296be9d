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

  append(_seqNum: SeqNum, encode: (out: ByteWriter) => void): void {
    encode(undefined as unknown as ByteWriter)
  }

  async write(): Promise<void> {
    this.pendingBytes = 0
  }

  sync(): Promise<void> {
    this.syncing = new Deferred()
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
