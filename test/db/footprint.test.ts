// What a database takes of the process that it lives in: memory within its budget, little for tenants that do nothing, and
// nothing at all once it is closed.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { temporaryDirectory } from './db-kit.js'

const CHILD = fileURLToPath(new URL('footprint-child.mjs', import.meta.url))
const MiB = 1 << 20

function measured(step: string) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', CHILD, step, temporaryDirectory()],
    { encoding: 'utf8', timeout: 60_000 },
  )
  // It ended by itself: nothing kept its event loop alive.
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe.runIf(process.platform === 'linux')('the footprint', () => {
  test('nothing is alive after close: no descriptor, thread, timer or buffer', () => {
    const { before, during, after, states } = measured('close')
    expect(states).toEqual(['closed', 'closed'])
    expect(during.descriptorCount).toBeGreaterThan(before.descriptorCount)
    expect(during.bufferBytes).toBeGreaterThan(before.bufferBytes + MiB)
    expect(after.resources.sort()).toEqual(before.resources.sort())
    expect(after.descriptorCount).toBe(before.descriptorCount)
    expect(after.threadCount).toBeLessThanOrEqual(before.threadCount)
    expect(after.bufferBytes).toBeLessThan(before.bufferBytes + MiB)
    expect(after.externalBytes).toBeLessThan(before.externalBytes + MiB)
  })

  test('a tenant that does nothing takes less than 16 KiB', () => {
    const { perTenantBytes } = measured('tenants')
    expect(perTenantBytes).toBeGreaterThan(0)
    expect(perTenantBytes).toBeLessThan(16 * 1024)
  })

  test('memtables and cached blocks keep to the budget, and the process with them', () => {
    const { budgetBytes, tableBytes, ...most } = measured('memory')
    expect(tableBytes).toBeGreaterThan(2 * budgetBytes)
    expect(most.mostCountedBytes).toBeGreaterThan(budgetBytes / 2)
    expect(most.mostCountedBytes).toBeLessThanOrEqual(budgetBytes)
    // Memtables that scans or jobs still have are live, too, and rows on their way.
    expect(most.mostLiveBytes).toBeLessThan(2 * budgetBytes)
    // Beside it there is the runtime, with threads of its own, and garbage that is not collected yet.
    expect(most.mostRssBytes).toBeLessThan(budgetBytes + 400 * MiB)
  })
})
