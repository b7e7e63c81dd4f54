//! The queue from L1 to the rollup, as a chain of hashes.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256, keccak256};
use stf::rollup::Privileged;

/// The hash that L1 keeps of an item: keccak(chainId 32 ‖ from 20 ‖ to 20 ‖ index 32 ‖ value 32 ‖ gasLimit 32 ‖ keccak(data)).
pub fn item_hash(item: &Privileged) -> B256 {
    let number = |value: u64| U256::from(value).to_be_bytes::<32>();
    let mut bytes = Vec::with_capacity(200);
    bytes.extend_from_slice(&number(item.chain_id));
    bytes.extend_from_slice(&item.from[..]);
    bytes.extend_from_slice(&item.to[..]);
    bytes.extend_from_slice(&number(item.nonce));
    bytes.extend_from_slice(&item.value.to_be_bytes::<32>());
    bytes.extend_from_slice(&number(item.gas_limit));
    bytes.extend_from_slice(&keccak256(&item.data)[..]);
    keccak256(bytes)
}

/// How far into the queue a chain is. Begins at index 0 with a hash of zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub index: u64,
    pub hash: B256,
}

impl Position {
    /// Take the next item. `None`: it is another one.
    pub fn take(self, item: &Privileged) -> Option<Self> {
        (item.nonce == self.index).then(|| Self { index: self.index + 1, hash: link(self.hash, item) })
    }
}

/// The queue's hash after an item, from the one before it.
pub fn link(before: B256, item: &Privileged) -> B256 {
    keccak256([before, item_hash(item)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes};

    fn item() -> Privileged {
        Privileged {
            chain_id: 7,
            nonce: 0,
            gas_limit: 100_000,
            to: Address::repeat_byte(1),
            value: U256::from(5),
            data: Bytes::from_static(b"call"),
            from: Address::repeat_byte(2),
        }
    }

    #[test]
    fn the_hash_binds_every_field() {
        let others = [
            Privileged { chain_id: 8, ..item() },
            Privileged { nonce: 1, ..item() },
            Privileged { gas_limit: 1, ..item() },
            Privileged { to: Address::ZERO, ..item() },
            Privileged { value: U256::ZERO, ..item() },
            Privileged { data: Bytes::new(), ..item() },
            Privileged { from: Address::ZERO, ..item() },
        ];

        for other in others {
            assert_ne!(item_hash(&other), item_hash(&item()), "{other:?}");
        }
    }

    #[test]
    fn items_are_taken_in_their_order() {
        let first = Position::default().take(&item()).unwrap();

        assert_eq!(first.index, 1);
        assert_eq!(first.take(&item()), None);
        let second = first.take(&Privileged { nonce: 1, ..item() }).unwrap();
        assert_ne!(second.hash, first.hash);
    }
}
