// LZ4 blocks. What lz4Compress makes is byte for byte what the lz4_flex crate makes of the same input, which is what the
// lz4-napi package and native/ compress with: the tests hold all three against each other.
//
// @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md, and block/compress.rs of lz4_flex (MIT) for the choices
// that the format leaves open: the hash table, the step between tries, and where matches end.

const MIN_MATCH_BYTES: usize = 4
/** The last match begins at least so far from the end, and a shorter input has none. */
const MATCH_LIMIT_BYTES: usize = 12
/** Matches end so far from the end. */
const END_BYTES: usize = 6
const DISTANCE_MAX: usize = 0xffff
/** A step grows by one after so many tries without a match (a power of two). */
const STEP_SHIFT: usize = 5
const TABLE_ENTRY_COUNT: usize = 4096
/** The table's entries have two bytes for inputs shorter than this. */
const NARROW_MAX_BYTES: usize = 0xffff
const LENGTH_IN_TOKEN_MAX: usize = 15

/**
 * Compresses a block.
 *
 * @param output  room for the input's length and a tenth, and 64 bytes more: copies run over
 * @param table  room for 16 KiB
 * @returns how many bytes it became
 */
export function lz4Compress(input: usize, length: usize, output: usize, table: usize): usize {
  if (length <= MATCH_LIMIT_BYTES) return writeLiterals(output, input, length) - output
  return length < NARROW_MAX_BYTES
    ? compressWith<u16>(input, length, output, table)
    : compressWith<u32>(input, length, output, table)
}

/** For a table with entries of the type E, which says how far back a match may lie. */
function compressWith<E>(input: usize, length: usize, output: usize, table: usize): usize {
  let out = output
  let literals = input
  const end = input + length
  memory.fill(table, 0, TABLE_ENTRY_COUNT * sizeof<E>())
  const last = end - MATCH_LIMIT_BYTES
  let next = input + 1
  while (true) {
    let at: usize
    let match: usize
    let tries: usize = 1 << STEP_SHIFT
    while (true) {
      at = next
      next += tries++ >> STEP_SHIFT
      if (at > last) return writeLiterals(out, literals, end - literals) - output
      const entry = entryOf<E>(at, table)
      match = input + (load<E>(entry) as usize)
      store<E>(entry, (at - input) as E)
      // Two bytes say nothing that is further back than a match may lie.
      if (sizeof<E>() > 2 && at - match > DISTANCE_MAX) continue
      if (load<u32>(match) == load<u32>(at)) break
    }
    while (match > input && at > literals && load<u8>(at - 1) == load<u8>(match - 1)) {
      at--
      match--
    }
    const matchEnd = endOfMatch(at + MIN_MATCH_BYTES, match + MIN_MATCH_BYTES, end - END_BYTES)
    store<E>(entryOf<E>(matchEnd - 2, table), (matchEnd - 2 - input) as E)
    out = writeSequence(out, literals, at, match, matchEnd)
    literals = matchEnd
    next = matchEnd
  }
}

/** The place in the table: a hash of four bytes of the input, of five for the wider entries. */
@inline
function entryOf<E>(input: usize, table: usize): usize {
  return sizeof<E>() == 2
    ? table + ((((load<u32>(input) * 2654435761) >>> 20) as usize) << 1)
    : table + ((((load<u64>(input) << 24) * 889523592379) >>> 52) << 2) as usize
}

/** How far the bytes at both places are the same. */
@inline
function endOfMatch(at: usize, match: usize, end: usize): usize {
  while (at + 8 <= end) {
    const difference = load<u64>(at) ^ load<u64>(match)
    if (difference != 0) return at + ((ctz(difference) >> 3) as usize)
    at += 8
    match += 8
  }
  while (at < end && load<u8>(at) == load<u8>(match)) {
    at++
    match++
  }
  return at
}

/** Literals up to `at`, then a match that ends at `matchEnd`. */
@inline
function writeSequence(
  out: usize,
  literals: usize,
  at: usize,
  match: usize,
  matchEnd: usize,
): usize {
  const literalBytes = at - literals
  const extraBytes = matchEnd - at - MIN_MATCH_BYTES
  const token = out++
  let bits: usize
  if (literalBytes < LENGTH_IN_TOKEN_MAX) {
    bits = literalBytes << 4
    v128.store(out, v128.load(literals))
  } else {
    bits = LENGTH_IN_TOKEN_MAX << 4
    out = writeLength(out, literalBytes - LENGTH_IN_TOKEN_MAX)
    copyWide(out, literals, literalBytes)
  }
  out += literalBytes
  store<u16>(out, (at - match) as u16)
  out += 2
  if (extraBytes < LENGTH_IN_TOKEN_MAX) {
    bits |= extraBytes
  } else {
    bits |= LENGTH_IN_TOKEN_MAX
    out = writeLength(out, extraBytes - LENGTH_IN_TOKEN_MAX)
  }
  store<u8>(token, bits as u8)
  return out
}

function writeLiterals(out: usize, literals: usize, byteCount: usize): usize {
  if (byteCount < LENGTH_IN_TOKEN_MAX) {
    store<u8>(out++, (byteCount << 4) as u8)
  } else {
    store<u8>(out++, (LENGTH_IN_TOKEN_MAX << 4) as u8)
    out = writeLength(out, byteCount - LENGTH_IN_TOKEN_MAX)
  }
  memory.copy(out, literals, byteCount)
  return out + byteCount
}

function writeLength(out: usize, rest: usize): usize {
  while (rest >= 0xff) {
    store<u8>(out++, 0xff)
    rest -= 0xff
  }
  store<u8>(out++, rest as u8)
  return out
}

/** Copies in steps of 16 bytes, so up to 15 more than asked for. */
@inline
function copyWide(target: usize, source: usize, byteCount: usize): void {
  const end = target + byteCount
  do {
    v128.store(target, v128.load(source))
    target += 16
    source += 16
  } while (target < end)
}

/**
 * Undoes lz4Compress. Reads nothing but the input, up to 16 bytes behind it, and writes nothing but the output, up to 32
 * bytes behind it.
 *
 * @returns whether the input was a whole block of exactly so many bytes
 */
export function lz4Decompress(
  input: usize,
  length: usize,
  output: usize,
  outputBytes: usize,
): bool {
  const end = input + length
  const outEnd = output + outputBytes
  let at = input
  let out = output
  while (at < end) {
    const token = load<u8>(at++) as usize
    let literalBytes = token >> 4
    if (literalBytes < LENGTH_IN_TOKEN_MAX) {
      if (literalBytes > end - at || literalBytes > outEnd - out) return false
      v128.store(out, v128.load(at))
    } else {
      let more: usize
      do {
        if (at >= end) return false
        more = load<u8>(at++)
        literalBytes += more
      } while (more == 0xff)
      if (literalBytes > end - at || literalBytes > outEnd - out) return false
      copyWide(out, at, literalBytes)
    }
    at += literalBytes
    out += literalBytes
    if (at == end) return out == outEnd
    if (end - at < 2) return false
    const distance = load<u16>(at) as usize
    at += 2
    let matchBytes = token & LENGTH_IN_TOKEN_MAX
    if (matchBytes == LENGTH_IN_TOKEN_MAX) {
      let more: usize
      do {
        if (at >= end) return false
        more = load<u8>(at++)
        matchBytes += more
      } while (more == 0xff)
    }
    matchBytes += MIN_MATCH_BYTES
    if (distance == 0 || distance > out - output || matchBytes > outEnd - out) return false
    const match = out - distance
    if (distance < 16) {
      repeat(out, distance, matchBytes)
    } else {
      v128.store(out, v128.load(match))
      if (matchBytes > 16) copyWide(out + 16, match + 16, matchBytes - 16)
    }
    out += matchBytes
  }
  return false
}

/** Repeats the bytes before the target, whose number is below 16. */
@inline
function repeat(target: usize, distance: usize, byteCount: usize): void {
  const end = target + byteCount
  if (distance >= 8) {
    do {
      store<u64>(target, load<u64>(target - distance))
      target += 8
    } while (target < end)
    return
  }
  do {
    store<u8>(target, load<u8>(target - distance))
    target++
  } while (target < end)
}
