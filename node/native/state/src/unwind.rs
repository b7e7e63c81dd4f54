//! Taking back canonical blocks: the flat state of an earlier block, and no trace in the indexes.
//!
//! What the blocks *are* stays: header, body, receipts and senders are found by hash, as those of a side branch.

use alloy_primitives::B256;
use heed::RwTxn;

use crate::{
    BlockRef, StateError, chain_data,
    changes::{put_account, put_slot},
    flat, keys,
    logs::{self, log_key},
    meta::{self, KeptFrom, Pointer},
    tables::Tables,
};

pub(crate) fn unwind(txn: &mut RwTxn<'_>, tables: &Tables, to: u64) -> Result<(), StateError> {
    let head = meta::pointer(txn, tables, Pointer::Head)?
        .filter(|head| to <= head.number)
        .ok_or_else(|| StateError::Order(format!("unwinding to block {to}, which is not below the head")))?;
    restore_state(txn, tables, to, head.number)?;
    for number in to + 1..=head.number {
        forget_history(txn, tables, number)?;
        forget_block(txn, tables, number)?;
    }
    for kind in [KeptFrom::Receipts, KeptFrom::Bodies] {
        let from = meta::kept_from(txn, tables, kind)?.min(to + 1);
        meta::set_kept_from(txn, tables, kind, from)?;
    }
    let target = BlockRef { number: to, hash: canonical(txn, tables, to)? };
    meta::set_pointer(txn, tables, Pointer::Head, Some(target))?;
    for pointer in [Pointer::Safe, Pointer::Finalized] {
        if meta::pointer(txn, tables, pointer)?.is_some_and(|block| block.number > to) {
            meta::set_pointer(txn, tables, pointer, Some(target))?;
        }
    }
    Ok(())
}

fn restore_state(txn: &mut RwTxn<'_>, tables: &Tables, to: u64, head: u64) -> Result<(), StateError> {
    let before = flat::difference(txn, tables, to, head)?;
    for (key, account) in &before.accounts {
        put_account(txn, tables, key, account.as_ref())?;
    }
    for (account, slots) in &before.storage {
        for (slot, value) in slots {
            put_slot(txn, tables, &keys::slot(account, slot), value)?;
        }
    }
    Ok(())
}

/// Remove what is known about values before this block.
pub(crate) fn forget_history(txn: &mut RwTxn<'_>, tables: &Tables, number: u64) -> Result<(), StateError> {
    let changed = flat::changed_keys(txn, tables, number)?;
    for key in &changed.accounts {
        tables.account_history.delete(txn, &keys::account_history(key, number))?;
    }
    for (account, slots) in &changed.storage {
        for slot in slots {
            let key = keys::storage_history(&keys::slot(account, slot), number);
            tables.storage_history.delete(txn, &key)?;
        }
    }
    tables.changes.delete(txn, &number.to_be_bytes())?;
    Ok(())
}

/// Take a block out of the canonical chain and the indexes over it, where it was not leapt over.
fn forget_block(txn: &mut RwTxn<'_>, tables: &Tables, number: u64) -> Result<(), StateError> {
    if tables.canonical.get(txn, &number.to_be_bytes())?.is_none() {
        return Ok(());
    }
    let key = keys::block(number, &canonical(txn, tables, number)?);
    forget_logs(txn, tables, number, &key)?;
    forget_transactions(txn, tables, number, &key)?;
    tables.canonical.delete(txn, &number.to_be_bytes())?;
    Ok(())
}

/// Remove the index entries of a block's logs.
pub(crate) fn forget_logs(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    number: u64,
    block: &[u8; 40],
) -> Result<(), StateError> {
    let Some(receipts) = tables.receipts.get(txn, block)? else { return Ok(()) };
    let keys = log_key::of_receipts(receipts)?;
    logs::delete(txn, tables, number, &keys)
}

/// Remove the lookups of a block's transactions.
pub(crate) fn forget_transactions(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    number: u64,
    block: &[u8; 40],
) -> Result<(), StateError> {
    let Some(body) = tables.body.get(txn, block)? else { return Ok(()) };
    let hashes = chain_data::transaction_hashes(body)?;
    chain_data::delete_transaction_lookup(txn, tables, number, &hashes)
}

pub(crate) fn canonical(txn: &RwTxn<'_>, tables: &Tables, number: u64) -> Result<B256, StateError> {
    let hash = tables.canonical.get(txn, &number.to_be_bytes())?;
    hash.and_then(|hash| B256::try_from(hash).ok())
        .ok_or_else(|| StateError::corrupt(format!("no canonical block {number} below the head")))
}
