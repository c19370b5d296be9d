import type { SeqNum } from '../base/ids.js'
import type { EntrySlot } from '../codec/entry.js'
import type { Block, EntryDecoder } from './block.js'

/**
 * The entries of one restart, decoded at once so that they can be visited backwards: an entry's key can only be put
 * together from the entries before it. Reused from restart to restart.
 */
export class RestartInterval {
  count = 0
  #block: Block | undefined
  #keys = new Uint8Array(1024)
  // Plain arrays: they are short, and a typed array costs many times more to make.
  readonly #keyStarts: number[] = [0]
  readonly #seqNums: number[] = []
  readonly #kinds: number[] = []
  readonly #valueStarts: number[] = []
  readonly #valueEnds: number[] = []

  /** @throws SSTABLE_CORRUPT */
  load(block: Block, restartIndex: number, decoder: EntryDecoder): void {
    this.#block = block
    let at = block.restartAt(restartIndex)
    const end = block.restartEnd(restartIndex)
    let i = 0
    decoder.restart()
    while (at < end) {
      at = decoder.decode(block, at, end)
      const keyStart = this.#keyStarts[i]!
      const keyEnd = keyStart + decoder.keyEnd
      if (keyEnd > this.#keys.length) this.#growKeys(keyStart, keyEnd)
      const keys = this.#keys
      const { key } = decoder
      for (let from = 0, to = keyStart; to < keyEnd; from++, to++) keys[to] = key[from]!
      this.#keyStarts[i + 1] = keyEnd
      this.#seqNums[i] = decoder.seqNum
      this.#kinds[i] = decoder.kind
      this.#valueStarts[i] = decoder.valueStart
      this.#valueEnds[i] = decoder.valueEnd
      i++
    }
    this.count = i
  }

  /** Points the slot at an entry; valid until the next load. */
  fill(slot: EntrySlot, entryIndex: number): void {
    slot.keyBytes = this.#keys
    slot.keyStart = this.#keyStarts[entryIndex]!
    slot.keyEnd = this.#keyStarts[entryIndex + 1]!
    slot.seqNum = this.#seqNums[entryIndex] as SeqNum
    slot.kind = this.#kinds[entryIndex]!
    slot.valueBytes = this.#block!.bytes
    slot.valueStart = this.#valueStarts[entryIndex]!
    slot.valueEnd = this.#valueEnds[entryIndex]!
  }

  #growKeys(usedBytes: number, neededBytes: number): void {
    const grown = new Uint8Array(neededBytes * 2)
    grown.set(this.#keys.subarray(0, usedBytes))
    this.#keys = grown
  }
}
