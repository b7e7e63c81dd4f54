//! The tries after a block below the head, node by node: the head's, and over them what the blocks since have changed.
//!
//! What a witness shows must be the nodes of its own block. Nodes that later blocks replaced are made again from the
//! old values (history), once, before anything is read; leaves, which are not stored as nodes, are told apart by the
//! keys that changed since.

use crate::context::Context;
use crate::error::RpcError;
use crate::tries::TriesError;
use alloy_primitives::map::B256Map;
use alloy_primitives::{B256, Bytes, U256};
use state::{SharedReads, StateError};
use std::collections::BTreeMap;
use stf::trie::{EMPTY_ROOT_HASH, Found, Nibbles, NodeLog, NodeSource, Trie, TrieError};
use stf::tries::StateNodes;
use stf::witness::WitnessSource;

type Leaves = Vec<(B256, Option<Vec<u8>>)>;

/// The state after one block of the canonical chain, as a source of trie nodes.
pub struct PastNodes<'a> {
    reads: SharedReads<'a>,
    accounts: Changes,
    storages: B256Map<Changes>,
    none: Changes,
}

/// Where a trie differs from the head's.
#[derive(Default)]
struct Changes {
    /// Nodes as they are stored; `None`: no node was stored there.
    nodes: BTreeMap<Nibbles, Option<Bytes>>,
    /// Keys with their values then.
    leaves: BTreeMap<B256, Option<Vec<u8>>>,
}

impl<'a> PastNodes<'a> {
    /// The state after block `number`, whose header has this root.
    pub fn new(context: &'a Context, number: u64, state_root: B256) -> Result<Self, RpcError> {
        let snapshot = &context.snapshot;
        let then = snapshot.difference(number)?;
        let mut storages = B256Map::default();
        for (hashed, slots) in then.storage {
            let root = snapshot.account(&hashed, None)?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            let leaves = slots.into_iter().map(|(slot, value)| (slot, slot_leaf(value))).collect();
            let (changes, _) = Changes::new(root, leaves, &snapshot.storage_nodes(&hashed)?)?;
            storages.insert(hashed, changes);
        }
        let leaves = then.accounts.into_iter().map(|(key, account)| (key, account.map(|account| account.leaf())));
        let head_root = context.head_header()?.state_root;
        let (accounts, got) = Changes::new(head_root, leaves.collect(), &snapshot.account_nodes()?)?;
        if got != state_root {
            return Err(TriesError::WrongRoot { number, got, expected: state_root }.into());
        }
        Ok(Self { reads: snapshot.shared_reads()?, accounts, storages, none: Changes::default() })
    }
}

fn slot_leaf(value: U256) -> Option<Vec<u8>> {
    (!value.is_zero()).then(|| alloy_rlp::encode(value))
}

impl Changes {
    /// Take a trie of the head back; gives its root then, too.
    fn new(head_root: B256, leaves: Leaves, head: &dyn NodeSource) -> Result<(Self, B256), TriesError> {
        let mut trie = Trie::from_root(head_root);
        let mut log = NodeLog::new();
        trie.update(leaves.clone(), head, &mut log)?;
        let root = trie.root(&mut log);
        Ok((Self { nodes: log.into_sorted().into_iter().collect(), leaves: leaves.into_iter().collect() }, root))
    }

    /// The one leaf below a path: a value that changed since, or one of the head's keys that did not.
    fn leaf(
        &self,
        path: &Nibbles,
        head: impl Iterator<Item = Result<(B256, Vec<u8>), StateError>>,
    ) -> Found<(B256, Vec<u8>)> {
        let mut first = B256::ZERO;
        path.pack_to(&mut first.0);
        let below = self.leaves.range(first..).take_while(|(key, _)| Nibbles::unpack_array(&key.0).starts_with(path));
        if let Some((key, value)) = below.filter_map(|(key, value)| Some((key, value.as_ref()?))).next() {
            return Ok(Some((*key, value.clone())));
        }
        for leaf in head {
            let (key, value) = leaf.map_err(|error| TrieError::Source(error.to_string()))?;
            if !self.leaves.contains_key(&key) {
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }
}

struct Accounts<'a>(&'a PastNodes<'a>);

impl NodeSource for Accounts<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes> {
        match self.0.accounts.nodes.get(path) {
            Some(node) => Ok(node.clone()),
            None => self.0.reads.account_nodes().node(path, hash),
        }
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        let head = self.0.reads.account_nodes();
        self.0.accounts.leaf(path, head.leaves(path).map_err(|error| TrieError::Source(error.to_string()))?)
    }
}

struct Storage<'a> {
    nodes: &'a PastNodes<'a>,
    changes: &'a Changes,
    account: B256,
}

impl NodeSource for Storage<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes> {
        match self.changes.nodes.get(path) {
            Some(node) => Ok(node.clone()),
            None => self.nodes.reads.storage_nodes(&self.account).node(path, hash),
        }
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        let head = self.nodes.reads.storage_nodes(&self.account);
        self.changes.leaf(path, head.leaves(path).map_err(|error| TrieError::Source(error.to_string()))?)
    }
}

impl StateNodes for PastNodes<'_> {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        Box::new(Accounts(self))
    }

    fn storage(&self, hashed_address: &B256) -> Box<dyn NodeSource + '_> {
        let changes = self.storages.get(hashed_address).unwrap_or(&self.none);
        Box::new(Storage { nodes: self, changes, account: *hashed_address })
    }
}

impl WitnessSource for PastNodes<'_> {
    fn code(&self, hash: &B256) -> Found<Bytes> {
        let code = self.reads.code(hash).map_err(|error| TrieError::Source(error.to_string()))?;
        Ok(code.map(Bytes::copy_from_slice))
    }

    fn header(&self, hash: &B256) -> Found<Bytes> {
        let header = self.reads.header_rlp(hash).map_err(|error| TrieError::Source(error.to_string()))?;
        Ok(header.map(Bytes::copy_from_slice))
    }
}
