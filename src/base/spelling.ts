// Finds what somebody probably meant, for error messages.

/** Names come from callers: only this much of one is compared. */
const NAME_COMPARED_LENGTH = 64

/** The candidate most like `name`; undefined when none is alike enough to be worth suggesting. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined
  const given = name.slice(0, NAME_COMPARED_LENGTH).toLowerCase()
  let nearestDistance = Math.ceil(given.length / 3) + 1
  for (const candidate of candidates) {
    const distance = editDistance(given, candidate.slice(0, NAME_COMPARED_LENGTH).toLowerCase())
    if (distance < nearestDistance) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/** Insertions, deletions and replacements that turn one text into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
