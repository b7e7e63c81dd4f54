//! The order of simulated blocks: numbers and times rise, gaps in the numbers become empty blocks.

use super::super::args::CallArgs;
use super::super::error::CallError;
use super::super::fields::{Object, Quantity64, Quantity256};
use super::super::overrides::{BlockOverrides, StateOverrides};
use super::{Ground, LIMIT_EXCEEDED, MAX_BLOCKS};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH};
use alloy_primitives::U256;
use serde::Deserialize;
use stf::{Fork, Header};

/// Seconds between blocks that name no time.
const BLOCK_TIME: u64 = 12;
const NUMBER_ORDER: i64 = -38020;
const TIMESTAMP_ORDER: i64 = -38021;

/// One block of the request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockCalls {
    pub block_overrides: Option<Object<BlockOverrides>>,
    pub state_overrides: Option<StateOverrides>,
    pub calls: Option<Vec<Object<CallArgs>>>,
}

impl BlockCalls {
    pub fn calls(&self) -> &[Object<CallArgs>] {
        self.calls.as_deref().unwrap_or_default()
    }
}

/// A block whose place in the chain is settled.
#[derive(Debug)]
pub struct PlannedBlock {
    pub number: u64,
    pub timestamp: u64,
    pub overrides: BlockOverrides,
    pub state_overrides: StateOverrides,
    pub calls: Vec<Object<CallArgs>>,
}

/// Settle numbers and times; every number between the base and the last block gets a block.
pub fn fill_gaps(blocks: Vec<Object<BlockCalls>>, base: &Header) -> Result<Vec<PlannedBlock>, CallError> {
    let mut planned = Vec::with_capacity(blocks.len());
    let (mut number, mut timestamp) = (base.number, base.timestamp);
    for Object(block) in blocks {
        let Object(overrides) = block.block_overrides.unwrap_or_default();
        let wanted = next_number(&overrides, number, base.number)?;
        while number + 1 < wanted {
            number += 1;
            timestamp = timestamp.saturating_add(BLOCK_TIME);
            planned.push(PlannedBlock::empty(number, timestamp));
        }
        number = wanted;
        timestamp = next_timestamp(&overrides, timestamp)?;
        planned.push(PlannedBlock {
            number,
            timestamp,
            overrides,
            state_overrides: block.state_overrides.unwrap_or_default(),
            calls: block.calls.unwrap_or_default(),
        });
    }
    Ok(planned)
}

fn next_number(overrides: &BlockOverrides, previous: u64, base: u64) -> Result<u64, CallError> {
    let Quantity256(number) = overrides.number.unwrap_or(Quantity256(U256::from(previous + 1)));
    if number <= U256::from(previous) {
        let message = format!("block numbers must be in order: {number} <= {previous}");
        return Err(CallError::Coded { code: NUMBER_ORDER, message });
    }
    if number - U256::from(base) > U256::from(MAX_BLOCKS) {
        return Err(CallError::Coded { code: LIMIT_EXCEEDED, message: "too many blocks".to_owned() });
    }
    Ok(number.saturating_to())
}

fn next_timestamp(overrides: &BlockOverrides, previous: u64) -> Result<u64, CallError> {
    let Some(Quantity64(time)) = overrides.time else {
        return Ok(previous.saturating_add(BLOCK_TIME));
    };
    if time <= previous {
        let message = format!("block timestamps must be in order: {time} <= {previous}");
        return Err(CallError::Coded { code: TIMESTAMP_ORDER, message });
    }
    Ok(time)
}

impl PlannedBlock {
    fn empty(number: u64, timestamp: u64) -> Self {
        let (overrides, state_overrides) = (BlockOverrides::default(), StateOverrides::default());
        Self { number, timestamp, overrides, state_overrides, calls: Vec::new() }
    }
}

/// The headers as far as they are known before anything runs. Miner and gas limit are handed on from block to block.
pub fn headers(blocks: &[PlannedBlock], ground: &Ground<'_>) -> Result<Vec<Header>, CallError> {
    let mut headers: Vec<Header> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let header = header(block, headers.last().unwrap_or(ground.base), ground)?;
        headers.push(header);
    }
    Ok(headers)
}

fn header(block: &PlannedBlock, previous: &Header, ground: &Ground<'_>) -> Result<Header, CallError> {
    let overrides = &block.overrides;
    let is_merged = previous.difficulty.is_zero() || is_after_merge(ground, block);
    let mut header = Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        beneficiary: overrides.fee_recipient.unwrap_or(previous.beneficiary),
        difficulty: if is_merged { U256::ZERO } else { previous.difficulty },
        gas_limit: overrides.gas_limit.map_or(previous.gas_limit, |limit| limit.0),
        number: block.number,
        timestamp: block.timestamp,
        mix_hash: overrides.prev_randao.unwrap_or_default(),
        base_fee_per_gas: overrides.base_fee()?,
        ..Header::default()
    };
    if let Some(Quantity256(difficulty)) = overrides.difficulty
        && !is_merged
    {
        header.difficulty = difficulty;
    }
    if ground.spec.fork_of(&header) >= Fork::Cancun {
        header.parent_beacon_block_root = Some(overrides.beacon_root.unwrap_or_default());
    }
    Ok(header)
}

/// The schedule alone says that the block comes after the merge.
fn is_after_merge(ground: &Ground<'_>, block: &PlannedBlock) -> bool {
    let spec = ground.spec;
    spec.terminal_total_difficulty == Some(U256::ZERO)
        || spec.merge_netsplit_block.is_some_and(|merge| block.number >= merge)
        || spec.fork(block.number, block.timestamp, true) >= Fork::Shanghai
}
