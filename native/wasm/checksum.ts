// CRC-32 (IEEE), the checksum of all files: codec/checksum.ts.

const POLYNOMIAL: u32 = 0xedb88320
/** Bytes that one step takes, with a table of 1 KiB for each. */
const STEP_BYTES: usize = 8

/** Fills the 8 KiB of tables that crc32 needs. */
export function crc32Tables(tables: usize): void {
  for (let i: u32 = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1
    store<u32>(tables + ((i as usize) << 2), c)
  }
  for (let i: usize = 256; i < STEP_BYTES << 8; i++) {
    const c = load<u32>(tables + ((i - 256) << 2))
    store<u32>(tables + (i << 2), tableEntry(tables, 0, c) ^ (c >>> 8))
  }
}

@inline
function tableEntry(tables: usize, table: usize, byte: u32): u32 {
  return load<u32>(tables + (table << 10) + (((byte & 0xff) as usize) << 2))
}

/** The checksum of bytes that follow those with the checksum `seed`. */
export function crc32(input: usize, length: usize, seed: u32, tables: usize): u32 {
  const end = input + length
  let c = ~seed
  while (input + STEP_BYTES <= end) {
    const low = load<u32>(input) ^ c
    const high = load<u32>(input, 4)
    c =
      tableEntry(tables, 7, low) ^
      tableEntry(tables, 6, low >>> 8) ^
      tableEntry(tables, 5, low >>> 16) ^
      tableEntry(tables, 4, low >>> 24) ^
      tableEntry(tables, 3, high) ^
      tableEntry(tables, 2, high >>> 8) ^
      tableEntry(tables, 1, high >>> 16) ^
      tableEntry(tables, 0, high >>> 24)
    input += STEP_BYTES
  }
  while (input < end) c = tableEntry(tables, 0, c ^ (load<u8>(input++) as u32)) ^ (c >>> 8)
  return ~c
}
