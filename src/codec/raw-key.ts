// Raw keys: bytes that a program orders itself, in a key space beside the tables of a tenant (db/key-space.ts).
//
//   offset  bytes     field       meaning
//        0     8      tenant      hash and id, as in every key: codec/tenant-key.ts
//        8     4      tableId     1, which no table has: those of tables start at 16
//       12     2      indexId     0
//       14  0..2034   key         the program's bytes as they are, also none at all; a text is its UTF-8
//
// The value is the program's bytes as they are. Keys are ordered by memcmp, a shorter one before those that it begins.
// Valid:  any bytes are; what is damaged is found by the checksums of the files.
// Crash:  entries come and go with ordinary commits.
// Compat: table id 1 under a tenant means raw keys for ever.

import { engineError } from '../base/errors.js'
import type { TenantId } from '../base/ids.js'
import { KEY_MAX_BYTES } from '../base/limits.js'
import { ByteWriter } from './bytes.js'
import { KEY_PREFIX_BYTES, successorOfPrefix, writeKeyPrefix } from './tenant-key.js'

export const RAW_KEY_TABLE_ID = 1
const RAW_KEY_MAX_BYTES = KEY_MAX_BYTES - KEY_PREFIX_BYTES
/** Keys up to this length are encoded without allocating. */
const SHORT_KEY_MAX_BYTES = 256

/** A key or value as a program gives it: a text stands for its UTF-8, in which a lone surrogate becomes U+FFFD. */
export type RawBytes = string | Uint8Array

/** Bounds on raw keys; of two bounds on one side the inclusive one counts. */
export interface RawKeyRange {
  readonly gt?: RawBytes | undefined
  readonly gte?: RawBytes | undefined
  readonly lt?: RawBytes | undefined
  readonly lte?: RawBytes | undefined
}

/** One array for each length, which every key of that length is written into. */
const shortKeys: Uint8Array[] = []

/** The key space of one tenant among all keys. */
export class RawKeyCodec {
  readonly #prefix: Uint8Array
  readonly #end: Uint8Array

  constructor(tenant: { readonly hash: number; readonly id: TenantId }) {
    const writer = new ByteWriter(KEY_PREFIX_BYTES)
    const place = { tenantHash: tenant.hash, tenantId: tenant.id, tableId: RAW_KEY_TABLE_ID }
    writeKeyPrefix(writer, { ...place, indexId: 0 })
    this.#prefix = writer.finish()
    this.#end = successorOfPrefix(this.#prefix)!
  }

  /** The key among all keys; valid until the next call. A raw key that is too long gives a key that nothing has. */
  encode(key: RawBytes): Uint8Array {
    if (typeof key !== 'string') return this.#encodeBytes(bytesOf(key))
    const { length } = key
    if (length > SHORT_KEY_MAX_BYTES) return this.#encodeBytes(Buffer.from(key))
    const encoded = (shortKeys[length] ??= new Uint8Array(KEY_PREFIX_BYTES + length))
    for (let i = 0; i < length; i++) {
      const unit = key.charCodeAt(i)
      if (unit >= 0x80) return this.#encodeBytes(Buffer.from(key))
      encoded[KEY_PREFIX_BYTES + i] = unit
    }
    this.#writePrefix(encoded)
    return encoded
  }

  /** The first key at or behind `key`, in an array of its own; with `isAfter` behind it. */
  bound(key: RawBytes, isAfter = false): Uint8Array {
    const bytes = bytesOf(key)
    const encoded = new Uint8Array(KEY_PREFIX_BYTES + bytes.length + (isAfter ? 1 : 0))
    this.#writePrefix(encoded)
    encoded.set(bytes, KEY_PREFIX_BYTES)
    return encoded
  }

  range({ gt, gte, lt, lte }: RawKeyRange): { lower: Uint8Array; upper: Uint8Array } {
    let lower = this.#prefix
    if (gte !== undefined) lower = this.bound(gte)
    else if (gt !== undefined) lower = this.bound(gt, true)
    let upper = this.#end
    if (lte !== undefined) upper = this.bound(lte, true)
    else if (lt !== undefined) upper = this.bound(lt)
    return { lower, upper }
  }

  #encodeBytes(bytes: Uint8Array): Uint8Array {
    const { length } = bytes
    const encoded =
      length > SHORT_KEY_MAX_BYTES
        ? new Uint8Array(KEY_PREFIX_BYTES + length)
        : (shortKeys[length] ??= new Uint8Array(KEY_PREFIX_BYTES + length))
    this.#writePrefix(encoded)
    for (let i = 0; i < length; i++) encoded[KEY_PREFIX_BYTES + i] = bytes[i]!
    return encoded
  }

  #writePrefix(encoded: Uint8Array): void {
    const prefix = this.#prefix
    for (let i = 0; i < KEY_PREFIX_BYTES; i++) encoded[i] = prefix[i]!
  }
}

/** The bytes of a key or value, in place where they are bytes already. @throws ARGUMENT_INVALID */
export function bytesOf(raw: RawBytes): Uint8Array {
  if (typeof raw === 'string') return Buffer.from(raw)
  if (raw instanceof Uint8Array) return raw
  const other: unknown = raw
  // Bytes of another realm, or another view of bytes.
  if (ArrayBuffer.isView(other))
    return Buffer.from(other.buffer, other.byteOffset, other.byteLength)
  const found = other === null ? 'null' : typeof other
  throw engineError('ARGUMENT_INVALID', `keys and values are text or Uint8Array, not ${found}`)
}

/** @throws KEY_TOO_LARGE when the encoded key cannot be stored */
export function checkRawKey(encoded: Uint8Array): void {
  if (encoded.length <= KEY_MAX_BYTES) return
  const keyBytes = encoded.length - KEY_PREFIX_BYTES
  throw engineError('KEY_TOO_LARGE', `a key of ${keyBytes} bytes exceeds ${RAW_KEY_MAX_BYTES}`, {
    details: { keyBytes, maxBytes: RAW_KEY_MAX_BYTES },
  })
}
