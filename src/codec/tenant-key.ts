// The first 14 bytes of every key say whose it is and what it belongs to, big-endian so that memcmp keeps tenants,
// tables and indexes together:
//
//   offset  bytes  field       meaning
//        0      4  tenantHash  hashBytes of the tenant's name in UTF-8; decides the tablet. 0 for the system tenant
//        4      4  tenantId    the tenant's number in the catalog; 0 is the system tenant
//        8      4  tableId     from 1
//       12      2  indexId     0: rows by primary key; others: secondary indexes
//       14      n  tuple       see codec/key.ts
//
// The first 8 bytes are the tenant prefix: no block holds two of them.

import type { TenantId } from '../base/ids.js'
import type { KeyRange } from './entry.js'
import { hashBytes } from '../kernels/bytes.js'
import type { ByteWriter } from './bytes.js'

export const TENANT_PREFIX_BYTES = 8
/** Tenant and table. */
export const TABLE_PREFIX_BYTES = 12
export const KEY_PREFIX_BYTES = 14
/** In the place of a table id: whatever the table. No table has it. */
export const ALL_TABLES = 0

export interface KeyPrefix {
  readonly tenantHash: number
  readonly tenantId: TenantId
  readonly tableId: number
  readonly indexId: number
}

/** A contiguous range of tenant hashes. */
export interface HashRange {
  readonly hashStart: number
  /** Exclusive, at most HASH_END. */
  readonly hashEnd: number
}

export function isHashIn({ hashStart, hashEnd }: HashRange, hash: number): boolean {
  return hashStart <= hash && hash < hashEnd
}

/** Behind the last hash. */
export const HASH_END: number = 2 ** 32

export const ALL_HASHES: HashRange = { hashStart: 0, hashEnd: HASH_END }

/** The keys of all tenants whose hashes are in the range. */
export function keysOfHashes({ hashStart, hashEnd }: HashRange): KeyRange {
  return {
    lower: hashStart > 0 ? bytesOfHash(hashStart) : undefined,
    upper: hashEnd < HASH_END ? bytesOfHash(hashEnd) : undefined,
  }
}

function bytesOfHash(hash: number): Uint8Array {
  const bytes = new Uint8Array(4)
  storeBigU32(bytes, 0, hash)
  return bytes
}

const encoder = new TextEncoder()

/** The hash that places a tenant: on disk for ever. */
export function tenantHashOf(name: string): number {
  const bytes = encoder.encode(name)
  return hashBytes(bytes, 0, bytes.length)
}

export function writeKeyPrefix(writer: ByteWriter, prefix: KeyPrefix): void {
  writer.reserve(KEY_PREFIX_BYTES)
  storeKeyPrefix(writer.bytes, writer.length, prefix)
  writer.length += KEY_PREFIX_BYTES
}

/** Writes a prefix into room that was left for it. */
export function storeKeyPrefix(bytes: Uint8Array, at: number, prefix: KeyPrefix): void {
  storeBigU32(bytes, at, prefix.tenantHash)
  storeBigU32(bytes, at + 4, prefix.tenantId)
  storeBigU32(bytes, at + 8, prefix.tableId)
  bytes[at + 12] = prefix.indexId >>> 8
  bytes[at + 13] = prefix.indexId
}

/** The prefix of a key of at least KEY_PREFIX_BYTES bytes. */
export function readKeyPrefix(key: Uint8Array, start = 0): KeyPrefix {
  return {
    tenantHash: loadBigU32(key, start),
    tenantId: loadBigU32(key, start + 4) as TenantId,
    tableId: loadBigU32(key, start + 8),
    indexId: indexIdOfKey(key, start),
  }
}

export function tenantHashOfKey(key: Uint8Array, start = 0): number {
  return loadBigU32(key, start)
}

export function tenantIdOfKey(key: Uint8Array, start = 0): TenantId {
  return loadBigU32(key, start + 4) as TenantId
}

export function tableIdOfKey(key: Uint8Array, start = 0): number {
  return loadBigU32(key, start + 8)
}

export function indexIdOfKey(key: Uint8Array, start = 0): number {
  return (key[start + 12]! << 8) | key[start + 13]!
}

/** The smallest key above every key that starts with the prefix; undefined when there is none (all bytes 0xff). */
export function successorOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return undefined
  const successor = prefix.slice(0, end)
  successor[end - 1]! += 1
  return successor
}

function storeBigU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function loadBigU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}
