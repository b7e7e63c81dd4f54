//! `eth_getProof` (EIP-1186): an account and slots with the trie nodes that prove them.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use stf::trie::{EMPTY_ROOT_HASH, Nibbles};

use super::state::storage_key;
use crate::block_id::BlockId;
use crate::blocks::Found;
use crate::context::Context;
use crate::error::{self, RpcError};
use crate::json::{self, Object};
use crate::params::Params;
use crate::tries::{self, TriesError};

/// Slots that one request may ask for.
const MAX_KEYS: usize = 1024;

impl From<TriesError> for RpcError {
    fn from(error: TriesError) -> Self {
        match error {
            TriesError::State(error) => error.into(),
            other => Self::internal(format!("reading the trie: {other}")),
        }
    }
}

pub fn get_proof(context: &Context, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let address: Address = params.required(0)?;
    let keys: Vec<String> = params.required(1)?;
    let id = params.optional(2)?.unwrap_or(BlockId::LATEST);

    if keys.len() > MAX_KEYS {
        let message = format!("too many storage keys requested (max {MAX_KEYS}, got {})", keys.len());
        return Err(RpcError::invalid_params(message));
    }
    let keys = keys.iter().map(|key| storage_key(context, key)).collect::<Result<Vec<_>, _>>()?;
    let (state, found) = context.state_at(id)?;
    let Found::Stored { number, hash } = found else {
        return Err(RpcError::server("proofs of the pending block are not available"));
    };
    context.check_state_is_whole()?;
    check_window(context, number)?;
    let hashed = keccak256(address);
    let account = state.account_hashed(&address, &hashed)?;
    let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    let state_root = context.header(number, &hash)?.state_root;
    let account_proof =
        account_proof(context, number, state_root, &hashed).map_err(|error| unproven(context, number, error))?;
    let slots = StorageProofs::new(context, &hashed, number, storage_root, !keys.is_empty())?;

    let mut object = Object::open(out);
    object.data("address", &address[..]);
    write_nodes(object.key("accountProof"), &account_proof);
    object.quantity_256("balance", &account.map_or(U256::ZERO, |account| account.balance));
    // An account that is not there has neither code nor storage, not even empty ones: geth says so with zeros.
    object.data("codeHash", &account.map_or(B256::ZERO, |account| account.code_hash)[..]);
    object.quantity("nonce", account.map_or(0, |account| account.nonce));
    object.data("storageHash", &account.map_or(B256::ZERO, |account| account.storage_root)[..]);
    json::try_list(object.key("storageProof"), &keys, |out, (key, length)| -> Result<(), RpcError> {
        let value = state.storage_hashed(&address, &hashed, key)?;
        let proof = slots.prove(key)?;
        let mut object = Object::open(out);
        if *length == 32 {
            object.data("key", &key[..])
        } else {
            object.quantity_bytes("key", &key[..])
        }
        object.quantity_256("value", &value);
        write_nodes(object.key("proof"), &proof);
        object.close();
        Ok(())
    })?;
    object.close();
    Ok(())
}

fn account_proof(context: &Context, number: u64, state_root: B256, hashed: &B256) -> Result<Vec<Bytes>, TriesError> {
    let trie = tries::trie_at(&context.snapshot, number, state_root)?;
    Ok(trie.prove(&Nibbles::unpack(*hashed), &context.snapshot.account_nodes()?)?)
}

/// A dev chain's state that was written past the blocks has a root that no header names until the next block.
fn unproven(context: &Context, number: u64, error: TriesError) -> RpcError {
    let of_roots = !matches!(error, TriesError::State(_));
    match context.snapshot.is_marked() {
        Ok(true) if of_roots => RpcError::server(format!(
            "the state was written past the blocks: no proof leads to the root of block {number}; \
             mine a block and ask for its proofs"
        )),
        _ => error.into(),
    }
}

/// Tries are computed back from the head, and not without end.
pub fn check_window(context: &Context, number: u64) -> Result<(), RpcError> {
    let depth = context.head()?.number.saturating_sub(number);
    let window = context.settings.proof_blocks;
    if depth > window {
        let message = format!("proofs reach {window} blocks below the head, block {number} lies {depth} below");
        return Err(RpcError::new(error::RESOURCE_NOT_FOUND, message));
    }
    Ok(())
}

/// The storage trie of the account, where slots are asked for and there are any.
struct StorageProofs<'a> {
    context: &'a Context,
    hashed: B256,
    trie: Option<stf::trie::Trie>,
}

impl<'a> StorageProofs<'a> {
    fn new(context: &'a Context, hashed: &B256, number: u64, root: B256, needed: bool) -> Result<Self, RpcError> {
        let trie = if needed && root != EMPTY_ROOT_HASH {
            Some(tries::storage_trie_at(&context.snapshot, hashed, number, root)?)
        } else {
            None
        };
        Ok(Self { context, hashed: *hashed, trie })
    }

    fn prove(&self, key: &B256) -> Result<Vec<Bytes>, RpcError> {
        let Some(trie) = &self.trie else { return Ok(Vec::new()) };
        let nodes = self.context.snapshot.storage_nodes(&self.hashed)?;
        Ok(trie.prove(&Nibbles::unpack(keccak256(key)), &nodes).map_err(TriesError::from)?)
    }
}

fn write_nodes(out: &mut Vec<u8>, nodes: &[Bytes]) {
    json::list(out, nodes, |out, node| json::data(out, node));
}
