//! Merging the main blocks of one tenant from several tables, as src/lsm/merge-stream.ts and src/sstable/
//! tenant-blocks-builder.ts do where no block can be taken over.

use crate::block::{Block, BlockBuilder, CODEC_LZ4, CODEC_NONE, KIND_PUT};
use crate::filter::hash_key;
use crate::{checksum, lz4};

/// A block of fewer entries than these may become so many times as long.
const FEW_ENTRY_COUNT: usize = 8;
const FEW_ENTRIES_FACTOR: usize = 4;

pub struct Place<'a> {
    pub block_bytes: usize,
    pub tenant_prefix: &'a [u8],
    pub seed: u32,
    pub offset_bytes: u64,
}

#[derive(Default)]
pub struct Merged {
    pub bytes: Vec<u8>,
    pub stored_bytes: Vec<u32>,
    pub raw_bytes: Vec<u32>,
    pub codec_ids: Vec<u8>,
    pub checksums: Vec<u32>,
    pub hashes: Vec<u32>,
}

/// Where one run stands.
struct Cursor<'a> {
    blocks: &'a [Block<'a>],
    entry: usize,
}

impl<'a> Cursor<'a> {
    fn block(&self) -> &'a Block<'a> {
        &self.blocks[0]
    }

    fn key(&self) -> [&'a [u8]; 2] {
        [self.block().prefix(), self.block().key(self.entry)]
    }

    /// False at the end of the run.
    fn next(&mut self) -> bool {
        self.entry += 1;
        if self.entry == self.block().entry_count {
            self.blocks = &self.blocks[1..];
            self.entry = 0;
        }
        !self.blocks.is_empty()
    }
}

/// Nothing when a key comes twice or is deleted, or keys are out of order.
pub fn merge_runs(runs: &[Vec<Block>], place: &Place) -> Option<Merged> {
    let mut cursors: Vec<Cursor> = runs
        .iter()
        .filter(|blocks| !blocks.is_empty())
        .map(|blocks| Cursor { blocks, entry: 0 })
        .collect();
    // The last is the next: moved on, it mostly stays or goes few places down.
    cursors.sort_by(|a, b| compare(b.key(), a.key()));
    let mut merged = Merged::default();
    let mut builder = BlockBuilder::default();
    let mut last = Vec::new();
    while let Some(mut cursor) = cursors.pop() {
        let (key, block, entry) = (cursor.key(), cursor.block(), cursor.entry);
        let shared = shared_bytes(&last, key);
        let is_behind = merged.hashes.is_empty() || compare([&last, &[]], key).is_lt();
        if !is_behind || block.kind(entry) != KIND_PUT {
            return None;
        }
        let value = block.value(entry);
        let is_few = builder.entry_count() < FEW_ENTRY_COUNT;
        let limit = place.block_bytes * if is_few { FEW_ENTRIES_FACTOR } else { 1 };
        if !builder.has_room(shared, key[0].len() + key[1].len(), value.len(), limit) {
            merged.add_block(&builder.finish(), place);
        }
        builder.add(shared, key, block.version(entry), value);
        merged.hashes.push(hash_key([place.tenant_prefix, key[0], key[1]]));
        last.truncate(shared);
        key.iter().fold(shared, |skip, part| {
            last.extend_from_slice(part.get(skip..).unwrap_or(&[]));
            skip.saturating_sub(part.len())
        });
        if cursor.next() {
            let key = cursor.key();
            let at = cursors.iter().rposition(|other| compare(other.key(), key).is_gt());
            cursors.insert(at.map_or(0, |at| at + 1), cursor);
        }
    }
    if builder.entry_count() > 0 {
        merged.add_block(&builder.finish(), place);
    }
    Some(merged)
}

impl Merged {
    /// Packs a block as src/codec/compression.ts does, and puts it behind the others.
    fn add_block(&mut self, raw: &[u8], place: &Place) {
        let packed = lz4::compress(raw);
        let (codec_id, stored): (u32, &[u8]) = if packed.len() > raw.len() - (raw.len() >> 3) {
            (CODEC_NONE, raw)
        } else {
            (CODEC_LZ4, &packed)
        };
        let offset = place.offset_bytes + self.bytes.len() as u64;
        self.checksums.push(checksum(stored, checksum(&offset.to_le_bytes(), place.seed)));
        self.bytes.extend_from_slice(stored);
        self.stored_bytes.push(stored.len() as u32);
        self.raw_bytes.push(raw.len() as u32);
        self.codec_ids.push(codec_id as u8);
    }
}

fn compare(a: [&[u8]; 2], b: [&[u8]; 2]) -> std::cmp::Ordering {
    if a[0].len() == b[0].len() {
        return a[0].cmp(b[0]).then_with(|| a[1].cmp(b[1]));
    }
    a[0].iter().chain(a[1]).cmp(b[0].iter().chain(b[1]))
}

fn shared_bytes(last: &[u8], key: [&[u8]; 2]) -> usize {
    last.iter().zip(key[0].iter().chain(key[1])).take_while(|(a, b)| a == b).count()
}
