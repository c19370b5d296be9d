import { expect, test } from 'vitest'

import type { Tablet } from '../../../dist/lsm/tablet.js'
import { Lane } from '../../../dist/store/lane.js'

const newLane = () => new Lane({ id: 1 } as Tablet, 'compaction')

test('a lane that finds nothing to do any more has ended, and starts again', async () => {
  const lane = newLane()
  let count = 0
  for (let i = 1; i <= 3; i++) {
    const outcome = lane.nextOutcome()
    lane.start(async () => {
      count++
      // As when a plan is there no more: nothing is waited for.
      lane.succeed()
      lane.end()
    })
    expect(lane.isTrying).toBe(true)
    await outcome
    expect([count, lane.running, lane.isTrying]).toEqual([i, undefined, false])
  }
})

test('a lane that works is not started again', async () => {
  const lane = newLane()
  let end = () => {}
  let count = 0
  const work = async () => {
    count++
    await new Promise<void>((resolve) => (end = resolve))
    lane.end()
  }
  lane.start(work)
  lane.start(work)
  const { running } = lane
  lane.start(work)
  expect(lane.running).toBe(running)
  await Promise.resolve()
  end()
  await running
  expect([count, lane.running]).toEqual([1, undefined])
})
