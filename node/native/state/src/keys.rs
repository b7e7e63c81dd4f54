//! How keys lie in the tables. Numbers are big endian, so that order in a table is order in the chain.

use alloy_primitives::B256;
use alloy_trie::Nibbles;

/// `number ‖ hash`: one block, canonical or not.
pub(crate) fn block(number: u64, hash: &B256) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(hash.as_slice());
    key
}

/// `keccak(address) ‖ keccak(slot)`.
pub(crate) fn slot(account: &B256, slot: &B256) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(slot.as_slice());
    key
}

/// `account ‖ block`: the account before that block.
pub(crate) fn account_history(account: &B256, block: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(&block.to_be_bytes());
    key
}

/// `account ‖ slot ‖ block`: the slot before that block.
pub(crate) fn storage_history(slot: &[u8; 64], block: u64) -> [u8; 72] {
    let mut key = [0; 72];
    key[..64].copy_from_slice(slot);
    key[64..].copy_from_slice(&block.to_be_bytes());
    key
}

/// Blocks whose log keys lie together. Keys are random: were they not kept apart by blocks, each would touch a page of
/// its own once the index is large. 256 blocks of 3,000 keys are 17 MB; a search of 10,000 blocks is 40 descents.
const LOG_EPOCH: u32 = 256;

/// `epoch ‖ log key ‖ block within the epoch`: 3, 8 and 1 bytes.
pub(crate) fn log(key: u64, block: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..3].copy_from_slice(&block.to_be_bytes()[..3]);
    bytes[3..11].copy_from_slice(&key.to_be_bytes());
    bytes[11] = (block % LOG_EPOCH) as u8;
    bytes
}

/// The block of such a key.
pub(crate) fn log_block(key: &[u8]) -> u32 {
    u32::from_be_bytes([key[0], key[1], key[2], key[key.len() - 1]])
}

/// The last block of a block's epoch.
pub(crate) fn log_epoch_end(block: u32) -> u32 {
    block | (LOG_EPOCH - 1)
}

/// A trie path, packed two nibbles a byte, then one byte that closes it: the odd nibble and a one, or zero. So paths
/// of both parities have one key each, a path sorts next to those below it, and the root has a key too.
pub(crate) fn path(path: &Nibbles) -> PathKey {
    let mut key = PathKey { bytes: [0; PathKey::MOST], length: path.len() / 2 + 1 };
    for pair in 0..path.len() / 2 {
        key.bytes[pair] = path.get_unchecked(2 * pair) << 4 | path.get_unchecked(2 * pair + 1);
    }
    if path.len() % 2 == 1 {
        key.bytes[key.length - 1] = path.get_unchecked(path.len() - 1) << 4 | 1;
    }
    key
}

/// `account ‖ path` in the storage tries.
pub(crate) fn storage_path(account: &B256, nibbles: &Nibbles) -> PathKey {
    let mut key = path(nibbles);
    key.bytes.copy_within(..key.length, 32);
    key.bytes[..32].copy_from_slice(account.as_slice());
    key.length += 32;
    key
}

/// A key of up to 65 bytes without a heap allocation; compares as its bytes do.
#[derive(Clone, Copy)]
pub(crate) struct PathKey {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl PathKey {
    const MOST: usize = 32 + 33;

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The first eight bytes of a key as a number.
pub(crate) fn leading_number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[..8].try_into().expect("eight bytes"))
}

/// The last eight bytes of a key as a number.
pub(crate) fn trailing_number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[key.len() - 8..].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_key_each_and_children_follow_their_parent() {
        let mut seen = std::collections::BTreeMap::new();
        for length in 0..4u32 {
            for number in 0..16u32.pow(length) {
                let nibbles: Vec<u8> = (0..length).rev().map(|at| (number >> (4 * at) & 15) as u8).collect();
                let key = path(&Nibbles::from_nibbles(&nibbles)).as_slice().to_vec();

                assert_eq!(seen.insert(key, nibbles), None);
            }
        }
        assert_eq!(seen.len(), 1 + 16 + 256 + 4096);
    }

    #[test]
    fn the_longest_storage_path_fits() {
        let deepest = Nibbles::unpack(B256::repeat_byte(0xab));

        let key = storage_path(&B256::repeat_byte(1), &deepest);

        assert_eq!(key.as_slice().len(), 65);
        assert_eq!(&key.as_slice()[..32], &[1; 32]);
        assert_eq!(&key.as_slice()[32..64], &[0xab; 32]);
    }
}
