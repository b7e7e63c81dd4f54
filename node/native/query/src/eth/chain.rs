//! What chain this is, where its head stands, and what this node keeps of it.

use crate::context::Context;
use crate::error::RpcError;
use crate::json::{self, Object};
use crate::params::Params;

pub fn chain_id(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    json::quantity(out, context.spec.chain_id);
    Ok(())
}

pub fn block_number(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    json::quantity(out, context.head()?.number);
    Ok(())
}

pub fn syncing(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    match &context.syncing {
        None => json::boolean(out, false),
        Some(progress) => {
            let mut object = Object::open(out);
            object.quantity("startingBlock", progress.starting_block);
            object.quantity("currentBlock", progress.current_block);
            object.quantity("highestBlock", progress.highest_block);
            object.close();
        }
    }
    Ok(())
}

/// What was pruned is pruned up to a block; proofs reach a number of blocks below the head.
pub fn capabilities(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let head = context.head()?;
    let snapshot = &context.snapshot;
    let (state, bodies, receipts) =
        (snapshot.earliest_state()?, snapshot.earliest_body()?, snapshot.earliest_receipts()?);
    let proof_blocks = context.settings.proof_blocks;
    let oldest_proof = state.max((head.number + 1).saturating_sub(proof_blocks));

    let mut object = Object::open(out);
    let mut tip = Object::open(object.key("head"));
    tip.quantity("number", head.number);
    tip.data("hash", &head.hash[..]);
    tip.close();
    let kept = [("state", state), ("tx", bodies), ("logs", receipts), ("receipts", receipts), ("blocks", bodies)];
    for (name, oldest) in kept {
        resource(object.key(name), oldest, None);
    }
    resource(object.key("stateproofs"), oldest_proof, Some(proof_blocks));
    object.close();
    Ok(())
}

fn resource(out: &mut Vec<u8>, oldest: u64, window: Option<u64>) {
    let mut object = Object::open(out);
    object.boolean("disabled", false);
    object.quantity("oldestBlock", oldest);
    if let Some(blocks) = window {
        let mut strategy = Object::open(object.key("deleteStrategy"));
        strategy.string("type", "window");
        strategy.quantity("retentionBlocks", blocks);
        strategy.close();
    }
    object.close();
}
