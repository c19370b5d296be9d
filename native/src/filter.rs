//! The blocked Bloom filter of src/sstable/filter.ts, which draws its bytes.

const LINE_BYTES: usize = 64;
const LINE_BITS: usize = LINE_BYTES * 8;
const BITS_PER_KEY: usize = 10;
const PROBE_COUNT: usize = 6;
const GOLDEN: u32 = 0x9e37_79b9;

pub fn filter_of(hashes: &[u32]) -> Vec<u8> {
    let line_count = (hashes.len() * BITS_PER_KEY).div_ceil(LINE_BITS).max(1);
    let mut filter = vec![0; line_count * LINE_BYTES];
    add_hashes(&mut filter, hashes);
    filter
}

pub fn add_hashes(filter: &mut [u8], hashes: &[u32]) {
    let line_count = (filter.len() / LINE_BYTES) as u64;
    if line_count == 0 {
        return;
    }
    for &hash in hashes {
        let line = ((u64::from(hash) * line_count) >> 32) as usize * LINE_BYTES;
        let bits = &mut filter[line..line + LINE_BYTES];
        let mut h = finish_hash(hash);
        for _ in 0..PROBE_COUNT {
            let bit = (h >> 23) as usize;
            bits[bit >> 3] |= 1 << (bit & 7);
            h = h.wrapping_mul(GOLDEN);
        }
    }
}

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// hashBytes of src/kernels/bytes.ts over all parts, one behind the other.
pub fn hash_key(parts: [&[u8]; 3]) -> u32 {
    let mut h = FNV_OFFSET;
    for part in parts {
        for &byte in part {
            h = (h ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    finish_hash(h)
}

/// murmur3 fmix32.
fn finish_hash(hash: u32) -> u32 {
    let mut h = hash;
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}
