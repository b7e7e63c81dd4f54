//! Is a header a valid child of its parent? And what must a child's fields be.

use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE};
use alloy_primitives::{B64, U256};
use revm::context_interface::block::calc_blob_gasprice;

use crate::{BlockError, ChainSpec, Fork, Header, dao, difficulty::difficulty, rollup, spec::GAS_PER_BLOB};

pub use crate::difficulty::difficulty as proof_of_work_difficulty;

const MINIMUM_GAS_LIMIT: u64 = 5_000;
const MAXIMUM_GAS_LIMIT: u64 = i64::MAX as u64;

/// A block's gas limit stays within one 1024th of its parent's.
pub const GAS_LIMIT_BOUND_DIVISOR: u64 = 1_024;

/// By how much London multiplied the gas limit at its first block (EIP-1559).
pub const ELASTICITY_MULTIPLIER: u64 = 2;

const MAXIMUM_EXTRA_DATA: usize = 32;

/// Execution gas that a blob is taken to cost at least, from Osaka (EIP-7918).
const BLOB_BASE_COST: u64 = 1 << 13;

/// Check a header against its parent. Proof-of-work seals are not checked. `parent_total_difficulty` includes the
/// parent's own.
pub fn validate_header(
    spec: &ChainSpec,
    header: &Header,
    parent: &Header,
    parent_total_difficulty: U256,
) -> Result<(), BlockError> {
    if let Some(rules) = &spec.rollup {
        return rollup::header::check_child(spec, rules, header, parent);
    }
    check_merge(spec, header, parent_total_difficulty)?;
    check_child(spec, spec.fork_of(header), header, parent)
}

/// All rules but the merge's: those that hold for an ommer too.
pub(crate) fn check_child(spec: &ChainSpec, fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    check_parent(header, parent)?;
    if header.timestamp <= parent.timestamp {
        return Err(BlockError::TimestampNotAfterParent { got: header.timestamp, parent: parent.timestamp });
    }
    check_gas(fork, header, parent)?;
    check_extra_data(spec, header)?;
    check_presence(fork, header)?;
    check_seal(fork, header, parent)?;
    check_base_fee(fork, header, parent)?;
    check_blob_gas(spec, fork, header, parent)
}

fn check_merge(spec: &ChainSpec, header: &Header, total: U256) -> Result<(), BlockError> {
    let Some(terminal) = spec.terminal_total_difficulty else { return Ok(()) };
    match (header.difficulty.is_zero(), total >= terminal) {
        (true, false) => Err(BlockError::MergeTooEarly { total, terminal }),
        (false, true) => Err(BlockError::MergeMissed { total, terminal }),
        _ => Ok(()),
    }
}

/// Number and parent hash.
pub(crate) fn check_parent(header: &Header, parent: &Header) -> Result<(), BlockError> {
    let expected = parent.number.saturating_add(1);
    if header.number != expected {
        return Err(BlockError::NumberMismatch { got: header.number, expected });
    }
    let parent_hash = parent.hash_slow();
    if header.parent_hash != parent_hash {
        return Err(BlockError::ParentHashMismatch { got: header.parent_hash, expected: parent_hash });
    }
    Ok(())
}

fn check_gas(fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    let got = header.gas_limit;
    if !(MINIMUM_GAS_LIMIT..=MAXIMUM_GAS_LIMIT).contains(&got) {
        return Err(BlockError::GasLimitOutOfRange { got });
    }
    let parent_limit = parent_gas_limit(fork, parent);
    if got.abs_diff(parent_limit) >= parent_limit / GAS_LIMIT_BOUND_DIVISOR {
        return Err(BlockError::GasLimitJump { got, parent: parent_limit });
    }
    if header.gas_used > got {
        return Err(BlockError::GasUsedAboveLimit { used: header.gas_used, limit: got });
    }
    Ok(())
}

/// The gas limit from which a child's is measured: twice the parent's at the first block of London.
pub fn parent_gas_limit(fork: Fork, parent: &Header) -> u64 {
    let first_of_london = fork >= Fork::London && parent.base_fee_per_gas.is_none();
    parent.gas_limit.saturating_mul(if first_of_london { ELASTICITY_MULTIPLIER } else { 1 })
}

fn check_extra_data(spec: &ChainSpec, header: &Header) -> Result<(), BlockError> {
    if header.extra_data.len() > MAXIMUM_EXTRA_DATA {
        return Err(BlockError::ExtraDataTooLong(header.extra_data.len()));
    }
    let Some(fork_block) = spec.dao_fork_block else { return Ok(()) };
    let checked = (fork_block..fork_block.saturating_add(dao::EXTRA_DATA_BLOCKS)).contains(&header.number);
    if checked && (*header.extra_data == *dao::EXTRA_DATA) != spec.dao_fork_support {
        return Err(BlockError::DaoExtraData);
    }
    Ok(())
}

/// Each field that a fork added is there from that fork on and not before.
pub(crate) fn check_presence(fork: Fork, header: &Header) -> Result<(), BlockError> {
    let fields = [
        ("baseFeePerGas", header.base_fee_per_gas.is_some(), fork >= Fork::London),
        ("withdrawalsRoot", header.withdrawals_root.is_some(), fork >= Fork::Shanghai),
        ("blobGasUsed", header.blob_gas_used.is_some(), fork >= Fork::Cancun),
        ("excessBlobGas", header.excess_blob_gas.is_some(), fork >= Fork::Cancun),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some(), fork >= Fork::Cancun),
        ("requestsHash", header.requests_hash.is_some(), fork >= Fork::Prague),
        ("blockAccessListHash", header.block_access_list_hash.is_some(), false),
        ("slotNumber", header.slot_number.is_some(), false),
    ];
    for (name, present, active) in fields {
        match (present, active) {
            (false, true) => return Err(BlockError::FieldMissing(name)),
            (true, false) => return Err(BlockError::FieldUnexpected(name)),
            _ => {}
        }
    }
    Ok(())
}

/// Difficulty by the formula while blocks are mined; afterwards nothing that mining needed.
fn check_seal(fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    let mined = fork < Fork::Paris;
    let expected = if mined { difficulty(fork, header.number, header.timestamp, parent) } else { U256::ZERO };
    if header.difficulty != expected {
        return Err(BlockError::DifficultyMismatch { got: header.difficulty, expected });
    }
    if !mined && header.nonce != B64::ZERO {
        return Err(BlockError::NonceNotZero);
    }
    if !mined && header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(BlockError::OmmersHashMismatch { got: header.ommers_hash, expected: EMPTY_OMMER_ROOT_HASH });
    }
    Ok(())
}

pub(crate) fn check_base_fee(fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    match (header.base_fee_per_gas, base_fee(fork, parent)) {
        (Some(got), Some(expected)) if got != expected => Err(BlockError::BaseFeeMismatch { got, expected }),
        _ => Ok(()),
    }
}

/// The base fee of a child at `fork` (EIP-1559); `None` before London.
pub fn base_fee(fork: Fork, parent: &Header) -> Option<u64> {
    let next = || parent.next_block_base_fee(BaseFeeParams::ethereum());
    (fork >= Fork::London).then(|| next().unwrap_or(INITIAL_BASE_FEE))
}

fn check_blob_gas(spec: &ChainSpec, fork: Fork, header: &Header, parent: &Header) -> Result<(), BlockError> {
    let Some(expected) = excess_blob_gas(spec, fork, header.timestamp, parent) else { return Ok(()) };
    let got = header.excess_blob_gas.unwrap_or_default();
    let used = header.blob_gas_used.unwrap_or_default();
    let limit = spec.blob_params(header.timestamp).map_or(0, |blobs| blobs.max_gas());
    if used > limit {
        return Err(BlockError::BlobGasUsedAboveLimit { used, limit });
    }
    if !used.is_multiple_of(GAS_PER_BLOB) {
        return Err(BlockError::BlobGasUsedNotMultiple(used));
    }
    if got != expected {
        return Err(BlockError::ExcessBlobGasMismatch { got, expected });
    }
    Ok(())
}

/// The excess blob gas of a child at `fork` and `timestamp`; `None` before Cancun. By the child's blob schedule: at the
/// first block of a fork that means new parameters on the parent's old numbers.
pub fn excess_blob_gas(spec: &ChainSpec, fork: Fork, timestamp: u64, parent: &Header) -> Option<u64> {
    let blobs = spec.blob_params(timestamp).filter(|_| fork >= Fork::Cancun)?;
    let parent_excess = parent.excess_blob_gas.unwrap_or_default();
    let parent_used = parent.blob_gas_used.unwrap_or_default();
    let total = parent_excess.saturating_add(parent_used);
    if total < blobs.target_gas() {
        return Some(0);
    }
    if fork >= Fork::Osaka {
        let price = U256::from(calc_blob_gasprice(parent_excess, blobs.base_fee_update_fraction));
        let floor = U256::from(BLOB_BASE_COST) * U256::from(parent.base_fee_per_gas.unwrap_or_default());
        if floor > price * U256::from(GAS_PER_BLOB) {
            let share = u128::from(parent_used) * u128::from(blobs.max - blobs.target) / u128::from(blobs.max);
            return Some(parent_excess.saturating_add(share as u64));
        }
    }
    Some(total - blobs.target_gas())
}
