//! `debug_executionWitness`, and `debug_storageRangeAt`: what a block needs of the state, and what an account stores.

use super::debug::find_block;
use super::past_nodes::PastNodes;
use super::source::Source;
use super::trace::{self, Replay};
use crate::block_id::BlockId;
use crate::context::Context;
use crate::debug::block_rlp;
use crate::error::RpcError;
use crate::eth::proof::check_window;
use crate::json;
use crate::params::{Argument, Params};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use std::collections::BTreeMap;
use stf::Block;
use stf::witness::{Outcome, Witness};

/// Slots that one answer may hold.
const MAX_SLOTS: u64 = 1_024;

/// The trie nodes, codes, keys and headers that it takes to execute a block without a state.
pub fn execution_witness(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;

    let stored = find_block(context, id)?;
    context.check_state_is_whole()?;
    let parent_number = stored.block.header.number - 1;
    check_window(context, parent_number)?;
    let parent = context.header(parent_number, &stored.block.header.parent_hash)?;
    let source = PastNodes::new(context, parent_number, parent.state_root)?;
    let (_, witness) = stf::witness::record(&context.spec, [(&stored.block, stored.senders.as_slice())], &source)
        .map_err(|error| RpcError::server(format!("no witness of this block: {error}")))?;

    let mut object = json::Object::open(out);
    let lists =
        [("state", witness.state), ("codes", witness.codes), ("keys", witness.keys), ("headers", witness.headers)];
    for (name, list) in lists {
        json::list(object.key(name), &list, |out, item: &Bytes| json::data(out, item));
    }
    object.close();
    Ok(())
}

/// Canonical blocks with what each did, and one witness of the state before the first from which all of them execute.
/// However far below the head they lie: the older, the dearer.
pub fn run_with_witness(
    context: &Context,
    first: u64,
    last: u64,
) -> Result<(Vec<(Block, Outcome)>, Witness), RpcError> {
    if first == 0 || first > last {
        return Err(RpcError::invalid_params(format!("blocks {first} to {last}")));
    }
    let (mut blocks, mut senders) = (Vec::new(), Vec::new());
    for number in first..=last {
        let hash = context.snapshot.canonical_hash(number)?;
        let hash = hash.ok_or_else(|| RpcError::server(format!("there is no block {number}")))?;
        let rlp = block_rlp(&context.header_rlp(number, &hash)?, &context.body_rlp(number, &hash)?)?;
        blocks.push(Block::decode(&mut rlp.as_slice())?);
        senders.push(context.senders(number, &hash)?);
    }
    let parent = context.header(first - 1, &blocks[0].header.parent_hash)?;
    let source = PastNodes::new(context, first - 1, parent.state_root)?;
    let (outcomes, witness) =
        stf::witness::record(&context.spec, blocks.iter().zip(senders.iter().map(Vec::as_slice)), &source)
            .map_err(|error| RpcError::server(format!("no witness of blocks {first} to {last}: {error}")))?;
    Ok((blocks.into_iter().zip(outcomes).collect(), witness))
}

/// A number as JSON writes numbers.
struct Plain(u64);

impl Argument for Plain {
    fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map(Self).map_err(|error| error.to_string())
    }
}

/// Slots of an account inside a block, in the order of their hashed keys.
pub fn storage_range_at(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let id: BlockId = params.required(0)?;
    let Plain(transactions) = params.required(1)?;
    let address: Address = params.required(2)?;
    let start: Bytes = params.required(3)?;
    let Plain(count) = params.required(4)?;

    let first = B256::right_padding_from(&start[..start.len().min(32)]);
    let stored = find_block(context, id)?;
    context.check_state_is_whole()?;
    let state = stored.parent_state(context, context.settings.evm_timeout)?;
    let replay = trace::after(&stored.subject(context), transactions as usize, state)?;
    let count = count.min(MAX_SLOTS) as usize;
    let slots = slots_from(context, &replay, stored.block.header.number - 1, address, first, count + 1)?;

    let mut object = json::Object::open(out);
    write_slots(slots.iter().take(count), object.key("storage"));
    object.data_or_null("nextKey", slots.get(count).map(|(hashed, _)| hashed.as_slice()));
    object.close();
    Ok(())
}

/// A slot's value, and its name where the block's own transactions told it.
type Slot = (Option<B256>, U256);

/// At most `most` slots from a hashed key on: the head's, with the values before the block where they changed since,
/// and over them what the block's transactions wrote.
fn slots_from(
    context: &Context,
    replay: &Replay<Source<'_>>,
    parent: u64,
    address: Address,
    first: B256,
    most: usize,
) -> Result<Vec<(B256, Slot)>, RpcError> {
    let hashed = keccak256(address);
    let mut changed: BTreeMap<B256, Slot> = BTreeMap::new();
    let mut is_cleared = false;
    for (account, slots) in context.snapshot.difference(parent)?.storage {
        if account == hashed {
            changed.extend(slots.into_iter().map(|(slot, value)| (slot, (None, value))));
        }
    }
    if let Some((_, account)) = replay.layer.accounts().find(|(changed, _)| **changed == address) {
        is_cleared = account.storage_cleared;
        if is_cleared {
            changed.clear();
        }
        for (slot, value) in &account.slots {
            let name = B256::from(*slot);
            changed.insert(keccak256(name), (Some(name), *value));
        }
    }
    let mut unchanged = context
        .snapshot
        .slots_from(&hashed, &first)?
        .filter(|_| !is_cleared)
        .filter(|slot| slot.as_ref().map_or(true, |(key, _)| !changed.contains_key(key)));
    let mut changes = changed.range(first..).filter(|(_, (_, value))| !value.is_zero()).peekable();
    let mut next = unchanged.next().transpose()?;
    let mut slots = Vec::new();
    while slots.len() < most {
        match (changes.peek(), &next) {
            (None, None) => break,
            (Some((key, _)), head) if head.is_none_or(|(head, _)| **key < head) => {
                slots.extend(changes.next().map(|(key, slot)| (*key, *slot)));
            }
            _ => {
                slots.extend(next.map(|(key, value)| (key, (None, value))));
                next = unchanged.next().transpose()?;
            }
        }
    }
    Ok(slots)
}

fn write_slots<'s>(slots: impl Iterator<Item = &'s (B256, Slot)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (hashed, (name, value))) in slots.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::data(out, hashed.as_slice());
        out.push(b':');
        let mut entry = json::Object::open(out);
        entry.data_or_null("key", name.as_ref().map(|name| name.as_slice()));
        entry.data("value", &value.to_be_bytes::<32>());
        entry.close();
    }
    out.push(b'}');
}
