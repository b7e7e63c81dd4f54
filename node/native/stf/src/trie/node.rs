//! The nodes, and the links between them, which remember hashes so that a clean child is never visited to hash its
//! parent.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::{B256, keccak256};

use super::{
    Nibbles, codec,
    source::{MASK_BYTES, NodeSource, TrieError},
};

/// What a parent knows of a child.
#[derive(Clone, Default)]
pub(super) enum Link {
    #[default]
    Empty,
    /// Not loaded. `leaf` as the parent's mask says.
    Stored { hash: B256, leaf: bool },
    /// Loaded, and its hash known.
    Clean { hash: B256, node: Node },
    /// Loaded, encoded inside its parent since its RLP is shorter than a hash.
    Inline(Node),
    /// Changed since the last root.
    Dirty(Node),
}

#[derive(Clone)]
pub(super) enum Node {
    Leaf(Arc<Leaf>),
    Extension(Arc<Extension>),
    Branch(Arc<Branch>),
}

#[derive(Clone)]
pub(super) struct Leaf {
    pub suffix: Nibbles,
    pub value: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Extension {
    pub prefix: Nibbles,
    pub child: Link,
}

#[derive(Clone, Default)]
pub(super) struct Branch {
    pub children: [Link; 16],
    pub value: Option<Vec<u8>>,
}

impl Link {
    pub fn leaf(suffix: Nibbles, value: Vec<u8>) -> Self {
        Self::Dirty(Node::Leaf(Arc::new(Leaf { suffix, value })))
    }

    pub fn extension(prefix: Nibbles, child: Self) -> Self {
        Self::Dirty(Node::Extension(Arc::new(Extension { prefix, child })))
    }

    pub fn branch(branch: Branch) -> Self {
        Self::Dirty(Node::Branch(Arc::new(branch)))
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub fn is_dirty(&self) -> bool {
        matches!(self, Self::Dirty(_))
    }

    pub fn node(&self) -> Option<&Node> {
        match self {
            Self::Clean { node, .. } | Self::Inline(node) | Self::Dirty(node) => Some(node),
            Self::Empty | Self::Stored { .. } => None,
        }
    }

    pub fn node_mut(&mut self) -> Option<&mut Node> {
        match self {
            Self::Clean { node, .. } | Self::Inline(node) | Self::Dirty(node) => Some(node),
            Self::Empty | Self::Stored { .. } => None,
        }
    }

    /// The node, no longer linked.
    pub fn take_node(&mut self) -> Option<Node> {
        match core::mem::take(self) {
            Self::Clean { node, .. } | Self::Inline(node) | Self::Dirty(node) => Some(node),
            Self::Empty | Self::Stored { .. } => None,
        }
    }

    /// Forget the hash: the node below was written to.
    pub fn mark_dirty(&mut self) {
        if let Some(node) = self.take_node() {
            *self = Self::Dirty(node);
        }
    }

    /// Load the node if it is not.
    pub fn resolve(&mut self, path: &Nibbles, source: &dyn NodeSource) -> Result<(), TrieError> {
        if let Self::Stored { hash, leaf } = *self {
            let node = load(hash, leaf, path, source)?;
            *self = Self::Clean { hash, node };
        }
        Ok(())
    }

    /// The value at `key`, `None` where a node on the way is not loaded.
    pub fn find(&self, key: &Nibbles) -> Option<Option<&[u8]>> {
        let (mut link, mut depth) = (self, 0);
        loop {
            let node = match link {
                Self::Empty => return Some(None),
                Self::Stored { .. } => return None,
                Self::Clean { node, .. } | Self::Inline(node) | Self::Dirty(node) => node,
            };
            match node {
                Node::Leaf(leaf) => return Some((key.slice(depth..) == leaf.suffix).then_some(&leaf.value[..])),
                Node::Branch(branch) => match key.get(depth) {
                    None => return Some(branch.value.as_deref()),
                    Some(nibble) => (link, depth) = (&branch.children[nibble as usize], depth + 1),
                },
                Node::Extension(extension) => {
                    if !key.slice(depth..).starts_with(&extension.prefix) {
                        return Some(None);
                    }
                    (link, depth) = (&extension.child, depth + extension.prefix.len());
                }
            }
        }
    }

    /// Load every node on the way to `key`.
    pub fn load_towards(&mut self, key: &Nibbles, depth: usize, source: &dyn NodeSource) -> Result<(), TrieError> {
        if let Self::Stored { .. } = self {
            self.resolve(&key.slice(..depth), source)?;
        }
        match self.node_mut() {
            Some(Node::Branch(branch)) => match key.get(depth) {
                None => Ok(()),
                Some(nibble) => Arc::make_mut(branch).children[nibble as usize].load_towards(key, depth + 1, source),
            },
            Some(Node::Extension(extension)) if key.slice(depth..).starts_with(&extension.prefix) => {
                let depth = depth + extension.prefix.len();
                Arc::make_mut(extension).child.load_towards(key, depth, source)
            }
            _ => Ok(()),
        }
    }

    /// Let go of loaded clean nodes from `keep` nibbles below here.
    pub fn prune(&mut self, keep: usize) {
        if let Self::Clean { hash, node } = self
            && keep == 0
        {
            *self = Self::Stored { hash: *hash, leaf: matches!(node, Node::Leaf(_)) };
            return;
        }
        match self.node_mut() {
            Some(Node::Branch(branch)) if branch.children.iter().any(|child| child.node().is_some()) => {
                for child in &mut Arc::make_mut(branch).children {
                    child.prune(keep.saturating_sub(1));
                }
            }
            Some(Node::Extension(extension)) if extension.child.node().is_some() => {
                let keep = keep.saturating_sub(extension.prefix.len());
                Arc::make_mut(extension).child.prune(keep);
            }
            _ => {}
        }
    }
}

fn load(hash: B256, leaf: bool, path: &Nibbles, source: &dyn NodeSource) -> Result<Node, TrieError> {
    if !leaf && let Some(stored) = source.node(path, &hash)? {
        return decode_stored(&stored, hash, path, source.is_verified());
    }
    if (leaf || path.is_empty())
        && let Some((key, value)) = source.leaf(path)?
    {
        return leaf_from_tables(key, value, hash, path, source.is_verified());
    }
    Err(TrieError::Missing { path: *path, hash })
}

fn decode_stored(stored: &[u8], hash: B256, path: &Nibbles, verified: bool) -> Result<Node, TrieError> {
    let malformed = |reason| TrieError::Malformed { path: *path, reason };
    let Some((mask, rlp)) = stored.split_first_chunk::<MASK_BYTES>() else {
        return Err(malformed("shorter than its mask"));
    };
    if !verified {
        check_hash(rlp, hash, path)?;
    }
    codec::decode(rlp, u16::from_be_bytes(*mask), path.len()).map_err(malformed)
}

fn leaf_from_tables(key: B256, value: Vec<u8>, hash: B256, path: &Nibbles, verified: bool) -> Result<Node, TrieError> {
    let key = Nibbles::unpack_array(&key.0);
    if !key.starts_with(path) {
        return Err(TrieError::Malformed { path: *path, reason: "a leaf of another path" });
    }
    let node = Node::Leaf(Arc::new(Leaf { suffix: key.slice(path.len()..), value }));
    if !verified {
        check_hash(&codec::encode(&node), hash, path)?;
    }
    Ok(node)
}

fn check_hash(rlp: &[u8], expected: B256, path: &Nibbles) -> Result<(), TrieError> {
    let got = keccak256(rlp);
    if got != expected {
        return Err(TrieError::HashMismatch { path: *path, expected, got });
    }
    Ok(())
}
