//! State at a block: one search in the history, then the flat table.
//!
//! History holds the value *before* a block under (key, block). So the value after block N is that of the first entry
//! beyond N, and where there is none, nothing has changed since: the flat table has it.

use alloy_primitives::{B256, U256};
use heed::RoTxn;

use crate::{
    FlatAccount, StateError, keys,
    meta::{self, KeptFrom},
    records::{decode_account, decode_slot},
    tables::{Table, Tables},
};

/// An account after block `at`; at the head for `None`.
pub(crate) fn account(
    txn: &RoTxn<'_>,
    tables: &Tables,
    key: &B256,
    at: Option<u64>,
) -> Result<Option<FlatAccount>, StateError> {
    if let Some(at) = at {
        let from = keys::account_history(key, at.saturating_add(1));
        if let Some(before) = first_after(txn, tables.account_history, &from)? {
            return decode_account(before);
        }
    }
    tables.account.get(txn, key.as_slice())?.map(FlatAccount::decode).transpose()
}

/// A slot after block `at`; at the head for `None`. Zero if absent.
pub(crate) fn storage(txn: &RoTxn<'_>, tables: &Tables, key: &[u8; 64], at: Option<u64>) -> Result<U256, StateError> {
    if let Some(at) = at {
        let from = keys::storage_history(key, at.saturating_add(1));
        if let Some(before) = first_after(txn, tables.storage_history, &from)? {
            return decode_slot(before);
        }
    }
    tables.storage.get(txn, key)?.map_or(Ok(U256::ZERO), decode_slot)
}

/// The first entry of this key from this block on.
fn first_after<'txn>(txn: &'txn RoTxn<'_>, history: Table, from: &[u8]) -> Result<Option<&'txn [u8]>, StateError> {
    let key = &from[..from.len() - 8];
    let found = history.get_greater_than_or_equal_to(txn, from)?;
    Ok(found.filter(|(found, _)| found.starts_with(key)).map(|(_, before)| before))
}

/// Whether this chain's history has anything of a key.
pub(crate) fn has_changed(txn: &RoTxn<'_>, history: Table, key: &[u8]) -> Result<bool, StateError> {
    Ok(history.prefix_iter(txn, key)?.next().transpose()?.is_some())
}

/// Whether history knows of a time up to block `at` (or the head) at which there was no such account.
pub(crate) fn was_absent(txn: &RoTxn<'_>, tables: &Tables, key: &B256, at: Option<u64>) -> Result<bool, StateError> {
    if !has_changed(txn, tables.account_history, key.as_slice())? {
        return Ok(false);
    }
    let before = keys::account_history(key, at.map_or(u64::MAX, |at| at.saturating_add(1)));
    for entry in tables.account_history.prefix_iter(txn, key.as_slice())? {
        let (entry, account) = entry?;
        if entry > before.as_slice() {
            break;
        }
        if decode_account(account)?.is_none() {
            return Ok(true);
        }
    }
    Ok(account(txn, tables, key, at)?.is_none())
}

/// Refuse a block whose state cannot be told any more.
pub(crate) fn check_kept(txn: &RoTxn<'_>, tables: &Tables, block: u64) -> Result<(), StateError> {
    let earliest = earliest_state(txn, tables)?;
    if block < earliest { Err(StateError::Pruned { block, earliest }) } else { Ok(()) }
}

/// With the values before block N the state of N - 1 can be told.
pub(crate) fn earliest_state(txn: &RoTxn<'_>, tables: &Tables) -> Result<u64, StateError> {
    Ok(meta::kept_from(txn, tables, KeptFrom::History)?.saturating_sub(1))
}

/// The keys that blocks changed, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedKeys {
    /// keccak(address)
    pub accounts: Vec<B256>,
    /// keccak(address), then keccak(slot)
    pub storage: Vec<(B256, Vec<B256>)>,
}

impl ChangedKeys {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        Self::parse(bytes).ok_or_else(|| StateError::corrupt(format!("changed keys of {} bytes", bytes.len())))
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let accounts = read_keys(&mut bytes)?;
        let mut storage = Vec::new();
        while !bytes.is_empty() {
            let account = B256::from_slice(bytes.split_off(..32)?);
            storage.push((account, read_keys(&mut bytes)?));
        }
        Some(Self { accounts, storage })
    }
}

/// A 32-bit count, then that many keys.
fn read_keys(bytes: &mut &[u8]) -> Option<Vec<B256>> {
    let count = u32::from_be_bytes(bytes.split_off(..4)?.try_into().ok()?) as usize;
    let keys = bytes.split_off(..count.checked_mul(32)?)?;
    Some(keys.chunks_exact(32).map(B256::from_slice).collect())
}

pub(crate) fn changed_keys(txn: &RoTxn<'_>, tables: &Tables, block: u64) -> Result<ChangedKeys, StateError> {
    tables.changes.get(txn, &block.to_be_bytes())?.map_or_else(|| Ok(ChangedKeys::default()), ChangedKeys::decode)
}

/// What an earlier state has otherwise than the head's. Sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDifference {
    /// keccak(address), the account then
    pub accounts: Vec<(B256, Option<FlatAccount>)>,
    /// keccak(address), then keccak(slot) and the value then
    pub storage: Vec<(B256, Vec<(B256, U256)>)>,
}

/// The state after block `at` where it may differ from that after `head`.
pub(crate) fn difference(txn: &RoTxn<'_>, tables: &Tables, at: u64, head: u64) -> Result<StateDifference, StateError> {
    check_kept(txn, tables, at)?;
    let (mut accounts, mut slots) = (Vec::new(), Vec::new());
    for block in at + 1..=head {
        let changed = changed_keys(txn, tables, block)?;
        accounts.extend(changed.accounts);
        for (account, keys) in changed.storage {
            slots.extend(keys.into_iter().map(|slot| (account, slot)));
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    slots.sort_unstable();
    slots.dedup();
    let mut difference = StateDifference::default();
    for key in accounts {
        difference.accounts.push((key, account(txn, tables, &key, Some(at))?));
    }
    for group in slots.chunk_by(|a, b| a.0 == b.0) {
        let values = group
            .iter()
            .map(|(account, slot)| Ok((*slot, storage(txn, tables, &keys::slot(account, slot), Some(at))?)));
        difference.storage.push((group[0].0, values.collect::<Result<_, StateError>>()?));
    }
    Ok(difference)
}
