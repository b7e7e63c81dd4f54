//! ABI encoding of what is not dynamic: words of 32 bytes.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};

pub fn number(value: u64) -> B256 {
    B256::from(U256::from(value))
}

pub fn joined(words: impl IntoIterator<Item = B256>) -> Vec<u8> {
    words.into_iter().flat_map(|word| word.0).collect()
}
