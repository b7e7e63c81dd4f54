//! `eth_simulateV1`: calls packed into blocks on top of a state, each block with overrides of its own.
//!
//! The answer holds whole blocks with linked hashes and state roots, so everything that decides a block's hash is done
//! as on the chain: system calls, receipts, requests, withdrawals. [`plan`] orders the blocks and fills gaps in their
//! numbers, [`block`] runs one, [`transaction`] gives a call the shape of an unsigned transaction, [`logs`] collects
//! logs and transfers, [`answer`] is the JSON.

mod answer;
mod block;
mod changes;
mod logs;
mod plan;
mod transaction;

pub use answer::BlockAnswer;
pub use plan::BlockCalls;

use super::error::{CallError, SourceError};
use super::fields::Object;
use super::layer::Layer;
use alloy_primitives::B256;
use revm::DatabaseRef;
use serde::Deserialize;
use stf::{ChainSpec, Header, StateChanges};

/// Blocks of one request, gaps included.
const MAX_BLOCKS: usize = 256;
const MAX_CALLS_PER_BLOCK: usize = 5_000;
const MAX_CALLS: usize = 10_000;
const LIMIT_EXCEEDED: i64 = -38026;

/// The request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    pub block_state_calls: Option<Vec<Object<BlockCalls>>>,
    pub trace_transfers: bool,
    pub validation: bool,
    pub return_full_transactions: bool,
}

impl Request {
    pub fn blocks(&self) -> &[Object<BlockCalls>] {
        self.block_state_calls.as_deref().unwrap_or_default()
    }
}

/// What a simulation stands on.
pub struct Ground<'a> {
    pub spec: &'a ChainSpec,
    pub base: &'a Header,
    pub base_hash: B256,
    /// The node's limit on the gas of the whole request.
    pub gas_cap: u64,
    /// The state root of the base with changes on top.
    pub root: &'a dyn Fn(&StateChanges) -> Result<B256, CallError>,
}

/// Run the request on `state`, the state after `ground.base`.
pub fn simulate<D: DatabaseRef<Error = SourceError>>(
    request: Request,
    ground: &Ground<'_>,
    state: D,
) -> Result<Vec<BlockAnswer>, CallError> {
    let calls = request.block_state_calls.unwrap_or_default();
    let blocks = plan::fill_gaps(calls, ground.base)?;
    let headers = plan::headers(&blocks, ground)?;
    let rules = block::Rules {
        validation: request.validation,
        trace_transfers: request.trace_transfers,
        full_transactions: request.return_full_transactions,
    };
    let mut simulation = block::Simulation::new(
        ground,
        rules,
        Layer::new(state, stf::environment::cfg_env(ground.spec, ground.base).spec),
    );
    let mut answers = Vec::with_capacity(blocks.len());
    let mut parent = (ground.base.clone(), ground.base_hash);
    for (block, header) in blocks.into_iter().zip(headers) {
        let (answer, sealed, hash) = simulation.run(block, header, &parent.0, parent.1)?;
        answers.push(answer);
        parent = (sealed, hash);
    }
    Ok(answers)
}

/// Refuse requests that ask for too much.
pub fn check_size(blocks: &[Object<BlockCalls>]) -> Result<(), CallError> {
    let limit = |message: String| Err(CallError::Coded { code: LIMIT_EXCEEDED, message });
    if blocks.is_empty() {
        return Err(CallError::InvalidParams("empty input".to_owned()));
    }
    if blocks.len() > MAX_BLOCKS {
        return limit("too many blocks".to_owned());
    }
    let counts = || blocks.iter().map(|block| block.0.calls().len());
    if let Some(count) = counts().find(|count| *count > MAX_CALLS_PER_BLOCK) {
        return limit(format!("too many calls in block: {count} > {MAX_CALLS_PER_BLOCK}"));
    }
    let total: usize = counts().sum();
    if total > MAX_CALLS {
        return limit(format!("too many calls: {total} > {MAX_CALLS}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER};
    use alloy_primitives::U256;
    use serde_json::{Value, json};

    fn spec() -> ChainSpec {
        ChainSpec {
            chain_id: 1,
            homestead_block: Some(0),
            byzantium_block: Some(0),
            london_block: Some(0),
            terminal_total_difficulty: Some(U256::ZERO),
            shanghai_time: Some(0),
            ..ChainSpec::default()
        }
    }

    fn simulated(state: &MemoryState, request: Value) -> Result<Value, CallError> {
        let base = Header {
            number: 10,
            timestamp: 1_000,
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(1_000),
            ..Header::default()
        };
        let spec = spec();
        let root = |changes: &StateChanges| Ok(state.root(changes));
        let ground =
            Ground { spec: &spec, base: &base, base_hash: B256::repeat_byte(1), gas_cap: 50_000_000, root: &root };
        let request: Request = serde_json::from_value(request).expect("readable");
        check_size(request.blocks())?;
        Ok(serde_json::to_value(simulate(request, &ground, state)?).expect("JSON"))
    }

    fn code_of(state: &MemoryState, request: Value) -> i64 {
        simulated(state, request).expect_err("refused").code()
    }

    #[test]
    fn blocks_are_linked_and_gaps_filled() {
        let request = json!({"blockStateCalls": [{}, {"blockOverrides": {"number": "0xe", "time": "0x500"}}]});

        let blocks = simulated(&MemoryState::default(), request).expect("runs");

        let blocks = blocks.as_array().expect("blocks");
        let numbers: Vec<_> = blocks.iter().map(|block| block["number"].as_str().expect("number")).collect();
        let times: Vec<_> = blocks.iter().map(|block| block["timestamp"].as_str().expect("time")).collect();
        assert_eq!(numbers, ["0xb", "0xc", "0xd", "0xe"]);
        assert_eq!(times, ["0x3f4", "0x400", "0x40c", "0x500"]);
        assert_eq!(blocks[0]["parentHash"], json!(B256::repeat_byte(1)));
        assert!(blocks.windows(2).all(|pair| pair[1]["parentHash"] == pair[0]["hash"]));
    }

    #[test]
    fn a_call_sees_the_hash_of_a_simulated_block() {
        // Returns BLOCKHASH(NUMBER - 1).
        let code = json!({CONTRACT.to_string(): {"code": "0x6001430340 5f5260205ff3".replace(' ', "")}});
        let request = json!({"blockStateCalls": [{}, {"stateOverrides": code, "calls": [{"to": CONTRACT}]}]});

        let blocks = simulated(&MemoryState::default(), request).expect("runs");

        assert_eq!(blocks[1]["calls"][0]["returnData"], blocks[0]["hash"]);
    }

    #[test]
    fn order_of_numbers_and_times_is_checked() {
        let block = |overrides: Value| json!({"blockStateCalls": [{"blockOverrides": overrides}]});
        assert_eq!(code_of(&MemoryState::default(), block(json!({"number": "0xa"}))), -38020);
        assert_eq!(code_of(&MemoryState::default(), block(json!({"time": "0x3e8"}))), -38021);
        assert_eq!(code_of(&MemoryState::default(), block(json!({"number": "0x10b"}))), -38026);
    }

    #[test]
    fn size_is_limited() {
        assert_eq!(code_of(&MemoryState::default(), json!({"blockStateCalls": []})), -32602);
        assert_eq!(code_of(&MemoryState::default(), json!({"blockStateCalls": vec![json!({}); 257]})), -38026);
        let crowded = json!({"blockStateCalls": [{"calls": vec![json!({}); 5_001]}]});
        assert_eq!(code_of(&MemoryState::default(), crowded), -38026);
    }

    #[test]
    fn a_failing_call_is_told_and_the_block_goes_on() {
        let state = MemoryState::default().with_code(CONTRACT, [0xfe]);
        let calls = json!([{"to": CONTRACT, "gas": "0x7530"}, {"to": SENDER}]);

        let blocks = simulated(&state, json!({"blockStateCalls": [{"calls": calls}]})).expect("runs");

        let [failed, passed] = [&blocks[0]["calls"][0], &blocks[0]["calls"][1]];
        assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("0x0"), &json!(-32015)));
        assert_eq!((&passed["status"], &passed["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
        assert_eq!(blocks[0]["gasUsed"], json!("0xc738"));
    }

    #[test]
    fn a_revert_has_code_three_and_its_data() {
        // Stores 0xab and reverts with it.
        let state = MemoryState::default().with_code(CONTRACT, alloy_primitives::hex!("60ab5f5360015ffd"));
        let request = json!({"blockStateCalls": [{"calls": [{"to": CONTRACT}]}]});

        let blocks = simulated(&state, request).expect("runs");

        let call = &blocks[0]["calls"][0];
        assert_eq!((&call["error"]["code"], &call["error"]["data"]), (&json!(3), &json!("0xab")));
        assert_eq!(call["returnData"], json!("0x"));
    }

    #[test]
    fn transfers_are_logs_only_on_request() {
        let state = MemoryState::default().with_balance(SENDER, 100);
        let calls = json!([{"from": SENDER, "to": CONTRACT, "value": "0x5"}]);
        let logs = |trace: bool| {
            let request = json!({"blockStateCalls": [{"calls": calls}], "traceTransfers": trace});
            simulated(&state, request).expect("runs")[0]["calls"][0]["logs"].clone()
        };

        assert_eq!(logs(false), json!([]));
        assert_eq!(logs(true)[0]["address"], json!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"));
        assert_eq!(logs(true)[0]["data"], json!(B256::with_last_byte(5)));
    }

    #[test]
    fn validation_asks_for_nonce_fees_and_funds() {
        let state = MemoryState::default().with_balance(SENDER, 1_000_000_000_000);
        let call = |fields: Value| {
            let mut call = json!({"from": SENDER, "to": CONTRACT, "gas": "0x5208"});
            call.as_object_mut().expect("object").extend(fields.as_object().expect("object").clone());
            json!({"blockStateCalls": [{"calls": [call]}], "validation": true})
        };

        assert_eq!(code_of(&state, call(json!({}))), -38012);
        assert_eq!(code_of(&state, call(json!({"nonce": "0x1", "maxFeePerGas": "0xffff"}))), -38011);
        assert_eq!(code_of(&state, call(json!({"maxFeePerGas": "0xffffffffffff"}))), -38014);
        assert_eq!(code_of(&state, call(json!({"maxFeePerGas": "0xffff", "gas": "0x5207"}))), -38013);
        assert!(simulated(&state, call(json!({"maxFeePerGas": "0xffff"}))).is_ok());
    }

    #[test]
    fn gas_of_a_block_is_shared_by_its_calls() {
        let calls = json!([{"to": CONTRACT, "gas": "0x1c9c380"}, {"to": CONTRACT, "gas": "0x1c9c380"}]);
        assert_eq!(code_of(&MemoryState::default(), json!({"blockStateCalls": [{"calls": calls}]})), -38015);
    }

    #[test]
    fn a_call_without_nonce_takes_the_next_one() {
        let calls = json!([{"from": SENDER, "to": CONTRACT}, {"from": SENDER, "to": CONTRACT}]);
        let request = json!({"blockStateCalls": [{"calls": calls}], "returnFullTransactions": true});

        let blocks = simulated(&MemoryState::default(), request).expect("runs");

        let transactions = &blocks[0]["transactions"];
        assert_eq!((&transactions[0]["nonce"], &transactions[1]["nonce"]), (&json!("0x0"), &json!("0x1")));
        assert_eq!(transactions[1]["from"], json!(SENDER));
    }

    #[test]
    fn a_gas_price_makes_a_legacy_transaction() {
        let calls = json!([{"to": CONTRACT, "gasPrice": "0x0"}]);
        let request = json!({"blockStateCalls": [{"calls": calls}], "returnFullTransactions": true});

        let blocks = simulated(&MemoryState::default(), request).expect("runs");

        let transaction = &blocks[0]["transactions"][0];
        assert_eq!((&transaction["type"], &transaction["v"]), (&json!("0x0"), &json!("0x0")));
        assert!(transaction.get("maxFeePerGas").is_none());
    }

    #[test]
    fn withdrawals_are_paid() {
        let withdrawal = json!({"index": "0x0", "validatorIndex": "0x0", "address": SENDER, "amount": "0x1"});
        let calls = json!([{"from": SENDER, "to": CONTRACT, "value": "0x3b9aca00"}]);
        let request = json!({"blockStateCalls": [{"blockOverrides": {"withdrawals": [withdrawal]}}, {"calls": calls}]});

        let blocks = simulated(&MemoryState::default(), request).expect("runs");

        assert_eq!(blocks[0]["withdrawals"][0]["amount"], json!("0x1"));
        assert_eq!(blocks[1]["calls"][0]["status"], json!("0x1"));
    }
}
