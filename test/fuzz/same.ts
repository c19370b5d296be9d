// Are two decoded values the same? Kinds, bytes, property names with their order; -0 is not 0, NaN is NaN.

export function assertSame(a: unknown, b: unknown): void {
  if (!isSame(a, b)) throw new Error(`does not survive: ${text(a)} became ${text(b)}`)
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!isSame(a[i], b[i])) return false
    return true
  }
  const names = Object.keys(a)
  const others = Object.keys(b)
  if (names.length !== others.length) return false
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (name !== others[i]) return false
    if (!isSame((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])) {
      return false
    }
  }
  return true
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`
    return typeof inner === 'number' && !Number.isFinite(inner) ? String(inner) : inner
  })
}
