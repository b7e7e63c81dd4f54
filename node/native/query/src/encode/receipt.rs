//! Receipts and logs as JSON.

use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Result;
use stf::spec::GAS_PER_BLOB;

use crate::json::{self, Object};
use crate::records::{BLOB, Log, Outcome, PRIVILEGED, Receipt, Transaction};

/// The block a receipt lies in.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptPlace<'a> {
    pub block_hash: &'a B256,
    pub block_number: u64,
    /// `None` in editions whose logs do not tell.
    pub timestamp: Option<u64>,
    pub base_fee: Option<u64>,
    pub blob_gas_price: u128,
    /// Wei per gas; there on a rollup, whose receipts tell the parts of the fee.
    pub operator_fee: Option<u64>,
}

/// What came before a receipt in its block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    pub index: u64,
    pub gas_used: u64,
    pub logs: u64,
}

impl Before {
    /// Step over a receipt.
    pub fn pass(&mut self, receipt: &Receipt<'_>) {
        self.index += 1;
        self.gas_used = receipt.cumulative_gas_used;
        self.logs += receipt.log_count() as u64;
    }
}

/// The transaction a log belongs to.
#[derive(Clone, Copy, Debug)]
pub struct LogPlace<'a> {
    pub block_hash: &'a B256,
    pub block_number: u64,
    pub timestamp: Option<u64>,
    pub transaction_hash: &'a B256,
    pub transaction_index: u64,
}

pub fn receipt(
    out: &mut Vec<u8>,
    receipt: &Receipt<'_>,
    transaction: &Transaction<'_>,
    hash: &B256,
    sender: &Address,
    before: &Before,
    place: &ReceiptPlace<'_>,
) -> Result<()> {
    let mut object = Object::open(out);
    if transaction.kind == BLOB {
        object.quantity_bytes("blobGasPrice", &place.blob_gas_price.to_be_bytes());
        object.quantity("blobGasUsed", transaction.blob_count() * GAS_PER_BLOB);
    }
    object.data("blockHash", &place.block_hash[..]);
    object.quantity("blockNumber", place.block_number);
    let created = transaction.created(sender);
    object.data_or_null("contractAddress", created.as_ref().map(|address| &address[..]));
    object.quantity("cumulativeGasUsed", receipt.cumulative_gas_used);
    let (price, gas_used) =
        (transaction.effective_gas_price(place.base_fee), receipt.cumulative_gas_used - before.gas_used);
    object.quantity_bytes("effectiveGasPrice", &price.to_be_bytes());
    object.data("from", &sender[..]);
    object.quantity("gasUsed", gas_used);
    if let Some(operator_fee) = place.operator_fee {
        rollup_fees(&mut object, transaction, receipt, price, gas_used, operator_fee);
    }
    let log_place = LogPlace {
        block_hash: place.block_hash,
        block_number: place.block_number,
        timestamp: place.timestamp,
        transaction_hash: hash,
        transaction_index: before.index,
    };
    json::try_list(object.key("logs"), receipt.logs().zip(before.logs..), |out, (item, index)| {
        log(out, &item?, index, &log_place)
    })?;
    object.data("logsBloom", &receipt.bloom()?[..]);
    match receipt.outcome {
        Outcome::Root(root) => object.data("root", root),
        Outcome::Status(status) => object.quantity("status", status.into()),
    }
    object.data_or_null("to", Some(transaction.to).filter(|to| !to.is_empty()));
    object.data("transactionHash", &hash[..]);
    object.quantity("transactionIndex", before.index);
    object.quantity("type", transaction.kind.into());
    object.close();
    Ok(())
}

/// The parts of a rollup's fee: what data on L1 cost, and the operator's.
fn rollup_fees(
    object: &mut Object<'_>,
    transaction: &Transaction<'_>,
    receipt: &Receipt<'_>,
    price: u128,
    gas_used: u64,
    operator_fee: u64,
) {
    let paying = if transaction.kind == PRIVILEGED { 0 } else { gas_used - receipt.data_gas };
    object.quantity("dataGasUsed", receipt.data_gas);
    object.quantity_256("dataFee", &(U256::from(receipt.data_gas) * U256::from(price)));
    object.quantity_256("operatorFee", &(U256::from(paying) * U256::from(operator_fee)));
}

/// A log; `index` counts within the block.
pub fn log(out: &mut Vec<u8>, log: &Log<'_>, index: u64, place: &LogPlace<'_>) -> Result<()> {
    let mut object = Object::open(out);
    object.data("address", log.address);
    json::try_list(object.key("topics"), log.topics, |out, topic| -> Result<()> {
        json::data(out, topic?.bytes()?);
        Ok(())
    })?;
    object.data("data", log.data);
    object.quantity("blockNumber", place.block_number);
    object.data("transactionHash", &place.transaction_hash[..]);
    object.quantity("transactionIndex", place.transaction_index);
    object.data("blockHash", &place.block_hash[..]);
    if let Some(timestamp) = place.timestamp {
        object.quantity("blockTimestamp", timestamp);
    }
    object.quantity("logIndex", index);
    object.boolean("removed", false);
    object.close();
    Ok(())
}
