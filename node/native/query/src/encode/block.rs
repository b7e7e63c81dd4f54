//! Headers and blocks as JSON.

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Result;
use stf::Header;

use super::transaction::{TransactionPlace, mined_transaction};
use crate::json::{self, Object};
use crate::records::{Body, Items};

/// What a block's transactions are shown as.
pub enum Transactions<'a> {
    Hashes(&'a [B256]),
    Full { hashes: &'a [B256], senders: &'a [Address] },
}

/// The members of a header. A pending block has no hash, nonce and author yet: `hash` is `None`.
fn header_members(object: &mut Object<'_>, header: &Header, hash: Option<&B256>) {
    object.quantity("number", header.number);
    object.data_or_null("hash", hash.map(|hash| &hash[..]));
    object.data("parentHash", &header.parent_hash[..]);
    object.data_or_null("nonce", hash.map(|_| &header.nonce[..]));
    object.data("mixHash", &header.mix_hash[..]);
    object.data("sha3Uncles", &header.ommers_hash[..]);
    object.data("logsBloom", &header.logs_bloom[..]);
    object.data("stateRoot", &header.state_root[..]);
    object.data_or_null("miner", hash.map(|_| &header.beneficiary[..]));
    object.quantity_256("difficulty", &header.difficulty);
    object.data("extraData", &header.extra_data);
    object.quantity("gasLimit", header.gas_limit);
    object.quantity("gasUsed", header.gas_used);
    object.quantity("timestamp", header.timestamp);
    object.data("transactionsRoot", &header.transactions_root[..]);
    object.data("receiptsRoot", &header.receipts_root[..]);
    if let Some(base_fee) = header.base_fee_per_gas {
        object.quantity("baseFeePerGas", base_fee);
    }
    if let Some(root) = &header.withdrawals_root {
        object.data("withdrawalsRoot", &root[..]);
    }
    if let Some(used) = header.blob_gas_used {
        object.quantity("blobGasUsed", used);
    }
    if let Some(excess) = header.excess_blob_gas {
        object.quantity("excessBlobGas", excess);
    }
    if let Some(root) = &header.parent_beacon_block_root {
        object.data("parentBeaconBlockRoot", &root[..]);
    }
    if let Some(hash) = &header.requests_hash {
        object.data("requestsHash", &hash[..]);
    }
}

/// A header alone (`eth_getHeaderBy…`).
pub fn header(out: &mut Vec<u8>, header: &Header, hash: Option<&B256>) {
    let mut object = Object::open(out);
    header_members(&mut object, header, hash);
    object.close();
}

/// A block. `timestamps`: transactions tell the time of their block.
pub fn block(
    out: &mut Vec<u8>,
    header: &Header,
    header_length: usize,
    hash: Option<&B256>,
    body: &Body<'_>,
    transactions: Transactions<'_>,
    timestamps: bool,
) -> Result<()> {
    let mut object = Object::open(out);
    header_members(&mut object, header, hash);
    object.quantity("size", block_size(header_length, body.payload.len()));
    let out = object.key("transactions");
    match transactions {
        Transactions::Hashes(hashes) => json::list(out, hashes, |out, hash| json::data(out, &hash[..])),
        Transactions::Full { hashes, senders } => {
            let place = TransactionPlace {
                block_hash: hash,
                block_number: header.number,
                timestamp: timestamps.then_some(header.timestamp),
                base_fee: header.base_fee_per_gas,
            };
            let known = hashes.iter().zip(senders).zip(0..);
            json::try_list(out, body.transactions().zip(known), |out, (transaction, ((hash, sender), index))| {
                mined_transaction(out, &transaction?, hash, sender, index, &place)
            })?;
        }
    }
    json::try_list(object.key("uncles"), body.ommers, |out, ommer| -> Result<()> {
        json::data(out, &keccak256(ommer?.whole)[..]);
        Ok(())
    })?;
    if let Some(withdrawals) = body.withdrawals {
        self::withdrawals(object.key("withdrawals"), withdrawals)?;
    }
    object.close();
    Ok(())
}

/// An ommer as a block without a body: geth shows it so, with the size of such a block.
pub fn ommer(out: &mut Vec<u8>, header: &Header, record: &[u8]) {
    const EMPTY_LISTS: usize = 2;
    let mut object = Object::open(out);
    header_members(&mut object, header, Some(&keccak256(record)));
    object.quantity("size", block_size(record.len(), EMPTY_LISTS));
    json::list(object.key("uncles"), [(); 0], |_, ()| {});
    object.close();
}

/// Length of a block's RLP.
fn block_size(header_length: usize, body_payload: usize) -> u64 {
    let payload_length = header_length + body_payload;
    (payload_length + alloy_rlp::Header { list: true, payload_length }.length()) as u64
}

pub fn withdrawals(out: &mut Vec<u8>, items: Items<'_>) -> Result<()> {
    json::try_list(out, items, |out, item| withdrawal(out, item?.items()?))
}

/// EIP-4895: [index, validator, address, amount in Gwei].
fn withdrawal(out: &mut Vec<u8>, mut fields: Items<'_>) -> Result<()> {
    let mut object = Object::open(out);
    object.quantity_bytes("index", fields.expect()?.bytes()?);
    object.quantity_bytes("validatorIndex", fields.expect()?.bytes()?);
    object.data("address", fields.expect()?.bytes()?);
    object.quantity_bytes("amount", fields.expect()?.bytes()?);
    object.close();
    Ok(())
}
