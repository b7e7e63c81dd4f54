//! Hostile bytes: decoding answers, and what it accepts it gives back as it was.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;

use super::{Keys, Random, database::ByHash, twin};
use crate::trie::{NodeLog, Trie, codec, source::TrieError};

fn check(bytes: &[u8], depth: usize) -> bool {
    let Ok(node) = codec::decode(bytes, 0xffff, depth) else { return false };
    assert_eq!(codec::encode(&node), bytes);
    true
}

#[test]
fn test_random_bytes_are_refused_or_round_trip() {
    let random = &mut Random(1);
    for _ in 0..200_000 {
        let length = random.below(80);
        let mut bytes = random.bytes(length);
        if let Some(first) = bytes.first_mut()
            && random.below(2) == 0
        {
            *first = 0xc0 + (length as u8 - 1).min(55);
        }
        check(&bytes, random.below(65));
    }
}

#[test]
fn test_damaged_nodes_are_refused_or_round_trip() {
    let random = &mut Random(2);
    let (mut accepted, mut refused) = (0, 0);
    for keys in Keys::ALL {
        let pairs = (0..300).map(|_| (keys.key(random).to_vec(), random.value())).collect();
        for node in twin::root(&pairs).1.values() {
            assert!(check(node, 0));
            for _ in 0..40 {
                let mut bytes = node.to_vec();
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, random.next() as u8),
                    _ => bytes[at] ^= 1 << random.below(8),
                }
                match check(&bytes, random.below(65)) {
                    true => accepted += 1,
                    false => refused += 1,
                }
            }
        }
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} accepted, {refused} refused");
}

/// A branch below which every way leads to itself in shape, deeper than any key.
#[test]
fn test_nodes_deeper_than_keys_are_refused() {
    let empty = "80".repeat(14);
    let leaf = [&[0xe2, 0x20, 0xa0][..], &[1; 32]].concat();
    let mut nodes = vec![leaf];
    for _ in 0..70 {
        let below = keccak256(nodes.last().unwrap());
        let branch = format!("f851a0{}a0{}{empty}80", hex(below), hex(below));
        nodes.push(alloy_primitives::hex::decode(branch).unwrap());
    }
    let root = keccak256(nodes.last().unwrap());
    let source = ByHash::new(nodes.into_iter().map(|node| (keccak256(&node), Bytes::from(node))).collect());

    let key = B256::ZERO;
    let error = Trie::from_root(root).get(&Nibbles::unpack(key), &source).unwrap_err();
    assert!(matches!(error, TrieError::Malformed { reason: "deeper than the longest key", .. }), "{error}");
    let error = Trie::from_root(root).update(vec![(key, None)], &source, &mut NodeLog::off()).unwrap_err();
    assert!(matches!(error, TrieError::Malformed { .. }), "{error}");
}

fn hex(hash: B256) -> String {
    alloy_primitives::hex::encode(hash)
}
