//! `debug_trace*`: transactions and calls, traced in geth's forms.

use super::args::CallArgs;
use super::error::{CallError, SourceError};
use super::fields::Object;
use super::layer::Layer;
use super::overrides;
use super::place::Place;
use super::source::Source;
use super::trace::{self, Limits, Subject, TraceOptions, Tracer};
use crate::block_id::{BlockId, BlockTag};
use crate::blocks::Found;
use crate::context::Context;
use crate::error::RpcError;
use crate::params::Params;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use revm::DatabaseRef;
use std::time::Duration;
use stf::Block;

/// A stored block with what its replay needs.
pub struct Stored {
    pub block: Block,
    pub hash: B256,
    pub senders: Vec<Address>,
}

impl Stored {
    pub fn load(context: &Context, number: u64, hash: B256) -> Result<Self, RpcError> {
        if number == 0 {
            return Err(RpcError::server("genesis is not traceable"));
        }
        let block = crate::debug::block_rlp(&context.header_rlp(number, &hash)?, &context.body_rlp(number, &hash)?)?;
        Ok(Self { block: Block::decode(&mut block.as_slice())?, hash, senders: context.senders(number, &hash)? })
    }

    pub fn subject<'a>(&'a self, context: &'a Context) -> Subject<'a> {
        Subject { spec: &context.spec, block: &self.block, hash: self.hash, senders: &self.senders }
    }

    /// The state before the block.
    pub fn parent_state<'a>(&self, context: &'a Context, time: Duration) -> Result<Source<'a>, RpcError> {
        let (number, hash) = (self.block.header.number - 1, self.block.header.parent_hash);
        let state = context.state_of(&Found::Stored { number, hash })?;
        Ok(Source::new(context, state, number, time))
    }
}

fn tracer(context: &Context, options: &TraceOptions) -> Result<Tracer, CallError> {
    let time = options.time_limit(context.settings.evm_timeout)?;
    Tracer::select(&options.selected()?, Limits::starting_now(time, context.settings.response_bytes))
}

/// Run a mined transaction again and tell what it did.
pub fn trace_transaction(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    let options: TraceOptions = params.optional(1)?.unwrap_or_default();

    let (stored, index) = find_transaction(context, &hash)?;
    let state = stored.parent_state(context, options.time_limit(context.settings.evm_timeout)?)?;

    let mut tracer = tracer(context, &options)?;
    Ok(trace::transaction(&stored.subject(context), index, state, &mut tracer, out)?)
}

/// The block of a transaction, and its place there.
pub fn find_transaction(context: &Context, hash: &B256) -> Result<(Stored, usize), RpcError> {
    let missing = || RpcError::server("transaction not found");
    let location = context.snapshot.transaction_location(hash)?;
    let (number, index) = location.map_or_else(|| context.unknown(), |found| Ok(Some(found)))?.ok_or_else(missing)?;
    let block = context.snapshot.canonical_hash(number)?.ok_or_else(missing)?;
    Ok((Stored::load(context, number, block)?, index as usize))
}

/// Run the transactions of a block again.
pub fn trace_block_by_number(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let tag: BlockTag = params.required(0)?;
    trace_found(context, params, tag.into(), out)
}

/// Run the transactions of a block again.
pub fn trace_block_by_hash(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let hash: B256 = params.required(0)?;
    trace_found(context, params, BlockId::hash(hash), out)
}

fn trace_found(context: &Context, params: &Params<'_>, id: BlockId, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let options: TraceOptions = params.optional(1)?.unwrap_or_default();
    let stored = find_block(context, id)?;
    trace_stored(context, &stored, &options, out)
}

/// The stored block that a request names.
pub fn find_block(context: &Context, id: BlockId) -> Result<Stored, RpcError> {
    match context.find(id)? {
        Some(Found::Stored { number, hash }) => Stored::load(context, number, hash),
        Some(Found::Pending(_)) => Err(RpcError::server("tracing of the pending block is not supported")),
        None => Err(RpcError::server(match id {
            BlockId::Hash { hash, .. } => format!("block {hash} not found"),
            BlockId::Tag(BlockTag::Number(number)) => format!("block #{number} not found"),
            BlockId::Tag(_) => "block not found".to_owned(),
        })),
    }
}

fn trace_stored(context: &Context, stored: &Stored, options: &TraceOptions, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let state = stored.parent_state(context, options.time_limit(context.settings.evm_timeout)?)?;
    let mut tracer = tracer(context, options)?;
    Ok(trace::block(&stored.subject(context), state, &mut tracer, out)?)
}

/// Run the transactions of a block that the request brings along.
pub fn trace_block(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let rlp: Bytes = params.required(0)?;
    let options: TraceOptions = params.optional(1)?.unwrap_or_default();

    let block =
        stf::block::decode_block(&rlp).map_err(|error| RpcError::server(format!("could not decode block: {error}")))?;
    if block.header.number == 0 {
        return Err(RpcError::server("genesis is not traceable"));
    }
    let senders = stf::senders::recover_senders(&context.spec, &block.header, &block.body.transactions)
        .map_err(|error| RpcError::server(error.to_string()))?;
    let parent = block.header.parent_hash;
    if context.snapshot.number_of(&parent)? != Some(block.header.number - 1) {
        return Err(RpcError::server(format!("parent {parent} not found")));
    }
    let stored = Stored { hash: block.header.hash_slow(), block, senders };

    trace_stored(context, &stored, &options, out)
}

/// Run a message and tell what it did.
pub fn trace_call(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let args: CallArgs = params.required(0)?;
    let id: BlockId = params.required(1)?;
    let mut options: TraceOptions = params.optional(2)?.unwrap_or_default();

    let mut place = Place::find(context, id)?;
    if let Found::Pending(_) = place.found {
        return Err(RpcError::server("tracing on top of pending is not supported"));
    }
    place.override_block(options.block_overrides.take().map(|Object(block)| block))?;
    let mut tracer = tracer(context, &options)?;
    match options.tx_index {
        None => trace_call_on(&place, &place.source, args, options, &mut tracer, out)?,
        Some(count) => {
            let stored = find_block(context, id)?;
            let state = stored.parent_state(context, options.time_limit(context.settings.evm_timeout)?)?;
            let replay = trace::after(&stored.subject(context), count.0 as usize, state)?;
            trace_call_on(&place, &replay.layer, args, options, &mut tracer, out)?;
        }
    }
    Ok(())
}

fn trace_call_on<D: DatabaseRef<Error = SourceError>>(
    place: &Place<'_>,
    state: D,
    args: CallArgs,
    options: TraceOptions,
    tracer: &mut Tracer,
    out: &mut Vec<u8>,
) -> Result<(), CallError> {
    let mut environment = place.environment.clone();
    let mut layer = Layer::new(state, environment.cfg.spec);
    let state_overrides = options.state_overrides.unwrap_or_default();
    overrides::apply_state(state_overrides, &mut layer, &mut environment.precompiles)?;
    let message = place.message(args)?;
    trace::call(&mut layer, environment, &message, tracer, out)
}
