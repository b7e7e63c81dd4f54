//! The root: every dirty node is encoded and hashed once, children before parents.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::{B256, keccak256};

use super::{
    EMPTY_ROOT_HASH, Nibbles, codec,
    node::{Branch, Link, Node},
    source::{MASK_BYTES, NodeLog},
};

/// From this many changes on, the subtrees below the root are hashed on all cores.
pub(super) const PARALLEL_FROM: usize = 256;

/// Hash all that is dirty below `link`, which is the root.
pub(super) fn root(link: &mut Link, parallel: bool, log: &mut NodeLog) -> B256 {
    let mut scratch = Vec::new();
    seal(link, Nibbles::new(), parallel, log, &mut scratch);
    match link {
        Link::Stored { hash, .. } | Link::Clean { hash, .. } => *hash,
        Link::Empty | Link::Inline(_) | Link::Dirty(_) => EMPTY_ROOT_HASH,
    }
}

fn seal(link: &mut Link, path: Nibbles, parallel: bool, log: &mut NodeLog, scratch: &mut Vec<u8>) {
    let Link::Dirty(node) = link else { return };
    match node {
        Node::Leaf(_) => {}
        Node::Extension(extension) => {
            if extension.child.is_dirty() {
                let extension = Arc::make_mut(extension);
                seal(&mut extension.child, path.join(&extension.prefix), parallel, log, scratch);
            }
        }
        Node::Branch(branch) => {
            if branch.children.iter().any(Link::is_dirty) {
                seal_children(Arc::make_mut(branch), path, parallel, log, scratch);
            }
        }
    }
    let Some(node) = link.take_node() else { return };
    *link = seal_node(node, path, log, scratch);
}

#[cfg_attr(not(feature = "host"), allow(unused_variables))]
fn seal_children(branch: &mut Branch, path: Nibbles, parallel: bool, log: &mut NodeLog, scratch: &mut Vec<u8>) {
    #[cfg(feature = "host")]
    if parallel {
        return seal_children_on_all_cores(branch, path, log);
    }
    for (nibble, child) in branch.children.iter_mut().enumerate() {
        if child.is_dirty() {
            seal(child, child_path(path, nibble), false, log, scratch);
        }
    }
}

#[cfg(feature = "host")]
fn seal_children_on_all_cores(branch: &mut Branch, path: Nibbles, log: &mut NodeLog) {
    use rayon::prelude::*;

    let dirty = branch.children.par_iter_mut().enumerate().filter(|(_, child)| child.is_dirty());
    let empty = &log.branch_off();
    let logs: Vec<NodeLog> = dirty
        .map(|(nibble, child)| {
            let mut own = empty.branch_off();
            seal(child, child_path(path, nibble), false, &mut own, &mut Vec::new());
            own
        })
        .collect();
    for own in logs {
        log.append(own);
    }
}

/// A link to a node whose children are all sealed.
fn seal_node(node: Node, path: Nibbles, log: &mut NodeLog, scratch: &mut Vec<u8>) -> Link {
    let length = codec::length(&node);
    let is_leaf = matches!(node, Node::Leaf(_));
    if length < B256::len_bytes() && !path.is_empty() {
        if !is_leaf {
            log.vanished(path);
        }
        return Link::Inline(node);
    }
    if is_leaf || log.is_off() {
        scratch.clear();
        codec::write(&node, scratch);
        return Link::Clean { hash: keccak256(scratch), node };
    }
    let mut stored = Vec::with_capacity(MASK_BYTES + length);
    stored.extend_from_slice(&codec::leaf_mask(&node).to_be_bytes());
    codec::write(&node, &mut stored);
    let hash = keccak256(&stored[MASK_BYTES..]);
    log.stored(path, stored.into());
    Link::Clean { hash, node }
}

fn child_path(mut path: Nibbles, nibble: usize) -> Nibbles {
    path.push(nibble as u8);
    path
}
