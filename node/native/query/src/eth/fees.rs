//! Fees: what they were, what they will be, what to offer.

use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::B256;
use stf::Header;

use crate::block_id::{BlockId, BlockTag};
use crate::blocks::Found;
use crate::context::{Context, PendingBlock};
use crate::error::RpcError;
use crate::fees;
use crate::json::{self, Object};
use crate::params::{Argument, Params, unquote};
use crate::records::{Body, Receipts};

/// Blocks that one `eth_feeHistory` covers at most, as in geth.
const MAX_BLOCKS: u64 = 1024;
const MAX_PERCENTILES: usize = 100;
/// How the tip is suggested, as in geth: from this many blocks ...
const SAMPLED_BLOCKS: usize = 20;
/// ... the lowest tips of each ...
const TIPS_PER_BLOCK: usize = 3;
/// ... that are worth looking at (in wei) ...
const IGNORED_BELOW: u128 = 2;
/// ... and of them the one above this share.
const PERCENTILE: usize = 60;
const MAX_TIP: u128 = 500_000_000_000;
/// What a block counts as whose tips say nothing: the least that geth's miner takes.
const LEAST_TIP: u128 = 1_000_000;

pub fn gas_price(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let base_fee = context.head_header()?.base_fee_per_gas.unwrap_or_default();

    write_128(out, suggested_tip(context)? + u128::from(base_fee));
    Ok(())
}

pub fn max_priority_fee_per_gas(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    write_128(out, suggested_tip(context)?);
    Ok(())
}

pub fn base_fee(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    match fees::next_base_fee(&context.spec, &context.head_header()?) {
        Some(fee) => json::quantity(out, fee),
        None => json::null(out),
    }
    Ok(())
}

pub fn blob_base_fee(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    match fees::blob_base_fee(&context.spec, &context.head_header()?) {
        Some(fee) => write_128(out, fee),
        None => json::null(out),
    }
    Ok(())
}

fn write_128(out: &mut Vec<u8>, value: u128) {
    json::quantity_bytes(out, &value.to_be_bytes());
}

/// The tip suggested on top of the last head that was asked about: it depends on nothing but that block's ancestors.
static LAST_SUGGESTION: Mutex<Option<(B256, u128)>> = Mutex::new(None);

/// A tip with which a transaction has a good chance to get into the next blocks.
fn suggested_tip(context: &Context) -> Result<u128, RpcError> {
    let head = context.head()?;
    let known = LAST_SUGGESTION.lock().unwrap_or_else(PoisonError::into_inner).filter(|(hash, _)| *hash == head.hash);
    if let Some((_, tip)) = known {
        return Ok(tip);
    }
    let tip = sample_tips(context, head.number)?;
    *LAST_SUGGESTION.lock().unwrap_or_else(PoisonError::into_inner) = Some((head.hash, tip));
    Ok(tip)
}

fn sample_tips(context: &Context, mut number: u64) -> Result<u128, RpcError> {
    let mut left = SAMPLED_BLOCKS;
    let mut extra = SAMPLED_BLOCKS;
    let mut tips = Vec::with_capacity(SAMPLED_BLOCKS * TIPS_PER_BLOCK);
    let first = context.first_whole_block()?;
    while left > 0 && number > context.first_block() && number >= first {
        let mut lowest = lowest_tips(context, number)?;
        left -= 1;
        number -= 1;
        if lowest.is_empty() {
            lowest.push(LEAST_TIP);
        }
        // A block that says little is no sample: another one may be taken for it.
        if lowest.len() == 1 && extra > 0 {
            extra -= 1;
            left += 1;
        }
        tips.append(&mut lowest);
    }
    tips.sort_unstable();
    let chosen = tips.get(tips.len().saturating_sub(1) * PERCENTILE / 100);
    let operator_fee = context.spec.rollup.as_ref().map_or(0, |rules| rules.operator_fee_per_gas);
    Ok(chosen.copied().unwrap_or(LEAST_TIP + u128::from(operator_fee)).min(MAX_TIP))
}

fn lowest_tips(context: &Context, number: u64) -> Result<Vec<u128>, RpcError> {
    let Some(Found::Stored { number, hash }) = context.find(BlockTag::Number(number).into())? else {
        return Ok(Vec::new());
    };
    let header = context.header(number, &hash)?;
    let body_rlp = context.body_rlp(number, &hash)?;
    let senders = context.senders(number, &hash)?;
    let mut tips = Vec::new();
    for (transaction, sender) in Body::read(&body_rlp)?.transactions().zip(&senders) {
        let tip = transaction?.effective_tip(header.base_fee_per_gas);
        if tip >= IGNORED_BELOW && *sender != header.beneficiary {
            tips.push(tip);
        }
    }
    tips.sort_unstable();
    tips.truncate(TIPS_PER_BLOCK);
    Ok(tips)
}

/// A count that geth takes in hexadecimal or decimal, as a string or a number.
struct BlockCount(u64);

impl Argument for BlockCount {
    fn read(json: &str) -> Result<Self, String> {
        let text = unquote(json).unwrap_or(json);
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if text.is_empty() => ("0", 10),
            None => (text, 10),
        };
        let value = u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
        value.map(Self).ok_or_else(|| format!("invalid hex or decimal integer {text:?}"))
    }
}

pub fn fee_history(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let BlockCount(count) = params.required(0)?;
    let newest: BlockTag = params.required(1)?;
    let percentiles: Vec<f64> = params.required(2)?;

    check_percentiles(&percentiles)?;
    let range = Range::resolve(context, newest, count.min(MAX_BLOCKS))?;
    let stored = range.stored.clone();
    let mut blocks =
        stored.map(|number| BlockFees::stored(context, number, &percentiles)).collect::<Result<Vec<_>, _>>()?;
    if let Some(pending) = &range.pending {
        blocks.push(BlockFees::pending(context, pending, &percentiles)?);
    }

    write_history(out, range.oldest(), &blocks, !percentiles.is_empty());
    Ok(())
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    let refuse = |what: String| Err(RpcError::server(format!("invalid reward percentile: {what}")));
    if percentiles.len() > MAX_PERCENTILES {
        return refuse(format!("over the query limit {MAX_PERCENTILES}"));
    }
    for (index, share) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(share) {
            return refuse(format!("{share:.6}"));
        }
        if index > 0 && *share <= percentiles[index - 1] {
            let before = percentiles[index - 1];
            return refuse(format!("#{}:{before:.6} >= #{index}:{share:.6}", index - 1));
        }
    }
    Ok(())
}

/// The blocks of a history: stored ones, and the pending one on top of them.
struct Range {
    stored: std::ops::Range<u64>,
    pending: Option<Arc<PendingBlock>>,
}

impl Range {
    fn resolve(context: &Context, newest: BlockTag, count: u64) -> Result<Self, RpcError> {
        let head = context.head()?.number;
        if let BlockTag::Number(number) = newest
            && number > head
        {
            return Err(RpcError::server(format!("request beyond head block: requested {number}, head {head}")));
        }
        Ok(match context.find(newest.into())? {
            Some(Found::Pending(block)) if count > 0 => {
                Self { stored: ending_with(context, head, count - 1)?, pending: Some(block) }
            }
            // There is no pending block: it counts, and shows nothing.
            Some(Found::Stored { number, .. }) if newest == BlockTag::Pending => {
                Self { stored: ending_with(context, number, count.saturating_sub(1))?, pending: None }
            }
            Some(Found::Stored { number, .. }) => Self { stored: ending_with(context, number, count)?, pending: None },
            _ => Self { stored: 0..0, pending: None },
        })
    }

    /// The number of the first block.
    fn oldest(&self) -> u64 {
        match &self.pending {
            Some(block) if self.stored.is_empty() => block.header.number,
            _ => self.stored.start,
        }
    }
}

/// As many blocks as there are, at most `count`. None at all begin with the first.
fn ending_with(context: &Context, newest: u64, count: u64) -> Result<std::ops::Range<u64>, RpcError> {
    let held = (newest + 1).saturating_sub(context.first_whole_block()?);
    match count.min(held) {
        0 if count > 0 => Err(context.not_held(newest)),
        0 => Ok(0..0),
        count => Ok(newest + 1 - count..newest + 1),
    }
}

/// What a block says about fees.
struct BlockFees {
    base_fee: u64,
    next_base_fee: u64,
    gas_used_ratio: f64,
    blob_base_fee: u128,
    next_blob_base_fee: u128,
    blob_gas_used_ratio: f64,
    rewards: Vec<u128>,
}

impl BlockFees {
    fn stored(context: &Context, number: u64, percentiles: &[f64]) -> Result<Self, RpcError> {
        let Some(Found::Stored { number, hash }) = context.find(BlockId::Tag(BlockTag::Number(number)))? else {
            return Err(RpcError::internal(format!("the database has no canonical block {number}")));
        };
        let header = context.header(number, &hash)?;
        let rewards = if percentiles.is_empty() {
            Vec::new()
        } else {
            let (body, receipts) = (context.body_rlp(number, &hash)?, context.receipts_rlp(number, &hash)?);
            rewards(&header, &Body::read(&body)?, Receipts::read(&receipts)?, percentiles)?
        };
        Ok(Self::new(context, &header, rewards))
    }

    fn pending(context: &Context, block: &PendingBlock, percentiles: &[f64]) -> Result<Self, RpcError> {
        let (body, receipts) = (Body::read(&block.body)?, Receipts::read(&block.receipts)?);
        let rewards = rewards(&block.header, &body, receipts, percentiles)?;
        Ok(Self::new(context, &block.header, rewards))
    }

    fn new(context: &Context, header: &Header, rewards: Vec<u128>) -> Self {
        let spec = &context.spec;
        let max_blob_gas = spec.blob_params(header.timestamp).map_or(0, |params| params.max_gas());
        Self {
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            next_base_fee: fees::next_base_fee(spec, header).unwrap_or_default(),
            gas_used_ratio: header.gas_used as f64 / header.gas_limit as f64,
            blob_base_fee: fees::blob_base_fee(spec, header).unwrap_or_default(),
            next_blob_base_fee: fees::next_blob_base_fee(spec, header).unwrap_or_default(),
            blob_gas_used_ratio: match header.blob_gas_used {
                Some(used) if max_blob_gas > 0 => used as f64 / max_blob_gas as f64,
                _ => 0.0,
            },
            rewards,
        }
    }
}

/// The tips below which given shares of the block's gas were paid.
fn rewards(
    header: &Header,
    body: &Body<'_>,
    receipts: Receipts<'_>,
    percentiles: &[f64],
) -> Result<Vec<u128>, RpcError> {
    let mut paid = Vec::new();
    let mut gas_before = 0;
    for (transaction, receipt) in body.transactions().zip(receipts) {
        let gas_after = receipt?.cumulative_gas_used;
        paid.push((transaction?.effective_tip(header.base_fee_per_gas), gas_after - gas_before));
        gas_before = gas_after;
    }
    paid.sort_by_key(|(tip, _)| *tip);
    let Some((_, first_gas)) = paid.first() else { return Ok(vec![0; percentiles.len()]) };
    let (mut index, mut gas) = (0, *first_gas);
    let reward = |share: &f64| {
        let threshold = (header.gas_used as f64 * share / 100.0) as u64;
        while gas < threshold && index < paid.len() - 1 {
            index += 1;
            gas += paid[index].1;
        }
        paid[index].0
    };
    Ok(percentiles.iter().map(reward).collect())
}

fn write_history(out: &mut Vec<u8>, oldest: u64, blocks: &[BlockFees], with_rewards: bool) {
    let mut object = Object::open(out);
    object.quantity("oldestBlock", oldest);
    let Some(last) = blocks.last() else {
        object.null("gasUsedRatio");
        object.close();
        return;
    };
    if with_rewards {
        json::list(object.key("reward"), blocks, |out, block| {
            json::list(out, &block.rewards, |out, reward| write_128(out, *reward));
        });
    }
    let base_fees = blocks.iter().map(|block| block.base_fee).chain([last.next_base_fee]);
    json::list(object.key("baseFeePerGas"), base_fees, json::quantity);
    json::list(object.key("gasUsedRatio"), blocks, |out, block| json::float(out, block.gas_used_ratio));
    let blob_fees = blocks.iter().map(|block| block.blob_base_fee).chain([last.next_blob_base_fee]);
    json::list(object.key("baseFeePerBlobGas"), blob_fees, write_128);
    json::list(object.key("blobGasUsedRatio"), blocks, |out, block| json::float(out, block.blob_gas_used_ratio));
    object.close();
}
