// Which snapshots are in use, and hence which old versions must be kept.

import { engineError } from '../base/errors.js'
import type { SeqNum } from '../base/ids.js'
import { SEQ_NUM_ZERO } from '../base/ids.js'

export class SnapshotRegistry {
  readonly #holders = new Map<SeqNum, number>()
  #floor: SeqNum

  /** @param floor  versions that only snapshots below it can see may be gone already */
  constructor(floor: SeqNum) {
    this.#floor = floor
  }

  /** The oldest snapshot that can still be read completely. */
  get floor(): SeqNum {
    return this.#floor
  }

  get openCount(): number {
    let sum = 0
    for (const count of this.#holders.values()) sum += count
    return sum
  }

  /** @throws TXN_SNAPSHOT_TOO_OLD */
  register(seqNum: SeqNum): void {
    if (seqNum < this.#floor) {
      throw engineError(
        'TXN_SNAPSHOT_TOO_OLD',
        `history is kept from ${new Date(this.#floor / 1000).toISOString()} on`,
        { details: { asked: seqNum, oldest: this.#floor } },
      )
    }
    this.#holders.set(seqNum, (this.#holders.get(seqNum) ?? 0) + 1)
  }

  unregister(seqNum: SeqNum): void {
    const count = this.#holders.get(seqNum) ?? 0
    if (count > 1) this.#holders.set(seqNum, count - 1)
    else this.#holders.delete(seqNum)
  }

  /**
   * Chooses the watermark of a job that drops versions, and refuses older snapshots from now on: versions that are
   * superseded at or before it are not needed by anybody.
   *
   * @param wanted  the newest SeqNum whose older history may go
   */
  advanceFloor(wanted: SeqNum): SeqNum {
    let watermark = wanted
    for (const held of this.#holders.keys()) if (held < watermark) watermark = held
    if (watermark < SEQ_NUM_ZERO) watermark = SEQ_NUM_ZERO
    if (watermark > this.#floor) this.#floor = watermark
    return watermark
  }
}
