//! `eth_getLogs`: the index says which blocks may hold a log, their receipts say which do, and those are written as they
//! are found.

use alloy_primitives::B256;
use state::LogFilter;

use crate::block_id::BlockTag;
use crate::blocks::{Found, missing};
use crate::context::Context;
use crate::encode::receipt::{self, LogPlace};
use crate::error::{self, RpcError};
use crate::filter::{Blocks, Criteria, Filter};
use crate::params::Params;
use crate::records::{Items, Receipts, integer_64};

/// Where the timestamp stands among a header's fields.
const TIMESTAMP_FIELD: usize = 11;

pub fn get_logs(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let filter: Filter = params.required(0)?;

    check_criteria(context, &filter.criteria)?;
    let mut writer = LogWriter { context, criteria: &filter.criteria, start: out.len(), count: 0, out };
    writer.out.push(b'[');
    match filter.blocks {
        Blocks::Hash(hash) => {
            let number = context.snapshot.number_of(&hash)?;
            let Some(number) = number.map_or_else(|| context.unknown(), |number| Ok(Some(number)))? else {
                return Err(RpcError::server("unknown block"));
            };
            writer.block(number, &hash)?;
        }
        Blocks::Range { from, to } => {
            let (mut first, last) = resolve_range(context, from, to)?;
            if let Some(origin) = context.origin.as_ref().filter(|origin| first < origin.block()) {
                let newest = last.min(origin.block() - 1);
                let logs = origin.logs(params.raw(0).unwrap_or_default(), first, newest);
                writer.others(&logs.map_err(|why| RpcError::internal(format!("the forked chain: {why}")))?)?;
                first = origin.block();
            }
            if first > last {
                writer.out.push(b']');
                return Ok(());
            }
            let indexed = LogFilter::new(&filter.criteria.addresses, &filter.criteria.topics);
            for number in context.snapshot.blocks_with(&indexed, first, last) {
                writer.canonical_block(number?.into())?;
            }
        }
    }
    writer.out.push(b']');
    Ok(())
}

fn check_criteria(context: &Context, criteria: &Criteria) -> Result<(), RpcError> {
    let limit = context.settings.log_criteria;
    if limit != 0 && criteria.widest() > limit {
        return Err(RpcError::server("exceed max addresses or topics per search position"));
    }
    Ok(())
}

/// First and last block of a range, both there.
fn resolve_range(context: &Context, from: Option<BlockTag>, to: Option<BlockTag>) -> Result<(u64, u64), RpcError> {
    let (from, to) = (from.unwrap_or(BlockTag::Latest), to.unwrap_or(BlockTag::Latest));
    if from == BlockTag::Pending || to == BlockTag::Pending {
        return Err(RpcError::invalid_params("pending logs are not supported"));
    }
    let (first, last) = (resolve(context, from)?, resolve(context, to)?);
    if first > last {
        return Err(RpcError::invalid_params("invalid block range params"));
    }
    let limit = context.settings.log_range;
    if limit != 0 && last - first > limit {
        return Err(RpcError::invalid_params(format!("exceed maximum block range {limit}")));
    }
    if last > context.head()?.number {
        return Err(RpcError::invalid_params("block range extends beyond current head block"));
    }
    if context.origin.is_none() {
        context.check_has_logs(first)?;
    }
    Ok((first, last))
}

fn resolve(context: &Context, tag: BlockTag) -> Result<u64, RpcError> {
    match tag {
        BlockTag::Number(number) => return Ok(number),
        BlockTag::Earliest if context.origin.is_some() => return Ok(0),
        _ => {}
    }
    match context.find(tag.into()) {
        Ok(Some(Found::Stored { number, .. })) => Ok(number),
        Err(error) if error.code == error::SERVER => Err(RpcError::server(match tag {
            BlockTag::Safe => "safe header not found",
            _ => "finalized header not found",
        })),
        Err(error) => Err(error),
        Ok(_) => Err(RpcError::server("earliest header not found")),
    }
}

/// Writes the logs that fit.
struct LogWriter<'a> {
    context: &'a Context,
    criteria: &'a Criteria,
    out: &'a mut Vec<u8>,
    start: usize,
    count: u64,
}

impl LogWriter<'_> {
    fn canonical_block(&mut self, number: u64) -> Result<(), RpcError> {
        let hash = self.context.snapshot.canonical_hash(number)?;
        self.block(number, &hash.ok_or_else(|| missing("hash", number, &B256::ZERO))?)
    }

    fn block(&mut self, number: u64, hash: &B256) -> Result<(), RpcError> {
        let receipts = self.context.receipts_rlp(number, hash)?;
        let mut details: Option<Details> = None;
        let mut index = 0;
        for (transaction, receipt) in (0..).zip(Receipts::read(&receipts)?) {
            for log in receipt?.logs() {
                let log = log?;
                if self.criteria.fits(&log)? {
                    let details = match &mut details {
                        Some(details) => details,
                        none => none.insert(Details::read(self.context, number, hash)?),
                    };
                    let place = LogPlace {
                        block_hash: hash,
                        block_number: number,
                        timestamp: details.timestamp,
                        transaction_hash: details.hash_of(transaction, number, hash)?,
                        transaction_index: transaction as u64,
                    };
                    self.separate()?;
                    receipt::log(self.out, &log, index, &place)?;
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// Logs that another node has written.
    fn others(&mut self, logs: &[serde_json::Value]) -> Result<(), RpcError> {
        for log in logs {
            self.separate()?;
            self.out.extend_from_slice(log.to_string().as_bytes());
        }
        Ok(())
    }

    fn separate(&mut self) -> Result<(), RpcError> {
        let written = self.out.len() - self.start;
        let limit = self.context.settings.response_bytes;
        if written > limit {
            return Err(too_many(format!("the logs take more than {limit} bytes")));
        }
        let limit = self.context.settings.log_results;
        self.count += 1;
        if limit != 0 && self.count > limit {
            return Err(too_many(format!("there are more than {limit} logs")));
        }
        if written > 1 {
            self.out.push(b',');
        }
        Ok(())
    }
}

fn too_many(what: String) -> RpcError {
    RpcError::new(error::LIMIT_EXCEEDED, format!("{what}: ask for fewer blocks or narrow the filter"))
}

/// What a log tells about its block; read when the first log of the block fits.
struct Details {
    timestamp: Option<u64>,
    hashes: Vec<B256>,
}

impl Details {
    fn read(context: &Context, number: u64, hash: &B256) -> Result<Self, RpcError> {
        let timestamp = if context.tells_time() { Some(timestamp(&context.header_rlp(number, hash)?)?) } else { None };
        Ok(Self { timestamp, hashes: context.transaction_hashes(number, hash)? })
    }

    fn hash_of(&self, transaction: usize, number: u64, hash: &B256) -> Result<&B256, RpcError> {
        self.hashes.get(transaction).ok_or_else(|| missing("such transaction", number, hash))
    }
}

fn timestamp(header: &[u8]) -> Result<u64, RpcError> {
    let field = Items::of(header)?.nth(TIMESTAMP_FIELD).ok_or(alloy_rlp::Error::InputTooShort)??;
    Ok(integer_64(field.bytes()?))
}
