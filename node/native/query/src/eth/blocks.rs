//! Blocks, headers, ommers, and how many transactions a block has.

use alloy_primitives::B256;
use alloy_rlp::Decodable;
use stf::Header;

use crate::block_id::{BlockId, BlockTag};
use crate::blocks::Found;
use crate::context::Context;
use crate::encode::block::{self, Transactions};
use crate::error::{self, RpcError};
use crate::json;
use crate::params::Params;
use crate::records::Body;

/// Bytes of JSON that a byte of a body becomes at most, about: what an answer is given room for at once.
const JSON_PER_BYTE: usize = 6;
/// Bytes of a header's JSON, about.
const HEADER_JSON: usize = 2048;

pub fn get_block_by_number(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    let full: bool = params.required(1)?;

    write_block(context, context.find(tag.into())?, full, out)
}

pub fn get_block_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let full: bool = params.required(1)?;

    write_block(context, context.find(BlockId::hash(hash))?, full, out)
}

fn write_block(context: &Context, found: Option<Found>, full: bool, out: &mut Vec<u8>) -> Result<(), RpcError> {
    match found {
        None => json::null(out),
        Some(Found::Pending(pending)) => {
            let body = Body::read(&pending.body)?;
            let hashes = &pending.transaction_hashes[..];
            let transactions = if full {
                Transactions::Full { hashes, senders: &pending.senders }
            } else {
                Transactions::Hashes(hashes)
            };
            let header_length = alloy_rlp::encode(&pending.header).len();
            block::block(out, &pending.header, header_length, None, &body, transactions, context.tells_time())?;
        }
        Some(Found::Stored { number, hash }) => write_stored(context, number, &hash, full, out)?,
    }
    Ok(())
}

fn write_stored(context: &Context, number: u64, hash: &B256, full: bool, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let header_rlp = context.header_rlp(number, hash)?;
    let header = Header::decode(&mut &header_rlp[..])?;
    let body_rlp = context.body_rlp(number, hash)?;
    let body = Body::read(&body_rlp)?;
    let hashes = context.transaction_hashes(number, hash)?;
    let senders = if full { context.senders(number, hash)? } else { Vec::new() };
    let transactions = if full {
        out.reserve(HEADER_JSON + JSON_PER_BYTE * body_rlp.len());
        Transactions::Full { hashes: &hashes, senders: &senders }
    } else {
        out.reserve(HEADER_JSON + 70 * hashes.len());
        Transactions::Hashes(&hashes)
    };
    block::block(out, &header, header_rlp.len(), Some(hash), &body, transactions, context.tells_time())?;
    Ok(())
}

pub fn get_header_by_number(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;

    write_header(context, context.find(tag.into())?, out)
}

pub fn get_header_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    write_header(context, context.find(BlockId::hash(hash))?, out)
}

fn write_header(context: &Context, found: Option<Found>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    match found {
        None => json::null(out),
        Some(Found::Pending(pending)) => block::header(out, &pending.header, None),
        Some(Found::Stored { number, hash }) => block::header(out, &context.header(number, &hash)?, Some(&hash)),
    }
    Ok(())
}

/// `eth_getBlockAccessList` and `debug_getRawBlockAccessList`: no fork that is known here has access lists of blocks.
pub fn get_access_list(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    match context.find(id)? {
        None => {
            json::null(out);
            Ok(())
        }
        Some(_) => {
            let message = "the block has no access list: EIP-7928 is not active";
            Err(RpcError::new(error::RESOURCE_NOT_FOUND, message))
        }
    }
}

pub fn get_transaction_count_by_number(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;

    write_count(context, tag.into(), out, |body| body.transaction_count())
}

pub fn get_transaction_count_by_hash(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    write_count(context, BlockId::hash(hash), out, |body| body.transaction_count())
}

pub fn get_uncle_count_by_number(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;

    write_count(context, tag.into(), out, |body| body.ommers.count())
}

pub fn get_uncle_count_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    write_count(context, BlockId::hash(hash), out, |body| body.ommers.count())
}

fn write_count(
    context: &Context,
    id: BlockId,
    out: &mut Vec<u8>,
    count: impl Fn(&Body<'_>) -> usize,
) -> Result<(), RpcError> {
    match context.find(id)? {
        None => json::null(out),
        Some(found) => json::quantity(out, count(&Body::read(&context.body_of(&found)?)?) as u64),
    }
    Ok(())
}

pub fn get_uncle_by_number(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_uncle(context, tag.into(), index, out)
}

pub fn get_uncle_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_uncle(context, BlockId::hash(hash), index, out)
}

fn write_uncle(context: &Context, id: BlockId, index: u64, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let Some(found) = context.find(id)? else {
        json::null(out);
        return Ok(());
    };
    let body_rlp = context.body_of(&found)?;
    match Body::read(&body_rlp)?.ommer(usize::try_from(index).unwrap_or(usize::MAX))? {
        None => json::null(out),
        Some(record) => block::ommer(out, &Header::decode(&mut &record[..])?, record),
    }
    Ok(())
}
