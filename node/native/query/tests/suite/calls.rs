//! Methods that run the EVM, on a database, through the same door as the server's.

use crate::support::{CONTRACT, Chain, SENDER, balance_at, raw, slot_at, transactions};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

/// Returns SLOAD(1).
const SLOT_1: &str = "0x60015460005260206000f3";
/// Returns BALANCE(ORIGIN).
const BALANCE_OF_ORIGIN: &str = "0x323160005260206000f3";
/// Returns BLOCKHASH(NUMBER - 1).
const PARENT_HASH: &str = "0x600143034060005260206000f3";

fn quantity(value: u64) -> Value {
    json!(format!("{value:#x}"))
}

fn word(value: u64) -> Value {
    json!(B256::left_padding_from(&value.to_be_bytes()))
}

/// Overrides that put `code` at the contract.
fn code(code: &str) -> Value {
    json!({CONTRACT.to_string(): {"code": code}})
}

fn call_contract(chain: &Chain, at: Value, overrides: Value) -> Result<Value, String> {
    chain.call("eth_call", json!([{"from": SENDER, "to": CONTRACT}, at, overrides]))
}

#[test]
fn a_call_reads_the_state_of_its_block() {
    let chain = Chain::new(6);
    for number in 0..=6 {
        assert_eq!(call_contract(&chain, quantity(number), code(SLOT_1)), Ok(word(slot_at(number))));
        assert_eq!(call_contract(&chain, quantity(number), code(BALANCE_OF_ORIGIN)), Ok(word(balance_at(number))));
    }
}

#[test]
fn a_call_sees_the_hashes_of_earlier_blocks() {
    let chain = Chain::new(3);
    assert_eq!(call_contract(&chain, json!("latest"), code(PARENT_HASH)), Ok(json!(chain.hash(2))));
    assert_eq!(call_contract(&chain, json!("0x1"), code(PARENT_HASH)), Ok(json!(chain.hash(0))));
}

#[test]
fn a_call_without_overrides_runs_the_contract_as_it_is() {
    let chain = Chain::new(2);
    assert_eq!(chain.call("eth_call", json!([{"to": CONTRACT}])), Ok(json!("0x")));
    assert_eq!(chain.call("eth_estimateGas", json!([{"to": CONTRACT}])), Ok(json!("0x52b0")));
}

#[test]
fn block_overrides_reach_the_call() {
    let chain = Chain::new(2);
    // Returns NUMBER.
    let params = json!([{"to": CONTRACT}, "latest", code("0x4360005260206000f3"), {"number": "0x2a"}]);
    assert_eq!(chain.call("eth_call", params), Ok(word(42)));
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let chain = Chain::new(2);
    let call = |params: Value| chain.call("eth_call", params).expect_err("refused");

    assert_eq!(call(json!([])), "-32602: missing value for required argument 0");
    assert!(call(json!([[]])).starts_with("-32602: invalid argument 0: json: cannot unmarshal array"));
    assert!(call(json!([{"gas": "0x01"}])).starts_with("-32602: invalid argument 0: hex number with leading zero"));
    assert_eq!(call(json!([{"to": CONTRACT}, "0x9"])), "-32000: header not found");
    assert_eq!(call(json!([{"chainId": "0x1"}])), "-32000: chainId does not match node's (have=1, want=7)");
    assert!(call(json!([{"to": CONTRACT, "value": "0x1"}])).starts_with("-32000: err: insufficient funds"));
    assert!(call(json!([{}, "latest", {CONTRACT.to_string(): []}])).starts_with("-32602: invalid argument 2"));
}

#[test]
fn a_revert_carries_code_and_data() {
    let chain = Chain::new(2);
    // Reverts with 0xab.
    let overrides = code("0x60ab60005360016000fd");
    let context = chain.context();
    for method in ["eth_call", "eth_estimateGas"] {
        let params = json!([{"to": CONTRACT}, "latest", overrides]).to_string();
        let params = serde_json::value::RawValue::from_string(params).expect("JSON");

        let error = query::call(&context, method, Some(&params)).expect_err("reverts");

        assert_eq!((error.code, error.data.as_deref()), (3, Some("\"0xab\"")), "{method}");
        assert_eq!(error.message, "execution reverted");
    }
}

#[test]
fn an_access_list_is_found() {
    let chain = Chain::new(2);
    let list = chain.call("eth_createAccessList", json!([{"to": CONTRACT}, "latest", code(SLOT_1)])).expect("runs");
    assert_eq!(list["accessList"], json!([{"address": CONTRACT.to_string().to_lowercase(), "storageKeys": [word(1)]}]));
    assert!(list.get("error").is_none());
}

#[test]
fn a_simulated_block_without_calls_keeps_the_state_root_of_any_block() {
    let chain = Chain::new(6);
    for number in 0..=6 {
        let blocks = chain.call("eth_simulateV1", json!([{"blockStateCalls": [{}]}, quantity(number)])).expect("runs");
        assert_eq!(blocks[0]["stateRoot"], json!(chain.headers[number as usize].state_root), "{number}");
        assert_eq!(blocks[0]["parentHash"], json!(chain.hash(number as usize)));
    }
}

#[test]
fn a_simulated_write_that_restores_the_past_restores_its_state_root() {
    let chain = Chain::new(6);
    // From block 6 back to block 5: balances, nonce, and slot 1.
    let slot = word(1);
    let overrides = json!({
        SENDER.to_string(): {"balance": quantity(balance_at(5)), "nonce": quantity(15)},
        CONTRACT.to_string(): {"balance": "0x5", "stateDiff": {slot.as_str().expect("text"): word(slot_at(5))}},
    });
    let request = json!([{"blockStateCalls": [{"stateOverrides": overrides}]}, "latest"]);

    let blocks = chain.call("eth_simulateV1", request).expect("runs");

    assert_eq!(blocks[0]["stateRoot"], json!(chain.headers[5].state_root));
}

#[test]
fn a_traced_call_runs_on_its_block() {
    let chain = Chain::new(3);
    let options = json!({"stateOverrides": code(SLOT_1), "tracer": "prestateTracer"});

    let trace = chain.call("debug_traceCall", json!([{"to": CONTRACT}, "0x2", options])).expect("traced");

    let contract = &trace[CONTRACT.to_string().to_lowercase()];
    assert_eq!(contract["storage"], json!({word(1).as_str().expect("text"): word(slot_at(2))}));
}

#[test]
fn what_cannot_be_traced_is_said() {
    let chain = Chain::new(2);
    let none = B256::with_last_byte(1);

    assert_eq!(chain.call("debug_traceTransaction", json!([none])), Err("-32000: transaction not found".into()));
    assert_eq!(chain.call("debug_traceBlockByNumber", json!(["0x0"])), Err("-32000: genesis is not traceable".into()));
    let unknown = chain.call("debug_traceBlockByHash", json!([none]));
    assert_eq!(unknown, Err(format!("-32000: block {none} not found")));
    assert_eq!(chain.call("debug_traceBlockByNumber", json!(["0x7"])), Err("-32000: block #7 not found".into()));
    assert_eq!(chain.call("trace_transaction", json!([none])), Ok(Value::Null));
    let garbage = chain.call("debug_traceBlock", json!(["0xc0"])).expect_err("no block");
    assert!(garbage.starts_with("-32000: could not decode block"), "{garbage}");
    let unfunded = json!([alloy_primitives::hex::encode_prefixed(raw(&transactions(9)[0])), ["trace"]]);
    assert!(chain.call("trace_rawTransaction", unfunded).is_err());
}

#[test]
fn recorded_calls_follow_each_other() {
    let chain = Chain::new(2);
    let send = json!([{"from": SENDER, "to": Address::repeat_byte(9), "value": "0x5"}, ["trace", "stateDiff"]]);

    let results = chain.call("trace_callMany", json!([[send, send], "latest"])).expect("traced");

    let sender = SENDER.to_string().to_lowercase();
    let balance = |index: usize| results[index]["stateDiff"][&sender]["balance"]["*"].clone();
    assert_eq!(balance(0), json!({"from": quantity(balance_at(2)), "to": quantity(balance_at(2) - 5)}));
    assert_eq!(balance(1), json!({"from": quantity(balance_at(2) - 5), "to": quantity(balance_at(2) - 10)}));
    assert_eq!(results[0]["trace"][0]["action"]["value"], json!("0x5"));
}
