//! Data blocks as src/sstable/format.ts draws them.

use crate::lz4;
use std::borrow::Cow;
use std::ops::Range;

pub const CODEC_NONE: u32 = 0;
pub const CODEC_LZ4: u32 = 1;
pub const KIND_PUT: u8 = 1;
const VERSION_BYTES: usize = 8;
const TRAILER_BYTES: usize = 16;
const ENTRY_COUNT_MARK: u32 = 0x8000_0000;

/// A block to be read: within it, wherever it leads.
pub struct Block<'a> {
    bytes: Cow<'a, [u8]>,
    prefix: Range<usize>,
    versions: usize,
    /// Where keys go on behind the prefix, and where the last ends; then the same of values.
    starts: Vec<u32>,
    pub entry_count: usize,
}

impl<'a> Block<'a> {
    pub fn unpack(codec_id: u32, stored: &'a [u8], raw_bytes: usize) -> Result<Self, String> {
        match codec_id {
            CODEC_NONE => Self::new(Cow::Borrowed(stored)),
            CODEC_LZ4 => Self::new(Cow::Owned(lz4::decompress(stored, raw_bytes)?)),
            _ => Err(format!("unknown codec {codec_id}")),
        }
    }

    fn new(bytes: Cow<'a, [u8]>) -> Result<Self, String> {
        let end = bytes.len().checked_sub(TRAILER_BYTES).ok_or("the block is too short")?;
        let field = |at: usize| u32::from_le_bytes(bytes[end + at..end + at + 4].try_into().unwrap());
        let (prefix_bytes, keys_bytes, values_bytes) =
            (field(0) as usize, field(4) as usize, field(8) as usize);
        let mark = field(12);
        if mark & ENTRY_COUNT_MARK == 0 {
            return Err("the block is of an older format".into());
        }
        let entry_count = (mark & !ENTRY_COUNT_MARK) as usize;
        let prefix = values_bytes..values_bytes + prefix_bytes;
        let versions = prefix.end + keys_bytes;
        let lengths = versions + VERSION_BYTES * entry_count;
        if entry_count == 0 || lengths > end {
            return Err("the block is too short for what it counts".into());
        }
        let mut starts = Vec::with_capacity(2 * (entry_count + 1));
        let mut at = lengths;
        for (start, stop) in [(prefix.end, versions), (0, prefix.start)] {
            let mut next = start;
            for _ in 0..entry_count {
                starts.push(next as u32);
                next += read_varint(&bytes[..end], &mut at)? as usize;
            }
            starts.push(next as u32);
            if next != stop {
                return Err("the lengths of the entries do not fill the block".into());
            }
        }
        if at != end {
            return Err("there are bytes behind the lengths".into());
        }
        Ok(Self { bytes, prefix, versions, starts, entry_count })
    }

    pub fn prefix(&self) -> &[u8] {
        &self.bytes[self.prefix.clone()]
    }

    /// What follows the prefix.
    pub fn key(&self, entry: usize) -> &[u8] {
        &self.bytes[self.starts[entry] as usize..self.starts[entry + 1] as usize]
    }

    pub fn value(&self, entry: usize) -> &[u8] {
        let at = self.entry_count + 1 + entry;
        &self.bytes[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    pub fn version(&self, entry: usize) -> &[u8] {
        let at = self.versions + entry * VERSION_BYTES;
        &self.bytes[at..at + VERSION_BYTES]
    }

    pub fn kind(&self, entry: usize) -> u8 {
        self.version(entry)[VERSION_BYTES - 1]
    }
}

fn read_varint(bytes: &[u8], at: &mut usize) -> Result<u32, String> {
    let mut value = 0u32;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.get(*at).ok_or("the lengths of the entries end early")?;
        *at += 1;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a length is too long".into())
}

/// src/sstable/block-builder.ts.
#[derive(Default)]
pub struct BlockBuilder {
    block: Vec<u8>,
    keys: Vec<u8>,
    versions: Vec<u8>,
    key_lengths: Vec<usize>,
    value_lengths: Vec<usize>,
    /// What these take at most.
    lengths_bytes: usize,
    prefix_bytes: usize,
}

impl BlockBuilder {
    pub fn entry_count(&self) -> usize {
        self.key_lengths.len()
    }

    /// Whether one more entry keeps the block, or what it is estimated at, within the limit.
    pub fn has_room(&self, shared: usize, key_bytes: usize, value_bytes: usize, limit: usize) -> bool {
        let count = self.entry_count();
        let prefix_bytes = self.prefix_bytes.min(shared);
        let keys = self.keys.len() + key_bytes - count * prefix_bytes;
        let lengths = self.lengths_bytes + varint_bytes(key_bytes) + varint_bytes(value_bytes);
        let values = self.block.len() + value_bytes;
        count == 0 || values + keys + VERSION_BYTES * (count + 1) + lengths + TRAILER_BYTES <= limit
    }

    /// `key` is the rest of the key in parts, of which so many bytes are those of the rest before.
    pub fn add(&mut self, shared: usize, key: [&[u8]; 2], version: &[u8], value: &[u8]) {
        let key_bytes = key[0].len() + key[1].len();
        self.prefix_bytes =
            if self.entry_count() == 0 { key_bytes } else { self.prefix_bytes.min(shared) };
        key.iter().for_each(|part| self.keys.extend_from_slice(part));
        self.block.extend_from_slice(value);
        self.versions.extend_from_slice(version);
        self.key_lengths.push(key_bytes);
        self.value_lengths.push(value.len());
        self.lengths_bytes += varint_bytes(key_bytes) + varint_bytes(value.len());
    }

    /// The block; starts over.
    pub fn finish(&mut self) -> Vec<u8> {
        let Self { mut block, keys, versions, key_lengths, value_lengths, prefix_bytes, .. } =
            std::mem::take(self);
        let values_bytes = block.len();
        block.extend_from_slice(&keys[..prefix_bytes]);
        let mut start = 0;
        for length in &key_lengths {
            block.extend_from_slice(&keys[start + prefix_bytes..start + length]);
            start += length;
        }
        block.extend_from_slice(&versions);
        key_lengths.iter().for_each(|length| write_varint(&mut block, length - prefix_bytes));
        value_lengths.iter().for_each(|&length| write_varint(&mut block, length));
        let entry_count = key_lengths.len();
        let keys_bytes = keys.len() - entry_count * prefix_bytes;
        for field in [prefix_bytes, keys_bytes, values_bytes] {
            block.extend_from_slice(&(field as u32).to_le_bytes());
        }
        block.extend_from_slice(&(entry_count as u32 | ENTRY_COUNT_MARK).to_le_bytes());
        block
    }
}

fn varint_bytes(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn write_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
