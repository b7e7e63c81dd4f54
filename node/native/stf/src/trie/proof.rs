//! Proofs: what `eth_getProof` gives for an account or a slot, present or absent.

use alloc::vec::Vec;

use alloy_primitives::Bytes;

use super::{
    Nibbles, codec,
    node::{Link, Node},
    source::{NodeSource, TrieError},
};

/// The nodes on the way from `link`, a sealed root, to `key`. Nodes inside their parent are not repeated.
pub(super) fn prove(mut link: Link, key: &Nibbles, source: &dyn NodeSource) -> Result<Vec<Bytes>, TrieError> {
    let (mut proof, mut depth) = (Vec::new(), 0);
    loop {
        link.resolve(&key.slice(..depth), source)?;
        let Some(node) = link.node() else { return Ok(proof) };
        if matches!(link, Link::Clean { .. }) {
            proof.push(codec::encode(node).into());
        }
        let next = match node {
            Node::Leaf(_) => return Ok(proof),
            Node::Branch(branch) => {
                let Some(nibble) = key.get(depth) else { return Ok(proof) };
                depth += 1;
                branch.children[nibble as usize].clone()
            }
            Node::Extension(extension) => {
                if !key.slice(depth..).starts_with(&extension.prefix) {
                    return Ok(proof);
                }
                depth += extension.prefix.len();
                extension.child.clone()
            }
        };
        link = next;
    }
}
