//! A persistent, sparse Merkle Patricia trie: the state root of a block in time proportional to what the block changed.
//!
//! A [`Trie`] is a version. Nodes are shared behind `Arc` and copied when written, so a clone costs one pointer and a
//! chain of blocks shares all that did not change. Only what an update needs is loaded, on demand, from a
//! [`NodeSource`]; the rest are hashes. A block is one call of [`Trie::update`] with its sorted changes (one walk over
//! the trie, however many keys) and one of [`Trie::root`], which hashes every dirty node once and tells the
//! [`NodeLog`] which stored nodes appeared and vanished, so that a database keyed by path stays exact.
//!
//! Keys are hashed, 32 bytes, on the fast path; [`Trie::update_paths`] takes keys of any length up to that.

mod codec;
mod hash;
mod node;
mod proof;
mod source;
#[cfg(test)]
mod tests;
mod update;
mod version;

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{B256, Bytes, keccak256};
pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

#[cfg(feature = "std")]
pub(crate) use codec::{encode_leaf, rlp_of_stored};
use node::Link;
use source::MASK_BYTES;
pub use source::{Found, NoNodes, NodeLog, NodeSource, TrieError};
use update::Change;
pub use version::Version;

/// Longest key, in nibbles.
pub const MAX_DEPTH: usize = 64;

/// One version of a trie. See the module's page.
#[derive(Clone, Default)]
pub struct Trie {
    root: Link,
    /// Changes since the last root: whether hashing is worth more than one thread.
    pending: usize,
}

impl Trie {
    /// The trie without keys.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The trie with this root, nothing of it loaded.
    pub fn from_root(root: B256) -> Self {
        let root = if root == EMPTY_ROOT_HASH { Link::Empty } else { Link::Stored { hash: root, leaf: false } };
        Self { root, pending: 0 }
    }

    /// Whether the trie has no keys.
    pub fn is_empty(&self) -> bool {
        matches!(self.root, Link::Empty)
    }

    /// The value at `key`. What had to be loaded stays loaded.
    pub fn get(&mut self, key: &Nibbles, source: &dyn NodeSource) -> Result<Option<Vec<u8>>, TrieError> {
        if let Some(found) = self.root.find(key) {
            return Ok(found.map(<[u8]>::to_vec));
        }
        self.root.load_towards(key, 0, source)?;
        Ok(self.root.find(key).flatten().map(<[u8]>::to_vec))
    }

    /// Set (`Some`) and remove (`None`, or an empty value) hashed keys, sorted by key, in one walk.
    ///
    /// On an error the trie is as it was before.
    pub fn update(
        &mut self,
        sorted: Vec<(B256, Option<Vec<u8>>)>,
        source: &dyn NodeSource,
        log: &mut NodeLog,
    ) -> Result<(), TrieError> {
        let changes = sorted.into_iter().map(|(key, value)| Change::new(Nibbles::unpack_array(&key.0), value));
        self.apply(changes.collect(), source, log)
    }

    /// [`Trie::update`] for keys of any length; where a key is a prefix of another, its value lies in a branch.
    pub fn update_paths(
        &mut self,
        sorted: Vec<(Nibbles, Option<Vec<u8>>)>,
        source: &dyn NodeSource,
        log: &mut NodeLog,
    ) -> Result<(), TrieError> {
        self.apply(sorted.into_iter().map(|(key, value)| Change::new(key, value)).collect(), source, log)
    }

    fn apply(&mut self, mut changes: Vec<Change>, source: &dyn NodeSource, log: &mut NodeLog) -> Result<(), TrieError> {
        update::in_order(&mut changes);
        let (before, logged) = (self.root.clone(), log.mark());
        if let Err(error) = update::apply(&mut self.root, &mut changes, 0, source, log) {
            self.root = before;
            log.rewind(logged);
            return Err(error);
        }
        self.pending += changes.len();
        Ok(())
    }

    /// The root hash. Hashes what is dirty and logs every branch and extension that changed.
    pub fn root(&mut self, log: &mut NodeLog) -> B256 {
        let parallel = core::mem::take(&mut self.pending) >= hash::PARALLEL_FROM;
        hash::root(&mut self.root, parallel, log)
    }

    /// The nodes from the root to the leaf of `key`, or to where the trie shows that there is none.
    pub fn prove(&self, key: &Nibbles, source: &dyn NodeSource) -> Result<Vec<Bytes>, TrieError> {
        let mut sealed = self.clone();
        sealed.root(&mut NodeLog::off());
        proof::prove(sealed.root, key, source)
    }

    /// Let go of loaded nodes whose path has `keep_depth` nibbles or more. Dirty ones stay.
    ///
    /// Only for a version whose nodes the source has: what is let go is loaded again when needed.
    pub fn prune(&mut self, keep_depth: usize) {
        self.root.prune(keep_depth);
    }
}

/// The root of the trie whose nodes a source has stored.
pub fn stored_root(source: &dyn NodeSource) -> Result<B256, TrieError> {
    if let Some(node) = source.node(&Nibbles::new(), &B256::ZERO)? {
        return Ok(keccak256(&node[MASK_BYTES.min(node.len())..]));
    }
    // A trie of one key is a leaf, and leaves are not stored.
    let mut trie = Trie::empty();
    let leaf = source.leaf(&Nibbles::new())?;
    trie.update(leaf.into_iter().map(|(key, value)| (key, Some(value))).collect(), &NoNodes, &mut NodeLog::off())?;
    Ok(trie.root(&mut NodeLog::off()))
}

/// The root of the trie that results when `pairs` are set (or, with `None` or an empty value, removed) in this order.
/// A key has up to 32 bytes.
pub fn root_of<K, V>(pairs: impl IntoIterator<Item = (K, Option<V>)>) -> Result<B256, TrieError>
where
    K: AsRef<[u8]>,
    V: Into<Vec<u8>>,
{
    let mut last = BTreeMap::new();
    for (key, value) in pairs {
        let key = key.as_ref();
        if key.len() * 2 > MAX_DEPTH {
            return Err(TrieError::KeyTooLong { bytes: key.len() });
        }
        last.insert(Nibbles::unpack(key), value.map(Into::into));
    }
    let mut trie = Trie::empty();
    trie.update_paths(last.into_iter().collect(), &NoNodes, &mut NodeLog::off())?;
    Ok(trie.root(&mut NodeLog::off()))
}
