//! Trie nodes at the head, by path, as the trie asks for them.
//!
//! Branches and extensions lie in node tables; a leaf is found in the flat tables, as the only key below its path.

use std::ops::Bound::{Included, Unbounded};

use alloy_primitives::{B256, Bytes as NodeBytes, U256};
use alloy_rlp::Encodable;
use alloy_trie::Nibbles;
use heed::RwTxn;
use stf::trie::{NodeSource, TrieError};

use crate::{
    Commit, FlatAccount, StateError, keys,
    keys::PathKey,
    records::decode_slot,
    snapshot::{self, Shareable},
    tables::{Table, Tables},
};

pub(crate) fn write(txn: &mut RwTxn<'_>, tables: &Tables, commit: &Commit) -> Result<(), StateError> {
    let nodes = commit.account_nodes.iter().map(|(path, node)| (keys::path(path), node));
    put(txn, tables.account_node, nodes.collect())?;
    let mut tries: Vec<_> = commit.storage_nodes.iter().collect();
    tries.sort_by_key(|(account, _)| account);
    for (account, nodes) in tries {
        if nodes.cleared {
            clear(txn, tables.storage_node, account)?;
        }
        let nodes = nodes.nodes.iter().map(|(path, node)| (keys::storage_path(account, path), node));
        put(txn, tables.storage_node, nodes.collect())?;
    }
    Ok(())
}

/// In key order; of entries with one key the last counts.
fn put(txn: &mut RwTxn<'_>, table: Table, mut nodes: Vec<(PathKey, &Option<NodeBytes>)>) -> Result<(), StateError> {
    nodes.sort_by(|a, b| a.0.as_slice().cmp(b.0.as_slice()));
    for same in nodes.chunk_by(|a, b| a.0.as_slice() == b.0.as_slice()) {
        match &same[same.len() - 1] {
            (key, Some(node)) => table.put(txn, key.as_slice(), node)?,
            (key, None) => drop(table.delete(txn, key.as_slice())?),
        }
    }
    Ok(())
}

fn clear(txn: &mut RwTxn<'_>, table: Table, account: &B256) -> Result<(), StateError> {
    let mut stored = Vec::new();
    for entry in table.prefix_iter(txn, account.as_slice())? {
        stored.push(entry?.0.to_vec());
    }
    for key in stored {
        table.delete(txn, &key)?;
    }
    Ok(())
}

/// The state trie at the snapshot's head.
pub struct AccountNodes<'a>(pub(crate) Shareable<'a>);

impl AccountNodes<'_> {
    /// The stored node at a path.
    fn stored(&self, path: &Nibbles) -> Result<Option<NodeBytes>, StateError> {
        let found = self.0.tables().account_node.get(self.0.txn(), keys::path(path).as_slice())?;
        Ok(found.map(NodeBytes::copy_from_slice))
    }

    /// The first account below a path: its hashed key and its leaf's value.
    fn first_leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, StateError> {
        let found = self.0.tables().account.get_greater_than_or_equal_to(self.0.txn(), first_below(path).as_slice())?;
        let Some((key, value)) = found.filter(|(key, _)| below(key, path)) else { return Ok(None) };
        Ok(Some((B256::from_slice(key), FlatAccount::decode(value)?.leaf())))
    }

    /// The accounts below a path, ascending: hashed keys and their leaves' values.
    pub fn leaves(&self, path: &Nibbles) -> Result<impl Iterator<Item = Leaf> + '_, StateError> {
        let (first, path) = (first_below(path), *path);
        let entries = self.0.tables().account.range(self.0.txn(), &(Included(first.as_slice()), Unbounded))?;
        let leaf = |entry: heed::Result<(&[u8], &[u8])>| {
            let (key, value) = entry?;
            Ok((snapshot::hash(key)?, FlatAccount::decode(value)?.leaf()))
        };
        Ok(entries.map(leaf).take_while(move |leaf: &Leaf| is_below(leaf, &path)))
    }
}

/// The storage trie of one account at the snapshot's head.
pub struct StorageNodesAt<'a> {
    pub(crate) reads: Shareable<'a>,
    pub(crate) account: B256,
}

impl StorageNodesAt<'_> {
    /// The stored node at a path.
    fn stored(&self, path: &Nibbles) -> Result<Option<NodeBytes>, StateError> {
        let key = keys::storage_path(&self.account, path);
        let found = self.reads.tables().storage_node.get(self.reads.txn(), key.as_slice())?;
        Ok(found.map(NodeBytes::copy_from_slice))
    }

    /// The first slot below a path: its hashed key and its leaf's value.
    fn first_leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, StateError> {
        let from = keys::slot(&self.account, &first_below(path));
        let found = self.reads.tables().storage.get_greater_than_or_equal_to(self.reads.txn(), &from)?;
        let Some((key, value)) = found else { return Ok(None) };
        match key.split_at_checked(32) {
            Some((account, slot)) if account == self.account.as_slice() && below(slot, path) => {
                Ok(Some((B256::from_slice(slot), slot_leaf(&decode_slot(value)?))))
            }
            _ => Ok(None),
        }
    }

    /// The slots below a path, ascending: hashed keys and their leaves' values.
    pub fn leaves(&self, path: &Nibbles) -> Result<impl Iterator<Item = Leaf> + '_, StateError> {
        let path = *path;
        let first = keys::slot(&self.account, &first_below(&path));
        let last = keys::slot(&self.account, &B256::repeat_byte(0xff));
        let range = (Included(&first[..]), Included(&last[..]));
        let entries = self.reads.tables().storage.range(self.reads.txn(), &range)?;
        let leaf = |entry: heed::Result<(&[u8], &[u8])>| {
            let (key, value) = entry?;
            Ok((snapshot::hash(&key[32..])?, slot_leaf(&decode_slot(value)?)))
        };
        Ok(entries.map(leaf).take_while(move |leaf: &Leaf| is_below(leaf, &path)))
    }
}

/// A key of a trie, hashed, and its value.
type Leaf = Result<(B256, Vec<u8>), StateError>;

fn is_below(leaf: &Leaf, path: &Nibbles) -> bool {
    leaf.as_ref().map_or(true, |(key, _)| below(key.as_slice(), path))
}

/// The smallest hashed key that begins with the nibbles of a path.
fn first_below(path: &Nibbles) -> B256 {
    let mut key = B256::ZERO;
    path.pack_to(&mut key.0);
    key
}

/// Whether a hashed key begins with the nibbles of a path.
fn below(key: &[u8], path: &Nibbles) -> bool {
    key.len() == 32 && Nibbles::unpack(key).starts_with(path)
}

fn slot_leaf(value: &U256) -> Vec<u8> {
    let mut rlp = Vec::with_capacity(33);
    value.encode(&mut rlp);
    rlp
}

impl NodeSource for AccountNodes<'_> {
    fn node(&self, path: &Nibbles, _: &B256) -> Result<Option<NodeBytes>, TrieError> {
        self.stored(path).map_err(source_failed)
    }

    fn leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, TrieError> {
        self.first_leaf(path).map_err(source_failed)
    }
}

impl NodeSource for StorageNodesAt<'_> {
    fn node(&self, path: &Nibbles, _: &B256) -> Result<Option<NodeBytes>, TrieError> {
        self.stored(path).map_err(source_failed)
    }

    fn leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, TrieError> {
        self.first_leaf(path).map_err(source_failed)
    }
}

fn source_failed(error: StateError) -> TrieError {
    TrieError::Source(error.to_string())
}
