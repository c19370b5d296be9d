// What the log says about commits that no table holds yet, sorted into memtables again.

import { SEQ_NUM_ZERO, type SeqNum, type TabletId } from '../base/ids.js'
import type { BlockTransform } from '../codec/block-transform.js'
import { tenantHashOfKey } from '../codec/tenant-key.js'
import { hashBytes } from '../kernels/bytes.js'
import type { TabletState } from '../lsm/manifest-state.js'
import { Memtable } from '../lsm/memtable.js'
import { decodeCommit } from './commit-format.js'

interface TabletCommits {
  readonly tabletId: TabletId
  readonly hashEnd: number
  /** Commits up to here are in the tablet's tables. */
  readonly flushedSeqNum: SeqNum
  /** Newest first; the first is the active one. */
  memtables: [Memtable, ...Memtable[]]
}

export interface RecoveredCommitsOptions {
  readonly tablets: readonly TabletState[]
  readonly transform: BlockTransform
  /** Above this much in active memtables the largest is sealed, as when it was written. */
  readonly memtableBudgetBytes: number
}

/** Takes replayed commits, leaving out what a tablet has in tables already. */
export class RecoveredCommits {
  count = 0
  lastSeqNum: SeqNum = SEQ_NUM_ZERO
  readonly #tablets: readonly TabletCommits[]
  readonly #transform: BlockTransform
  readonly #budgetBytes: number

  constructor({ tablets, transform, memtableBudgetBytes }: RecoveredCommitsOptions) {
    this.#transform = transform
    this.#budgetBytes = memtableBudgetBytes
    this.#tablets = tablets.map(({ tabletId, hashEnd, version: { flushedSeqNum } }) => {
      return { tabletId, hashEnd, flushedSeqNum, memtables: [memtableToReplay()] }
    })
  }

  /** Newest first; the first is the active one. To be asked for when everything was replayed. */
  memtablesOf(tabletId: TabletId): readonly Memtable[] | undefined {
    const memtables = this.#tablets.find((tablet) => tablet.tabletId === tabletId)?.memtables
    for (const memtable of memtables ?? []) memtable.finishReplay()
    return memtables
  }

  add(seqNum: SeqNum, payload: Uint8Array): void {
    // Between commits only: a flush says that it holds its last commit whole.
    this.#sealLargest()
    this.count++
    this.lastSeqNum = seqNum
    // Records of a tenant follow each other.
    let tenantHash = -1
    let tablet = this.#tablets[0]!
    decodeCommit(payload, seqNum, this.#transform, (kind, bytes, keyStart, keyEnd, valueEnd) => {
      const hash = tenantHashOfKey(bytes, keyStart)
      if (hash !== tenantHash) {
        tenantHash = hash
        tablet = this.#tablets.find(({ hashEnd }) => hash < hashEnd)!
      }
      if (seqNum <= tablet.flushedSeqNum) return
      const keyHash = hashBytes(bytes, keyStart, keyEnd)
      const memtable = tablet.memtables[0]
      memtable.add(bytes, keyStart, keyEnd, keyHash, seqNum, kind, bytes, keyEnd, valueEnd)
    })
  }

  #sealLargest(): void {
    let activeBytes = 0
    let largest: TabletCommits | undefined
    let largestBytes = 0
    for (const tablet of this.#tablets) {
      const { arenaBytes } = tablet.memtables[0]
      activeBytes += arenaBytes
      if (arenaBytes <= largestBytes) continue
      largest = tablet
      largestBytes = arenaBytes
    }
    if (largest === undefined || activeBytes <= this.#budgetBytes) return
    largest.memtables = [memtableToReplay(), ...largest.memtables]
  }
}

function memtableToReplay(): Memtable {
  const memtable = new Memtable()
  memtable.beginReplay()
  return memtable
}
