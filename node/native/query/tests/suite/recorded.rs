//! Transactions that really ran: the chain that the execution API's tests record their answers on (CC0), imported.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use alloy_primitives::{B256, Bytes};
use chain::{Chain, genesis::Genesis};
use query::{Context, Settings};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use state::{Database, Options};
use stf::ChainSpec;
use stf::witness::{Witness, execute_witness};

const HEAD: u64 = 20;

struct Recorded {
    database: Database,
    spec: Arc<ChainSpec>,
    folder: PathBuf,
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Recorded {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("query-recorded-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let database = Database::open(&folder, &Options { durable: false, ..Options::default() }).unwrap();
        let genesis = Genesis::from_json(include_bytes!("../data/recorded_genesis.json")).unwrap();
        let mut chain = Chain::open(database.clone(), &genesis).unwrap();
        chain.import(include_bytes!("../data/recorded_chain.rlp")).unwrap();
        chain.settle().unwrap();
        Self { database, spec: Arc::new(genesis.spec().unwrap()), folder }
    }

    fn try_call(&self, method: &str, params: Value) -> Result<Value, String> {
        let settings = Settings { evm_timeout: std::time::Duration::from_secs(60), ..Settings::default() };
        let context = Context::new(self.database.snapshot().unwrap(), self.spec.clone(), Arc::new(settings));
        let params = RawValue::from_string(params.to_string()).unwrap();
        match query::call(&context, method, Some(&params)) {
            Ok(json) => Ok(serde_json::from_slice(&json).unwrap()),
            Err(error) => Err(format!("{}: {error}", error.code)),
        }
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap()
    }

    /// Hashes of all transactions with the numbers of their blocks.
    fn transactions(&self) -> Vec<(u64, Value)> {
        let of_block = |number| {
            let block = self.call("eth_getBlockByNumber", json!([quantity(number), false]));
            let hashes = block["transactions"].as_array().unwrap().clone();
            hashes.into_iter().map(move |hash| (number, hash))
        };
        (1..=HEAD).flat_map(of_block).collect()
    }
}

fn quantity(value: u64) -> Value {
    json!(format!("{value:#x}"))
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn every_transaction_uses_in_its_trace_what_its_receipt_says() {
    let chain = Recorded::new();
    let transactions = chain.transactions();
    assert!(transactions.len() > 40);
    for (_, hash) in transactions {
        let receipt = chain.call("eth_getTransactionReceipt", json!([hash]));
        let used = number(&receipt["gasUsed"]);
        let has_failed = receipt["status"] == "0x0";

        let steps = chain.call("debug_traceTransaction", json!([hash]));
        let calls = chain.call("debug_traceTransaction", json!([hash, {"tracer": "callTracer"}]));

        assert_eq!((&steps["gas"], &steps["failed"]), (&json!(used), &json!(has_failed)), "{hash}");
        assert_eq!((number(&calls["gasUsed"]), calls.get("error").is_some()), (used, has_failed), "{hash}");
        assert_eq!(calls["from"], receipt["from"], "{hash}");
    }
}

#[test]
fn a_block_is_traced_as_its_transactions_are() {
    let chain = Recorded::new();
    for block in 1..=HEAD {
        let options = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
        let whole = chain.call("debug_traceBlockByNumber", json!([quantity(block), options]));
        let raw = chain.call("debug_getRawBlock", json!([quantity(block)]));
        assert_eq!(chain.call("debug_traceBlock", json!([raw, options])), whole);
        for traced in whole.as_array().unwrap() {
            let alone = chain.call("debug_traceTransaction", json!([traced["txHash"], options]));
            assert_eq!(alone, traced["result"]);
        }
    }
}

#[test]
fn logs_of_traced_calls_are_those_of_the_receipts() {
    let chain = Recorded::new();
    let options = json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}});
    let mut seen = 0;
    for (_, hash) in chain.transactions() {
        let receipt = chain.call("eth_getTransactionReceipt", json!([hash]));
        let trace = chain.call("debug_traceTransaction", json!([hash, options]));

        let mut logs = Vec::new();
        collect_logs(&trace, &mut logs);
        logs.sort_by_key(|log| number(&log["index"]));
        let expected = receipt["logs"].as_array().unwrap();
        assert_eq!(logs.len(), expected.len(), "{hash}");
        for (log, expected) in logs.iter().zip(expected) {
            assert_eq!((&log["index"], &log["topics"]), (&expected["logIndex"], &expected["topics"]), "{hash}");
        }
        seen += logs.len();
    }
    assert!(seen > 10);
}

fn collect_logs(frame: &Value, logs: &mut Vec<Value>) {
    logs.extend(frame["logs"].as_array().into_iter().flatten().cloned());
    for call in frame["calls"].as_array().into_iter().flatten() {
        collect_logs(call, logs);
    }
}

#[test]
fn a_call_with_a_transaction_s_fields_does_what_the_transaction_did() {
    let chain = Recorded::new();
    for (block, hash) in chain.transactions() {
        let transaction = chain.call("eth_getTransactionByHash", json!([hash]));
        if transaction["transactionIndex"] != "0x0" || transaction["type"] != "0x2" {
            continue;
        }
        let call = json!({
            "from": transaction["from"], "to": transaction["to"], "gas": transaction["gas"],
            "value": transaction["value"], "input": transaction["input"], "accessList": transaction["accessList"],
            "maxFeePerGas": transaction["maxFeePerGas"], "maxPriorityFeePerGas": transaction["maxPriorityFeePerGas"],
        });
        let inside = json!({"tracer": "callTracer", "txIndex": "0x0"});

        let traced = chain.try_call("debug_traceCall", json!([call, quantity(block), inside]));
        let mined = chain.call("debug_traceTransaction", json!([hash, {"tracer": "callTracer"}]));

        let traced = traced.unwrap_or_else(|error| panic!("{hash}: {error}"));
        assert_eq!((&traced["gasUsed"], &traced["output"]), (&mined["gasUsed"], &mined["output"]), "{hash}");
    }
}

#[test]
fn an_estimate_is_enough_for_what_went_well() {
    let chain = Recorded::new();
    for (block, hash) in chain.transactions() {
        let transaction = chain.call("eth_getTransactionByHash", json!([hash]));
        let receipt = chain.call("eth_getTransactionReceipt", json!([hash]));
        if receipt["status"] == "0x0" || transaction["transactionIndex"] != "0x0" {
            continue;
        }
        let call = json!({
            "from": transaction["from"], "to": transaction["to"],
            "value": transaction["value"], "input": transaction["input"],
        });

        let estimate = chain.call("eth_estimateGas", json!([call, quantity(block - 1)]));

        let mut capped = call.clone();
        capped["gas"] = estimate;
        assert!(chain.try_call("eth_call", json!([capped, quantity(block - 1)])).is_ok(), "{hash}");
    }
}

#[test]
fn parity_s_traces_tell_the_same_calls() {
    let chain = Recorded::new();
    for block in 1..=HEAD {
        let traces = chain.call("trace_block", json!([quantity(block)]));
        let replayed = chain.call("trace_replayBlockTransactions", json!([quantity(block), ["trace"]]));
        let traces = traces.as_array().unwrap();
        let counts = replayed.as_array().unwrap().iter().map(|result| result["trace"].as_array().unwrap().len());
        assert_eq!(counts.sum::<usize>(), traces.len());
        for trace in traces {
            let hash = &trace["transactionHash"];
            let alone = chain.call("trace_transaction", json!([hash]));
            assert!(alone.as_array().unwrap().contains(trace), "{hash}");
        }
    }
    let from = chain.call("trace_transaction", json!([chain.transactions()[0].1]))[0]["action"]["from"].clone();
    let wanted = json!([{"fromBlock": "0x1", "toBlock": "0x14", "fromAddress": [from]}]);
    let found = chain.call("trace_filter", wanted);
    assert!(found.as_array().unwrap().iter().all(|trace| trace["action"]["from"] == from));
    assert!(!found.as_array().unwrap().is_empty());
}

#[test]
fn every_block_is_executed_again_from_its_witness() {
    let chain = Recorded::new();
    for block in 1..=HEAD {
        let witness = chain.call("debug_executionWitness", json!([quantity(block)]));
        let raw = chain.call("debug_getRawBlock", json!([quantity(block)]));
        let header = chain.call("eth_getBlockByNumber", json!([quantity(block), false]));
        let list = |name: &str| serde_json::from_value::<Vec<Bytes>>(witness[name].clone()).unwrap();
        let witness =
            Witness { state: list("state"), codes: list("codes"), keys: list("keys"), headers: list("headers") };

        let raw: Bytes = serde_json::from_value(raw).unwrap();
        let outcome = execute_witness(&chain.spec, &raw, &witness).unwrap();

        assert_eq!(json!(outcome.state_root), header["stateRoot"]);
        let mut poorer = witness.clone();
        poorer.state.pop();
        assert!(execute_witness(&chain.spec, &raw, &poorer).is_err(), "block {block}: a node too many");
    }
}

#[test]
fn slots_of_an_account_come_in_pages() {
    let chain = Recorded::new();
    // The history contract: one slot a block (EIP-2935).
    let history = "0x0000f90827f1c53a10cb7a02335b175320002935";
    let block = json!(chain.call("eth_getBlockByNumber", json!(["0xa", false]))["hash"]);
    let page = |start: &Value| chain.call("debug_storageRangeAt", json!([block, 0, history, start, 4]));

    let (mut slots, mut start, mut pages) = (serde_json::Map::new(), json!("0x"), 0);
    while !start.is_null() {
        let page = page(&start);
        slots.extend(page["storage"].as_object().unwrap().clone());
        start = page["nextKey"].clone();
        pages += 1;
    }

    assert_eq!((slots.len(), pages), (10, 3));
    let tenth = alloy_primitives::keccak256(B256::left_padding_from(&[9])).to_string();
    assert_eq!(slots[&tenth]["value"], chain.call("eth_getBlockByNumber", json!(["0x9", false]))["hash"]);
}

#[test]
fn otterscan_is_told_about_transactions() {
    let chain = Recorded::new();
    let (mut created, mut failed) = (0, 0);
    for (_, hash) in chain.transactions() {
        let transaction = chain.call("eth_getTransactionByHash", json!([hash]));
        let receipt = chain.call("eth_getTransactionReceipt", json!([hash]));

        let nonce = number(&transaction["nonce"]);
        let found = chain.call("ots_getTransactionBySenderAndNonce", json!([transaction["from"], nonce]));
        assert_eq!(found, hash);
        let calls = chain.call("ots_traceTransaction", json!([hash]));
        assert_eq!((&calls[0]["from"], &calls[0]["depth"]), (&transaction["from"], &json!(0)));
        if receipt["status"] == "0x0" {
            failed += 1;
            assert_eq!(chain.call("ots_getInternalOperations", json!([hash])), json!([]));
        } else {
            assert_eq!(chain.call("ots_getTransactionError", json!([hash])), json!("0x"));
        }
        let contract = &receipt["contractAddress"];
        if !contract.is_null() && chain.call("ots_hasCode", json!([contract, "latest"])) == json!(true) {
            let creator = chain.call("ots_getContractCreator", json!([contract]));
            assert_eq!(creator, json!({"hash": hash, "creator": transaction["from"]}));
            created += 1;
        }
    }
    assert!(created > 0, "{created} created, {failed} failed");
    assert_eq!(chain.call("ots_getContractCreator", json!([format!("0x{}", "11".repeat(20))])), Value::Null);
}

#[test]
fn otterscan_gets_blocks_in_pages() {
    let chain = Recorded::new();
    for block in 1..=HEAD {
        let whole = chain.call("eth_getBlockByNumber", json!([quantity(block), true]));
        let count = whole["transactions"].as_array().unwrap().len();

        let details = chain.call("ots_getBlockDetails", json!([quantity(block)]));
        assert_eq!((&details["block"]["hash"], &details["block"]["transactionCount"]), (&whole["hash"], &json!(count)));
        assert!(details["block"].get("transactions").is_none());
        assert_eq!(chain.call("ots_getBlockDetailsByHash", json!([whole["hash"]])), details);

        let mut hashes = Vec::new();
        for page in 0..=count / 2 {
            let page = chain.call("ots_getBlockTransactions", json!([quantity(block), page, 2]));
            let transactions = page["fullblock"]["transactions"].as_array().unwrap();
            assert_eq!(transactions.len(), page["receipts"].as_array().unwrap().len());
            assert!(transactions.iter().all(|transaction| transaction["input"].as_str().unwrap().len() <= 10));
            hashes.extend(transactions.iter().map(|transaction| transaction["hash"].clone()));
        }
        let expected = whole["transactions"].as_array().unwrap();
        assert_eq!(hashes, expected.iter().map(|transaction| transaction["hash"].clone()).collect::<Vec<_>>());
    }
}
