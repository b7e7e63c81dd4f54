//! The chain that a development chain forks, over its node's JSON-RPC: the state after one block, block hashes, and
//! requests about what is older than the fork.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{BlockBody, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256};
use chain::born::FirstBlock;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use state::{Origin, OriginAccount};

/// Takes a request to the node and brings its answer: bodies of HTTP. Errors are words for people.
pub trait Transport: Send + Sync {
    fn send(&self, body: &[u8]) -> Result<Vec<u8>, String>;
}

/// The other chain at a block. What was asked once is kept: it does not change.
pub struct Remote {
    transport: Box<dyn Transport>,
    block: u64,
    accounts: Kept<Address, Option<OriginAccount>>,
    slots: Kept<(Address, U256), U256>,
    codes: Kept<B256, Bytes>,
    hashes: Kept<u64, B256>,
}

/// Answers by question. Two who ask the same at once both ask the node.
struct Kept<K, V>(Mutex<HashMap<K, V>>);

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn get(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: K, value: V) -> V {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value.clone());
        value
    }
}

impl Remote {
    /// The chain after `block`.
    pub fn new(transport: Box<dyn Transport>, block: u64) -> Self {
        let (accounts, slots, codes, hashes) = (Kept::new(), Kept::new(), Kept::new(), Kept::new());
        Self { transport, block, accounts, slots, codes, hashes }
    }

    /// The block that is forked.
    pub fn block(&self) -> u64 {
        self.block
    }

    /// A whole request, as it came, answered by the node.
    pub fn forward(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        self.transport.send(request)
    }

    /// `eth_getLogs` by this filter, over these blocks instead of its own.
    pub fn logs(&self, filter: &str, from: u64, to: u64) -> Result<Vec<Value>, String> {
        let mut filter: Value = serde_json::from_str(filter).map_err(|error| error.to_string())?;
        filter["fromBlock"] = json!(format!("{from:#x}"));
        filter["toBlock"] = json!(format!("{to:#x}"));
        match self.ask(&[("eth_getLogs", json!([filter]))])?.pop() {
            Some(Value::Array(logs)) => Ok(logs),
            other => Err(format!("eth_getLogs: its node answers {}", other.unwrap_or_default())),
        }
    }

    /// Calls answered in one round trip, in order.
    fn ask(&self, calls: &[(&str, Value)]) -> Result<Vec<Value>, String> {
        let requests: Vec<_> = (0..)
            .zip(calls)
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let body = serde_json::to_vec(&requests).map_err(|error| error.to_string())?;
        let answer: Value = read(&self.transport.send(&body)?)?;
        // A node that refuses the whole batch answers with one object.
        let answers = answer.as_array().map_or(std::slice::from_ref(&answer), Vec::as_slice);
        (0..)
            .zip(calls)
            .map(|(id, (method, _))| {
                let answer = answers.iter().find(|answer| answer["id"] == json!(id));
                let answer = answer.or(answers.first()).unwrap_or(&Value::Null);
                match answer.get("result") {
                    Some(result) if answer["id"] == json!(id) => Ok(result.clone()),
                    _ => Err(format!("{method}: its node answers {}", answer.get("error").unwrap_or(answer))),
                }
            })
            .collect()
    }

    fn place(&self) -> Value {
        json!(format!("{:#x}", self.block))
    }
}

impl Origin for Remote {
    fn account(&self, address: &Address) -> Result<Option<OriginAccount>, String> {
        if let Some(known) = self.accounts.get(address) {
            return Ok(known);
        }
        let place = json!([address, self.place()]);
        let methods = ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"];
        let answers = self.ask(&methods.map(|method| (method, place.clone())))?;
        let code: Bytes = field(&answers[2])?;
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        if !code.is_empty() {
            self.codes.put(code_hash, code);
        }
        let nonce: U64 = field(&answers[1])?;
        let account = OriginAccount { nonce: nonce.to(), balance: field(&answers[0])?, code_hash };
        Ok(self.accounts.put(*address, (!account.is_empty()).then_some(account)))
    }

    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, String> {
        let key = (*address, *slot);
        if let Some(known) = self.slots.get(&key) {
            return Ok(known);
        }
        let call = ("eth_getStorageAt", json!([address, format!("{slot:#x}"), self.place()]));
        let word: Bytes = field(&self.ask(&[call])?[0])?;
        let value = U256::try_from_be_slice(&word).ok_or("eth_getStorageAt: its node answers more than 32 bytes")?;
        Ok(self.slots.put(key, value))
    }

    fn code(&self, hash: &B256) -> Option<Bytes> {
        self.codes.get(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, String> {
        if let Some(known) = self.hashes.get(&number) {
            return Ok(known);
        }
        let block = self.ask(&[("eth_getBlockByNumber", json!([format!("{number:#x}"), false]))])?;
        Ok(self.hashes.put(number, field(&block[0]["hash"])?))
    }
}

/// The block that is forked, of the results of `eth_getBlockBy…` with whole transactions and `eth_getBlockReceipts` (or
/// null). Where they do not fit together or hold transactions that are not Ethereum's it comes without any.
/// Errors: the header does not hash to what the node says.
pub fn read_block(block: &[u8], receipts: &[u8]) -> Result<FirstBlock, String> {
    let value: Value = read(block)?;
    let header: alloy_rpc_types_eth::Header = field(&value)?;
    let (said, header) = (header.hash, header.inner);
    if header.hash_slow() != said {
        return Err(format!("block {} does not hash to {said}: its header is not Ethereum's", header.number));
    }
    let sent = value["transactions"].as_array().map_or(&[][..], Vec::as_slice);
    let sent: Vec<_> = sent.iter().filter_map(transaction).collect();
    let receipts: Vec<_> = read::<Value>(receipts)?.as_array().into_iter().flatten().filter_map(receipt).collect();
    let (mut transactions, mut senders): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    let whole = calculate_transaction_root(&transactions) == header.transactions_root
        && calculate_receipt_root(&receipts) == header.receipts_root;
    let receipts = if whole { receipts } else { Vec::new() };
    if !whole {
        (transactions, senders) = Default::default();
    }
    let withdrawals = value.get("withdrawals").filter(|list| !list.is_null()).map(field).transpose()?;
    let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
    Ok(FirstBlock { block: stf::Block { header, body }, senders, receipts })
}

fn transaction(json: &Value) -> Option<(stf::Transaction, Address)> {
    let sent: alloy_rpc_types_eth::Transaction<TxEnvelope> = field(json).ok()?;
    let transaction = stf::Transaction::decode_2718(&mut sent.inner.inner().encoded_2718().as_slice()).ok()?;
    Some((transaction, sent.inner.signer()))
}

fn receipt(json: &Value) -> Option<stf::Receipt> {
    let receipt: alloy_rpc_types_eth::TransactionReceipt = field(json).ok()?;
    let (kind, inner) = (u8::from(receipt.inner.tx_type()), receipt.inner.as_receipt()?);
    let logs = inner.logs.iter().map(|log| log.inner.clone()).collect();
    Some(stf::Receipt::new(kind, inner.status, inner.cumulative_gas_used, logs))
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("its node does not answer in JSON: {error}"))
}

fn field<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("its node answers {value}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Answers each call of a batch with what stands for its method; counts the batches.
    struct Scripted(Vec<(&'static str, Value)>, AtomicU32);

    impl Transport for &'static Scripted {
        fn send(&self, body: &[u8]) -> Result<Vec<u8>, String> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let calls: Vec<Value> = serde_json::from_slice(body).unwrap();
            let answer = |call: &Value| {
                let found = self.0.iter().find(|(method, _)| call["method"] == *method);
                found.map_or_else(
                    || json!({"id": call["id"], "error": {"code": -32601, "message": "no such method"}}),
                    |(_, result)| json!({"id": call["id"], "result": result}),
                )
            };
            // Out of order, as a node may.
            Ok(serde_json::to_vec(&calls.iter().rev().map(answer).collect::<Vec<_>>()).unwrap())
        }
    }

    fn remote(script: Vec<(&'static str, Value)>) -> (Remote, &'static Scripted) {
        let scripted: &Scripted = Box::leak(Box::new(Scripted(script, AtomicU32::new(0))));
        (Remote::new(Box::new(scripted), 16), scripted)
    }

    #[test]
    fn an_account_is_asked_for_once_with_its_code() {
        let script = vec![
            ("eth_getBalance", json!("0x5")),
            ("eth_getTransactionCount", json!("0x2")),
            ("eth_getCode", json!("0x6001")),
        ];
        let (remote, scripted) = remote(script);

        let account = remote.account(&Address::ZERO).unwrap().unwrap();

        assert_eq!((account.nonce, account.balance), (2, U256::from(5)));
        assert_eq!(remote.code(&account.code_hash), Some(Bytes::from_static(&[0x60, 0x01])));
        assert_eq!(remote.account(&Address::ZERO).unwrap(), Some(account));
        assert_eq!(scripted.1.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_empty_account_is_none_and_a_refusal_an_error() {
        let script = vec![
            ("eth_getBalance", json!("0x0")),
            ("eth_getTransactionCount", json!("0x0")),
            ("eth_getCode", json!("0x")),
        ];
        let (remote, _) = remote(script);

        assert_eq!(remote.account(&Address::ZERO), Ok(None));
        let error = remote.slot(&Address::ZERO, &U256::ZERO).unwrap_err();
        assert!(error.starts_with("eth_getStorageAt: its node answers") && error.contains("no such method"), "{error}");
    }

    #[test]
    fn a_block_whose_header_does_not_hash_to_its_name_is_refused() {
        let header = stf::Header { number: 3, ..Default::default() };
        let mut block = serde_json::to_value(alloy_rpc_types_eth::Header::new(header.clone())).unwrap();
        block["transactions"] = json!([]);

        let first = read_block(block.to_string().as_bytes(), b"null").unwrap();
        block["gasUsed"] = json!("0x1");
        let error = read_block(block.to_string().as_bytes(), b"null").unwrap_err();

        assert_eq!(first.block.header, header);
        assert!(error.contains("does not hash"), "{error}");
    }
}
