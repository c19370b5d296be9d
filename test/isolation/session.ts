// A session of several transactions whose steps are taken in a given order, one way of reading and one level at a time.
//
// A transaction begins with its first step; those called R1, R2 ... are read-only. Steps are texts:
//
//   T1 read 1                  the value of row 1; `b.1` is row 1 of tenant b
//   T1 find value % 3 = 0      the rows that a condition holds for, or `all`
//   T1 first, T1 last          the row at one end, by a read that stops there
//   T1 write 1 11              changes the value of row 1
//   T1 change value = 10 to 12 changes the values of the rows that are found
//   T1 add 10                  raises the value of every row
//   T1 insert 3 30 x           adds row 3 with the value 30 and, if one is given, the unique code x
//   T1 upsert 3 30             adds row 3, or changes its value
//   T1 delete value = 20       deletes the rows that are found
//   T1 lock 1                  reads row 1 for update; `waits` when somebody else has it
//   T1 gets                    what it waited for
//   T1 savepoint               the steps from here on are taken back by `T1 back`, made part of the rest by `T1 keep`
//   T1 commit, T1 abort
//   compact                    flushes the database and compacts it
import { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import {
  type Database,
  type DatabaseTransaction,
  open,
  type PastTenant,
  t,
  table,
  type TransactOptions,
  type TransactionTenant,
} from '../../dist/index.js'
import { memoryEnv } from '../../dist/testing.js'
import { turns } from '../turns.js'
import { type Condition, conditionOf, type Found, type Way } from './ways.js'

export const items = table(
  'items',
  { id: t.int(), twin: t.int(), value: t.int(), code: t.text().nullable() },
  {
    primaryKey: ['id'],
    indexes: {
      byTwin: ['twin'],
      byValue: ['value'],
      byCode: { columns: ['code'], unique: true },
    },
  },
)
export type ItemTables = { items: typeof items }
export type Past = PastTenant<ItemTables>
export type Writable = TransactionTenant<ItemTables>
type Transaction = DatabaseTransaction<ItemTables>

export const COLUMNS = ['serializable', 'snapshot', 'time travel'] as const
/** A level, or reading the past. */
export type Column = (typeof COLUMNS)[number]

/** What came of the steps, in their order. */
export interface Transcript {
  readonly steps: readonly string[]
  readonly results: readonly string[]
  readonly after: string
}

export interface Script {
  readonly name: string
  readonly title: string
  readonly steps: readonly string[]
  /** Whether the transcript shows what the script is about. */
  readonly isAnomaly: (of: Outcome) => boolean
  /** At this level the anomaly shows, and is meant to. */
  readonly isAllowed?: 'snapshot'
  /** Transactions that only read, and can read the past instead. */
  readonly travellers?: readonly string[]
}

/** Answers questions about a transcript. */
export class Outcome {
  readonly #transcript: Transcript

  constructor(transcript: Transcript) {
    this.#transcript = transcript
  }

  get after(): string {
    return this.#transcript.after
  }

  /** The results of all steps that begin so. */
  of(step: string): string[] {
    const { steps, results } = this.#transcript
    return results.filter((_, i) => `${steps[i]} `.startsWith(`${step} `))
  }

  areCommitted(...names: string[]): boolean {
    return names.every((name) => this.of(`${name} commit`)[0] === 'done')
  }
}

/** Runs the script on a new database with the rows 1:10 and 2:20 of tenant a, and 1:10 of tenant b. */
export async function runScript(script: Script, column: Column, way: Way): Promise<Transcript> {
  const env = memoryEnv({ fs: new MemoryFileSystem() })
  const db = await open({ path: '/db', tables: { items }, historyWindowMs: 0 }, { env })
  try {
    const row = (id: number, value: number) => ({ id, twin: id, value, code: null })
    await db.tenant('a').items.insert([row(1, 10), row(2, 20)])
    await db.tenant('b').items.insert(row(1, 10))
    const actors = new Map<string, Actor>()
    const results: string[] = []
    for (const step of script.steps) {
      if (step === 'compact') {
        await db.compact()
        results.push('done')
        continue
      }
      const name = step.split(' ', 1)[0]!
      const isTravelling = column === 'time travel' && script.travellers!.includes(name)
      let actor = actors.get(name)
      if (actor === undefined) {
        const isolation = column === 'snapshot' ? 'snapshot' : 'serializable'
        const options = { isolation, readOnly: name.startsWith('R'), retryMaxCount: 0 } as const
        actor = isTravelling ? new Traveller(db, way) : new SteppedTransaction(db, way, options)
        actors.set(name, actor)
      }
      results.push(await actor.take(step.slice(name.length + 1)))
    }
    return { steps: script.steps, results, after: await stateOf(db, script.steps) }
  } finally {
    await db.close()
  }
}

/** The rows of tenant a, and of others that the steps name. */
async function stateOf(db: Database<ItemTables>, steps: readonly string[]): Promise<string> {
  const states: string[] = []
  for (const name of db.tenants()) {
    const place = name === 'a' ? '' : `${name}.`
    if (!steps.some((step) => step.includes(place))) continue
    const rows = await db.tenant(name).items.scan().toArray()
    states.push(...rows.map(({ id, value }) => `${place}${id}:${value}`))
  }
  return states.join(' ')
}

interface Actor {
  take(step: string): Promise<string>
}

/** What can be done inside, and how to end it. */
interface Frame {
  readonly tx: Transaction
  leave(error?: Error): Promise<string>
}

/** Who has no answer after so many turns of the event loop waits for somebody else. */
const WAIT_TURNS = 30

/** Takes each step inside of a transaction, or a savepoint of it, that waits for the next one. */
class SteppedTransaction implements Actor {
  readonly #way: Way
  /** The transaction, and its open savepoints. */
  readonly #open: Frame[] = []
  #awaited: Promise<string> | undefined

  constructor(db: Database<ItemTables>, way: Way, options: TransactOptions) {
    this.#way = way
    this.#enter((run) => db.transact(run, options))
  }

  async take(step: string): Promise<string> {
    const { tx, leave } = this.#open.at(-1)!
    switch (step) {
      case 'commit':
      case 'keep':
        this.#open.pop()
        return leave()
      case 'abort':
      case 'back':
        this.#open.pop()
        await leave(new Error('taken back'))
        return 'done'
      case 'savepoint':
        this.#enter((run) => tx.savepoint(run))
        return 'done'
      case 'gets':
        return this.#awaited!
    }
    const result = takeStep((tenant) => tx.tenant(tenant), this.#way, step).catch(codeOf)
    this.#awaited = result
    return Promise.race([result, turns(WAIT_TURNS).then(() => 'waits')])
  }

  /** The function that is run says what it was given, and ends when it is told. */
  #enter(start: (run: (tx: Transaction) => Promise<void>) => Promise<void>): void {
    const ended = start(
      (tx) =>
        new Promise<void>((resolve, reject) => {
          const leave = (error?: Error) => {
            if (error === undefined) resolve()
            else reject(error)
            return ended
          }
          this.#open.push({ tx, leave })
        }),
    ).then(() => 'done', codeOf)
  }
}

/** Reads the state of the moment when it was made. */
class Traveller implements Actor {
  readonly #way: Way
  readonly #past: (tenant: string) => Past

  constructor(db: Database<ItemTables>, way: Way) {
    this.#way = way
    const moment = db.stats().seqNum
    this.#past = (tenant) => db.tenant(tenant).at(moment)
  }

  async take(step: string): Promise<string> {
    if (step === 'commit') return 'done'
    const readonly = (tenant: string) => this.#past(tenant) as unknown as Writable
    return takeStep(readonly, this.#way, step).catch(codeOf)
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string }
  return code ?? message
}

async function takeStep(
  tenants: (name: string) => Writable,
  way: Way,
  step: string,
): Promise<string> {
  const [word, ...rest] = step.split(' ')
  const condition = (text: string): Condition => conditionOf(text)
  const [, tenantName = 'a', id = '', ...values] =
    /^(?:(\w+)\.)?(\d+)(?: (\d+))?(?: (\w+))?$/.exec(rest.join(' ')) ?? []
  const tenant = tenants(tenantName)
  switch (word) {
    case 'read':
      return String((await way.read(tenant, Number(id)))?.value ?? 'none')
    case 'lock':
      return String((await tenant.items.getForUpdate(Number(id)))?.value ?? 'none')
    case 'first':
    case 'last': {
      const row = await way.end(tenant, word)
      return listed(row === undefined ? [] : [row])
    }
    case 'find':
      return listed(await way.find(tenant, condition(rest.join(' '))))
    case 'write':
      return (await way.write(tenant, Number(id), Number(values[0]))) ? 'done' : 'not there'
    case 'insert':
    case 'upsert': {
      const row = { id: Number(id), twin: Number(id), value: Number(values[0]) }
      await way[word](tenant, { ...row, code: values[1] ?? null })
      return 'done'
    }
    case 'change': {
      const [text, value] = rest.join(' ').split(' to ')
      await way.change(tenant, condition(text!), { to: Number(value) })
      return 'done'
    }
    case 'add':
      await way.change(tenants('a'), condition('all'), { by: Number(rest[0]) })
      return 'done'
    case 'delete':
      await way.delete(tenant, condition(rest.join(' ')))
      return 'done'
    default:
      throw new Error(`no step ${step}`)
  }
}

function listed(rows: readonly Found[]): string {
  const sorted = rows.toSorted((a, b) => a.id - b.id)
  return sorted.map(({ id, value }) => `${id}:${value}`).join(' ') || 'none'
}
