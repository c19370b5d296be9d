// The victim of kill.test.ts: workers write batches over two sublevels, each of which is whole or not there at all, and every
// acknowledged one is named on standard output before its worker begins the next.
//
// Arguments: directory, run.
import { writeSync } from 'node:fs'
import { TabulariumLevel } from 'tabularium/level'

const [directory = '', run] = process.argv.slice(2)
const WORKER_COUNT = 4

const settings = { walFileBytes: 64 * 1024, memoryBudgetBytes: 4 << 20 }
const level = new TabulariumLevel(directory, { settings })
await level.open()
writeSync(1, 'open\n')
const sides = [level.sublevel('left'), level.sublevel('right')]

/** @param {number} worker */
async function work(worker) {
  for (let i = 0; ; i++) {
    const name = `${run}-${worker}-${i}`
    const value = `${name} ${'x'.repeat((i * 37) % 2000)}`
    const operations = sides.flatMap((sublevel) =>
      ['a', 'b', 'c'].map((part) => ({
        type: /** @type {const} */ ('put'),
        key: `${worker}/${part}`,
        value,
        sublevel,
      })),
    )
    await level.batch([
      ...operations,
      { type: 'put', key: `done/${name}`, value: '', sublevel: sides[0] },
      { type: 'del', key: `done/${run}-${worker}-${i - 1}`, sublevel: sides[0] },
    ])
    writeSync(1, `${name}\n`)
  }
}

await Promise.all(Array.from({ length: WORKER_COUNT }, (_, worker) => work(worker)))
