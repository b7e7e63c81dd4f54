//! A candidate block: executed and checked, not yet committed. It lies over its parent until fork choice wants it.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, U256};
use state::{FlatAccount, StorageNodes, StoredBlock};
use stf::trie::{Nibbles, Trie};
use stf::{Header, StateChanges};

use crate::stages::Stages;

/// What one executed block changes, and what is needed to execute its child.
pub struct Layer {
    pub hash: B256,
    pub header: Header,
    pub total_difficulty: U256,
    pub changes: StateChanges,
    pub tries: LayerTries,
    pub stored: Arc<StoredBlock>,
    pub stages: Stages,
    /// The commit count of the chain at which the unloaded nodes of `tries` were last known to lie in the database.
    pub generation: std::sync::atomic::AtomicU64,
}

/// The state trie after a block, the storage tries that it changed, and the nodes to write for them.
#[derive(Default)]
pub struct LayerTries {
    pub accounts: Trie,
    pub storage: HashMap<B256, Trie>,
    pub nodes: NodeWrites,
    /// Accounts, by hash, whose storage the block wiped.
    pub cleared: Vec<B256>,
    /// Changed slots: hashes of account and slot, value before and after.
    pub slots: Vec<(B256, B256, U256, U256)>,
    /// Every changed account after the block, with its storage root. None: gone.
    pub after: HashMap<Address, Option<FlatAccount>>,
}

/// Nodes that appeared (`Some`) and vanished, by path.
pub type Nodes = Vec<(Nibbles, Option<Bytes>)>;

/// What a database that keeps nodes by path writes for one block.
#[derive(Debug, Default)]
pub struct NodeWrites {
    pub accounts: Nodes,
    pub storage: Vec<(B256, StorageNodes)>,
}

/// The node writes of a branch in one: of each path the newest word.
#[derive(Debug, Default)]
pub struct MergedNodes {
    accounts: BTreeMap<Nibbles, Option<Bytes>>,
    storage: BTreeMap<B256, (bool, BTreeMap<Nibbles, Option<Bytes>>)>,
}

impl MergedNodes {
    /// Add the writes of a later block.
    pub fn add(&mut self, writes: &NodeWrites) {
        self.accounts.extend(writes.accounts.iter().cloned());
        for (account, storage) in &writes.storage {
            let (cleared, nodes) = self.storage.entry(*account).or_default();
            if storage.cleared {
                *cleared = true;
                nodes.clear();
            }
            nodes.extend(storage.nodes.iter().cloned());
        }
    }

    pub fn into_sorted(self) -> (Nodes, Vec<(B256, StorageNodes)>) {
        let storage = self
            .storage
            .into_iter()
            .map(|(account, (cleared, nodes))| (account, StorageNodes { cleared, nodes: nodes.into_iter().collect() }));
        (self.accounts.into_iter().collect(), storage.collect())
    }
}

impl Layer {
    /// The account after this block, if the block touched it.
    pub fn account(&self, address: &Address) -> Option<Option<&FlatAccount>> {
        self.tries.after.get(address).map(Option::as_ref)
    }

    /// The slot after this block, if the block decided it.
    pub fn slot(&self, address: &Address, slot: &U256) -> Option<U256> {
        let change = self.changes.accounts.get(address)?;
        if let Some(value) = change.storage.get(slot) {
            return Some(value.after);
        }
        (change.storage_cleared || change.after.is_none()).then_some(U256::ZERO)
    }
}
