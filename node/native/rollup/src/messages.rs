//! Messages from the rollup to L1: leaves out of logs, and their tree.

use alloc::{vec, vec::Vec};

use alloy_primitives::{B256, Log, b256, keccak256};
use stf::{Receipt, rollup::MESSENGER};

/// `L1Message(address indexed sender, bytes32 indexed data, uint256 indexed messageId)`.
pub const L1_MESSAGE: B256 = b256!("0x18d7b705344d616d1b61daa6a8ccfcf9f10c27ade007cc45cf870d1e121f1a9d");

/// The leaf of a log of the messenger: keccak(keccak(abi.encode(sender, data, messageId))).
fn leaf(log: &Log) -> Option<B256> {
    let [event, sender, data, id] = log.topics() else { return None };
    let is_message = log.address == MESSENGER && *event == L1_MESSAGE;
    is_message.then(|| keccak256(keccak256([*sender, *data, *id].concat())))
}

/// The messages of some receipts, in the order in which they were sent.
pub fn leaves<'r>(receipts: impl IntoIterator<Item = &'r Receipt>) -> Vec<B256> {
    receipts.into_iter().flat_map(|receipt| receipt.logs()).filter_map(leaf).collect()
}

/// Parent of two nodes, in whatever order (OpenZeppelin's `MerkleProof`).
fn parent(a: B256, b: B256) -> B256 {
    keccak256(if a < b { [a, b].concat() } else { [b, a].concat() })
}

/// The next level: pairs, and the odd one as it is.
fn above(level: &[B256]) -> Vec<B256> {
    level.chunks(2).map(|pair| if let [a, b] = pair { parent(*a, *b) } else { pair[0] }).collect()
}

/// Zero where there are no messages.
pub fn root(leaves: &[B256]) -> B256 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = above(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// The siblings from a leaf to the root; `None` where there is no such leaf.
pub fn proof(leaves: &[B256], index: usize) -> Option<Vec<B256>> {
    let (mut level, mut at) = (leaves.to_vec(), index);
    if at >= level.len() {
        return None;
    }
    let mut siblings = vec![];
    while level.len() > 1 {
        siblings.extend(level.get(at ^ 1));
        level = above(&level);
        at /= 2;
    }
    Some(siblings)
}

/// Whether the siblings lead from the leaf to the root.
pub fn verify(root: B256, leaf: B256, siblings: &[B256]) -> bool {
    siblings.iter().fold(leaf, |node, sibling| parent(node, *sibling)) == root
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, LogData};

    #[test]
    fn the_event_has_its_signature_s_hash() {
        assert_eq!(L1_MESSAGE, keccak256("L1Message(address,bytes32,uint256)"));
    }

    #[test]
    fn only_the_messenger_s_logs_are_messages() {
        let topics = vec![L1_MESSAGE, B256::repeat_byte(1), B256::repeat_byte(2), B256::with_last_byte(1)];
        let log =
            |address, topics: Vec<B256>| Log { address, data: LogData::new_unchecked(topics, Default::default()) };
        let receipt = |logs| Receipt::new(2, true.into(), 0, logs);
        let good = log(MESSENGER, topics.clone());
        let others = vec![
            log(Address::ZERO, topics.clone()),
            log(MESSENGER, topics[..3].to_vec()),
            log(MESSENGER, [&[B256::ZERO], &topics[1..]].concat()),
        ];

        assert_eq!(leaves(&[receipt(vec![good.clone()]), receipt(others)]).len(), 1);
        assert_eq!(leaves(&[receipt(vec![good])]), [keccak256(keccak256(topics[1..].concat()))]);
    }

    #[test]
    fn every_leaf_has_a_proof_and_no_other_one() {
        for count in 0..20u8 {
            let leaves: Vec<B256> = (0..count).map(B256::repeat_byte).collect();
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let siblings = proof(&leaves, index).unwrap();

                assert!(verify(root, *leaf, &siblings), "{index} of {count}");
                assert!(!verify(root, B256::repeat_byte(0xee), &siblings));
            }
            assert_eq!(proof(&leaves, leaves.len()), None);
        }
        assert_eq!(root(&[]), B256::ZERO);
    }
}
