//! Answers that depend on the writer's memory: the pending block on top of the head, and the pool.

use std::sync::Arc;

use crate::support::{CONTRACT, Chain, SENDER, balance_at, raw, transactions};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use query::{Pending, PendingBlock};
use serde_json::{Value, json};
use state::FlatAccount;
use stf::Header;

const RICH: u64 = 77;
const NEXT_NONCE: u64 = 40;

/// A pending block with the transactions that a fourth block would have, and a pool with those of a fifth.
struct Memory {
    block: Arc<PendingBlock>,
}

impl Memory {
    fn new(chain: &Chain) -> Self {
        let next = Chain::new(4);
        let context = next.context();
        let (number, hash) = (4, next.hash(4));
        let header = Header { parent_hash: chain.hash(3), ..next.headers[4].clone() };
        let block = PendingBlock {
            header,
            body: context.body_rlp(number, &hash).unwrap().into_owned().into(),
            senders: context.senders(number, &hash).unwrap(),
            transaction_hashes: context.transaction_hashes(number, &hash).unwrap(),
            receipts: context.receipts_rlp(number, &hash).unwrap().into_owned().into(),
        };
        Self { block: Arc::new(block) }
    }
}

impl Pending for Memory {
    fn block(&self) -> Option<Arc<PendingBlock>> {
        Some(Arc::clone(&self.block))
    }

    fn account(&self, hashed: &B256) -> Option<Option<FlatAccount>> {
        (*hashed == keccak256(SENDER))
            .then(|| Some(FlatAccount { balance: U256::from(RICH), ..FlatAccount::empty(SENDER) }))
    }

    fn storage(&self, hashed: &B256, slot: &B256) -> Option<U256> {
        (*hashed == keccak256(CONTRACT) && *slot == crate::support::slot_key(1)).then(|| U256::from(RICH))
    }

    fn code(&self, _: &B256) -> Option<Bytes> {
        None
    }

    fn nonce(&self, address: &Address) -> Option<u64> {
        (*address == SENDER).then_some(NEXT_NONCE)
    }

    fn transaction(&self, hash: &B256) -> Option<(Bytes, Address)> {
        let pooled = transactions(5).into_iter().find(|transaction| transaction.hash() == hash)?;
        Some((raw(&pooled).into(), SENDER))
    }
}

/// A chain of three blocks, asked through its writer.
fn writer() -> Chain {
    let mut chain = Chain::new(3);
    chain.pending = Some(Arc::new(Memory::new(&chain)));
    chain
}

#[test]
fn the_pending_block_has_no_hash_yet() {
    let writer = writer();

    let block = writer.call("eth_getBlockByNumber", json!(["pending", true])).unwrap();
    let hashes = writer.call("eth_getBlockByNumber", json!(["pending", false])).unwrap();
    let header = writer.call("eth_getHeaderByNumber", json!(["pending"])).unwrap();

    assert_eq!((block["number"].clone(), block["parentHash"].clone()), (json!("0x4"), json!(writer.hash(3))));
    for (shown, field) in [(&block, "hash"), (&block, "nonce"), (&block, "miner"), (&header, "hash")] {
        assert_eq!(shown[field], Value::Null);
    }
    let transaction = &block["transactions"][1];
    assert_eq!((transaction["blockHash"].clone(), transaction["from"].clone()), (Value::Null, json!(SENDER)));
    // Nobody knows yet what it will pay: the most it may.
    assert_eq!(transaction["gasPrice"], transaction["maxFeePerGas"]);
    assert_eq!(hashes["transactions"][1], transaction["hash"]);
    assert_eq!(writer.call("eth_getBlockTransactionCountByNumber", json!(["pending"])), Ok(json!("0x3")));
    let by_place = writer.call("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x1"]));
    assert_eq!(by_place.as_ref(), Ok(transaction));
    assert_eq!(writer.call("eth_getBlockReceipts", json!(["pending"])).unwrap().as_array().unwrap().len(), 3);
}

#[test]
fn the_pending_state_is_the_head_s_where_the_block_touches_nothing() {
    let writer = writer();
    let balance = |address: Address, block: &str| writer.call("eth_getBalance", json!([address, block])).unwrap();

    assert_eq!(balance(SENDER, "pending"), json!(format!("{RICH:#x}")));
    assert_eq!(balance(SENDER, "latest"), json!(format!("{:#x}", balance_at(3))));
    assert_eq!(balance(CONTRACT, "pending"), json!("0x3"));
    let slot = |slot: &str| writer.call("eth_getStorageAt", json!([CONTRACT, slot, "pending"])).unwrap();
    assert_eq!(slot("0x1"), json!(B256::left_padding_from(&RICH.to_be_bytes())));
    assert_eq!(slot("0x5"), json!(B256::left_padding_from(&[5])));
    assert_eq!(
        writer.call("eth_getTransactionCount", json!([SENDER, "pending"])),
        Ok(json!(format!("{NEXT_NONCE:#x}")))
    );
    assert_eq!(writer.call("eth_getTransactionCount", json!([SENDER, "latest"])), Ok(json!("0x9")));
    assert!(writer.call("eth_getProof", json!([SENDER, [], "pending"])).unwrap_err().contains("pending"));
}

#[test]
fn the_pool_is_asked_for_transactions_that_are_in_no_block() {
    let writer = writer();
    let pooled = &transactions(5)[1];

    let shown = writer.call("eth_getTransactionByHash", json!([pooled.hash()])).unwrap();

    assert_eq!((shown["hash"].clone(), shown["from"].clone()), (json!(pooled.hash()), json!(SENDER)));
    for field in ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"] {
        assert_eq!(shown.get(field), Some(&Value::Null));
    }
    let signed = writer.call("eth_getRawTransactionByHash", json!([pooled.hash()]));
    assert_eq!(signed, Ok(json!(hex::encode_prefixed(raw(pooled)))));
    assert_eq!(writer.call("eth_getTransactionByHash", json!([B256::ZERO])), Ok(Value::Null));
    assert_eq!(writer.call("eth_getTransactionReceipt", json!([pooled.hash()])), Ok(Value::Null));
}

#[test]
fn the_fee_history_may_end_with_the_pending_block() {
    let writer = writer();

    let history = writer.call("eth_feeHistory", json!(["0x2", "pending", [0]])).unwrap();
    let alone = writer.call("eth_feeHistory", json!(["0x1", "pending", []])).unwrap();

    assert_eq!((history["oldestBlock"].clone(), history["reward"].clone()), (json!("0x3"), json!([["0xd"], ["0xe"]])));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!((alone["oldestBlock"].clone(), alone["gasUsedRatio"].clone()), (json!("0x4"), json!([0.0021])));
}
