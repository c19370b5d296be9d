import { hex } from './printable.js'

/** JSON of values that JSON does not have: bigints as texts, bytes hexadecimal. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, replaced, 2)
}

function replaced(this: unknown, key: string, value: unknown): unknown {
  // The value before its toJSON, if it has one: a Buffer has.
  const own = (this as Record<string, unknown>)[key]
  if (own instanceof Uint8Array) return hex(own)
  return typeof value === 'bigint' ? value.toString() : value
}
