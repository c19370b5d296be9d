// Finds what somebody probably meant, for error messages.

/** Names come from callers: only this much of one is compared. */
const NAME_COMPARED_LENGTH = 64

/** The candidate most like `name`; undefined when none is alike enough to be worth suggesting. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined
  const given = name.slice(0, NAME_COMPARED_LENGTH).toLowerCase()
  let limit = Math.ceil(given.length / 3) + 1
  for (const candidate of candidates) {
    const compared = candidate.slice(0, NAME_COMPARED_LENGTH).toLowerCase()
    const distance = editDistance(given, compared, limit)
    if (distance < limit) {
      nearest = candidate
      limit = distance
    }
  }
  return nearest
}

/** Insertions, deletions and replacements that turn one text into the other (Levenshtein); `limit` when there are more. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  const distances = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    // Of the beginnings of both, one character shorter.
    let diagonal = distances[0]!
    let least = (distances[0] = i)
    for (let j = 1; j <= b.length; j++) {
      const replaced = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)
      diagonal = distances[j]!
      distances[j] = Math.min(replaced, diagonal + 1, distances[j - 1]! + 1)
      least = Math.min(least, distances[j]!)
    }
    if (least >= limit) return limit
  }
  return Math.min(limit, distances[b.length]!)
}
