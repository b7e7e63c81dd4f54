//! Where nodes come from and where they go: the trie's side of a database, a witness, a map.
//!
//! Stored are branches and extensions, by path. A leaf is not stored as a node: the flat tables hold its key and value.
//! A stored node is two bytes, big endian, with a bit (1 << nibble) for each child that is a leaf behind a hash, then
//! the node's RLP. For an extension, and where leaves are found like other nodes (a witness), the bits are zero.

use alloc::{string::String, vec::Vec};

use alloy_primitives::{B256, Bytes};

use super::Nibbles;

/// Bytes before the RLP in a stored node.
pub(super) const MASK_BYTES: usize = 2;

/// Why a trie could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// The source has no such node.
    #[error("trie node {hash} at {path:?} is missing")]
    Missing { path: Nibbles, hash: B256 },
    /// The source has other bytes than the parent node promised.
    #[error("trie node at {path:?} hashes to {got}, expected {expected}")]
    HashMismatch { path: Nibbles, expected: B256, got: B256 },
    /// The bytes are not a node that can stand there.
    #[error("malformed trie node at {path:?}: {reason}")]
    Malformed { path: Nibbles, reason: &'static str },
    /// A key beyond 32 bytes.
    #[error("trie key of {bytes} bytes, at most 32")]
    KeyTooLong { bytes: usize },
    /// The source itself failed.
    #[error("node source: {0}")]
    Source(String),
}

/// A node or nothing, or why not.
pub type Found<T> = Result<Option<T>, TrieError>;

/// The nodes of one version of one trie.
pub trait NodeSource: Sync {
    /// The stored node (mask and RLP) at `path`, whose hash is `hash`.
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes>;

    /// The only key, with its value, below `path`: asked where a parent's mask names a leaf, and for a root that is
    /// not a stored node.
    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)>;

    /// Whether what the source gives is known to have the hash it is asked for; if not, the trie checks it.
    fn is_verified(&self) -> bool {
        false
    }
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes> {
        (**self).node(path, hash)
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        (**self).leaf(path)
    }

    fn is_verified(&self) -> bool {
        (**self).is_verified()
    }
}

/// The source of a trie that is whole in memory.
pub struct NoNodes;

impl NodeSource for NoNodes {
    fn node(&self, _: &Nibbles, _: &B256) -> Found<Bytes> {
        Ok(None)
    }

    fn leaf(&self, _: &Nibbles) -> Found<(B256, Vec<u8>)> {
        Ok(None)
    }
}

/// What a database that stores nodes by path has to write (`Some`) and delete (`None`) to follow the trie.
#[derive(Debug, Default)]
pub struct NodeLog {
    entries: Vec<(Nibbles, Option<Bytes>)>,
    off: bool,
}

impl NodeLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// A log that keeps nothing, where only the root is wanted.
    pub fn off() -> Self {
        Self { entries: Vec::new(), off: true }
    }

    /// Sorted by path, one entry a path, the last word said about it.
    pub fn into_sorted(mut self) -> Vec<(Nibbles, Option<Bytes>)> {
        self.entries.reverse();
        self.entries.sort_by_key(|(path, _)| *path);
        self.entries.dedup_by(|later, first| later.0 == first.0);
        self.entries
    }

    pub(super) fn is_off(&self) -> bool {
        self.off
    }

    pub(super) fn vanished(&mut self, path: Nibbles) {
        if !self.off {
            self.entries.push((path, None));
        }
    }

    pub(super) fn stored(&mut self, path: Nibbles, node: Bytes) {
        if !self.off {
            self.entries.push((path, Some(node)));
        }
    }

    pub(super) fn mark(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.entries.truncate(mark);
    }

    /// An empty log of the same kind, for another thread.
    #[cfg(feature = "host")]
    pub(super) fn branch_off(&self) -> Self {
        Self { entries: Vec::new(), off: self.off }
    }

    #[cfg(feature = "host")]
    pub(super) fn append(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
    }
}
