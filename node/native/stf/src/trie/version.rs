//! A trie in memory as a source of nodes: its loaded nodes first, what it has not loaded from where it comes from.

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{B256, Bytes};

use super::{
    MAX_DEPTH, Nibbles, Trie, codec,
    node::{Link, Node},
    source::{Found, MASK_BYTES, NodeSource},
};

/// One version, hashed, over the source of what it has not loaded.
pub struct Version<'a> {
    root: &'a Link,
    source: Box<dyn NodeSource + 'a>,
}

impl Trie {
    /// The nodes of this version. Its root was taken since the last update; a changed trie has no stored nodes yet.
    pub fn version<'a>(&'a self, source: Box<dyn NodeSource + 'a>) -> Version<'a> {
        Version { root: &self.root, source }
    }
}

impl Version<'_> {
    /// The link at `path`, unless the way there is not loaded.
    fn link(&self, path: &Nibbles) -> Option<&Link> {
        let (mut link, mut depth) = (self.root, 0);
        while depth < path.len() {
            match link.node()? {
                Node::Leaf(_) => return None,
                Node::Branch(branch) => (link, depth) = (&branch.children[path.get(depth)? as usize], depth + 1),
                Node::Extension(extension) if path.slice(depth..).starts_with(&extension.prefix) => {
                    (link, depth) = (&extension.child, depth + extension.prefix.len());
                }
                Node::Extension(_) => return None,
            }
        }
        Some(link)
    }
}

impl NodeSource for Version<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes> {
        match self.link(path) {
            Some(Link::Clean { node: Node::Leaf(_), .. }) => Ok(None),
            Some(Link::Clean { node, .. }) => {
                let mut stored = Vec::with_capacity(MASK_BYTES + codec::length(node));
                stored.extend_from_slice(&codec::leaf_mask(node).to_be_bytes());
                codec::write(node, &mut stored);
                Ok(Some(stored.into()))
            }
            _ => self.source.node(path, hash),
        }
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        match self.link(path).and_then(Link::node) {
            Some(Node::Leaf(leaf)) if path.len() + leaf.suffix.len() == MAX_DEPTH => {
                let key = B256::from_slice(&path.join(&leaf.suffix).pack());
                Ok(Some((key, leaf.value.clone())))
            }
            _ => self.source.leaf(path),
        }
    }
}
