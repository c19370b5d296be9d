//! The native kernels (src/kernels/kernels.ts): LZ4, checksum, filters, and merging data blocks. No files, no threads. What
//! they are given comes from disk: whatever it holds, they give an answer or an error.

mod block;
mod filter;
mod lz4;
mod merge;

use napi::bindgen_prelude::{Error, Result, Uint8Array, Uint32Array};
use napi_derive::napi;

/// Raised with every change of what is exported: a library built from other sources is not used.
const INTERFACE_VERSION: u32 = 1;

#[napi]
pub fn interface_version() -> u32 {
    INTERFACE_VERSION
}

#[napi]
pub fn lz4_compress(raw: &[u8]) -> Uint8Array {
    lz4::compress(raw).into()
}

#[napi]
pub fn lz4_decompress(packed: &[u8], raw_bytes: u32) -> Result<Uint8Array> {
    lz4::decompress(packed, raw_bytes as usize).map(Into::into).map_err(Error::from_reason)
}

/// CRC-32 (IEEE) of bytes that follow those with the checksum `seed`.
#[napi]
pub fn crc32(bytes: &[u8], seed: u32) -> u32 {
    checksum(bytes, seed)
}

pub(crate) fn checksum(bytes: &[u8], seed: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// Adds hashes to a filter of whole lines, in place.
#[napi]
pub fn filter_build(mut filter: Uint8Array, hashes: &[u32]) {
    // The caller made the filter and waits for it.
    filter::add_hashes(unsafe { filter.as_mut() }, hashes);
}

/// A data block as it is stored.
#[napi(object)]
pub struct StoredBlock {
    pub codec_id: u32,
    pub bytes: Uint8Array,
    pub raw_bytes: u32,
}

#[napi(object)]
pub struct MergeOptions {
    /// How long a block may become; see merge.rs for blocks of few entries.
    pub block_bytes: u32,
    /// The first 8 bytes of all keys, which blocks leave out.
    pub tenant_prefix: Uint8Array,
    /// What checksums of the file begin with, and where the first block will lie.
    pub place_seed: u32,
    pub offset_bytes: f64,
}

/// Blocks one behind the other, and what an index says of each.
#[napi(object)]
pub struct MergedBlocks {
    pub entry_count: u32,
    pub bytes: Uint8Array,
    pub stored_bytes: Uint32Array,
    pub raw_bytes: Uint32Array,
    pub codec_ids: Uint8Array,
    pub checksums: Uint32Array,
    pub filter: Uint8Array,
}

/// Merges runs of main blocks of one tenant into one run. Nothing when a key comes twice or is deleted, which takes the rules of
/// a compaction.
#[napi]
pub fn merge_blocks(
    runs: Vec<Vec<StoredBlock>>,
    options: MergeOptions,
) -> Result<Option<MergedBlocks>> {
    let mut unpacked = Vec::with_capacity(runs.len());
    for run in &runs {
        let blocks: std::result::Result<Vec<_>, String> = run
            .iter()
            .map(|stored| block::Block::unpack(stored.codec_id, &stored.bytes, stored.raw_bytes as usize))
            .collect();
        unpacked.push(blocks.map_err(Error::from_reason)?);
    }
    let merged = merge::merge_runs(
        &unpacked,
        &merge::Place {
            block_bytes: options.block_bytes as usize,
            tenant_prefix: &options.tenant_prefix,
            seed: options.place_seed,
            offset_bytes: options.offset_bytes as u64,
        },
    );
    Ok(merged.map(|merged| MergedBlocks {
        entry_count: merged.hashes.len() as u32,
        filter: filter::filter_of(&merged.hashes).into(),
        bytes: merged.bytes.into(),
        stored_bytes: merged.stored_bytes.into(),
        raw_bytes: merged.raw_bytes.into(),
        codec_ids: merged.codec_ids.into(),
        checksums: merged.checksums.into(),
    }))
}
