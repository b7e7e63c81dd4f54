//! A database keyed by path, as the node keeps one, and one keyed by hash, as a witness is.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes};

use crate::trie::{Nibbles, NodeLog, NodeSource, source::Found};

#[derive(Default, Clone)]
pub struct ByPath {
    pub nodes: HashMap<Nibbles, Bytes>,
    pub leaves: BTreeMap<B256, Vec<u8>>,
}

impl ByPath {
    pub fn commit(&mut self, log: NodeLog, changes: &[(B256, Option<Vec<u8>>)]) {
        for (path, node) in log.into_sorted() {
            match node {
                Some(node) => self.nodes.insert(path, node),
                None => self.nodes.remove(&path),
            };
        }
        for (key, value) in changes {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
    }
}

impl NodeSource for ByPath {
    fn node(&self, path: &Nibbles, _: &B256) -> Found<Bytes> {
        Ok(self.nodes.get(path).cloned())
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        let mut start = B256::ZERO;
        path.pack_to(&mut start[..]);
        let mut below = self.leaves.range(start..);
        let first = below.next().filter(|(key, _)| Nibbles::unpack(key).starts_with(path));
        let second = below.next().filter(|(key, _)| Nibbles::unpack(key).starts_with(path));
        assert!(second.is_none(), "the trie asks for a leaf where there are several");
        Ok(first.map(|(key, value)| (*key, value.clone())))
    }
}

#[derive(Default)]
pub struct ByHash(pub HashMap<B256, Bytes>);

impl ByHash {
    pub fn new(nodes: HashMap<B256, Bytes>) -> Self {
        Self(nodes.into_iter().map(|(hash, rlp)| (hash, [&[0, 0], &rlp[..]].concat().into())).collect())
    }
}

impl NodeSource for ByHash {
    fn node(&self, _: &Nibbles, hash: &B256) -> Found<Bytes> {
        Ok(self.0.get(hash).cloned())
    }

    fn leaf(&self, _: &Nibbles) -> Found<(B256, Vec<u8>)> {
        Ok(None)
    }
}
