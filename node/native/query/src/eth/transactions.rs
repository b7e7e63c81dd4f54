//! Transactions: by hash or by place in a block, as JSON or as they were signed.

use alloy_primitives::{Address, B256, Bytes};

use crate::block_id::{BlockId, BlockTag};
use crate::blocks::{Found, missing};
use crate::context::{Context, Elsewhere};
use crate::encode::transaction::{self, TransactionPlace};
use crate::error::RpcError;
use crate::json;
use crate::params::Params;
use crate::records::{Body, Transaction};

pub fn get_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    match context.snapshot.transaction_location(&hash)? {
        Some((number, index)) => {
            let block = canonical(context, number)?;
            write_stored(context, (number, &block), index as usize, &hash, out)
        }
        None => match pooled(context, &hash)? {
            Some((raw, sender)) => {
                let transaction = Transaction::decode(&raw)?;
                transaction::pooled_transaction(out, &transaction, &hash, &sender, context.tells_time())?;
                Ok(())
            }
            None => {
                json::null(out);
                Ok(())
            }
        },
    }
}

pub fn get_raw_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    let Some((number, index)) = context.snapshot.transaction_location(&hash)? else {
        // As in geth, what is not there is no bytes, not null.
        let raw = pooled(context, &hash)?.map(|(raw, _)| raw);
        json::data(out, &raw.unwrap_or_default());
        return Ok(());
    };
    let block = canonical(context, number)?;
    let body_rlp = context.body_rlp(number, &block)?;
    let transaction = Body::read(&body_rlp)?.transaction(index as usize)?;
    json::data(out, transaction.ok_or_else(|| missing("such transaction", number, &block))?.raw);
    Ok(())
}

/// A transaction of the pool and its sender. A process without a pool may have to ask the writer.
fn pooled(context: &Context, hash: &B256) -> Result<Option<(Bytes, Address)>, RpcError> {
    context.check_knows_transactions()?;
    match &context.pending {
        Some(pending) => Ok(pending.transaction(hash)),
        None if context.settings.elsewhere >= Elsewhere::Pool => Err(RpcError::ask_writer()),
        None => Ok(None),
    }
}

fn canonical(context: &Context, number: u64) -> Result<B256, RpcError> {
    let hash = context.snapshot.canonical_hash(number)?;
    hash.ok_or_else(|| RpcError::internal(format!("the database has no canonical block {number}")))
}

fn write_stored(
    context: &Context,
    (number, block): (u64, &B256),
    index: usize,
    hash: &B256,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let header = context.header(number, block)?;
    let body_rlp = context.body_rlp(number, block)?;
    let transaction = Body::read(&body_rlp)?.transaction(index)?;
    let transaction = transaction.ok_or_else(|| missing("such transaction", number, block))?;
    let sender = sender_at(context, number, block, index)?;
    let place = TransactionPlace {
        block_hash: Some(block),
        block_number: number,
        timestamp: context.tells_time().then_some(header.timestamp),
        base_fee: header.base_fee_per_gas,
    };
    transaction::mined_transaction(out, &transaction, hash, &sender, index as u64, &place)?;
    Ok(())
}

fn sender_at(context: &Context, number: u64, block: &B256, index: usize) -> Result<Address, RpcError> {
    let senders = context.senders(number, block)?;
    senders.get(index).copied().ok_or_else(|| missing("such sender", number, block))
}

pub fn get_by_block_number_and_index(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_by_index(context, tag.into(), index, out)
}

pub fn get_by_block_hash_and_index(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_by_index(context, BlockId::hash(hash), index, out)
}

fn write_by_index(context: &Context, id: BlockId, index: u64, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let Some(found) = context.find(id)? else {
        json::null(out);
        return Ok(());
    };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let body_rlp = context.body_of(&found)?;
    let Some(transaction) = Body::read(&body_rlp)?.transaction(index)? else {
        json::null(out);
        return Ok(());
    };
    match &found {
        Found::Stored { number, hash } => write_stored(context, (*number, hash), index, &transaction.hash(), out),
        Found::Pending(block) => {
            let sender = block.senders.get(index).copied().unwrap_or_default();
            let hash = transaction.hash();
            transaction::pooled_transaction(out, &transaction, &hash, &sender, context.tells_time())?;
            Ok(())
        }
    }
}

pub fn get_raw_by_block_number_and_index(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_raw_by_index(context, tag.into(), index, out)
}

pub fn get_raw_by_block_hash_and_index(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let index: u64 = params.required(1)?;

    write_raw_by_index(context, BlockId::hash(hash), index, out)
}

fn write_raw_by_index(context: &Context, id: BlockId, index: u64, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let raw = match context.find(id)? {
        None => None,
        Some(found) => {
            let body_rlp = context.body_of(&found)?;
            Body::read(&body_rlp)?.transaction(index)?.map(|transaction| transaction.raw.to_vec())
        }
    };
    json::data(out, &raw.unwrap_or_default());
    Ok(())
}
