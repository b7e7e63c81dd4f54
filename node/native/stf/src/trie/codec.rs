//! RLP of nodes. Decoding is strict (what it accepts, encoding gives back byte for byte) and never panics: node bytes
//! may come from a witness that anyone wrote.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::B256;
#[cfg(feature = "std")]
use alloy_primitives::Bytes;
use alloy_rlp::{Encodable, Header};

use super::{
    MAX_DEPTH, Nibbles,
    node::{Branch, Extension, Leaf, Link, Node},
};
#[cfg(feature = "std")]
use crate::trie::source::MASK_BYTES;

const EMPTY: u8 = 0x80;
const HASH_HEADER: u8 = 0xa0;
const HASH_LENGTH: usize = 33;
const LEAF_FLAG: u8 = 0x20;
const ODD_FLAG: u8 = 0x10;

/// The RLP of a node whose children are all hashed.
pub(super) fn encode(node: &Node) -> Vec<u8> {
    let mut out = Vec::with_capacity(length(node));
    write(node, &mut out);
    out
}

/// The RLP of the leaf of `key` that stands at `path`.
#[cfg(feature = "std")]
pub(crate) fn encode_leaf(key: &B256, path: &Nibbles, value: Vec<u8>) -> Vec<u8> {
    let suffix = Nibbles::unpack_array(&key.0).slice(path.len()..);
    encode(&Node::Leaf(Arc::new(Leaf { suffix, value })))
}

/// The RLP of a stored node.
#[cfg(feature = "std")]
pub(crate) fn rlp_of_stored(stored: &Bytes) -> Bytes {
    stored.slice(stored.len().min(MASK_BYTES)..)
}

/// How many bytes [`write`] will append.
pub(super) fn length(node: &Node) -> usize {
    Header { list: true, payload_length: payload_length(node) }.length_with_payload()
}

/// Append the RLP of a node whose children are all hashed.
pub(super) fn write(node: &Node, out: &mut Vec<u8>) {
    Header { list: true, payload_length: payload_length(node) }.encode(out);
    match node {
        Node::Leaf(leaf) => {
            write_path(&leaf.suffix, LEAF_FLAG, out);
            leaf.value[..].encode(out);
        }
        Node::Extension(extension) => {
            write_path(&extension.prefix, 0, out);
            write_link(&extension.child, out);
        }
        Node::Branch(branch) => {
            for child in &branch.children {
                write_link(child, out);
            }
            branch.value.as_deref().unwrap_or_default().encode(out);
        }
    }
}

/// A bit for each child that is a leaf behind a hash: see [`super::source`].
pub(super) fn leaf_mask(node: &Node) -> u16 {
    let Node::Branch(branch) = node else { return 0 };
    let is_leaf =
        |link: &Link| matches!(link, Link::Stored { leaf: true, .. } | Link::Clean { node: Node::Leaf(_), .. });
    branch.children.iter().enumerate().fold(0, |mask, (nibble, link)| mask | u16::from(is_leaf(link)) << nibble)
}

fn payload_length(node: &Node) -> usize {
    match node {
        Node::Leaf(leaf) => path_length(&leaf.suffix) + leaf.value[..].length(),
        Node::Extension(extension) => path_length(&extension.prefix) + link_length(&extension.child),
        Node::Branch(branch) => {
            let children: usize = branch.children.iter().map(link_length).sum();
            children + branch.value.as_deref().unwrap_or_default().length()
        }
    }
}

fn link_length(link: &Link) -> usize {
    match link {
        Link::Empty => 1,
        Link::Stored { .. } | Link::Clean { .. } => HASH_LENGTH,
        Link::Inline(node) | Link::Dirty(node) => length(node),
    }
}

fn write_link(link: &Link, out: &mut Vec<u8>) {
    match link {
        Link::Empty => out.push(EMPTY),
        Link::Stored { hash, .. } | Link::Clean { hash, .. } => {
            out.push(HASH_HEADER);
            out.extend_from_slice(hash.as_slice());
        }
        Link::Inline(node) | Link::Dirty(node) => write(node, out),
    }
}

/// Length of a path in hex-prefix encoding, its RLP header included: one byte alone is its own RLP.
fn path_length(path: &Nibbles) -> usize {
    match path.len() / 2 {
        0 => 1,
        pairs => 1 + 1 + pairs,
    }
}

fn write_path(path: &Nibbles, flag: u8, out: &mut Vec<u8>) {
    let pairs = path.len() / 2;
    if pairs > 0 {
        out.push(EMPTY + 1 + pairs as u8);
    }
    match path.len() % 2 {
        0 => {
            out.push(flag);
            out.extend_from_slice(&path.pack());
        }
        _ => {
            out.push(flag | ODD_FLAG | path.get_unchecked(0));
            out.extend_from_slice(&path.slice(1..).pack());
        }
    }
}

type Decoded<T> = Result<T, &'static str>;

/// A node that stands `depth` nibbles below the root. `mask` names the children that are leaves behind a hash.
pub(super) fn decode(rlp: &[u8], mask: u16, depth: usize) -> Decoded<Node> {
    let mut rest = rlp;
    let mut payload = list(&mut rest)?;
    if !rest.is_empty() {
        return Err("bytes after the node");
    }
    if is_pair(payload)? {
        return decode_pair(payload, depth);
    }
    let mut branch = Branch::default();
    for (nibble, child) in branch.children.iter_mut().enumerate() {
        *child = decode_link(&mut payload, mask & 1 << nibble != 0, depth + 1)?;
    }
    let value = string(&mut payload)?;
    if !payload.is_empty() {
        return Err("a branch has 17 items");
    }
    branch.value = (!value.is_empty()).then(|| value.to_vec());
    let children = branch.children.iter().filter(|child| !child.is_empty()).count();
    if children + usize::from(branch.value.is_some()) < 2 {
        return Err("a branch has at least two ways");
    }
    Ok(Node::Branch(Arc::new(branch)))
}

/// Whether a payload has exactly two items: a leaf or an extension.
fn is_pair(mut payload: &[u8]) -> Decoded<bool> {
    for _ in 0..2 {
        if payload.is_empty() {
            return Err("a node has 2 or 17 items");
        }
        item(&mut payload)?;
    }
    Ok(payload.is_empty())
}

fn decode_pair(mut payload: &[u8], depth: usize) -> Decoded<Node> {
    let (path, is_leaf) = decode_path(string(&mut payload)?)?;
    if depth + path.len() > MAX_DEPTH {
        return Err("deeper than the longest key");
    }
    if is_leaf {
        let value = string(&mut payload)?.to_vec();
        if value.is_empty() {
            return Err("a leaf without value");
        }
        return Ok(Node::Leaf(Arc::new(Leaf { suffix: path, value })));
    }
    if path.is_empty() {
        return Err("an extension without path");
    }
    let child = decode_link(&mut payload, false, depth + path.len())?;
    match child {
        Link::Empty => Err("an extension without child"),
        Link::Inline(Node::Leaf(_) | Node::Extension(_)) => Err("an extension leads to a branch"),
        child => Ok(Node::Extension(Arc::new(Extension { prefix: path, child }))),
    }
}

fn decode_link(rest: &mut &[u8], leaf: bool, depth: usize) -> Decoded<Link> {
    match rest.first() {
        None => Err("an item is missing"),
        Some(&EMPTY) => {
            *rest = &rest[1..];
            Ok(Link::Empty)
        }
        Some(_) if depth > MAX_DEPTH => Err("deeper than the longest key"),
        Some(&HASH_HEADER) if rest.len() >= HASH_LENGTH => {
            let hash = B256::from_slice(&rest[1..HASH_LENGTH]);
            *rest = &rest[HASH_LENGTH..];
            Ok(Link::Stored { hash, leaf })
        }
        Some(0xc0..) => {
            let (_, raw) = item(rest)?;
            if raw.len() >= B256::len_bytes() {
                return Err("an inline node is shorter than a hash");
            }
            Ok(Link::Inline(decode(raw, 0, depth)?))
        }
        Some(_) => Err("a child is empty, a hash or a node"),
    }
}

/// Hex-prefix: a flag nibble, then the path, padded to whole bytes. True for a leaf.
fn decode_path(bytes: &[u8]) -> Decoded<(Nibbles, bool)> {
    let Some((&first, pairs)) = bytes.split_first() else {
        return Err("a path without flags");
    };
    let (is_leaf, is_odd) = (first & LEAF_FLAG != 0, first & ODD_FLAG != 0);
    if first >= 2 * LEAF_FLAG || (!is_odd && first & 0x0f != 0) {
        return Err("unknown path flags");
    }
    if 2 * pairs.len() + usize::from(is_odd) > MAX_DEPTH {
        return Err("deeper than the longest key");
    }
    let mut path = Nibbles::new();
    if is_odd {
        path.push(first & 0x0f);
    }
    path.extend(&Nibbles::unpack(pairs));
    Ok((path, is_leaf))
}

/// The next item: its header and all its bytes.
fn item<'a>(rest: &mut &'a [u8]) -> Decoded<(Header, &'a [u8])> {
    let whole = *rest;
    let header = Header::decode(rest).map_err(|_| "not RLP")?;
    if header.payload_length > rest.len() {
        return Err("an item beyond the node's end");
    }
    *rest = &rest[header.payload_length..];
    Ok((header, &whole[..whole.len() - rest.len()]))
}

fn list<'a>(rest: &mut &'a [u8]) -> Decoded<&'a [u8]> {
    match item(rest)? {
        (Header { list: true, payload_length }, raw) => Ok(&raw[raw.len() - payload_length..]),
        _ => Err("a list is expected"),
    }
}

fn string<'a>(rest: &mut &'a [u8]) -> Decoded<&'a [u8]> {
    if rest.is_empty() {
        return Err("an item is missing");
    }
    match item(rest)? {
        (Header { list: false, payload_length }, raw) => Ok(&raw[raw.len() - payload_length..]),
        _ => Err("a string is expected"),
    }
}
