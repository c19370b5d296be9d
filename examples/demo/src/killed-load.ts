// The load that is killed: what the child process writes and what its parent expects to find. Both cut the same commits
// from the same seed, so the parent can tell for every row whether it should be there.

import { CommerceSource } from './generator/commerce.js'
import { type Commit, commitsOf } from './source.js'

const ROWS_PER_COMMIT = 250

export const killedLoadCommits = (seed: number): AsyncGenerator<Commit> =>
  commitsOf(
    new CommerceSource({ seed, shopCount: 50, orderCount: 20_000, eventCount: 500 }),
    ROWS_PER_COMMIT,
  )

/** A commit is acknowledged by its number on a line of its own. */
export const formatAck = (commitNumber: number): string => `${commitNumber}\n`
export const parseAck = (line: string): number => Number(line)
