//! LZ4 blocks behind a u32 of their raw length.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

const LENGTH_BYTES: usize = 4;

pub fn compress(raw: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; LENGTH_BYTES + get_maximum_output_size(raw.len())];
    packed[..LENGTH_BYTES].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    let stored = compress_into(raw, &mut packed[LENGTH_BYTES..]).expect("there is room for the worst");
    packed.truncate(LENGTH_BYTES + stored);
    packed
}

pub fn decompress(packed: &[u8], raw_bytes: usize) -> Result<Vec<u8>, String> {
    let block = packed.get(LENGTH_BYTES..).ok_or("the block has no length")?;
    let mut raw = vec![0; raw_bytes];
    let found = decompress_into(block, &mut raw).map_err(|error| error.to_string())?;
    if found == raw_bytes {
        return Ok(raw);
    }
    Err(format!("the block decompresses to {found} bytes, not {raw_bytes}"))
}
