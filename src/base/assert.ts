import { engineError } from './errors.js'

/**
 * Stops the operation when a promise inside our own code is broken. For bytes read from disk and for
 * arguments of callers use a typed error instead: those are never asserted, they are validated.
 *
 * @throws INTERNAL
 */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw engineError('INTERNAL', `broken invariant: ${what}`)
}
