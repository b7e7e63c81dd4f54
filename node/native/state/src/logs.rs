//! The log index: which blocks may hold logs of an address or a topic.
//!
//! An entry is an 8-byte key of (kind, value) and a block, kept apart by epochs of blocks. Keys are hashes, so a block may be named falsely: whoever
//! looks for logs reads the receipts of the blocks that come out of here, and compares.

use std::{ops::Bound::Included, sync::Arc};

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Header as RlpHeader;
use heed::{RoRange, RoTxn, RwTxn, types::Bytes};

use crate::{
    StateError, StoredBlock, keys,
    tables::{Table, Tables},
};

/// What an indexed value is. Topics carry their position, 0 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    Topic(usize),
}

/// Keys of the log index.
pub mod log_key {
    use super::*;

    /// Logs of this contract.
    pub fn address(address: &Address) -> u64 {
        key(Kind::Address, address.as_slice())
    }

    /// Logs with this topic at this position, 0 to 3.
    pub fn topic(position: usize, topic: &B256) -> u64 {
        key(Kind::Topic(position), topic.as_slice())
    }

    fn key(kind: Kind, value: &[u8]) -> u64 {
        let mut bytes = [0; 33];
        bytes[0] = match kind {
            Kind::Address => 0,
            Kind::Topic(position) => 1 + position as u8,
        };
        bytes[1..=value.len()].copy_from_slice(value);
        keys::leading_number(keccak256(&bytes[..=value.len()]).as_slice())
    }

    /// The keys of all logs in a block, each once, from the stored form of its receipts.
    pub fn of_receipts(receipts: &[u8]) -> Result<Vec<u64>, StateError> {
        let mut keys = Vec::new();
        collect(receipts, &mut keys).map_err(|error| StateError::corrupt(format!("receipts: {error}")))?;
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn collect(mut receipts: &[u8], keys: &mut Vec<u64>) -> alloy_rlp::Result<()> {
        let mut receipts = RlpHeader::decode_bytes(&mut receipts, true)?;
        while !receipts.is_empty() {
            let mut receipt = RlpHeader::decode_bytes(&mut receipts, true)?;
            for _ in ["type", "status or root", "cumulative gas"] {
                RlpHeader::decode_bytes(&mut receipt, false)?;
            }
            let mut logs = RlpHeader::decode_bytes(&mut receipt, true)?;
            while !logs.is_empty() {
                let mut log = RlpHeader::decode_bytes(&mut logs, true)?;
                keys.push(key(Kind::Address, value::<20>(&mut log)?));
                let mut topics = RlpHeader::decode_bytes(&mut log, true)?;
                for position in 0.. {
                    if topics.is_empty() {
                        break;
                    }
                    keys.push(key(Kind::Topic(position), value::<32>(&mut topics)?));
                }
            }
        }
        Ok(())
    }

    fn value<'a, const N: usize>(bytes: &mut &'a [u8]) -> alloy_rlp::Result<&'a [u8]> {
        let value = RlpHeader::decode_bytes(bytes, false)?;
        if value.len() == N { Ok(value) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

/// Which logs are wanted: all positions must match, each by any of its keys. An empty position matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub positions: Vec<Vec<u64>>,
}

impl LogFilter {
    /// From addresses and topics as `eth_getLogs` has them.
    pub fn new(addresses: &[Address], topics: &[Vec<B256>]) -> Self {
        let addresses = addresses.iter().map(log_key::address).collect();
        let topics = topics.iter().enumerate();
        let topics = topics.map(|(at, any)| any.iter().map(|topic| log_key::topic(at, topic)).collect());
        Self { positions: std::iter::once(addresses).chain(topics).collect() }
    }
}

pub(crate) fn write(txn: &mut RwTxn<'_>, tables: &Tables, blocks: &[Arc<StoredBlock>]) -> Result<(), StateError> {
    let mut entries = Vec::with_capacity(blocks.iter().map(|block| block.log_keys.len()).sum());
    for block in blocks {
        let number = block_number(block.number)?;
        entries.extend(block.log_keys.iter().map(|&key| keys::log(key, number)));
    }
    entries.sort_unstable();
    entries.dedup();
    for entry in entries {
        tables.log_index.put(txn, &entry, &[])?;
    }
    Ok(())
}

/// Remove a block's entries.
pub(crate) fn delete(txn: &mut RwTxn<'_>, tables: &Tables, number: u64, keys: &[u64]) -> Result<(), StateError> {
    let number = block_number(number)?;
    for &key in keys {
        tables.log_index.delete(txn, &keys::log(key, number))?;
    }
    Ok(())
}

fn block_number(number: u64) -> Result<u32, StateError> {
    u32::try_from(number).map_err(|_| StateError::Order(format!("block {number} is beyond the log index")))
}

/// The blocks of a range that may hold logs of a filter, ascending. Found as asked for: stopping early costs nothing.
pub struct LogBlocks<'a> {
    positions: Vec<Position<'a>>,
    next: u32,
    last: u32,
    done: bool,
}

impl<'a> LogBlocks<'a> {
    pub(crate) fn new(txn: &'a RoTxn<'static>, table: Table, filter: &LogFilter, from: u64, to: u64) -> Self {
        let mut last = u32::try_from(to).unwrap_or(u32::MAX);
        let wanted: Vec<_> = filter.positions.iter().filter(|keys| !keys.is_empty()).collect();
        let mut done = from > last.into();
        if !wanted.is_empty() {
            match newest_indexed(txn, table) {
                Ok(Some(newest)) => last = last.min(newest),
                Ok(None) => done = true,
                Err(_) => {} // The first search meets it again, and can say so.
            }
        }
        let positions = wanted.into_iter().map(|keys| Position::new(txn, table, keys, last)).collect();
        Self { positions, next: from.min(last.into()) as u32, last, done: done || from > last.into() }
    }

    /// The first block from `next` on that all positions have. Each position in turn may push it further.
    fn advance(&mut self) -> Result<Option<u32>, StateError> {
        let mut candidate = self.next;
        let mut agreed = 0;
        while agreed < self.positions.len() {
            for position in &mut self.positions {
                match position.first_from(candidate)? {
                    None => return Ok(None),
                    Some(block) if block == candidate => agreed += 1,
                    Some(block) => (candidate, agreed) = (block, 1),
                }
            }
        }
        Ok((candidate <= self.last).then_some(candidate))
    }
}

impl Iterator for LogBlocks<'_> {
    type Item = Result<u32, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let found = self.advance();
        match found {
            Ok(Some(block)) if block < self.last => self.next = block + 1,
            _ => self.done = true,
        }
        found.transpose()
    }
}

/// No block beyond this one is in the index: where a search without an end ends.
fn newest_indexed(txn: &RoTxn<'_>, table: Table) -> Result<Option<u32>, StateError> {
    Ok(table.last(txn)?.map(|(key, _)| keys::log_epoch_end(keys::log_block(key))))
}

/// One position of a filter: the union of the blocks of its keys.
struct Position<'a> {
    postings: Vec<Postings<'a>>,
}

impl<'a> Position<'a> {
    fn new(txn: &'a RoTxn<'static>, table: Table, keys: &[u64], last: u32) -> Self {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let postings = keys.into_iter().map(|key| Postings { txn, table, key, last, range: None, current: None });
        Self { postings: postings.collect() }
    }

    fn first_from(&mut self, block: u32) -> Result<Option<u32>, StateError> {
        let mut first = None;
        for postings in &mut self.postings {
            if let Some(found) = postings.first_from(block)? {
                first = Some(first.map_or(found, |first: u32| first.min(found)));
            }
        }
        Ok(first)
    }
}

/// The blocks of one key: walked where the next one is near, searched where it is far.
struct Postings<'a> {
    txn: &'a RoTxn<'static>,
    table: Table,
    key: u64,
    last: u32,
    range: Option<RoRange<'a, Bytes, Bytes>>,
    current: Option<u32>,
}

impl Postings<'_> {
    /// A search costs about as much as this many steps.
    const STEPS_BEFORE_SEARCH: usize = 8;

    fn first_from(&mut self, block: u32) -> Result<Option<u32>, StateError> {
        if self.range.is_none() {
            self.search(block)?;
        }
        for _ in 0..Self::STEPS_BEFORE_SEARCH {
            match self.current {
                Some(current) if current < block => self.step(current)?,
                current => return Ok(current),
            }
        }
        if self.current.is_some_and(|current| current < block) {
            self.search(block)?;
        }
        Ok(self.current)
    }

    /// Find the first block from this one on, epoch by epoch.
    fn search(&mut self, mut block: u32) -> Result<(), StateError> {
        self.current = None;
        while block <= self.last {
            let to = keys::log_epoch_end(block).min(self.last);
            let (first, last) = (keys::log(self.key, block), keys::log(self.key, to));
            let mut range = self.table.range(self.txn, &(Included(&first[..]), Included(&last[..])))?;
            self.current = range.next().transpose()?.map(|(key, _)| keys::log_block(key));
            self.range = Some(range);
            match to.checked_add(1) {
                Some(next) if self.current.is_none() => block = next,
                _ => break,
            }
        }
        Ok(())
    }

    fn step(&mut self, from: u32) -> Result<(), StateError> {
        match self.range.as_mut().and_then(Iterator::next).transpose()? {
            Some((key, _)) => self.current = Some(keys::log_block(key)),
            None => match keys::log_epoch_end(from).checked_add(1) {
                Some(next) => self.search(next)?,
                None => self.current = None,
            },
        }
        Ok(())
    }
}
