//! The `ots` namespace: what the Otterscan explorer asks beside the standard methods.
//!
//! Blocks and receipts are the standard answers, cut to a page. Which transactions touched an address would need an
//! index of its own: those searches are not here.

use super::debug::{Stored, find_transaction};
use super::source::Source;
use super::trace::{self, Limits, Replay, Timed};
use crate::block_id::{BlockId, BlockTag};
use crate::blocks::Found;
use crate::context::Context;
use crate::error::RpcError;
use crate::json;
use crate::params::{Argument, Params};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame};
use revm::context_interface::result::{ExecutionResult, ResultAndState};
use revm_inspectors::otterscan::InternalOperationsInspector;
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The version of the namespace that Otterscan knows.
const API_LEVEL: u64 = 8;
/// Transactions on one page.
const MAX_PAGE: u64 = 1_000;
/// Characters of a transaction's input that a page shows: "0x" and the selector.
const INPUT_SHOWN: usize = 10;

/// A number, as a JSON number (Otterscan's way) or in hexadecimal.
struct Count(u64);

impl Argument for Count {
    fn read(json: &str) -> Result<Self, String> {
        if json.starts_with('"') {
            return u64::read(json).map(Self);
        }
        serde_json::from_str(json).map(Self).map_err(|error| error.to_string())
    }
}

/// The version of this namespace.
pub fn get_api_level(_: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    json::integer(out, API_LEVEL as i64);
    Ok(())
}

/// Whether an account has code.
pub fn has_code(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    let (state, _) = context.state_at(id)?;
    let account = state.account(&address)?;

    json::boolean(out, account.is_some_and(|account| account.code_hash != alloy_primitives::KECCAK256_EMPTY));
    Ok(())
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), RpcError> {
    serde_json::to_writer(out, value).map_err(|error| RpcError::internal(error.to_string()))
}

/// The answer of another method, to be cut.
fn ask(context: &Context, method: &str, params: Value) -> Result<Value, RpcError> {
    let failed = |error: serde_json::Error| RpcError::internal(error.to_string());
    let params = RawValue::from_string(params.to_string()).map_err(failed)?;
    serde_json::from_slice(&crate::call(context, method, Some(&params))?).map_err(failed)
}

/// A transaction of the chain, run again up to the moment before it.
fn replayed<'a>(context: &'a Context, stored: &Stored, position: usize) -> Result<Replay<Source<'a>>, RpcError> {
    let state = stored.parent_state(context, context.settings.evm_timeout)?;
    Ok(trace::after(&stored.subject(context), position, state)?)
}

/// Run one transaction of a block under the call tracer.
fn traced(context: &Context, stored: &Stored, position: usize) -> Result<(CallFrame, ResultAndState), RpcError> {
    let limits = Limits::starting_now(context.settings.evm_timeout, context.settings.response_bytes);
    traced_on(&mut replayed(context, stored, position)?, stored, position, limits)
}

fn traced_on(
    replay: &mut Replay<Source<'_>>,
    stored: &Stored,
    position: usize,
    limits: Limits,
) -> Result<(CallFrame, ResultAndState), RpcError> {
    let config = CallConfig::default();
    let recorder = TracingInspector::new(TracingInspectorConfig::from_geth_call_config(&config));
    let mut inspector = Timed::new(recorder, limits);
    let transaction = &stored.block.body.transactions[position];
    let (_, done) = replay.inspect(transaction, stored.senders[position], &mut inspector)?;
    inspector.check()?;
    let frame = inspector.inner.into_geth_builder().geth_call_traces(config, done.result.tx_gas_used());
    Ok((frame, done))
}

/// What a transaction reverted with; no bytes where it did not.
pub fn get_transaction_error(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    let (stored, position) = find_transaction(context, &hash)?;
    let (_, done) = traced(context, &stored, position)?;
    let data = match done.result {
        ExecutionResult::Revert { output, .. } => output,
        _ => Bytes::new(),
    };

    json::data(out, &data);
    Ok(())
}

/// Transfers, creations and destructions inside a transaction.
pub fn get_internal_operations(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    let (stored, position) = find_transaction(context, &hash)?;
    let mut replay = replayed(context, &stored, position)?;
    let mut inspector = InternalOperationsInspector::default();
    let transaction = &stored.block.body.transactions[position];
    let (_, done) = replay.inspect(transaction, stored.senders[position], &mut inspector)?;
    let operations = if done.result.is_success() { inspector.into_operations() } else { Vec::new() };

    write(&operations, out)
}

/// A call in Otterscan's form.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    depth: u32,
    from: Address,
    to: Option<Address>,
    value: Option<U256>,
    input: &'a Bytes,
    output: Bytes,
}

fn flatten<'a>(frame: &'a CallFrame, depth: u32, entries: &mut Vec<Entry<'a>>) {
    entries.push(Entry {
        kind: &frame.typ,
        depth,
        from: frame.from,
        to: frame.to,
        value: frame.value,
        input: &frame.input,
        output: frame.output.clone().unwrap_or_default(),
    });
    for call in &frame.calls {
        flatten(call, depth + 1, entries);
    }
}

/// The calls of a transaction, in order.
pub fn trace_transaction(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;

    let (stored, position) = find_transaction(context, &hash)?;
    let (frame, _) = traced(context, &stored, position)?;
    let mut entries = Vec::new();
    flatten(&frame, 0, &mut entries);

    write(&entries, out)
}

/// The first block in `1..=last` after which `holds`, where it holds after `last` and goes on to hold.
fn first_block(last: u64, holds: impl Fn(u64) -> Result<bool, RpcError>) -> Result<u64, RpcError> {
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(high)
}

/// The transaction that an account sent with a nonce.
pub fn get_transaction_by_sender_and_nonce(
    context: &Context,
    params: &Params<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RpcError> {
    let sender: Address = params.required(0)?;
    let Count(nonce) = params.required(1)?;

    let hashed = keccak256(sender);
    let has_sent = |number: u64| -> Result<bool, RpcError> {
        Ok(context.snapshot.account(&hashed, Some(number))?.is_some_and(|account| account.nonce > nonce))
    };
    let head = context.head()?.number;
    let hash = match has_sent(head)? {
        true => sent_in(context, first_block(head, has_sent)?, sender, nonce)?,
        false => None,
    };

    write(&hash, out)
}

fn sent_in(context: &Context, number: u64, sender: Address, nonce: u64) -> Result<Option<B256>, RpcError> {
    let Some(stored) = canonical(context, number)? else { return Ok(None) };
    let is_it = |position: &usize| {
        stored.senders[*position] == sender && stored.block.body.transactions[*position].nonce() == nonce
    };
    let position = (0..stored.senders.len()).find(is_it);
    Ok(position.map(|position| *stored.block.body.transactions[position].hash()))
}

/// A block of the canonical chain, the genesis block apart.
fn canonical(context: &Context, number: u64) -> Result<Option<Stored>, RpcError> {
    match context.find(BlockTag::Number(number).into())? {
        Some(Found::Stored { number, hash }) if number > 0 => Ok(Some(Stored::load(context, number, hash)?)),
        _ => Ok(None),
    }
}

/// Who created a contract, and in which transaction.
pub fn get_contract_creator(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let contract: Address = params.required(0)?;

    let hashed = keccak256(contract);
    let exists = |number: u64| -> Result<bool, RpcError> {
        let account = context.snapshot.account(&hashed, Some(number))?;
        Ok(account.is_some_and(|account| account.code_hash != alloy_primitives::KECCAK256_EMPTY))
    };
    let head = context.head()?.number;
    let creator = match exists(head)? {
        true => created_in(context, first_block(head, exists)?, contract)?,
        false => None,
    };

    write(&creator, out)
}

fn created_in(context: &Context, number: u64, contract: Address) -> Result<Option<Value>, RpcError> {
    let Some(stored) = canonical(context, number)? else { return Ok(None) };
    let limits = Limits::starting_now(context.settings.evm_timeout, context.settings.response_bytes);
    let mut replay = replayed(context, &stored, 0)?;
    for position in 0..stored.block.body.transactions.len() {
        let (frame, done) = traced_on(&mut replay, &stored, position, limits)?;
        replay.commit(done);
        if let Some(creator) = creator_of(&frame, contract) {
            let hash = stored.block.body.transactions[position].hash();
            return Ok(Some(json!({"hash": hash, "creator": creator})));
        }
    }
    Ok(None)
}

fn creator_of(frame: &CallFrame, contract: Address) -> Option<Address> {
    if frame.error.is_some() {
        return None;
    }
    if frame.typ.starts_with("CREATE") && frame.to == Some(contract) {
        return Some(frame.from);
    }
    frame.calls.iter().find_map(|call| creator_of(call, contract))
}

/// A block without its transactions, with issuance and fees.
pub fn get_block_details(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    details(context, tag.into(), out)
}

/// A block without its transactions, with issuance and fees.
pub fn get_block_details_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    details(context, BlockId::hash(hash), out)
}

fn details(context: &Context, id: BlockId, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let Some(Found::Stored { number, hash }) = context.find(id)? else { return write(&Value::Null, out) };
    let header = context.header(number, &hash)?;
    let mut block = ask(context, "eth_getBlockByHash", json!([hash, false]))?;
    let receipts = ask(context, "eth_getBlockReceipts", json!([hash]))?;
    let count = strip(&mut block, &["transactions", "logsBloom"]);
    block["transactionCount"] = count.into();

    let ommers = match number {
        0 => Vec::new(),
        _ => Stored::load(context, number, hash)?.block.body.ommers,
    };
    let fork = context.spec.fork_of(&header);
    let rewards = match number {
        0 => Vec::new(),
        _ => stf::rewards::mining_rewards(fork, number, header.beneficiary, &ommers),
    };
    let (own, of_ommers) = rewards
        .split_last()
        .map_or((U256::ZERO, U256::ZERO), |(own, others)| (own.1, others.iter().map(|(_, reward)| *reward).sum()));
    let issuance = json!({"blockReward": own, "uncleReward": of_ommers, "issuance": own + of_ommers});
    write(&json!({"block": block, "issuance": issuance, "totalFees": fees(&receipts)}), out)
}

/// Take members away; gives how many transactions there were.
fn strip(block: &mut Value, names: &[&str]) -> usize {
    let count = block["transactions"].as_array().map_or(0, Vec::len);
    if let Some(members) = block.as_object_mut() {
        names.iter().for_each(|name| drop(members.remove(*name)));
    }
    count
}

fn fees(receipts: &Value) -> U256 {
    let number = |value: &Value| serde_json::from_value::<U256>(value.clone()).unwrap_or_default();
    let receipts = receipts.as_array().into_iter().flatten();
    receipts.map(|receipt| number(&receipt["gasUsed"]) * number(&receipt["effectiveGasPrice"])).sum()
}

/// A page of a block's transactions with their receipts; inputs are cut to the selector, logs left out.
pub fn get_block_transactions(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    let Count(page) = params.required(1)?;
    let Count(size) = params.required(2)?;

    if size > MAX_PAGE {
        return Err(RpcError::invalid_params(format!("a page has at most {MAX_PAGE} transactions")));
    }
    let Some(Found::Stored { hash, .. }) = context.find(tag.into())? else { return write(&Value::Null, out) };
    let mut block = ask(context, "eth_getBlockByHash", json!([hash, true]))?;
    let mut receipts = ask(context, "eth_getBlockReceipts", json!([hash]))?;
    let timestamp = block["timestamp"].clone();
    let count = strip(&mut block, &["logsBloom"]);
    cut(&mut block["transactions"], page, size, |transaction| {
        if let Some(input) = transaction["input"].as_str() {
            transaction["input"] = input.chars().take(INPUT_SHOWN).collect::<String>().into();
        }
    });
    cut(&mut receipts, page, size, |receipt| {
        receipt["logs"] = Value::Null;
        receipt["logsBloom"] = Value::Null;
        receipt["timestamp"] = timestamp.clone();
    });
    block["transactionCount"] = count.into();

    write(&json!({"fullblock": block, "receipts": receipts}), out)
}

/// Keep one page of a list, and change each item that is kept.
fn cut(list: &mut Value, page: u64, size: u64, each: impl FnMut(&mut Value)) {
    let Some(items) = list.as_array_mut() else { return };
    let first = usize::try_from(page.saturating_mul(size)).unwrap_or(usize::MAX).min(items.len());
    items.drain(..first);
    items.truncate(size as usize);
    items.iter_mut().for_each(each);
}
