//! The state after a block: accounts, slots and code at any height of the canonical chain.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use state::FlatAccount;
use stf::Header;

use crate::block_id::BlockId;
use crate::blocks::Found;
use crate::context::{Context, Pending};
use crate::error::RpcError;

/// The state after one block.
pub struct StateAt<'a> {
    context: &'a Context,
    /// The block; `None` at the head of the snapshot, which needs no history.
    at: Option<u64>,
    /// The block is pending: what it touched lives in memory.
    pending: Option<Arc<dyn Pending>>,
}

impl Context {
    /// The state after the block a request names, with the block.
    pub fn state_at(&self, id: BlockId) -> Result<(StateAt<'_>, Found), RpcError> {
        let found = self.find(id)?.ok_or_else(|| {
            let message = if matches!(id, BlockId::Tag(_)) { "header not found" } else { "header for hash not found" };
            RpcError::server(message)
        })?;
        Ok((self.state_of(&found)?, found))
    }

    /// The state after a found block. Only the canonical chain has one here: side branches live in the writer.
    pub fn state_of(&self, found: &Found) -> Result<StateAt<'_>, RpcError> {
        match found {
            Found::Pending(_) => Ok(StateAt { context: self, at: None, pending: self.pending.clone() }),
            Found::Stored { number, hash } => {
                let head = self.head()?;
                if head.hash == *hash {
                    return Ok(StateAt { context: self, at: None, pending: None });
                }
                if self.is_before_fork(*number) {
                    return Err(RpcError::ask_origin());
                }
                if self.snapshot.canonical_hash(*number)? != Some(*hash) {
                    return Err(RpcError::server(format!("the state of side block {hash} is not available")));
                }
                Ok(StateAt { context: self, at: Some(*number), pending: None })
            }
        }
    }

    /// The header of a found block.
    pub fn header_of(&self, found: &Found) -> Result<Header, RpcError> {
        match found {
            Found::Stored { number, hash } => self.header(*number, hash),
            Found::Pending(block) => Ok(block.header.clone()),
        }
    }
}

impl StateAt<'_> {
    pub fn account(&self, address: &Address) -> Result<Option<FlatAccount>, RpcError> {
        self.account_hashed(address, &keccak256(address))
    }

    /// As `account`, where keccak(address) is known already.
    pub fn account_hashed(&self, address: &Address, hashed: &B256) -> Result<Option<FlatAccount>, RpcError> {
        if let Some(touched) = self.pending.as_ref().and_then(|pending| pending.account(hashed)) {
            return Ok(touched);
        }
        Ok(self.context.snapshot.account_of((address, hashed), self.at)?)
    }

    pub fn storage(&self, address: &Address, slot: &B256) -> Result<U256, RpcError> {
        self.storage_hashed(address, &keccak256(address), slot)
    }

    /// As `storage`, where keccak(address) is known already.
    pub fn storage_hashed(&self, address: &Address, hashed: &B256, slot: &B256) -> Result<U256, RpcError> {
        let slot_key = keccak256(slot);
        if let Some(touched) = self.pending.as_ref().and_then(|pending| pending.storage(hashed, &slot_key)) {
            return Ok(touched);
        }
        Ok(self.context.snapshot.slot_of((address, hashed), (&(*slot).into(), &slot_key), self.at)?)
    }

    pub fn code(&self, hash: &B256) -> Result<Bytes, RpcError> {
        if *hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        if let Some(code) = self.pending.as_ref().and_then(|pending| pending.code(hash)) {
            return Ok(code);
        }
        let code = self.context.snapshot.code_of(hash)?;
        code.ok_or_else(|| RpcError::internal(format!("the database has no code {hash}")))
    }

    /// The block of this state, `None` at the head (or pending).
    pub fn at(&self) -> Option<u64> {
        self.at
    }
}
