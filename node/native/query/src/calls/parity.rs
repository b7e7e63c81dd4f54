//! The `trace` namespace: transactions, blocks and calls in the forms that Parity brought up.

use super::args::CallArgs;
use super::debug::{Stored, find_transaction};
use super::error::{CallError, SourceError};
use super::fields::Object;
use super::layer::Layer;
use super::overrides::{BlockOverrides, StateOverrides};
use super::place::Place;
use super::run::{Environment, inspect, machine};
use super::trace::{Limits, Replay, Timed};
use crate::block_id::{BlockId, BlockTag};
use crate::blocks::Found;
use crate::context::Context;
use crate::error::RpcError;
use crate::params::{Argument, Params};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, map::HashSet};
use alloy_rpc_types_eth::TransactionInfo;
use alloy_rpc_types_trace::filter::{TraceFilter, TraceFilterMode};
use alloy_rpc_types_trace::parity::{
    Action, LocalizedTransactionTrace, RewardAction, RewardType, TraceResults, TraceResultsWithTransactionHash,
    TraceType, TransactionTrace,
};
use revm::DatabaseCommit;
use revm::context_interface::result::{ExecutionResult, ResultAndState};
use revm::interpreter::InstructionResult;
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stf::Transaction;
use stf::rollup::Published;

type Types = HashSet<TraceType>;

/// Blocks that one filter may span where the settings name no limit: every one of them is executed.
const FILTER_RANGE: u64 = 100;

impl Argument for Types {
    fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), RpcError> {
    serde_json::to_writer(out, value).map_err(|error| RpcError::internal(error.to_string()))
}

fn limits(context: &Context) -> Limits {
    Limits::starting_now(context.settings.evm_timeout, context.settings.response_bytes)
}

fn recorder(types: &Types, limits: Limits) -> Timed<TracingInspector> {
    Timed::new(TracingInspector::new(TracingInspectorConfig::from_parity_config(types)), limits)
}

/// A stored block, the genesis block apart, that a request names.
fn load(context: &Context, id: BlockId) -> Result<Option<Stored>, RpcError> {
    match context.find(id)? {
        Some(Found::Stored { number, hash }) if number > 0 => Ok(Some(Stored::load(context, number, hash)?)),
        _ => Ok(None),
    }
}

/// Run a stored block again; `each` gets every transaction with its place and, from `first` on, its record.
fn replay(
    context: &Context,
    stored: &Stored,
    types: &Types,
    limits: Limits,
    wanted: impl Fn(usize) -> bool,
    mut each: impl FnMut(
        TransactionInfo,
        TracingInspector,
        &ResultAndState,
        &Layer<super::source::Source<'_>>,
    ) -> Result<(), CallError>,
) -> Result<(), RpcError> {
    let header = &stored.block.header;
    let state = stored.parent_state(context, context.settings.evm_timeout)?;
    let mut replay = Replay::new(&context.spec, header, state)?;
    for (index, (transaction, sender)) in stored.block.body.transactions.iter().zip(&stored.senders).enumerate() {
        if !wanted(index) {
            replay.skip(transaction, *sender)?;
            continue;
        }
        let mut inspector = recorder(types, limits);
        let (_, done) = replay.inspect(transaction, *sender, &mut inspector)?;
        inspector.check()?;
        tell_undone(&mut inspector.inner, &done.result);
        let info = TransactionInfo {
            hash: Some(*transaction.hash()),
            index: Some(index as u64),
            block_hash: Some(stored.hash),
            block_number: Some(header.number),
            base_fee: header.base_fee_per_gas,
            ..TransactionInfo::default()
        };
        each(info, inspector.inner, &done, &replay.layer)?;
        replay.commit(done);
    }
    Ok(())
}

/// A rollup undoes a transaction whose gas does not cover its data: after its outermost call went well.
fn tell_undone(inspector: &mut TracingInspector, result: &ExecutionResult) {
    if let (ExecutionResult::Halt { .. }, Some(outermost)) = (result, inspector.traces_mut().nodes_mut().first_mut())
        && !outermost.trace.is_error()
    {
        outermost.trace.status = Some(InstructionResult::OutOfGas);
        outermost.trace.success = false;
    }
}

/// All traces of a block, rewards last.
fn block_traces(
    context: &Context,
    stored: &Stored,
    limits: Limits,
) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let mut traces = Vec::new();
    let types = Types::from_iter([TraceType::Trace]);
    replay(
        context,
        stored,
        &types,
        limits,
        |_| true,
        |info, inspector, _, _| {
            traces.extend(inspector.into_parity_builder().into_localized_transaction_traces(info));
            Ok(())
        },
    )?;
    traces.extend(rewards(context, stored));
    Ok(traces)
}

/// What the miner of a proof-of-work block and of its ommers earned: the block's own first.
fn rewards(context: &Context, stored: &Stored) -> Vec<LocalizedTransactionTrace> {
    let (header, ommers) = (&stored.block.header, &stored.block.body.ommers);
    let fork = context.spec.fork_of(header);
    let rewards = stf::rewards::mining_rewards(fork, header.number, header.beneficiary, ommers);
    let kinds = std::iter::once(RewardType::Block).chain(std::iter::repeat(RewardType::Uncle));
    rewards
        .iter()
        .rev()
        .take(1)
        .chain(rewards.iter().take(ommers.len()))
        .zip(kinds)
        .map(|(&(author, value), reward_type)| LocalizedTransactionTrace {
            trace: TransactionTrace {
                action: Action::Reward(RewardAction { author, reward_type, value }),
                error: None,
                result: None,
                subtraces: 0,
                trace_address: Vec::new(),
            },
            block_hash: Some(stored.hash),
            block_number: Some(header.number),
            transaction_hash: None,
            transaction_position: None,
        })
        .collect()
}

/// The traces of a transaction; `None` where there is no such transaction.
fn transaction_traces(context: &Context, hash: &B256) -> Result<Option<Vec<LocalizedTransactionTrace>>, RpcError> {
    if context.snapshot.transaction_location(hash)?.is_none() {
        return Ok(None);
    }
    let (stored, position) = find_transaction(context, hash)?;
    let mut traces = Vec::new();
    let types = Types::from_iter([TraceType::Trace]);
    replay(
        context,
        &stored,
        &types,
        limits(context),
        |index| index == position,
        |info, inspector, _, _| {
            traces = inspector.into_parity_builder().into_localized_transaction_traces(info);
            Ok(())
        },
    )?;
    Ok(Some(traces))
}

/// The traces of a block's transactions, and its rewards.
pub fn block(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;
    let traces = match load(context, id)? {
        Some(stored) => Some(block_traces(context, &stored, limits(context))?),
        None => None,
    };
    write(&traces, out)
}

/// The traces of a transaction.
pub fn transaction(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    write(&transaction_traces(context, &hash)?, out)
}

/// One trace of a transaction, by its place among them.
pub fn get(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let places: Vec<String> = params.required(1)?;
    let [place] = places.as_slice() else { return write(&None::<()>, out) };
    let place = crate::params::parse_64(place).map_err(RpcError::invalid_params)?;
    let trace = transaction_traces(context, &hash)?.and_then(|traces| traces.into_iter().nth(place as usize));
    write(&trace, out)
}

/// Run a transaction again and record what is asked for.
pub fn replay_transaction(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let types: Types = params.required(1)?;

    let (stored, position) = find_transaction(context, &hash)?;
    let mut results = None;
    replay(
        context,
        &stored,
        &types,
        limits(context),
        |index| index == position,
        |_, inspector, done, before| {
            results = Some(recorded(inspector, &types, done, before)?);
            Ok(())
        },
    )?;

    write(&results, out)
}

/// Run a block's transactions again and record what is asked for.
pub fn replay_block_transactions(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;
    let types: Types = params.required(1)?;

    let Some(stored) = load(context, id)? else { return write(&None::<()>, out) };
    let mut results = Vec::new();
    replay(
        context,
        &stored,
        &types,
        limits(context),
        |_| true,
        |info, inspector, done, before| {
            let full_trace = recorded(inspector, &types, done, before)?;
            let transaction_hash = info.hash.unwrap_or_default();
            results.push(TraceResultsWithTransactionHash { full_trace, transaction_hash });
            Ok(())
        },
    )?;

    write(&results, out)
}

fn recorded<D: revm::DatabaseRef<Error = SourceError>>(
    inspector: TracingInspector,
    types: &Types,
    done: &ResultAndState,
    before: &D,
) -> Result<TraceResults, CallError> {
    Ok(inspector.into_parity_builder().into_trace_results_with_state(done, types, before)?)
}

/// Run a message and record what is asked for.
pub fn call(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let args: CallArgs = params.required(0)?;
    let types: Types = params.required(1)?;
    let id = params.optional(2)?.unwrap_or(BlockId::LATEST);
    let state: Option<StateOverrides> = params.optional(3)?;
    let block: Option<BlockOverrides> = params.optional(4)?;

    let mut place = Place::find(context, id)?;
    place.override_block(block)?;
    let mut environment = place.environment.clone();
    let mut layer = place.layer_in(&mut environment, state.unwrap_or_default())?;
    let results = traced_call(&place, &environment, &mut layer, args, &types, limits(context))?;

    write(&results, out)
}

/// Run messages one after the other, each on what the one before left, and record what is asked for.
pub fn call_many(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let calls: Vec<(Object<CallArgs>, Types)> = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    let place = Place::find(context, id)?;
    let mut layer = place.layer_in(&mut place.environment.clone(), StateOverrides::default())?;
    let (mut results, limits) = (Vec::with_capacity(calls.len()), limits(context));
    for (Object(args), types) in calls {
        results.push(traced_call(&place, &place.environment, &mut layer, args, &types, limits)?);
    }

    write(&results, out)
}

impl Argument for Vec<(Object<CallArgs>, Types)> {
    fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

fn traced_call<D: revm::DatabaseRef<Error = SourceError>>(
    place: &Place<'_>,
    environment: &Environment,
    layer: &mut Layer<D>,
    args: CallArgs,
    types: &Types,
    limits: Limits,
) -> Result<TraceResults, CallError> {
    let message = place.message(args)?;
    let mut inspector = recorder(types, limits);
    let done = inspect(&mut *layer, environment.clone().for_message(&message), &message, &mut inspector)?;
    inspector.check()?;
    let results = recorded(inspector.inner, types, &done, layer)?;
    layer.commit(done.state);
    Ok(results)
}

/// Run a signed transaction that is not in the chain and record what is asked for.
pub fn raw_transaction(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let raw: Bytes = params.required(0)?;
    let types: Types = params.required(1)?;
    let id = params.optional(2)?.unwrap_or(BlockId::LATEST);

    let transaction = Transaction::decode_2718_exact(&raw)
        .map_err(|error| RpcError::invalid_params(format!("transaction could not be decoded: {error}")))?;
    let place = Place::find(context, id)?;
    let sender = stf::senders::recover_senders(&context.spec, &place.header, std::slice::from_ref(&transaction))
        .map_err(|error| RpcError::invalid_params(error.to_string()))?[0];
    let mut inspector = recorder(&types, limits(context));
    let mut layer = place.layer_in(&mut place.environment.clone(), StateOverrides::default())?;
    let done = machine(&mut layer, place.environment.clone(), &mut inspector)
        .inspect(stf::environment::tx_env(&transaction, sender), &mut Published::default())
        .map_err(|error| RpcError::server(error.to_string()))?;
    inspector.check()?;

    write(&recorded(inspector.inner, &types, &done, &layer)?, out)
}

/// Which traces a filter lets through.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Filter {
    from_block: Option<Box<RawValue>>,
    to_block: Option<Box<RawValue>>,
    from_address: Option<Vec<Address>>,
    to_address: Option<Vec<Address>>,
    mode: TraceFilterMode,
    after: Option<u64>,
    count: Option<u64>,
}

impl Argument for Filter {
    fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }
}

/// The traces of a range of blocks that go from or to some addresses.
pub fn filter(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let filter: Filter = params.required(0)?;
    let (first, last) = (number(context, &filter.from_block)?, number(context, &filter.to_block)?);
    if context.origin.is_some() && first <= context.first_block() {
        let own = context.first_block() + 1;
        let both =
            || RpcError::invalid_params(format!("the fork's own blocks begin with {own}: ask for both sides apart"));
        return Err(if last < own { RpcError::ask_origin() } else { both() });
    }
    let limit = if context.settings.log_range == 0 { FILTER_RANGE } else { context.settings.log_range };
    if last.saturating_sub(first) >= limit {
        return Err(RpcError::invalid_params(format!("the range is limited to {limit} blocks")));
    }

    let matcher = TraceFilter::default()
        .from_address(filter.from_address.unwrap_or_default())
        .to_address(filter.to_address.unwrap_or_default())
        .mode(filter.mode)
        .matcher();
    let (after, count) = (filter.after.unwrap_or(0) as usize, filter.count.map_or(usize::MAX, |count| count as usize));
    let limits = limits(context);
    let mut traces = Vec::new();
    for number in first.max(1)..=last {
        let Some(stored) = load(context, BlockTag::Number(number).into())? else { break };
        traces
            .extend(block_traces(context, &stored, limits)?.into_iter().filter(|trace| matcher.matches(&trace.trace)));
        if traces.len() >= after.saturating_add(count) {
            break;
        }
    }
    let wanted: Vec<_> = traces.into_iter().skip(after).take(count).collect();

    write(&wanted, out)
}

/// The number of a block that a filter names; the newest where it names none.
fn number(context: &Context, tag: &Option<Box<RawValue>>) -> Result<u64, RpcError> {
    let tag = match tag {
        Some(json) => BlockTag::read(json.get()).map_err(RpcError::invalid_params)?,
        None => BlockTag::Latest,
    };
    if let BlockTag::Number(number) = tag
        && context.is_before_fork(number)
    {
        return Ok(number);
    }
    match context.find(tag.into())? {
        Some(Found::Stored { number, .. }) => Ok(number),
        Some(Found::Pending(_)) => Ok(context.head()?.number),
        None => Err(RpcError::server("block not found")),
    }
}
