// Idempotency tokens: what transactions that carried one have returned, in ordinary entries of the reserved table 15. They
// lie under the tenant whose transaction it was, or under the system tenant (hash 0, id 0) for transactions over any tenants.
// Keys are codec/tenant-key.ts and codec/key.ts; values start with a format byte.
//
//   index id  key                             value
//          0  text token                      01, flags (1 has a result), the result as in codec/json.ts
//          1  int madeMicros, text token      01
//
// madeMicros is the time of the transaction in Unix microseconds. The SeqNum of the entry in 0 is that of its commit.
//
// Valid:  known format byte and flags, and nothing behind the end.
// Crash:  both entries are written by the commit that they tell of, whatever else it writes, and removed together by another.
// Compat: a value of a newer format byte is refused. Flags and index ids are never used again for something else.

import type { TenantId } from '../base/ids.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../codec/bytes.js'
import type { JsonValue } from '../codec/cell.js'
import type { KeyRange } from '../codec/entry.js'
import { decodeJson, encodeJson } from '../codec/json.js'
import { decodeKeyField, encodeKeyField, type KeyField } from '../codec/key.js'
import { KEY_PREFIX_BYTES, writeKeyPrefix } from '../codec/tenant-key.js'
import type { TenantRef } from './catalog.js'

/** Table id under a tenant and under the system tenant. */
const TOKENS_TABLE = 15
const BY_TOKEN = 0
const BY_TIME = 1
const FORMAT = 1
const HAS_RESULT = 1

const TOKEN_FIELD: KeyField = { kind: 'text', isDescending: false, isNullable: false }
const TIME_FIELD: KeyField = { kind: 'int', isDescending: false, isNullable: false }

/** Where the tokens of transactions over any tenants lie. */
export const SYSTEM_TOKENS: TenantRef = { id: 0 as TenantId, hash: 0 }

export function tokenKey(tenant: TenantRef, token: string): Uint8Array {
  const writer = keyWriter(tenant, BY_TOKEN)
  encodeKeyField(writer, TOKEN_FIELD, token)
  return writer.finish()
}

export function tokenTimeKey(tenant: TenantRef, madeMicros: number, token: string): Uint8Array {
  const writer = keyWriter(tenant, BY_TIME)
  encodeKeyField(writer, TIME_FIELD, madeMicros)
  encodeKeyField(writer, TOKEN_FIELD, token)
  return writer.finish()
}

/** The keys by time of everything made before a moment, oldest first. */
export function tokensBefore(tenant: TenantRef, micros: number): KeyRange {
  const upper = keyWriter(tenant, BY_TIME)
  encodeKeyField(upper, TIME_FIELD, micros)
  return { lower: keyWriter(tenant, BY_TIME).finish(), upper: upper.finish() }
}

/** The token of a key by time. @throws EndOfBytes */
export function tokenOfTimeKey(key: Uint8Array): string {
  const reader = new ByteReader(key, KEY_PREFIX_BYTES)
  decodeKeyField(reader, TIME_FIELD)
  return decodeKeyField(reader, TOKEN_FIELD) as string
}

/** The value by time. */
export const TOKEN_TIME_VALUE: Uint8Array = Uint8Array.of(FORMAT)

/** @param result  undefined when the transaction returned nothing */
export function encodeTokenResult(result: JsonValue | undefined): Uint8Array {
  const writer = new ByteWriter(64)
  writer.u8(FORMAT)
  writer.u8(result === undefined ? 0 : HAS_RESULT)
  if (result !== undefined) encodeJson(writer, result)
  return writer.finish()
}

/** @throws EndOfBytes */
export function decodeTokenResult(value: Uint8Array): JsonValue | undefined {
  const reader = new ByteReader(value)
  const format = reader.u8()
  if (format !== FORMAT) throw new EndOfBytes(`unknown format ${format} of a token`)
  const flags = reader.u8()
  if ((flags & ~HAS_RESULT) !== 0) throw new EndOfBytes(`unknown flags ${flags}`)
  const result = flags === HAS_RESULT ? decodeJson(reader) : undefined
  if (reader.remaining !== 0) throw new EndOfBytes('bytes behind the end of a token')
  return result
}

function keyWriter(tenant: TenantRef, indexId: number): ByteWriter {
  const writer = new ByteWriter(64)
  const { id: tenantId, hash: tenantHash } = tenant
  writeKeyPrefix(writer, { tenantHash, tenantId, tableId: TOKENS_TABLE, indexId })
  return writer
}
