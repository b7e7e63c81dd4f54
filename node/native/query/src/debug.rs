//! The part of the `debug` namespace that reads the chain: blocks, headers, receipts as they are hashed; blocks that failed.

use std::borrow::Cow;

use alloy_primitives::{Address, B256};
use alloy_rlp::Decodable;
use state::BadBlock;
use stf::Header;

use crate::block_id::BlockId;
use crate::blocks::Found;
use crate::context::Context;
use crate::encode::block::{self, Transactions};
use crate::error::RpcError;
use crate::json::{self, Object};
use crate::params::Params;
use crate::records::{Body, Items, Receipts};

/// A block that a number or tag names may be absent (no bytes); one that a hash names must be there.
fn find(context: &Context, id: BlockId, what: &str) -> Result<Option<Found>, RpcError> {
    match (context.find(id)?, id) {
        (None, BlockId::Hash { hash, .. }) => Err(RpcError::server(format!("{what} {hash} not found"))),
        (found, _) => Ok(found),
    }
}

pub fn get_raw_header(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    let header = match find(context, id, "header")? {
        None => Cow::default(),
        Some(found) => header_rlp(context, &found)?,
    };

    json::data(out, &header);
    Ok(())
}

fn header_rlp<'a>(context: &'a Context, found: &Found) -> Result<Cow<'a, [u8]>, RpcError> {
    match found {
        Found::Stored { number, hash } => context.header_rlp(*number, hash),
        Found::Pending(block) => Ok(Cow::Owned(alloy_rlp::encode(&block.header))),
    }
}

pub fn get_raw_block(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    let block = match find(context, id, "block")? {
        None => Vec::new(),
        Some(found) => block_rlp(&header_rlp(context, &found)?, &context.body_of(&found)?)?,
    };

    json::data(out, &block);
    Ok(())
}

/// A block from its header and its body.
pub fn block_rlp(header: &[u8], body: &[u8]) -> Result<Vec<u8>, RpcError> {
    let body = Body::read(body)?;
    let payload_length = header.len() + body.payload.len();
    let mut block = Vec::with_capacity(payload_length + 9);
    alloy_rlp::Header { list: true, payload_length }.encode(&mut block);
    block.extend_from_slice(header);
    block.extend_from_slice(body.payload);
    Ok(block)
}

pub fn get_raw_receipts(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    let receipts = match context.find(id)? {
        None => {
            // As in geth: no list for a number, an empty one for a hash.
            out.extend_from_slice(if matches!(id, BlockId::Tag(_)) { b"null" } else { b"[]" });
            return Ok(());
        }
        Some(Found::Stored { number, hash }) => context.receipts_rlp(number, &hash)?,
        Some(Found::Pending(ref block)) => Cow::Owned(block.receipts.to_vec()),
    };

    let mut encoded = Vec::new();
    json::try_list(out, Receipts::read(&receipts)?, |out, receipt| -> Result<(), RpcError> {
        encoded.clear();
        receipt?.encode(&mut encoded)?;
        json::data(out, &encoded);
        Ok(())
    })
}

/// The blocks that failed, newest first.
pub fn get_bad_blocks(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let bad = context.snapshot.bad_blocks()?;

    json::list(out, &bad, |out, bad| {
        let mut object = Object::open(out);
        object.data("hash", &bad.hash[..]);
        let mut shown = Vec::new();
        match show_bad_block(context, bad, &mut shown) {
            Ok(()) => object.raw("block", &shown),
            Err(_) => object.null("block"),
        }
        object.data("rlp", &bad.rlp);
        object.string("reason", &bad.reason);
        object.close();
    });
    Ok(())
}

/// A block whose body may be anything: senders that cannot be recovered are shown as zero, as geth does.
fn show_bad_block(context: &Context, bad: &BadBlock, out: &mut Vec<u8>) -> alloy_rlp::Result<()> {
    let header_rlp = Items::of(&bad.rlp)?.expect()?.whole;
    let header = Header::decode(&mut &header_rlp[..])?;
    let payload_length = Items::of(&bad.rlp)?.payload_length() - header_rlp.len();
    let mut body_rlp = Vec::with_capacity(payload_length + 9);
    alloy_rlp::Header { list: true, payload_length }.encode(&mut body_rlp);
    body_rlp.extend_from_slice(&bad.rlp[bad.rlp.len() - payload_length..]);
    let body = Body::read(&body_rlp)?;
    let hashes =
        body.transactions().map(|transaction| Ok(transaction?.hash())).collect::<alloy_rlp::Result<Vec<B256>>>()?;
    let senders = stf::block::decode_block(&bad.rlp)
        .and_then(|block| stf::senders::recover_senders(&context.spec, &block.header, &block.body.transactions))
        .unwrap_or_else(|_| vec![Address::ZERO; hashes.len()]);
    let transactions = Transactions::Full { hashes: &hashes, senders: &senders };
    block::block(out, &header, header_rlp.len(), Some(&bad.hash), &body, transactions, context.tells_time())
}

pub fn chain_config(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let written = serde_json::to_writer(&mut *out, &*context.spec);
    written.map_err(|error| RpcError::internal(error.to_string()))
}
