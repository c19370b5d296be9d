// Entries of the model into a memtable and out of it.

import { ENTRY_KIND_DELETE, ENTRY_KIND_PUT, EntrySlot } from '../../../dist/codec/entry.js'
import { hashBytes } from '../../../dist/kernels/bytes.js'
import type { Memtable } from '../../../dist/lsm/memtable.js'
import { entryAt, type ModelEntry, seq } from './entry-model.js'

export function add(memtable: Memtable, { key, seqNum, value }: ModelEntry): void {
  // Key and value lie inside larger arrays, as they do in a batch.
  const bytes = new Uint8Array(key.length + 3)
  bytes.set(key, 2)
  const kind = value === undefined ? ENTRY_KIND_DELETE : ENTRY_KIND_PUT
  const stored = value ?? new Uint8Array(0)
  const hash = hashBytes(key, 0, key.length)
  memtable.add(bytes, 2, 2 + key.length, hash, seqNum, kind, stored, 0, stored.length)
}

export function find(memtable: Memtable, key: Uint8Array, at: number): ModelEntry | undefined {
  const slot = new EntrySlot()
  const isThere = memtable.get(key, hashBytes(key, 0, key.length), seq(at), slot)
  return isThere ? entryAt(slot) : undefined
}
