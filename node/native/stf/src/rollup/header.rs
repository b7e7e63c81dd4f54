//! A rollup's header: what is left to the sequencer is the time, the prices of L1 and the transactions.

use alloc::vec::Vec;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, constants::EMPTY_WITHDRAWALS};
use alloy_primitives::{B64, B256, Bytes, U256, keccak256};

use super::RollupRules;
use crate::{BlockError, ChainSpec, Header, header};

/// Blocks that may share a second.
pub const MAX_BLOCKS_PER_SECOND: u8 = 10;

const EXTRA_DATA_LENGTH: usize = 17;

/// What L1 charges, as the sequencer saw it. Every block of a batch names the same prices, and L1 bounds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Prices {
    /// Wei per gas.
    pub base_fee: u64,
    /// Wei per blob gas.
    pub blob_base_fee: u64,
}

/// What a rollup's extra data holds: place in its second (1 byte) ‖ base fee of L1 (8) ‖ blob base fee of L1 (8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// 0 for the first block with its timestamp, then counting up.
    pub place: u8,
    pub prices: L1Prices,
}

impl Extra {
    /// The extra data of a child of `parent`; `None` where the second is full.
    pub fn of_child(parent: &Header, timestamp: u64, prices: L1Prices) -> Option<Self> {
        let place = if timestamp == parent.timestamp { Self::place_of(parent).checked_add(1)? } else { 0 };
        (place < MAX_BLOCKS_PER_SECOND).then_some(Self { place, prices })
    }

    /// A genesis block has any extra data; it counts as the first in its second.
    fn place_of(parent: &Header) -> u8 {
        if parent.number == 0 { 0 } else { Self::decode(&parent.extra_data).map_or(0, |extra| extra.place) }
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; EXTRA_DATA_LENGTH] = bytes.try_into().ok()?;
        let word = |at: usize| u64::from_be_bytes(core::array::from_fn(|index| bytes[at + index]));
        Some(Self { place: bytes[0], prices: L1Prices { base_fee: word(1), blob_base_fee: word(9) } })
    }

    pub fn encode(self) -> Bytes {
        let mut out = Vec::with_capacity(EXTRA_DATA_LENGTH);
        out.push(self.place);
        out.extend_from_slice(&self.prices.base_fee.to_be_bytes());
        out.extend_from_slice(&self.prices.blob_base_fee.to_be_bytes());
        out.into()
    }
}

/// The prices that a block names; none is free.
pub fn l1_prices(header: &Header) -> L1Prices {
    Extra::decode(&header.extra_data).unwrap_or_default().prices
}

/// The random value of a block: nobody chooses it.
pub fn prev_randao(parent_hash: B256, number: u64) -> B256 {
    keccak256([&parent_hash[..], &U256::from(number).to_be_bytes::<32>()].concat())
}

/// Check a header against its parent.
pub(crate) fn check_child(
    spec: &ChainSpec,
    rules: &RollupRules,
    header: &Header,
    parent: &Header,
) -> Result<(), BlockError> {
    let fork = spec.fork_of(header);
    header::check_parent(header, parent)?;
    header::check_presence(fork, header)?;
    header::check_base_fee(fork, header, parent)?;
    check_time(header, parent)?;
    if header.gas_used > header.gas_limit {
        return Err(BlockError::GasUsedAboveLimit { used: header.gas_used, limit: header.gas_limit });
    }
    let fixed = [
        ("gasLimit", header.gas_limit == rules.gas_limit),
        ("miner", header.beneficiary == rules.fee_recipient),
        ("mixHash", header.mix_hash == prev_randao(header.parent_hash, header.number)),
        ("difficulty", header.difficulty.is_zero()),
        ("nonce", header.nonce == B64::ZERO),
        ("sha3Uncles", header.ommers_hash == EMPTY_OMMER_ROOT_HASH),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root == Some(B256::ZERO)),
        ("withdrawalsRoot", header.withdrawals_root == Some(EMPTY_WITHDRAWALS)),
        ("blobGasUsed", header.blob_gas_used == Some(0)),
        ("excessBlobGas", header.excess_blob_gas == Some(0)),
    ];
    match fixed.iter().find(|(_, kept)| !kept) {
        Some((field, _)) => Err(BlockError::RollupField(field)),
        None => Ok(()),
    }
}

fn check_time(header: &Header, parent: &Header) -> Result<(), BlockError> {
    if header.timestamp < parent.timestamp {
        return Err(BlockError::TimestampNotAfterParent { got: header.timestamp, parent: parent.timestamp });
    }
    let got = Extra::decode(&header.extra_data).ok_or(BlockError::RollupField("extraData"))?;
    match Extra::of_child(parent, header.timestamp, got.prices) {
        Some(expected) if expected == got => Ok(()),
        Some(_) => Err(BlockError::RollupField("extraData")),
        None => Err(BlockError::SecondFull(header.timestamp)),
    }
}
