/** A range of tenant hashes, both ends included, as hashes are written. */
export function hashRange(hashStart: number, hashEnd: number): string {
  const digits = (hash: number) => hash.toString(16).padStart(8, '0')
  return `${digits(hashStart)}..${digits(hashEnd - 1)}`
}
