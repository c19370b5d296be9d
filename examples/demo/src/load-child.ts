// A process of its own that loads until it is killed. It says on its standard output which commits are durable; the write
// is synchronous, so an acknowledgement is never said before its time nor held back in a buffer.
//
//   node load-child.js DIRECTORY SEED

import { writeSync } from 'node:fs'
import { openDatabase } from './database.js'
import { formatAck, killedLoadCommits } from './killed-load.js'
import { loadCommits } from './load.js'

const STDOUT = 1

const [directory, seed] = process.argv.slice(2)
if (directory === undefined || seed === undefined) throw new Error('DIRECTORY and SEED are missing')
const db = await openDatabase(directory)
await loadCommits(db, killedLoadCommits(Number(seed)), (commit) => {
  writeSync(STDOUT, formatAck(commit.number))
})
await db.close()
