// Reads everything back and compares. Each answer is right, or a typed error about damage; anything else is a failure.
import { EngineError } from '../../dist/base/errors.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { EntrySlot } from '../../dist/codec/entry.js'
import type { Store } from '../../dist/store/store.js'
import type { ReadView } from '../../dist/store/view.js'
import { type Items, type KeyHistory, TENANTS } from './reference.js'

/** Of an answer that is neither right nor an error about damage. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}

export const CORRUPT_CODES: ReadonlySet<string> = new Set([
  'WAL_CORRUPT',
  'MANIFEST_CORRUPT',
  'SSTABLE_CORRUPT',
  'FILE_MISSING',
])

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What the undamaged database answers, from which every answer about a snapshot follows. */
export class Answers {
  readonly histories: readonly KeyHistory[]
  readonly last: SeqNum
  /** Every SeqNum that wrote something, ascending. */
  readonly commits: readonly SeqNum[]
  readonly prefixes: readonly Uint8Array[]
  readonly #states = new Map<number, ReadonlyMap<string, string>>()

  constructor(store: Store, keys: readonly Uint8Array[]) {
    const histories = keys.map((key) => ({
      key,
      tenant: hex(key.subarray(0, 8)),
      versions: store
        .versions(key)
        .map(({ seqNum, value }) => ({ seqNum, value: value && hex(value) })),
    }))
    this.histories = histories
    this.last = store.readable
    const seqNums = histories.flatMap(({ versions }) => versions.map(({ seqNum }) => seqNum))
    this.commits = [...new Set(seqNums)].sort((a, b) => a - b)
    const prefixes = new Set(histories.map(({ tenant }) => tenant))
    this.prefixes = [...prefixes].map((text) => new Uint8Array(Buffer.from(text, 'hex')))
  }

  /** Key to value, as of a moment, keys of one tenant in order. */
  state(tenant: Uint8Array, at: SeqNum): ReadonlyMap<string, string> {
    const id = this.prefixes.indexOf(tenant) * 1e7 + this.commits.indexOf(at)
    let state = this.#states.get(id)
    if (state !== undefined) return state
    const entries: [string, string][] = []
    for (const { key, tenant: owner, versions } of this.histories) {
      if (owner !== hex(tenant)) continue
      const value = valueAt(versions, at)
      if (value !== undefined) entries.push([hex(key), value])
    }
    state = new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
    this.#states.set(id, state)
    return state
  }
}

function valueAt(versions: KeyHistory['versions'], at: SeqNum): string | undefined {
  return versions.find(({ seqNum }) => seqNum <= at)?.value
}

/** What a read-back found beside right answers. */
export class Findings {
  readonly errors: EngineError[] = []
  readonly unreadableKeys: Uint8Array[] = []

  get isClean(): boolean {
    return this.errors.length === 0
  }

  /** Whether the answer is there to be compared. */
  attempt(read: () => void): boolean {
    try {
      read()
      return true
    } catch (error) {
      if (!(error instanceof EngineError) || !CORRUPT_CODES.has(error.code)) throw error
      this.errors.push(error)
      return false
    }
  }
}

export interface ReadBackOptions {
  /** Also every version of every key. */
  readonly isDeep: boolean
}

/** Reads all of a store as of `last` and of moments before. */
export function readBack(
  store: Store,
  answers: Answers,
  last: SeqNum,
  options: ReadBackOptions,
): Findings {
  const findings = new Findings()
  const known = answers.commits.filter((seqNum) => seqNum <= last)
  const moments = [last, ...[0.3, 0.6, 0.9].map((part) => known[Math.floor(known.length * part)]!)]
  for (const moment of moments) {
    if (moment < store.history.rest) continue
    const view = store.at(moment)
    try {
      for (const tenant of answers.prefixes) {
        findings.attempt(() => checkScan(view, answers, { tenant, moment, isReverse: false }))
        if (moment !== last) continue
        findings.attempt(() => checkScan(view, answers, { tenant, moment, isReverse: true }))
      }
    } finally {
      view.close()
    }
  }
  checkKeys(store, answers, last, options.isDeep || !findings.isClean, findings)
  return findings
}

function checkScan(
  view: ReadView,
  answers: Answers,
  {
    tenant,
    moment,
    isReverse,
  }: { readonly tenant: Uint8Array; readonly moment: SeqNum; readonly isReverse: boolean },
): void {
  const upper = new Uint8Array([...tenant, 255, 255, 255, 255, 255])
  const expected = [...answers.state(tenant, moment)]
  if (isReverse) expected.reverse()
  const scan = view.scan({ lower: tenant, upper }, { reverse: isReverse })
  try {
    let count = 0
    while (scan.next()) {
      const { entry } = scan
      const found = [hex(entry.copyKey()), hex(entry.copyValue())]
      const [key, value] = expected[count++] ?? []
      if (found[0] === key && found[1] === value) continue
      throw new WrongAnswer(`a scan of ${hex(tenant)} at ${moment} gave ${found} for ${key}`)
    }
    if (count !== expected.length) {
      throw new WrongAnswer(`a scan of ${hex(tenant)} at ${moment} ended at ${count}`)
    }
  } finally {
    scan.close()
  }
}

function checkKeys(
  store: Store,
  answers: Answers,
  last: SeqNum,
  isDeep: boolean,
  findings: Findings,
): void {
  const slot = new EntrySlot()
  const view = store.latest()
  for (const { key, versions } of answers.histories) {
    const isRead = findings.attempt(() => {
      const found = view.get(key, slot) ? hex(slot.copyValue()) : undefined
      const expected = valueAt(versions, last)
      if (found === expected) return
      throw new WrongAnswer(`get ${hex(key)}: ${found} instead of ${expected}`)
    })
    if (!isRead) findings.unreadableKeys.push(key)
    if (!isDeep) continue
    findings.attempt(() => {
      const found = store
        .versions(key)
        .map(({ seqNum, value }) => `${seqNum} ${value && hex(value)}`)
      const expected = versions.filter(({ seqNum }) => seqNum <= last)
      const text = expected.map(({ seqNum, value }) => `${seqNum} ${value}`)
      if (found.join() === text.join()) return
      throw new WrongAnswer(`versions of ${hex(key)}: ${found} instead of ${text}`)
    })
  }
}

/** All keys that a store with two tablets holds at some of the moments. */
export function allKeys(store: Store, moments: readonly SeqNum[]): Uint8Array[] {
  const keys = new Map<string, Uint8Array>()
  for (const moment of moments) {
    const view = store.at(moment)
    // A range lies in one tablet: that of its lower bound.
    for (const firstByte of [0, 128]) {
      const scan = view.scan({ lower: Uint8Array.of(firstByte, 0, 0, 0) })
      while (scan.next()) {
        const key = scan.entry.copyKey()
        keys.set(hex(key), key)
      }
      scan.close()
    }
    view.close()
  }
  return [...keys.values()]
}

/** What applications ask: rows, index scans, counts, the past, histories; as text, by question. */
export async function askFace(db: Items, moments: readonly SeqNum[]): Promise<Map<string, string>> {
  const answers = new Map<string, string>()
  const ask = async (question: string, answer: () => Promise<unknown>): Promise<void> => {
    try {
      answers.set(question, JSON.stringify(await answer()))
    } catch (error) {
      if (!(error instanceof EngineError) || !CORRUPT_CODES.has(error.code)) throw error
      answers.set(question, 'damaged')
    }
  }
  for (const name of TENANTS) {
    const tenant = db.tenant(name)
    await ask(`${name} rows`, () => tenant.items.scan().toArray())
    await ask(`${name} index`, () => tenant.items.scan({ index: 'byN' }).toArray())
    await ask(`${name} sum`, () => tenant.query('select count(*) as c, sum(n) as s from items'))
    await ask(`${name} where`, () => tenant.query('select id, note from items where n = 3'))
    for (const id of ['k00', 'k09', 'k21', 'k33', 'k58']) {
      await ask(`${name} ${id}`, () => tenant.items.get(id))
      await ask(`${name} history ${id}`, () => tenant.items.history(id))
    }
    for (const moment of moments) {
      const past = tenant.at(moment)
      await ask(`${name} at ${moment}`, () => past.items.scan({ reverse: true }).toArray())
    }
  }
  return answers
}
