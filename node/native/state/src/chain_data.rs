//! Blocks, their lookups, and blocks that failed.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, Header as RlpHeader};
use heed::{RoTxn, RwTxn};

use crate::{BadBlock, StateError, StoredBlock, changes::append, keys, tables::Tables};

/// How many failed blocks are kept.
const BAD_BLOCKS: usize = 64;

pub(crate) fn write(txn: &mut RwTxn<'_>, tables: &Tables, blocks: &[Arc<StoredBlock>]) -> Result<(), StateError> {
    for block in blocks {
        let key = keys::block(block.number, &block.hash);
        append(txn, tables.header, &key, &block.header)?;
        if !block.body.is_empty() {
            append(txn, tables.body, &key, &block.body)?;
            append(txn, tables.receipts, &key, &block.receipts)?;
            append(txn, tables.senders, &key, &senders_and_hashes(block))?;
        }
        append(txn, tables.total_difficulty, &key, &block.total_difficulty.to_be_bytes::<32>())?;
        append(txn, tables.canonical, &block.number.to_be_bytes(), block.hash.as_slice())?;
        tables.number.put(txn, block.hash.as_slice(), &block.number.to_be_bytes())?;
    }
    write_transaction_lookup(txn, tables, blocks)
}

/// What is dear to find again: who signed the transactions, then their hashes.
fn senders_and_hashes(block: &StoredBlock) -> Vec<u8> {
    let senders = block.senders.iter().flat_map(|sender| sender.0.0);
    senders.chain(block.transaction_hashes.iter().flat_map(|hash| hash.0)).collect()
}

/// The inverse of [`senders_and_hashes`].
pub(crate) fn split_senders(record: &[u8]) -> (&[[u8; 20]], &[[u8; 32]]) {
    let (senders, hashes) = record.split_at(record.len() / 52 * 20);
    (senders.as_chunks().0, hashes.as_chunks().0)
}

fn write_transaction_lookup(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    blocks: &[Arc<StoredBlock>],
) -> Result<(), StateError> {
    let mut lookups: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.transaction_hashes.iter().zip(0u32..).map(|(hash, index)| (hash, block.number, index)))
        .collect();
    lookups.sort_unstable();
    for (hash, number, index) in lookups {
        tables.transaction.put(txn, hash.as_slice(), &location(number, index))?;
    }
    Ok(())
}

fn location(number: u64, index: u32) -> [u8; 12] {
    let mut value = [0; 12];
    value[..8].copy_from_slice(&number.to_be_bytes());
    value[8..].copy_from_slice(&index.to_be_bytes());
    value
}

/// Where a transaction is in the canonical chain.
pub(crate) fn read_location(value: &[u8]) -> Result<(u64, u32), StateError> {
    match value.split_first_chunk() {
        Some((number, index)) if index.len() == 4 => {
            let index = u32::from_be_bytes(index.try_into().expect("four bytes"));
            Ok((u64::from_be_bytes(*number), index))
        }
        _ => Err(StateError::corrupt(format!("transaction location of {} bytes", value.len()))),
    }
}

/// Forget where the transactions of a block are, if they are said to be in it.
pub(crate) fn delete_transaction_lookup(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    number: u64,
    hashes: &[B256],
) -> Result<(), StateError> {
    for hash in hashes {
        let there = tables.transaction.get(txn, hash.as_slice())?.map(read_location).transpose()?;
        if there.is_some_and(|(block, _)| block == number) {
            tables.transaction.delete(txn, hash.as_slice())?;
        }
    }
    Ok(())
}

/// The hashes of a body's transactions: of the item itself (legacy), or of what it wraps (typed).
pub(crate) fn transaction_hashes(mut body: &[u8]) -> Result<Vec<B256>, StateError> {
    let damaged = |error: alloy_rlp::Error| StateError::corrupt(format!("body: {error}"));
    let mut fields = RlpHeader::decode_bytes(&mut body, true).map_err(damaged)?;
    let mut transactions = RlpHeader::decode_bytes(&mut fields, true).map_err(damaged)?;
    let mut hashes = Vec::new();
    while !transactions.is_empty() {
        let start = transactions;
        let header = RlpHeader::decode(&mut transactions).map_err(damaged)?;
        let payload = transactions.split_off(..header.payload_length).unwrap_or_default();
        let whole = &start[..start.len() - transactions.len()];
        hashes.push(keccak256(if header.list { whole } else { payload }));
    }
    Ok(hashes)
}

/// Oldest first: each is kept under a number that counts up.
pub(crate) fn add_bad_block(txn: &mut RwTxn<'_>, tables: &Tables, block: &BadBlock) -> Result<(), StateError> {
    let kept = bad_blocks(txn, tables)?;
    if kept.iter().any(|(_, known)| known.hash == block.hash) {
        return Ok(());
    }
    let next = kept.last().map_or(0, |(number, _)| number + 1);
    let mut bytes = Vec::with_capacity(block.length());
    block.encode(&mut bytes);
    append(txn, tables.bad_block, &next.to_be_bytes(), &bytes)?;
    let surplus = (kept.len() + 1).saturating_sub(BAD_BLOCKS);
    for (number, _) in &kept[..surplus] {
        tables.bad_block.delete(txn, &number.to_be_bytes())?;
    }
    Ok(())
}

/// Number and block, oldest first.
pub(crate) fn bad_blocks(txn: &RoTxn<'_>, tables: &Tables) -> Result<Vec<(u64, BadBlock)>, StateError> {
    let entries = tables.bad_block.iter(txn)?;
    entries
        .map(|entry| entry.map_err(StateError::from))
        .map(|entry| {
            let (number, bytes) = entry?;
            Ok((keys::trailing_number(number), BadBlock::from_bytes(bytes)?))
        })
        .collect()
}
