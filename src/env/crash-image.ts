// What a power cut may leave of the files and names that were not synced.
//
// Certain: what was synced, of the file and of its directory. Everything else is chosen:
// - of each un-synced write all, nothing, or some of its sectors; in any combination over all files, so later writes
//   can survive earlier ones;
// - of each un-synced creation, renaming, link and removal all or nothing, in any combination that a journal could hold: what
//   touches a name survives only with everything earlier that touched it. A renamed file may be found under both names,
//   under neither only when its creation was never synced either.
// A sector of 512 bytes is written whole or not at all, or of what a test says.

import type { MemoryContent } from './memory-content.js'
import { applyMutation, type MemoryInode, type Mutation } from './memory-inode.js'

const SECTOR_BYTES = 512

/**
 * How much of what was not synced survives:
 * `lost` nothing; `kept` everything; `prefix` everything up to some call; `subset` any selection of calls; `torn` any
 * selection, and parts of writes, with zeros or rubbish where a file had grown; `random` one of these.
 */
export type CrashMode = 'lost' | 'kept' | 'prefix' | 'subset' | 'torn' | 'random'

const MODES = ['lost', 'kept', 'prefix', 'subset', 'torn', 'torn'] as const

/** A write that the power cut halved, told exactly. */
export interface TornWrite {
  /** What the disk writes whole or not at all. */
  readonly sectorBytes: number
  /** Which half of the sectors was written; of one sector `left` means all and `right` nothing. */
  readonly part: 'left' | 'right' | 'middle'
  /**
   * Where the write was to grow the file: the file stayed short, has zeros, or rubbish. `rubbish` also fills sectors that
   * lie in the write as a whole and were not written; other sectors that were not written keep what they held.
   */
  readonly grown: 'short' | 'zeros' | 'rubbish'
}

/** What becomes of one un-synced call. `torn` leaves the choice to chance; of a renaming it means both names. */
export type CallFate = 'lost' | 'kept' | 'torn' | TornWrite

/** A call whose fate a crash at this moment decides. */
export interface UnsyncedCall {
  readonly number: number
  readonly kind: 'write' | 'resize' | 'name'
  /** Of writes. */
  readonly byteCount: number
  /** Whether the file ended before the end of the write. */
  readonly isGrowing: boolean
}

/** Where chance comes from: 0 <= x < 1. */
export interface Chance {
  float(): number
}

/** An un-synced change of names: a creation or a link adds one, a removal removes one, a renaming does both. */
export interface EntryChange {
  readonly number: number
  readonly removes?: string
  readonly adds?: { readonly path: string; readonly inode: MemoryInode }
}

type WriteMutation = Mutation & { readonly kind: 'write' }

/** How a write is torn; asked in this order. */
interface Tear {
  readonly sectorBytes: number
  choose(sectorCount: number): (sector: number) => boolean
  isGrown(): boolean
  isRubbish(): boolean
}

/** How the fates are chosen: by a mode, or call by call. */
export type CrashRule = CrashMode | ((callNumber: number) => CallFate)

/** Decides the fate of each un-synced call. */
export class CrashPlan {
  readonly #random: Chance
  readonly #fateOf: (callNumber: number) => CallFate

  /** `firstCall` and `lastCall` enclose the calls whose fate is open. */
  constructor(random: Chance, rule: CrashRule, firstCall: number, lastCall: number) {
    this.#random = random
    if (typeof rule === 'function') {
      this.#fateOf = rule
    } else {
      const mode = rule === 'random' ? MODES[this.#below(MODES.length)]! : rule
      this.#fateOf = fateRule(random, mode, firstCall, lastCall)
    }
  }

  /** True for a call that did all its work. */
  isKept(callNumber: number): boolean {
    return this.#fateOf(callNumber) === 'kept'
  }

  /** The names after the crash, each with the inode it had. */
  entries(
    media: ReadonlyMap<string, MemoryInode>,
    changes: readonly EntryChange[],
  ): Map<string, MemoryInode> {
    const entries = new Map(media)
    const lostNames = new Set<string>()
    for (const { number, removes, adds } of changes) {
      const names = [removes, adds?.path].filter((name) => name !== undefined)
      const isPossible = !names.some((name) => lostNames.has(name))
      const fate = isPossible ? this.#fateOf(number) : 'lost'
      const isAdded = fate === 'kept' || (fate !== 'lost' && removes !== undefined)
      if (adds !== undefined && isAdded) entries.set(adds.path, adds.inode)
      else if (adds !== undefined) lostNames.add(adds.path)
      if (removes !== undefined && fate === 'kept') entries.delete(removes)
      else if (removes !== undefined) lostNames.add(removes)
    }
    return entries
  }

  /** The bytes of a file after the crash. */
  content(inode: MemoryInode): MemoryContent {
    const content = inode.media.copy()
    for (const mutation of inode.unsynced) {
      const fate = this.#fateOf(mutation.number)
      if (fate === 'kept') applyMutation(content, mutation)
      else if (fate !== 'lost' && mutation.kind === 'write')
        this.#tear(content, mutation, fate === 'torn' ? this.#anyTear() : shapeOf(fate))
    }
    return content
  }

  /** Writes some of the write's sectors; others keep what was there, or are rubbish, unless they hold older bytes too. */
  #tear(content: MemoryContent, write: WriteMutation, tear: Tear): void {
    const { data, offsetBytes } = write
    const endBytes = offsetBytes + data.length
    const grownFromBytes = content.lengthBytes
    const { sectorBytes } = tear
    const { first, count } = sectorsOf(write, sectorBytes)
    const isWritten = tear.choose(count)
    const lost: [number, number][] = []
    for (let i = 0; i < count; i++) {
      const start = Math.max(offsetBytes, (first + i) * sectorBytes)
      const end = Math.min(endBytes, (first + i + 1) * sectorBytes)
      if (isWritten(i)) content.write(data.subarray(start - offsetBytes, end - offsetBytes), start)
      else lost.push([start, end])
    }
    if (tear.isGrown()) content.resize(Math.max(content.lengthBytes, endBytes))
    if (!tear.isRubbish()) return
    for (const [start, end] of lost) {
      const isWhole = end - start === sectorBytes
      const from = isWhole ? start : Math.max(start, grownFromBytes)
      const to = Math.min(end, content.lengthBytes)
      if (from < to) content.write(this.#rubbish(data, to - from), from)
    }
  }

  #anyTear(): Tear {
    return {
      sectorBytes: SECTOR_BYTES,
      choose: (count) => this.#tornSectors(count),
      isGrown: () => this.#chance(0.5),
      isRubbish: () => !this.#chance(0.5),
    }
  }

  /** Which of the sectors are written: the left ones, the right ones, the middle ones, or any. */
  #tornSectors(count: number): (sector: number) => boolean {
    const a = this.#below(count + 1)
    const b = this.#below(count + 1)
    const shape = this.#below(4)
    if (shape === 0) return (sector) => sector < a
    if (shape === 1) return (sector) => sector >= a
    if (shape === 2) return (sector) => sector >= Math.min(a, b) && sector < Math.max(a, b)
    return () => this.#chance(0.5)
  }

  /** Noise, or bytes that were meant for another place: those look valid but for where they stand. */
  #rubbish(data: Uint8Array, byteCount: number): Uint8Array {
    const rubbish = new Uint8Array(byteCount)
    if (this.#chance(0.5)) {
      rubbish.set(data.subarray(0, byteCount))
    } else {
      let state = this.#below(2 ** 32) | 1
      for (let i = 0; i < byteCount; i++) {
        state = Math.imul(state, 1664525) + 1013904223
        rubbish[i] = state >>> 24
      }
    }
    return rubbish
  }

  #chance(probability: number): boolean {
    return this.#random.float() < probability
  }

  #below(bound: number): number {
    return Math.floor(this.#random.float() * bound)
  }
}

function shapeOf({ sectorBytes, part, grown }: TornWrite): Tear {
  return {
    sectorBytes,
    choose: (count) => {
      const half = Math.ceil(count / 2)
      if (part === 'left') return (sector) => sector < half
      if (part === 'right') return (sector) => sector >= half
      return (sector) => sector >= count / 3 && sector < (2 * count) / 3
    },
    isGrown: () => grown !== 'short',
    isRubbish: () => grown === 'rubbish',
  }
}

function sectorsOf(write: WriteMutation, sectorBytes: number): { first: number; count: number } {
  const first = Math.floor(write.offsetBytes / sectorBytes)
  const end = Math.ceil((write.offsetBytes + write.data.length) / sectorBytes)
  return { first, count: end - first }
}

function fateRule(
  random: Chance,
  mode: Exclude<CrashMode, 'random'>,
  firstCall: number,
  lastCall: number,
): (callNumber: number) => CallFate {
  if (mode === 'lost' || mode === 'kept') return () => mode
  if (mode === 'prefix') {
    const keptCount = Math.floor(random.float() * (lastCall - firstCall + 2))
    return (callNumber) => (callNumber < firstCall + keptCount ? 'kept' : 'lost')
  }
  const tornShare = mode === 'torn' ? 0.5 : 0
  const keptShare = random.float()
  return () => {
    if (random.float() < tornShare) return 'torn'
    return random.float() < keptShare ? 'kept' : 'lost'
  }
}
