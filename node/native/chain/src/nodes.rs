//! The database's trie nodes as the trie asks for them.

use alloy_primitives::{B256, Bytes};
use state::{AccountNodes, StorageNodesAt};
use stf::trie::{Nibbles, NodeSource, TrieError};

/// Nodes of the state trie.
pub struct Accounts<'a> {
    pub nodes: AccountNodes<'a>,
    /// The trie that asks is one of the head (or lies over it): what is stored is what it wants. A trie of an older
    /// block may have outlived its nodes, so that each is checked.
    pub at_head: bool,
}

/// Nodes of the storage trie of one account.
pub struct Slots<'a> {
    pub nodes: StorageNodesAt<'a>,
    /// As for [`Accounts`].
    pub at_head: bool,
}

impl NodeSource for Accounts<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Result<Option<Bytes>, TrieError> {
        self.nodes.node(path, hash)
    }

    fn leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, TrieError> {
        self.nodes.leaf(path)
    }

    fn is_verified(&self) -> bool {
        self.at_head
    }
}

impl NodeSource for Slots<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Result<Option<Bytes>, TrieError> {
        self.nodes.node(path, hash)
    }

    fn leaf(&self, path: &Nibbles) -> Result<Option<(B256, Vec<u8>)>, TrieError> {
        self.nodes.leaf(path)
    }

    fn is_verified(&self) -> bool {
        self.at_head
    }
}
