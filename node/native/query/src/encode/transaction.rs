//! Transactions as JSON.

use alloy_primitives::{Address, B256};
use alloy_rlp::Result;

use crate::json::{self, Object};
use crate::records::{ACCESS_LIST, BLOB, DYNAMIC_FEE, Items, SET_CODE, Transaction};

/// The block a transaction lies in.
#[derive(Clone, Copy, Debug)]
pub struct TransactionPlace<'a> {
    /// A pending block has none.
    pub block_hash: Option<&'a B256>,
    pub block_number: u64,
    /// `None` in editions that do not tell.
    pub timestamp: Option<u64>,
    pub base_fee: Option<u64>,
}

/// A transaction of a block.
pub fn mined_transaction(
    out: &mut Vec<u8>,
    transaction: &Transaction<'_>,
    hash: &B256,
    sender: &Address,
    index: u64,
    place: &TransactionPlace<'_>,
) -> Result<()> {
    let mut object = Object::open(out);
    match place.block_hash {
        Some(hash) => {
            object.data("blockHash", &hash[..]);
            object.quantity("blockNumber", place.block_number);
            if let Some(timestamp) = place.timestamp {
                object.quantity("blockTimestamp", timestamp);
            }
            object.quantity("transactionIndex", index);
        }
        None => without_place(&mut object, place.timestamp.is_some()),
    }
    let base_fee = place.block_hash.and(place.base_fee);
    fields(object, transaction, hash, sender, base_fee)
}

/// A transaction of the pool.
pub fn pooled_transaction(
    out: &mut Vec<u8>,
    transaction: &Transaction<'_>,
    hash: &B256,
    sender: &Address,
    with_timestamp: bool,
) -> Result<()> {
    let mut object = Object::open(out);
    without_place(&mut object, with_timestamp);
    fields(object, transaction, hash, sender, None)
}

/// [`pooled_transaction`] of EIP-2718 bytes, as JSON of its own.
pub fn pooled_json(raw: &[u8], hash: &B256, sender: &Address) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(800);
    pooled_transaction(&mut out, &Transaction::decode(raw)?, hash, sender, true)?;
    Ok(out)
}

fn without_place(object: &mut Object<'_>, with_timestamp: bool) {
    object.null("blockHash");
    object.null("blockNumber");
    if with_timestamp {
        object.null("blockTimestamp");
    }
    object.null("transactionIndex");
}

fn fields(
    mut object: Object<'_>,
    transaction: &Transaction<'_>,
    hash: &B256,
    sender: &Address,
    base_fee: Option<u64>,
) -> Result<()> {
    object.data("from", &sender[..]);
    object.quantity_bytes("gas", transaction.gas);
    if transaction.kind < DYNAMIC_FEE {
        object.quantity_bytes("gasPrice", transaction.gas_price);
    } else {
        object.quantity_bytes("gasPrice", &transaction.effective_gas_price(base_fee).to_be_bytes());
        object.quantity_bytes("maxFeePerGas", transaction.max_fee);
        object.quantity_bytes("maxPriorityFeePerGas", transaction.max_priority_fee);
    }
    if transaction.kind == BLOB {
        object.quantity_bytes("maxFeePerBlobGas", transaction.max_blob_fee);
    }
    object.data("hash", &hash[..]);
    object.data("input", transaction.input);
    object.quantity_bytes("nonce", transaction.nonce);
    object.data_or_null("to", Some(transaction.to).filter(|to| !to.is_empty()));
    object.quantity_bytes("value", transaction.value);
    object.quantity("type", transaction.kind.into());
    typed_fields(&mut object, transaction)?;
    object.quantity_bytes("v", transaction.v);
    object.quantity_bytes("r", transaction.r);
    object.quantity_bytes("s", transaction.s);
    if transaction.kind >= ACCESS_LIST {
        object.quantity_bytes("yParity", transaction.v);
    }
    object.close();
    Ok(())
}

fn typed_fields(object: &mut Object<'_>, transaction: &Transaction<'_>) -> Result<()> {
    if transaction.kind < ACCESS_LIST {
        if let Some(chain_id) = transaction.legacy_chain_id() {
            object.quantity_256("chainId", &chain_id);
        }
        return Ok(());
    }
    access_list(object.key("accessList"), transaction.access_list)?;
    object.quantity_bytes("chainId", transaction.chain_id);
    if transaction.kind == BLOB && !transaction.blob_hashes.is_empty() {
        hashes(object.key("blobVersionedHashes"), transaction.blob_hashes)?;
    }
    if transaction.kind == SET_CODE && !transaction.authorizations.is_empty() {
        json::try_list(object.key("authorizationList"), transaction.authorizations, |out, item| {
            authorization(out, item?.items()?)
        })?;
    }
    Ok(())
}

fn access_list(out: &mut Vec<u8>, entries: Items<'_>) -> Result<()> {
    json::try_list(out, entries, |out, item| {
        let mut fields = item?.items()?;
        let mut object = Object::open(out);
        object.data("address", fields.expect()?.bytes()?);
        hashes(object.key("storageKeys"), fields.expect()?.items()?)?;
        object.close();
        Ok(())
    })
}

fn hashes(out: &mut Vec<u8>, items: Items<'_>) -> Result<()> {
    json::try_list(out, items, |out, item| {
        json::data(out, item?.bytes()?);
        Ok(())
    })
}

/// An EIP-7702 authorization: [chain id, address, nonce, y parity, r, s].
fn authorization(out: &mut Vec<u8>, mut fields: Items<'_>) -> Result<()> {
    let mut object = Object::open(out);
    object.quantity_bytes("chainId", fields.expect()?.bytes()?);
    object.data("address", fields.expect()?.bytes()?);
    object.quantity_bytes("nonce", fields.expect()?.bytes()?);
    object.quantity_bytes("yParity", fields.expect()?.bytes()?);
    object.quantity_bytes("r", fields.expect()?.bytes()?);
    object.quantity_bytes("s", fields.expect()?.bytes()?);
    object.close();
    Ok(())
}
