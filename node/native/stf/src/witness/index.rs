//! A witness as a source: everything by its hash, which is computed here, so that nothing is taken on trust.

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};

use super::{Witness, WitnessSource};
use crate::{
    trie::{Found, Nibbles, NodeSource},
    tries::StateNodes,
};

/// Nothing is known of a node's children before they are looked up: the mask of leaves is empty.
const NO_LEAVES: [u8; 2] = [0; 2];

pub(super) struct Index {
    nodes: B256Map<Bytes>,
    codes: B256Map<Bytes>,
    headers: B256Map<Bytes>,
}

impl Index {
    pub fn new(witness: &Witness) -> Self {
        let by_hash = |items: &[Bytes]| items.iter().map(|item| (keccak256(item), item.clone())).collect();
        Self {
            nodes: witness.state.iter().map(|node| (keccak256(node), stored(node))).collect(),
            codes: by_hash(&witness.codes),
            headers: by_hash(&witness.headers),
        }
    }
}

fn stored(node: &Bytes) -> Bytes {
    [&NO_LEAVES, &node[..]].concat().into()
}

impl NodeSource for Index {
    fn node(&self, _: &Nibbles, hash: &B256) -> Found<Bytes> {
        Ok(self.nodes.get(hash).cloned())
    }

    fn leaf(&self, _: &Nibbles) -> Found<(B256, Vec<u8>)> {
        Ok(None)
    }

    fn is_verified(&self) -> bool {
        true
    }
}

impl StateNodes for Index {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        Box::new(self)
    }

    fn storage(&self, _: &B256) -> Box<dyn NodeSource + '_> {
        Box::new(self)
    }
}

impl WitnessSource for Index {
    fn code(&self, hash: &B256) -> Found<Bytes> {
        Ok(self.codes.get(hash).cloned())
    }

    fn header(&self, hash: &B256) -> Found<Bytes> {
        Ok(self.headers.get(hash).cloned())
    }
}
