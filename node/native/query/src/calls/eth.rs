//! `eth_call`, `eth_estimateGas`, `eth_createAccessList`, `eth_simulateV1`.

use super::access_list;
use super::args::{CallArgs, Message};
use super::data_gas::{DataPrice, data_gas};
use super::error::{CallError, SourceError};
use super::estimate::Search;
use super::overrides::{BlockOverrides, StateOverrides};
use super::place::Place;
use super::roots::Roots;
use super::run::{Environment, halt_text, run};
use super::simulate::{self, Ground};
use crate::block_id::{BlockId, BlockTag};
use crate::context::Context;
use crate::error::RpcError;
use crate::json;
use crate::params::Params;
use alloy_eips::eip2930::AccessListItem;
use alloy_primitives::{Bytes, U256};
use revm::DatabaseRef;
use revm::context_interface::result::ExecutionResult;
use revm::database_interface::WrapDatabaseRef;
use stf::Header;
use stf::rollup::RollupRules;
use stf::rollup::header::l1_prices;

/// Run a message and give what it returns.
pub fn call(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let args: CallArgs = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);
    let state: Option<StateOverrides> = params.optional(2)?;
    let block: Option<BlockOverrides> = params.optional(3)?;

    let mut place = Place::find(context, id)?;
    place.override_block(block)?;
    let returned = returned_by(&place, args, state)?;

    json::data(out, &returned);
    Ok(())
}

fn returned_by(place: &Place<'_>, args: CallArgs, state: Option<StateOverrides>) -> Result<Bytes, CallError> {
    let message = place.message(args)?;
    match state {
        None => returned_on(&place.source, place.environment.clone(), &message),
        Some(state) => {
            let mut environment = place.environment.clone();
            let layer = place.layer_in(&mut environment, state)?;
            returned_on(&layer, environment, &message)
        }
    }
}

fn returned_on<D: DatabaseRef<Error = SourceError>>(
    state: &D,
    environment: Environment,
    message: &Message,
) -> Result<Bytes, CallError> {
    let environment = environment.for_message(message);
    match run(WrapDatabaseRef(state), environment.clone(), message)? {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(CallError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => {
            Err(CallError::Halted(halt_text(WrapDatabaseRef(state), environment, message, &reason)))
        }
    }
}

/// The lowest gas limit with which a message runs through.
pub fn estimate_gas(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let args: CallArgs = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);
    let state: Option<StateOverrides> = params.optional(2)?;
    let block: Option<BlockOverrides> = params.optional(3)?;

    let mut place = Place::find(context, id)?;
    place.override_block(block)?;
    let requested = args.gas.map_or(0, |gas| gas.0);
    let message = place.message(args)?;
    let gas_cap = place.gas_cap();
    let mut environment = place.environment.clone();
    let layer = place.layer_in(&mut environment, state.unwrap_or_default())?;
    environment.rollup = None;
    let search = Search { state: &layer, environment: &environment, message: message.clone(), requested, gas_cap };
    let gas = search.run()?;
    let data = match &context.spec.rollup {
        None => 0,
        Some(rules) => {
            let message = Message { gas, ..message };
            let price = data_price(rules, &place.header, &message);
            data_gas(&layer, rules, environment.for_message(&message), &message, price)?
        }
    };

    json::quantity(out, gas.saturating_add(data));
    Ok(())
}

/// What a rollup charges for the data of a message.
fn data_price(rules: &RollupRules, header: &Header, message: &Message) -> DataPrice {
    let base_fee = u128::from(header.base_fee_per_gas.unwrap_or_default());
    let least = base_fee + u128::from(rules.operator_fee_per_gas);
    let offered = message.fee_cap.min(message.tip_cap.saturating_add(U256::from(base_fee)));
    let gas_price = if message.is_free() { least } else { least.max(offered.saturating_to()) };
    DataPrice { l1: l1_prices(header), gas_price }
}

/// The accounts and slots that a message touches.
pub fn create_access_list(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let args: CallArgs = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);
    let state: Option<StateOverrides> = params.optional(2)?;

    let place = Place::find(context, id)?;
    let message = place.message(args)?;
    let mut environment = place.environment.clone();
    let layer = place.layer_in(&mut environment, state.unwrap_or_default())?;
    let created = access_list::create(&layer, &environment, message)?;

    let mut object = json::Object::open(out);
    json::list(object.key("accessList"), &created.list.0, write_item);
    if let Some(error) = &created.error {
        object.string("error", error);
    }
    object.quantity("gasUsed", created.gas_used);
    object.close();
    Ok(())
}

fn write_item(out: &mut Vec<u8>, item: &AccessListItem) {
    let mut object = json::Object::open(out);
    object.data("address", item.address.as_slice());
    json::list(object.key("storageKeys"), &item.storage_keys, |out, key| json::data(out, key.as_slice()));
    object.close();
}

/// Blocks of calls on top of a state.
pub fn simulate_v1(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let request: simulate::Request = params.required(0)?;
    let id = params.optional(1)?.unwrap_or(BlockId::LATEST);

    simulate::check_size(request.blocks())?;
    let place = Place::find(context, on_chain(id))?;
    let roots = Roots::new(context, place.header.number, place.header.state_root);
    let ground = Ground {
        spec: &context.spec,
        base: &place.header,
        base_hash: place.hash(),
        gas_cap: place.gas_cap(),
        root: &|changes| roots.after(changes),
    };
    let answers = simulate::simulate(request, &ground, &place.source)?;

    serde_json::to_writer(out, &answers).map_err(|error| RpcError::internal(error.to_string()))
}

/// A pending block has no state root that others could be built on: the newest block stands in.
fn on_chain(id: BlockId) -> BlockId {
    match id {
        BlockId::Tag(BlockTag::Pending) => BlockId::LATEST,
        other => other,
    }
}
