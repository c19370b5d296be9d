// Data blocks of format versions 1 and 2, which are read as what a block of now would be. Before compression:
//
//   bytes  field          meaning
//       n  entries        see below
//      4r  restarts       u32 offset in the block of every 16th entry, from the first on
//       4  restartCount   u32, at least 1; blocks of now have its top bit set
//
// Entry:
//
//   bytes  field          meaning
//     1-5  sharedBytes    varint: longest common prefix with the rest of the key before it; 0 at a restart
//     1-5  unsharedBytes  varint
//     1-5  valueBytes     varint
//       n  unshared       the rest of the key from sharedBytes on
//       7  invertedSeqNum 2^56-1 minus the SeqNum, big-endian
//       1  kind           1 put, 2 tombstone
//       m  value
//
// Valid:  its checksum, which the index holds, matches; entries are in the order of their keys, newest version first.
// Crash:  a table is there as a whole or not at all.
// Compat: never written again. For the garbage block an entry counts with the length that it has here.

import { KEY_MAX_BYTES } from '../base/limits.js'
import { ByteReader, EndOfBytes, loadU32 } from '../codec/bytes.js'
import { Block } from './block.js'
import { BlockBuilder } from './block-builder.js'
import { ENTRY_COUNT_MARK, VERSION_BYTES } from './format.js'
import { type PartPlace, tableCorrupt } from './table-error.js'

const TWO_32 = 0x1_0000_0000

/** Whether the decompressed bytes are a block of those formats. */
export function isOlderBlock(bytes: Uint8Array): boolean {
  return bytes.length < 4 || loadU32(bytes, bytes.length - 4) < ENTRY_COUNT_MARK
}

/** @throws SSTABLE_CORRUPT */
export function readOlderBlock(bytes: Uint8Array, place: PartPlace): Block {
  const restartCount = bytes.length < 4 ? 0 : loadU32(bytes, bytes.length - 4)
  const entriesEnd = bytes.length - 4 - 4 * restartCount
  if (restartCount === 0 || entriesEnd <= 0) {
    throw tableCorrupt(place, 'the block has no restarts')
  }
  const builder = new BlockBuilder()
  const reader = new ByteReader(bytes, 0, entriesEnd)
  const entryBytes: number[] = []
  const key = new Uint8Array(KEY_MAX_BYTES)
  let keyEnd = 0
  try {
    while (reader.remaining > 0) {
      const start = reader.position
      const shared = reader.varint()
      const restEnd = shared + reader.varint()
      const valueBytes = reader.varint()
      if (shared > keyEnd || restEnd > KEY_MAX_BYTES) {
        throw tableCorrupt(place, 'an entry shares more than there is')
      }
      const unshared = reader.raw(restEnd - shared)
      // A restart shares nothing, whatever it could.
      let common = shared
      while (common < keyEnd && common < restEnd && key[common] === unshared[common - shared]) {
        common++
      }
      key.set(unshared, shared)
      keyEnd = restEnd
      const version = reader.raw(VERSION_BYTES)
      const value = reader.raw(valueBytes)
      const kind = version[VERSION_BYTES - 1]!
      builder.add(common, key, 0, keyEnd, loadSeqNum(version), kind, value, 0, valueBytes)
      entryBytes.push(reader.position - start)
    }
  } catch (error) {
    if (!(error instanceof EndOfBytes)) throw error
    throw tableCorrupt(place, 'an entry leaves the block', error)
  }
  return new Block(builder.finish().slice(), place, entryBytes)
}

/** The SeqNum of a version suffix: 7 bytes, inverted and big-endian. */
function loadSeqNum(bytes: Uint8Array): number {
  const high = (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!
  const low = (bytes[3]! << 24) | (bytes[4]! << 16) | (bytes[5]! << 8) | bytes[6]!
  return (high ^ 0xff_ffff) * TWO_32 + (~low >>> 0)
}
