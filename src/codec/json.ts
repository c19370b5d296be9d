// JSON values as bytes. One byte says how:
//
//   1  JSON text: varint byte length, UTF-8
//   2  MessagePack without extensions or records: varint byte length, bytes
//   3  reserved: MessagePack records over structures that the table keeps
//
// MessagePack is the rule. Text is for values with a key `__proto__`, which the MessagePack decoder renames and JSON.parse
// does not. Both read back exactly what was written, key order included (but for keys like "7", which JavaScript itself
// puts first).
//
// Valid:  a known form, and bytes that decode to one value with nothing behind it.
// Compat: forms are never used again for something else; an unknown one is refused.

import { Packr, RESET_BUFFER_MODE, Unpackr } from 'msgpackr'

import { JSON_DEPTH_MAX } from '../base/limits.js'
import { type ByteReader, type ByteWriter, EndOfBytes, isWellFormed } from './bytes.js'
import type { JsonValue } from './cell.js'

const JSON_TEXT = 1
const JSON_MESSAGE_PACK = 2

const PACK_OPTIONS = { useRecords: false, variableMapSize: true, useToJSON: false } as const
/** A packer keeps the buffer of its largest value: above this it is let go. */
const KEPT_BUFFER_MAX_BYTES = 1 << 20

let packer = new Packr(PACK_OPTIONS)
const unpacker = new Unpackr(PACK_OPTIONS)

/** The value has no JSON form. Callers turn it into an error that names the column. */
export class NotJson extends Error {
  constructor(found: string) {
    super(found)
    this.name = 'NotJson'
  }
}

/**
 * Checks a value and brings it into the form that reads back equal: undefined properties are left out, undefined array
 * elements become null, -0 becomes 0, and what has a toJSON method is asked for it, as in JSON.stringify. Other than
 * there, what would change silently is refused: NaN, infinities, functions, symbols, bigints, lone surrogates, and
 * objects that are neither plain nor arrays.
 *
 * @returns the argument itself when nothing had to change
 * @throws NotJson
 */
export function toJsonValue(value: unknown, depth = 0): JsonValue {
  switch (typeof value) {
    case 'string':
      if (isWellFormed(value)) return value
      throw new NotJson('a text with a lone surrogate')
    case 'number':
      if (!Number.isFinite(value)) throw new NotJson(String(value))
      return value === 0 ? 0 : value
    case 'boolean':
      return value
    case 'object':
      break
    default:
      throw new NotJson(typeof value)
  }
  if (value === null) return null
  if (depth >= JSON_DEPTH_MAX) throw new NotJson(`more than ${JSON_DEPTH_MAX} levels`)
  if (Array.isArray(value)) return toJsonArray(value, depth)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return toJsonValue((value as { toJSON(): unknown }).toJSON(), depth + 1)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // Also plain when made in another realm.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new NotJson('an object of a class')
  }
  return toJsonObject(value as Record<string, unknown>, depth)
}

function toJsonArray(values: readonly unknown[], depth: number): JsonValue[] {
  let copy: JsonValue[] | undefined
  for (let i = 0; i < values.length; i++) {
    const before = values[i]
    const after = before === undefined ? null : toJsonValue(before, depth + 1)
    if (copy === undefined && !Object.is(after, before)) {
      copy = values.slice(0, i) as JsonValue[]
    }
    if (copy !== undefined) copy.push(after)
  }
  return copy ?? (values as JsonValue[])
}

function toJsonObject(object: Record<string, unknown>, depth: number): JsonValue {
  const keys = Object.keys(object)
  let copy: Record<string, JsonValue> | undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (!isWellFormed(key)) throw new NotJson('a key with a lone surrogate')
    const before = object[key]
    const after = before === undefined ? undefined : toJsonValue(before, depth + 1)
    if (copy === undefined && (after === undefined || !Object.is(after, before))) {
      copy = {}
      for (let j = 0; j < i; j++) setOwn(copy, keys[j]!, object[keys[j]!] as JsonValue)
    }
    if (copy !== undefined && after !== undefined) setOwn(copy, key, after)
  }
  return copy ?? (object as Record<string, JsonValue>)
}

/** Assigning to `__proto__` would change the prototype instead. */
function setOwn(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  } else {
    object[key] = value
  }
}

/** Appends a value that toJsonValue returned. */
export function encodeJson(writer: ByteWriter, value: JsonValue): void {
  const packed = packer.pack(value, RESET_BUFFER_MODE)
  if (packed.length > KEPT_BUFFER_MAX_BYTES) packer = new Packr(PACK_OPTIONS)
  if (packed.includes('__proto__')) {
    writer.u8(JSON_TEXT)
    writer.text(JSON.stringify(value))
    return
  }
  writer.u8(JSON_MESSAGE_PACK)
  writer.varint(packed.length)
  writer.raw(packed)
}

/** @throws EndOfBytes when the bytes are not what encodeJson wrote */
export function decodeJson(reader: ByteReader): JsonValue {
  const form = reader.u8()
  if (form !== JSON_TEXT && form !== JSON_MESSAGE_PACK) {
    throw new EndOfBytes(`unknown form ${form} of a json value`)
  }
  try {
    if (form === JSON_TEXT) return JSON.parse(reader.text())
    return unpacker.unpack(reader.raw(reader.varint()))
  } catch (cause) {
    if (cause instanceof EndOfBytes) throw cause
    throw new EndOfBytes('a json value cannot be decoded')
  }
}
