//! The one statement that is proven.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};

use crate::words::{joined, number};

/// Names the rules by which a batch is read and hashed.
pub const PROTOCOL_VERSION: u8 = 1;

/// Words of the encoding.
const FIELDS: usize = 20;

/// What L1 must know of a run of blocks. Only its [`Batch::hash`] is stored there, and proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub protocol_version: u8,
    pub chain_id: u64,
    pub number: u64,
    /// What must be equal in node, prover and L1.
    pub program_version: u32,
    pub previous_batch_hash: B256,
    pub previous_state_root: B256,
    pub new_state_root: B256,
    pub first_block: u64,
    pub last_block: u64,
    pub last_block_hash: B256,
    pub last_timestamp: u64,
    /// Items of the L1 queue that are behind the chain after this batch, and their hash chain.
    pub queue_index: u64,
    pub queue_hash: B256,
    /// Root of the messages to L1; zero where there are none.
    pub messages_root: B256,
    pub outbound_hash: B256,
    pub inbound_hash: B256,
    /// What was published: see [`crate::blob::data_hash`].
    pub data_hash: B256,
    pub config_hash: B256,
    /// Wei; the prices that every block of the batch names.
    pub l1_base_fee: u64,
    pub l1_blob_base_fee: u64,
}

impl Batch {
    /// The batch before the first: the genesis state. `salt` is the deployment's, so that no proof fits another one.
    pub fn genesis(
        deployment: Deployment,
        chain_id: u64,
        state_root: B256,
        block_hash: B256,
        timestamp: u64,
        config_hash: B256,
    ) -> Self {
        Self {
            protocol_version: PROTOCOL_VERSION,
            chain_id,
            previous_batch_hash: deployment.hash(chain_id),
            new_state_root: state_root,
            last_block_hash: block_hash,
            last_timestamp: timestamp,
            config_hash,
            ..Self::default()
        }
    }

    /// abi.encode of the struct.
    pub fn encode(&self) -> Vec<u8> {
        joined(self.words())
    }

    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// `None`: not the encoding of a batch whose numbers have the widths of this one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 32 * FIELDS {
            return None;
        }
        let word = |at: usize| B256::from_slice(&bytes[32 * at..32 * (at + 1)]);
        let number = |at: usize| u64::try_from(U256::from_be_bytes(word(at).0)).ok();
        Some(Self {
            protocol_version: number(0)?.try_into().ok()?,
            chain_id: number(1)?,
            number: number(2)?,
            program_version: number(3)?.try_into().ok()?,
            previous_batch_hash: word(4),
            previous_state_root: word(5),
            new_state_root: word(6),
            first_block: number(7)?,
            last_block: number(8)?,
            last_block_hash: word(9),
            last_timestamp: number(10)?,
            queue_index: number(11)?,
            queue_hash: word(12),
            messages_root: word(13),
            outbound_hash: word(14),
            inbound_hash: word(15),
            data_hash: word(16),
            config_hash: word(17),
            l1_base_fee: number(18)?,
            l1_blob_base_fee: number(19)?,
        })
    }

    fn words(&self) -> [B256; FIELDS] {
        [
            number(self.protocol_version.into()),
            number(self.chain_id),
            number(self.number),
            number(self.program_version.into()),
            self.previous_batch_hash,
            self.previous_state_root,
            self.new_state_root,
            number(self.first_block),
            number(self.last_block),
            self.last_block_hash,
            number(self.last_timestamp),
            number(self.queue_index),
            self.queue_hash,
            self.messages_root,
            self.outbound_hash,
            self.inbound_hash,
            self.data_hash,
            self.config_hash,
            number(self.l1_base_fee),
            number(self.l1_blob_base_fee),
        ]
    }
}

/// The contracts that a chain settles on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub l1_chain_id: u64,
    pub proposer: Address,
    pub salt: B256,
}

impl Deployment {
    /// What the genesis batch names as its previous one: keccak(abi.encode(L1 chain id, proposer, chain id, salt)).
    pub fn hash(&self, chain_id: u64) -> B256 {
        keccak256(joined([number(self.l1_chain_id), self.proposer.into_word(), number(chain_id), self.salt]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut bytes = Vec::new();
        for at in 0..FIELDS as u8 {
            bytes.extend_from_slice(&B256::with_last_byte(at + 1)[..]);
        }
        Batch::decode(&bytes).unwrap()
    }

    #[test]
    fn every_field_is_in_the_hash() {
        let base = batch().encode();
        for at in 0..FIELDS {
            let mut other = base.clone();
            other[32 * at + 31] ^= 0x80;
            let other = Batch::decode(&other).unwrap();

            assert_ne!(other.hash(), batch().hash(), "word {at}");
        }
    }

    #[test]
    fn what_is_decoded_encodes_to_the_same_and_wider_numbers_are_refused() {
        assert_eq!(Batch::decode(&batch().encode()), Some(batch()));
        for (word, byte) in [(0, 30), (1, 23), (3, 27), (7, 0), (19, 23)] {
            let mut wide = batch().encode();
            wide[32 * word + byte] = 1;

            assert_eq!(Batch::decode(&wide), None, "word {word}");
        }
        assert_eq!(Batch::decode(&batch().encode()[1..]), None);
    }

    #[test]
    fn a_deployment_is_bound_by_all_of_its_parts() {
        let base = Deployment { l1_chain_id: 1, proposer: Address::repeat_byte(2), salt: B256::repeat_byte(3) };

        assert_ne!(base.hash(7), base.hash(8));
        assert_ne!(base.hash(7), Deployment { l1_chain_id: 2, ..base }.hash(7));
        assert_ne!(base.hash(7), Deployment { proposer: Address::ZERO, ..base }.hash(7));
        assert_ne!(base.hash(7), Deployment { salt: B256::ZERO, ..base }.hash(7));
    }
}
