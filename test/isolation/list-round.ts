// One round of the list-append workload: clients that read and append to a few hot lists of several tenants at once, while
// the database is crashed, reopened, flushed and compacted under them. What they did and saw is the history.

import type { SeqNum } from '../../dist/index.js'
import { PowerCut } from '../../dist/testing.js'
import type { Seeded } from '../model/seeded.js'
import { turns } from '../turns.js'
import type { Level, Transaction } from './history.js'
import {
  type List,
  ListClient,
  type ListTables,
  listTables,
  makeList,
  TENANTS,
  type Writing,
} from './lists.js'
import { type Life, MortalDatabase, OVER } from './mortal-database.js'
import { HistoryBook, Recorder } from './recorder.js'

const CLIENT_COUNT = 32
const OPERATION_MAX_COUNT = 8
/** Something befalls the database after so many transactions, on average. */
const DISTURB_EVERY = 300
/** Moments of the past that are read again. */
const MOMENT_COUNT = 20
const LAST_READ_COUNT = 3

export interface RoundResult {
  readonly history: readonly Transaction[]
  readonly takenBackCount: number
  readonly conflictCount: number
  readonly crashCount: number
  readonly reopenCount: number
}

/** Plays until so many transactions have ended, one way or another; the last ones read every list. */
export async function playRound(
  random: Seeded,
  level: Level,
  transactionCount: number,
): Promise<RoundResult> {
  const round = new ListRound(random, level)
  await round.play(transactionCount)
  const { history, takenBackCount, conflictCount, crashCount, reopenCount } = round
  return { history, takenBackCount, conflictCount, crashCount, reopenCount }
}

class ListRound {
  readonly #random: Seeded
  readonly #level: Level
  readonly #database: MortalDatabase<ListTables>
  readonly #book = new HistoryBook()
  readonly #lists: List[] = []
  /** Those in use: five to ten, some hotter than others. */
  readonly #hot: List[]
  readonly #appendMaxCount: number
  #moments: SeqNum[] = []
  #item = 0

  constructor(random: Seeded, level: Level) {
    this.#random = random
    this.#level = level
    this.#database = new MortalDatabase(random, listTables)
    this.#appendMaxCount = random.pick([20, 100, 300])
    this.#hot = Array.from({ length: 5 + random.below(6) }, () => this.#newList())
  }

  get history(): readonly Transaction[] {
    return this.#book.transactions
  }

  get takenBackCount(): number {
    return this.#book.takenBackCount
  }

  get conflictCount(): number {
    return this.#book.conflictCount
  }

  get crashCount(): number {
    return this.#database.crashCount
  }

  get reopenCount(): number {
    return this.#database.reopenCount
  }

  async play(transactionCount: number): Promise<void> {
    const client = async () => {
      while (this.#book.transactions.length < transactionCount) {
        await this.#transaction(await this.#database.life)
        if (this.#random.below(DISTURB_EVERY) === 0) await this.#database.disturb()
      }
    }
    await Promise.all(Array.from({ length: CLIENT_COUNT }, client))
    // Every append has its place then, also those of which nobody knew whether they had happened.
    for (let i = 0; i < LAST_READ_COUNT; i++) {
      await this.#database.disturb()
      await this.#readAll(await this.#database.life)
    }
    await this.#database.close()
  }

  async #transaction(life: Life<ListTables>): Promise<void> {
    const roll = this.#random.below(20)
    if (roll === 0) await this.#workAlone(life)
    else if (roll === 1) await this.#readPast(life)
    else await this.#readAndAppend(life)
  }

  /** One read or append without a transaction, which is a transaction of its own. */
  #workAlone(life: Life<ListTables>): Promise<void> {
    const { db } = life
    const list = this.#pick()
    return this.#run(life, (log, client) => {
      log.begin()
      const tenant = db.tenant(list.tenant)
      const isRead = list.layout === 'cell' || this.#random.chance(0.5)
      return isRead ? client.read(tenant, list) : client.appendAlone(tenant, list, ++this.#item)
    })
  }

  /** Reads of one moment of the past, over several tenants. */
  #readPast(life: Life<ListTables>): Promise<void> {
    const { db } = life
    const random = this.#random
    const now = db.tenant(TENANTS[0]).at(Number.MAX_SAFE_INTEGER as SeqNum).seqNum
    this.#moments = [now, ...this.#moments].slice(0, MOMENT_COUNT)
    const moment = random.pick(this.#moments)
    const lists = this.#pickSome()
    const isPast = true
    return this.#run(
      life,
      async (log, client) => {
        log.begin()
        for (const list of lists) await client.read(db.tenant(list.tenant).at(moment), list)
      },
      isPast,
    )
  }

  #readAndAppend(life: Life<ListTables>): Promise<void> {
    const { db } = life
    const random = this.#random
    const lists = this.#pickSome()
    const appendShare = random.pick([0, 0.5, 0.5, 1])
    const options = {
      isolation: this.#level,
      readOnly: appendShare === 0 && random.chance(0.5),
      retryMaxCount: random.below(4),
    }
    const operate = async (log: Recorder, client: ListClient, of: (list: List) => Writing) => {
      log.begin()
      for (const list of lists) {
        const isAppend = random.chance(appendShare)
        if (!isAppend) await client.read(of(list), list)
        else if (random.chance(0.8)) await client.append(of(list), list, ++this.#item)
        else await this.#appendInSavepoint(log, client, of(list), list)
        // Others may commit meanwhile.
        if (random.chance(0.1)) await turns(1)
      }
      if (random.chance(0.03)) throw new GivenUp()
      log.commit()
    }
    const { tenant } = lists[0]!
    const isOfOneTenant = lists.every((list) => list.tenant === tenant)
    return this.#run(life, (log, client) =>
      isOfOneTenant
        ? db.tenant(tenant).transact((tx) => operate(log, client, () => tx), options)
        : db.transact((tx) => operate(log, client, (list) => tx.tenant(list.tenant)), options),
    )
  }

  /** Half of them are taken back. */
  async #appendInSavepoint(
    log: Recorder,
    client: ListClient,
    tenant: Writing,
    list: List,
  ): Promise<void> {
    const isKept = this.#random.chance(0.5)
    const { operationCount } = log
    const run = async (inner: Writing) => {
      await client.append(inner, list, ++this.#item)
      if (!isKept) throw new GivenUp()
    }
    await tenant.savepoint(run).catch((error: unknown) => {
      if (!(error instanceof GivenUp)) throw error
      log.takeBack(operationCount)
    })
  }

  #readAll(life: Life<ListTables>): Promise<void> {
    const { db } = life
    return this.#run(life, (log, client) =>
      db.transact(async (tx) => {
        log.begin()
        for (const list of this.#lists) await client.read(tx.tenant(list.tenant), list)
      }),
    )
  }

  async #run(
    life: Life<ListTables>,
    work: (log: Recorder, client: ListClient) => Promise<void>,
    isPast = false,
  ): Promise<void> {
    const log = new Recorder(this.#book, isPast)
    try {
      const end = await Promise.race([
        work(log, new ListClient(this.#random, log, this.#lists)),
        life.over,
      ])
      if (end === OVER) log.lose()
      else log.done()
    } catch (error) {
      // Whoever reads behind a power cut, in the turns before the life is declared over, has died with it.
      const isDead = life.isOver() || error instanceof PowerCut
      if (isDead || error instanceof GivenUp) log.lose()
      else log.fail(error)
      // A database that is gone answers at once, and others must get their turn to open it again.
      await turns(1)
    }
  }

  /** One to eight of the hot lists, rather few, and some lists more often; the same one may come again. */
  #pickSome(): List[] {
    const length = 1 + Math.floor(this.#random.float() ** 2 * OPERATION_MAX_COUNT)
    return Array.from({ length }, () => this.#pick())
  }

  #pick(): List {
    const index = Math.floor(this.#random.float() ** 2 * this.#hot.length)
    if (this.#hot[index]!.appendCount >= this.#appendMaxCount) this.#hot[index] = this.#newList()
    return this.#hot[index]!
  }

  #newList(): List {
    const list = makeList(this.#lists.length)
    this.#lists.push(list)
    return list
  }
}

/** The client has changed its mind. */
class GivenUp extends Error {}
