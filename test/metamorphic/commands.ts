// Commands over a store as plain data, so that one list can be run under many settings.
import { randomKey, randomRange, randomWrites } from '../model/store-driver.js'
import type { Seeded } from '../model/seeded.js'

export type Writes = ReadonlyMap<string, string | undefined>

interface Reads {
  readonly key: string
  readonly range: readonly [string, string]
  readonly reverse: boolean
  readonly limit: number
}

export type Command =
  /** One commit. */
  | { readonly kind: 'write'; readonly writes: Writes }
  /** Several commits that are under way at once. */
  | { readonly kind: 'writes'; readonly commits: readonly Writes[] }
  /** A write that fails after it has written something. */
  | { readonly kind: 'failedWrite'; readonly writes: Writes; readonly fault: Fault }
  /** Deletes what a scan finds, in one commit. */
  | ({ readonly kind: 'deleteRange' } & Reads)
  /** Two transactions that interleave; the second may conflict. */
  | ({ readonly kind: 'transactions'; readonly first: Writes; readonly second: Writes } & Reads)
  | ({ readonly kind: 'get' } & Reads)
  | ({ readonly kind: 'scan' } & Reads)
  /** Reads as of an earlier commit: 0 is the first, 1 the last one. */
  | ({ readonly kind: 'past'; readonly moment: number } & Reads)
  | { readonly kind: 'versions'; readonly key: string }

const FAULTS = ['throws', 'keyTooLarge', 'viewAfterEnd'] as const
export type Fault = (typeof FAULTS)[number]

function randomReads(random: Seeded): Reads {
  return {
    key: randomKey(random),
    range: randomRange(random),
    reverse: random.chance(0.5),
    limit: random.chance(0.3) ? 1 + random.below(5) : Infinity,
  }
}

export function randomCommands(random: Seeded, count: number): Command[] {
  return Array.from({ length: count }, (_, i) => randomCommand(random, i * 10))
}

function randomCommand(random: Seeded, label: number): Command {
  const roll = random.below(100)
  if (roll < 35) return { kind: 'write', writes: randomWrites(random, label) }
  if (roll < 40) {
    const commits = Array.from({ length: 2 + random.below(4) }, (_, i) =>
      randomWrites(random, label + i),
    )
    return { kind: 'writes', commits }
  }
  if (roll < 44) {
    const fault = random.pick(FAULTS)
    return { kind: 'failedWrite', writes: randomWrites(random, label), fault }
  }
  if (roll < 48) return { kind: 'deleteRange', ...randomReads(random) }
  if (roll < 56) {
    const [first, second] = [randomWrites(random, label), randomWrites(random, label + 1)]
    return { kind: 'transactions', first, second, ...randomReads(random) }
  }
  if (roll < 66) return { kind: 'get', ...randomReads(random) }
  if (roll < 80) return { kind: 'scan', ...randomReads(random) }
  if (roll < 93) return { kind: 'past', moment: random.float(), ...randomReads(random) }
  return { kind: 'versions', key: randomKey(random) }
}
