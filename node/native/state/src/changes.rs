//! The state that blocks changed: flat tables, history, and which keys changed in which block.
//!
//! The changes of all blocks of a commit are sorted once by (key, block). That is the order of the history tables, and
//! the last of each key is what the flat table gets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{B256, U256};
use heed::{PutFlags, RoTxn, RwTxn};

use crate::{
    Amendment, FlatAccount, StateError, StoredBlock, flat, keys,
    records::{decode_slot, encode_account, slot_value},
    tables::{Table, Tables},
};

struct AccountChange<'a> {
    key: &'a B256,
    block: u64,
    before: Option<&'a FlatAccount>,
    after: Option<&'a FlatAccount>,
}

struct SlotChange {
    key: [u8; 64],
    block: u64,
    before: U256,
    after: U256,
}

/// Values by storage key.
type Slots = BTreeMap<[u8; 64], U256>;

/// The first block that the database ever has (`first_ever`) has no history: nothing is known from before it.
pub(crate) fn write(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    blocks: &[Arc<StoredBlock>],
    first_ever: Option<u64>,
) -> Result<(), StateError> {
    let accounts = account_changes(blocks);
    let slots = slot_changes(txn, tables, blocks)?;
    write_accounts(txn, tables, &accounts, first_ever)?;
    write_slots(txn, tables, &slots, first_ever)?;
    write_codes(txn, tables, blocks)?;
    write_changed_keys(txn, tables, blocks, &accounts, &slots, first_ever)
}

/// Change the state of the head block. Values before it that history has already stay.
pub(crate) fn amend(txn: &mut RwTxn<'_>, tables: &Tables, head: u64, amendment: &Amendment) -> Result<(), StateError> {
    let Amendment { accounts, storage, storage_cleared, codes } = amendment.clone();
    let block = StoredBlock { number: head, accounts, storage, storage_cleared, codes, ..StoredBlock::default() };
    let blocks = [Arc::new(block)];
    let (accounts, slots) = (account_changes(&blocks), slot_changes(txn, tables, &blocks)?);
    let mut record = ChangedKeysRecord::default();
    let earlier = flat::changed_keys(txn, tables, head)?;
    let keys: BTreeSet<&B256> = earlier.accounts.iter().chain(accounts.iter().map(|change| change.key)).collect();
    keys.into_iter().for_each(|key| record.add_account(key));
    let mut keys: BTreeSet<[u8; 64]> = slots.iter().map(|change| change.key).collect();
    for (account, slots) in &earlier.storage {
        keys.extend(slots.iter().map(|slot| keys::slot(account, slot)));
    }
    keys.iter().for_each(|key| record.add_slot(key));
    let none = (head == 0).then_some(0);
    write_accounts(txn, tables, &accounts, none)?;
    write_slots(txn, tables, &slots, none)?;
    write_codes(txn, tables, &blocks)?;
    if head == 0 { Ok(()) } else { put_changed_keys(txn, tables, head, &record.finish()) }
}

fn account_changes(blocks: &[Arc<StoredBlock>]) -> Vec<AccountChange<'_>> {
    let mut changes: Vec<_> = blocks
        .iter()
        .flat_map(|block| block.accounts.iter().map(|(key, before, after)| (block.number, key, before, after)))
        .filter(|(.., before, after)| before != after)
        .map(|(block, key, before, after)| AccountChange { key, block, before: before.as_ref(), after: after.as_ref() })
        .collect();
    changes.sort_unstable_by_key(|change| (change.key, change.block));
    changes
}

fn slot_changes(txn: &RoTxn<'_>, tables: &Tables, blocks: &[Arc<StoredBlock>]) -> Result<Vec<SlotChange>, StateError> {
    let mut changes = Vec::with_capacity(blocks.iter().map(|block| block.storage.len()).sum());
    for block in blocks {
        let cleared: BTreeSet<_> = block.storage_cleared.iter().collect();
        let earlier = changes.len();
        for &(account, slot, before, after) in &block.storage {
            if before != after && !cleared.contains(&account) {
                changes.push(SlotChange { key: keys::slot(&account, &slot), block: block.number, before, after });
            }
        }
        if !cleared.is_empty() {
            let mut slots = stored_slots(txn, tables, &cleared)?;
            overlay(&mut slots, &cleared, &changes[..earlier]);
            changes.extend(wiped(block, &cleared, slots));
        }
    }
    changes.sort_unstable_by(|a, b| (&a.key, a.block).cmp(&(&b.key, b.block)));
    Ok(changes)
}

/// The slots that the table has of these accounts.
fn stored_slots(txn: &RoTxn<'_>, tables: &Tables, accounts: &BTreeSet<&B256>) -> Result<Slots, StateError> {
    let mut slots = Slots::new();
    for account in accounts {
        for entry in tables.storage.prefix_iter(txn, account.as_slice())? {
            let (key, value) = entry?;
            let key = key.try_into().map_err(|_| StateError::corrupt(format!("slot key of {} bytes", key.len())))?;
            slots.insert(key, decode_slot(value)?);
        }
    }
    Ok(slots)
}

/// What the earlier blocks of this commit made of them.
fn overlay(slots: &mut Slots, accounts: &BTreeSet<&B256>, earlier: &[SlotChange]) {
    for change in earlier.iter().filter(|change| accounts.contains(&B256::from_slice(&change.key[..32]))) {
        slots.insert(change.key, change.after);
    }
}

/// All slots to zero, but for those that the block wrote after the wipe.
fn wiped(block: &StoredBlock, accounts: &BTreeSet<&B256>, before: Slots) -> Vec<SlotChange> {
    let mut slots: BTreeMap<_, _> = before.into_iter().map(|(key, before)| (key, (before, U256::ZERO))).collect();
    for (account, slot, _, after) in block.storage.iter().filter(|(owner, ..)| accounts.contains(owner)) {
        slots.entry(keys::slot(account, slot)).or_default().1 = *after;
    }
    slots
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(key, (before, after))| SlotChange { key, block: block.number, before, after })
        .collect()
}

fn write_accounts(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    changes: &[AccountChange<'_>],
    first_ever: Option<u64>,
) -> Result<(), StateError> {
    for group in changes.chunk_by(|a, b| a.key == b.key) {
        let (first, last) = (&group[0], &group[group.len() - 1]);
        if first.before != last.after {
            put_account(txn, tables, last.key, last.after)?;
        }
    }
    for change in changes.iter().filter(|change| Some(change.block) != first_ever) {
        let key = keys::account_history(change.key, change.block);
        tables.account_history.get_or_put(txn, &key, &encode_account(change.before))?;
    }
    Ok(())
}

fn write_slots(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    changes: &[SlotChange],
    first_ever: Option<u64>,
) -> Result<(), StateError> {
    for group in changes.chunk_by(|a, b| a.key == b.key) {
        let (first, last) = (&group[0], &group[group.len() - 1]);
        if first.before != last.after {
            put_slot(txn, tables, &last.key, &last.after)?;
        }
    }
    for change in changes.iter().filter(|change| Some(change.block) != first_ever) {
        let (value, start) = slot_value(&change.before);
        let key = keys::storage_history(&change.key, change.block);
        tables.storage_history.get_or_put(txn, &key, &value[start..])?;
    }
    Ok(())
}

pub(crate) fn put_account(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    key: &B256,
    account: Option<&FlatAccount>,
) -> Result<(), StateError> {
    match account {
        Some(_) => tables.account.put(txn, key.as_slice(), &encode_account(account))?,
        None => drop(tables.account.delete(txn, key.as_slice())?),
    }
    Ok(())
}

pub(crate) fn put_slot(txn: &mut RwTxn<'_>, tables: &Tables, key: &[u8; 64], value: &U256) -> Result<(), StateError> {
    let (bytes, start) = slot_value(value);
    match value.is_zero() {
        false => tables.storage.put(txn, key, &bytes[start..])?,
        true => drop(tables.storage.delete(txn, key)?),
    }
    Ok(())
}

/// Code never changes under its hash: what is there stays.
fn write_codes(txn: &mut RwTxn<'_>, tables: &Tables, blocks: &[Arc<StoredBlock>]) -> Result<(), StateError> {
    let mut codes: Vec<_> = blocks.iter().flat_map(|block| &block.codes).collect();
    codes.sort_unstable_by_key(|(hash, _)| hash);
    codes.dedup_by_key(|(hash, _)| *hash);
    for (hash, code) in codes {
        tables.code.get_or_put(txn, hash.as_slice(), code)?;
    }
    Ok(())
}

/// `changes`: how many accounts, their keys, then by account: its key, how many slots, their keys.
fn write_changed_keys(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    blocks: &[Arc<StoredBlock>],
    accounts: &[AccountChange<'_>],
    slots: &[SlotChange],
    first_ever: Option<u64>,
) -> Result<(), StateError> {
    let Some(first) = blocks.first().map(|block| block.number) else { return Ok(()) };
    let mut records: Vec<ChangedKeysRecord> = blocks.iter().map(|_| ChangedKeysRecord::default()).collect();
    for change in accounts {
        records[(change.block - first) as usize].add_account(change.key);
    }
    for change in slots {
        records[(change.block - first) as usize].add_slot(&change.key);
    }
    let kept = (first..).zip(records).filter(|(number, _)| Some(*number) != first_ever);
    kept.into_iter().try_for_each(|(number, record)| put_changed_keys(txn, tables, number, &record.finish()))
}

fn put_changed_keys(txn: &mut RwTxn<'_>, tables: &Tables, number: u64, record: &[u8]) -> Result<(), StateError> {
    append(txn, tables.changes, &number.to_be_bytes(), record)
}

#[derive(Default)]
struct ChangedKeysRecord {
    accounts: Vec<u8>,
    slots: Vec<u8>,
    /// Where in `slots` the current account's group starts.
    group: Option<usize>,
}

impl ChangedKeysRecord {
    fn add_account(&mut self, key: &B256) {
        self.accounts.extend_from_slice(key.as_slice());
    }

    fn add_slot(&mut self, key: &[u8; 64]) {
        let (account, slot) = key.split_at(32);
        let group = match self.group {
            Some(group) if &self.slots[group..group + 32] == account => group,
            _ => {
                let group = self.slots.len();
                self.slots.extend_from_slice(account);
                self.slots.extend_from_slice(&[0; 4]);
                self.group = Some(group);
                group
            }
        };
        let count = &mut self.slots[group + 32..group + 36];
        let more = u32::from_be_bytes(count.try_into().expect("four bytes")) + 1;
        count.copy_from_slice(&more.to_be_bytes());
        self.slots.extend_from_slice(slot);
    }

    fn finish(self) -> Vec<u8> {
        let count = (self.accounts.len() / 32) as u32;
        [&count.to_be_bytes()[..], &self.accounts, &self.slots].concat()
    }
}

/// Put a key that is probably the largest: such pages are filled whole.
pub(crate) fn append(txn: &mut RwTxn<'_>, table: Table, key: &[u8], value: &[u8]) -> Result<(), StateError> {
    match table.put_with_flags(txn, PutFlags::APPEND, key, value) {
        Err(heed::Error::Mdb(heed::MdbError::KeyExist)) => Ok(table.put(txn, key, value)?),
        other => Ok(other?),
    }
}
