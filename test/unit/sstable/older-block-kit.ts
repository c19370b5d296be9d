// Data blocks as format versions 1 and 2 wrote them; see src/sstable/older-block.ts.
import { ByteWriter } from '../../../dist/codec/bytes.js'
import type { Entry } from './table-kit.js'

const RESTART_INTERVAL = 16

/** A block of entries that are in order; their keys lose their first bytes. */
export function olderBlock(entries: readonly Entry[], restStart: number): Uint8Array {
  const writer = new ByteWriter()
  const restarts: number[] = []
  let last: Uint8Array = new Uint8Array(0)
  entries.forEach(({ key, seqNum, kind, value }, i) => {
    const rest = key.subarray(restStart)
    let shared = 0
    if (i % RESTART_INTERVAL === 0) restarts.push(writer.length)
    else while (shared < last.length && last[shared] === rest[shared]) shared++
    writer.varint(shared)
    writer.varint(rest.length - shared)
    writer.varint(value.length)
    writer.raw(rest, shared)
    const inverted = (1n << 56n) - 1n - BigInt(seqNum)
    for (let byte = 6n; byte >= 0n; byte--) writer.u8(Number((inverted >> (8n * byte)) & 255n))
    writer.u8(kind)
    writer.raw(value)
    last = rest
  })
  for (const restart of restarts) writer.u32(restart)
  writer.u32(restarts.length)
  return writer.finish()
}
