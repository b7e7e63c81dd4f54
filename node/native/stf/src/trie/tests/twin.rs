//! The yellow paper's trie as a plain recursion over a sorted map: slow, short, and written without the trie's code.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Encodable, Header};

pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Root of a map from keys to values, and all nodes behind a hash.
pub fn root(pairs: &Pairs) -> (B256, HashMap<B256, Bytes>) {
    let mut nodes = HashMap::new();
    if pairs.is_empty() {
        return (keccak256([0x80]), nodes);
    }
    let unpacked: Vec<(Vec<u8>, &[u8])> = pairs.iter().map(|(key, value)| (nibbles(key), &value[..])).collect();
    let rlp = node(&unpacked, 0, &mut nodes);
    let hash = keccak256(&rlp);
    nodes.insert(hash, rlp.into());
    (hash, nodes)
}

fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

fn node(pairs: &[(Vec<u8>, &[u8])], depth: usize, nodes: &mut HashMap<B256, Bytes>) -> Vec<u8> {
    if let [(key, value)] = pairs {
        return list(&[string(&hex_prefix(&key[depth..], true)), string(value)]);
    }
    let first = &pairs[0].0;
    let shared = pairs.iter().map(|(key, _)| key.iter().zip(first).take_while(|(a, b)| a == b).count()).min().unwrap();
    if shared > depth {
        let path = string(&hex_prefix(&first[depth..shared], false));
        let child = node(pairs, shared, nodes);
        return list(&[path, reference(child, nodes)]);
    }
    let mut items: Vec<Vec<u8>> = Vec::new();
    for nibble in 0..16 {
        let below: Vec<_> = pairs.iter().filter(|(key, _)| key.get(depth) == Some(&nibble)).cloned().collect();
        items.push(match below.is_empty() {
            true => string(&[]),
            false => {
                let child = node(&below, depth + 1, nodes);
                reference(child, nodes)
            }
        });
    }
    let value = pairs.iter().find(|(key, _)| key.len() == depth).map_or(&[][..], |(_, value)| value);
    items.push(string(value));
    list(&items)
}

fn reference(rlp: Vec<u8>, nodes: &mut HashMap<B256, Bytes>) -> Vec<u8> {
    if rlp.len() < 32 {
        return rlp;
    }
    let hash = keccak256(&rlp);
    nodes.insert(hash, rlp.into());
    string(hash.as_slice())
}

fn hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 2 } else { 0 };
    let mut padded = if path.len() % 2 == 1 { vec![flag + 1] } else { vec![flag, 0] };
    padded.extend_from_slice(path);
    padded.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes.encode(&mut out);
    out
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut out = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}
