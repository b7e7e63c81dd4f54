//! Receipts: of a transaction, of a block.

use alloy_primitives::{Address, B256};
use stf::Header;

use crate::block_id::BlockId;
use crate::blocks::{Found, missing};
use crate::context::Context;
use crate::encode::receipt::{self, Before, ReceiptPlace};
use crate::error::RpcError;
use crate::fees;
use crate::json;
use crate::params::Params;
use crate::records::{Body, Receipts};

/// Bytes of a receipt's JSON without logs, about.
const RECEIPT_JSON: usize = 1200;

pub fn get_transaction_receipt(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    let Some((number, index)) = context.snapshot.transaction_location(&hash)? else {
        context.unknown::<()>()?;
        json::null(out);
        return Ok(());
    };
    let index = index as usize;
    let block = context.snapshot.canonical_hash(number)?;
    let block = block.ok_or_else(|| RpcError::internal(format!("the database has no canonical block {number}")))?;
    let header = context.header(number, &block)?;
    let (body_rlp, receipts_rlp) = (context.body_rlp(number, &block)?, context.receipts_rlp(number, &block)?);
    let transaction = Body::read(&body_rlp)?.transaction(index)?;
    let sender = context.senders(number, &block)?.get(index).copied();
    let (Some(transaction), Some(sender)) = (transaction, sender) else {
        return Err(missing("such transaction", number, &block));
    };
    let mut receipts = Receipts::read(&receipts_rlp)?;
    let mut before = Before::default();
    for passed in receipts.by_ref().take(index) {
        before.pass(&passed?);
    }
    let done = receipts.next().ok_or_else(|| missing("such receipt", number, &block))??;
    let place = place(context, &header, &block);
    receipt::receipt(out, &done, &transaction, &hash, &sender, &before, &place)?;
    Ok(())
}

pub fn get_block_receipts(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    match context.find(id)? {
        None => json::null(out),
        Some(Found::Stored { number, hash }) => {
            let header = context.header(number, &hash)?;
            let known = Known {
                hashes: &context.transaction_hashes(number, &hash)?,
                senders: &context.senders(number, &hash)?,
            };
            let body_rlp = context.body_rlp(number, &hash)?;
            let receipts_rlp = context.receipts_rlp(number, &hash)?;
            write_all(&Body::read(&body_rlp)?, &receipts_rlp, &known, &place(context, &header, &hash), out)?;
        }
        Some(Found::Pending(pending)) => {
            let known = Known { hashes: &pending.transaction_hashes, senders: &pending.senders };
            let body = Body::read(&pending.body)?;
            let place = place(context, &pending.header, &B256::ZERO);
            write_all(&body, &pending.receipts, &known, &place, out)?;
        }
    }
    Ok(())
}

/// What is stored about a block's transactions so that nobody computes it twice.
struct Known<'a> {
    hashes: &'a [B256],
    senders: &'a [Address],
}

fn write_all(
    body: &Body<'_>,
    receipts: &[u8],
    known: &Known<'_>,
    place: &ReceiptPlace<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    out.reserve(RECEIPT_JSON * known.hashes.len() + 3 * receipts.len());
    let mut before = Before::default();
    let transactions = body.transactions().zip(known.hashes.iter().zip(known.senders));
    json::try_list(out, Receipts::read(receipts)?.zip(transactions), |out, (done, (transaction, (hash, sender)))| {
        let done = done?;
        receipt::receipt(out, &done, &transaction?, hash, sender, &before, place)?;
        before.pass(&done);
        Ok::<_, RpcError>(())
    })
}

fn place<'a>(context: &Context, header: &Header, block_hash: &'a B256) -> ReceiptPlace<'a> {
    ReceiptPlace {
        block_hash,
        block_number: header.number,
        timestamp: context.tells_time().then_some(header.timestamp),
        base_fee: header.base_fee_per_gas,
        blob_gas_price: fees::blob_base_fee(&context.spec, header).unwrap_or_default(),
        operator_fee: context.spec.rollup.as_ref().map(|rules| rules.operator_fee_per_gas),
    }
}
