/** So many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** More than anything takes that waits for nothing but its turn. */
export function someTurns(): Promise<void> {
  return turns(20)
}
