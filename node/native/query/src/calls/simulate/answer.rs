//! The JSON of simulated blocks.

use super::super::fields::{Quantity64, Quantity256};
use super::logs::NumberedLog;
use super::transaction::{FullTransaction, Place, Unsigned};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes};
use alloy_rlp::{Encodable, length_of_length};
use serde::Serialize;
use stf::Header;

/// A block that is finished.
pub struct Sealed<'a> {
    pub header: &'a Header,
    pub hash: B256,
    pub withdrawals: Option<Withdrawals>,
    pub transactions: Vec<Unsigned>,
}

/// What a call gave.
pub struct CallAnswer {
    pub return_data: Bytes,
    pub logs: Vec<NumberedLog>,
    pub gas_used: u64,
    /// The gas before refunds.
    pub max_used_gas: u64,
    pub error: Option<CallFailure>,
}

#[derive(Serialize)]
pub struct CallFailure {
    pub message: String,
    pub code: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockAnswer {
    number: Quantity64,
    hash: B256,
    parent_hash: B256,
    nonce: B64,
    mix_hash: B256,
    sha3_uncles: B256,
    logs_bloom: Bloom,
    state_root: B256,
    miner: Address,
    difficulty: Quantity256,
    extra_data: Bytes,
    gas_limit: Quantity64,
    gas_used: Quantity64,
    timestamp: Quantity64,
    transactions_root: B256,
    receipts_root: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<Quantity64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quantity64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<Quantity64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_beacon_block_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_hash: Option<B256>,
    size: Quantity64,
    transactions: Transactions,
    uncles: [B256; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<Withdrawals>,
    calls: Vec<CallResult>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Transactions {
    Hashes(Vec<B256>),
    Full(Vec<FullTransaction>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult {
    return_data: Bytes,
    logs: Vec<LogAnswer>,
    gas_used: Quantity64,
    max_used_gas: Quantity64,
    status: Quantity64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogAnswer {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: Quantity64,
    transaction_hash: B256,
    transaction_index: Quantity64,
    block_hash: B256,
    block_timestamp: Quantity64,
    log_index: Quantity64,
    removed: bool,
}

impl BlockAnswer {
    pub fn new(block: Sealed<'_>, calls: Vec<CallAnswer>, full: bool) -> Self {
        let size = block.size();
        let Sealed { header, hash, withdrawals, transactions } = block;
        let place = Place {
            block_hash: hash,
            number: header.number,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas,
        };
        let calls = calls
            .into_iter()
            .zip(&transactions)
            .enumerate()
            .map(|(index, (call, transaction))| call.render(index, transaction.hash, place))
            .collect();
        Self {
            number: Quantity64(header.number),
            hash,
            parent_hash: header.parent_hash,
            nonce: header.nonce,
            mix_hash: header.mix_hash,
            sha3_uncles: header.ommers_hash,
            logs_bloom: header.logs_bloom,
            state_root: header.state_root,
            miner: header.beneficiary,
            difficulty: Quantity256(header.difficulty),
            extra_data: header.extra_data.clone(),
            gas_limit: Quantity64(header.gas_limit),
            gas_used: Quantity64(header.gas_used),
            timestamp: Quantity64(header.timestamp),
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            base_fee_per_gas: header.base_fee_per_gas.map(Quantity64),
            withdrawals_root: header.withdrawals_root,
            blob_gas_used: header.blob_gas_used.map(Quantity64),
            excess_blob_gas: header.excess_blob_gas.map(Quantity64),
            parent_beacon_block_root: header.parent_beacon_block_root,
            requests_hash: header.requests_hash,
            size: Quantity64(size as u64),
            transactions: render_transactions(&transactions, place, full),
            uncles: [],
            withdrawals,
            calls,
        }
    }
}

fn render_transactions(transactions: &[Unsigned], place: Place, full: bool) -> Transactions {
    if full {
        let full = transactions.iter().enumerate().map(|(index, transaction)| transaction.full(index, place));
        Transactions::Full(full.collect())
    } else {
        Transactions::Hashes(transactions.iter().map(|transaction| transaction.hash).collect())
    }
}

impl Sealed<'_> {
    /// Length of the block's RLP: header, transactions, no uncles, withdrawals.
    fn size(&self) -> usize {
        let transactions: usize = self.transactions.iter().map(Unsigned::length_in_block).sum();
        let withdrawals = self.withdrawals.as_ref().map_or(0, Encodable::length);
        let payload = self.header.length() + in_list(transactions) + in_list(0) + withdrawals;
        in_list(payload)
    }
}

fn in_list(payload: usize) -> usize {
    payload + length_of_length(payload)
}

impl CallAnswer {
    fn render(self, index: usize, transaction_hash: B256, place: Place) -> CallResult {
        let log = |numbered: NumberedLog| {
            let (topics, data) = numbered.log.data.split();
            LogAnswer {
                address: numbered.log.address,
                topics,
                data,
                block_number: Quantity64(place.number),
                transaction_hash,
                transaction_index: Quantity64(index as u64),
                block_hash: place.block_hash,
                block_timestamp: Quantity64(place.timestamp),
                log_index: Quantity64(numbered.index),
                removed: false,
            }
        };
        CallResult {
            return_data: self.return_data,
            logs: self.logs.into_iter().map(log).collect(),
            gas_used: Quantity64(self.gas_used),
            max_used_gas: Quantity64(self.max_used_gas),
            status: Quantity64(u64::from(self.error.is_none())),
            error: self.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_block_has_the_size_of_its_rlp() {
        let header = Header { withdrawals_root: Some(B256::ZERO), base_fee_per_gas: Some(0), ..Header::default() };
        let sealed = Sealed {
            header: &header,
            hash: B256::ZERO,
            withdrawals: Some(Withdrawals::default()),
            transactions: vec![],
        };
        let block: stf::Block = alloy_consensus::Block {
            header: header.clone(),
            body: alloy_consensus::BlockBody { withdrawals: Some(Withdrawals::default()), ..Default::default() },
        };

        assert_eq!(sealed.size(), alloy_rlp::encode(&block).len());
    }
}
