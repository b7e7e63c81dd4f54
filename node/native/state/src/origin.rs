//! The chain that a development chain forks: what the fork has not written itself is read there.
//!
//! Nothing of it is stored. A key is the fork's own once its history has an entry for it; the first entry holds what the
//! other chain had, so that history, unwinding and roots need not know of this at all.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use stf::trie::EMPTY_ROOT_HASH;

use crate::{FlatAccount, Snapshot, StateError, flat, keys};

/// The state after one block of another chain. Answers do not change, so that implementations keep them. Errors are words
/// for people: why that chain could not be asked.
pub trait Origin: Send + Sync {
    /// The account, `None` where it is empty (EIP-161).
    fn account(&self, address: &Address) -> Result<Option<OriginAccount>, String>;
    fn slot(&self, address: &Address, slot: &U256) -> Result<U256, String>;
    /// Code of an account that was asked for.
    fn code(&self, hash: &B256) -> Option<Bytes>;
    /// The hash of a block at or below the one that is forked.
    fn block_hash(&self, number: u64) -> Result<B256, String>;
}

/// An account of the other chain. Its storage is asked for slot by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginAccount {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
}

impl OriginAccount {
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }
}

impl Snapshot {
    /// As [`Snapshot::account`], by address and keccak(address); of a fork, what it has not written is the other chain's. Its storage root is that of the
    /// slots which the fork has written.
    pub fn account_of(
        &self,
        (address, key): (&Address, &B256),
        at: Option<u64>,
    ) -> Result<Option<FlatAccount>, StateError> {
        let own = self.account(key, at)?;
        let Some(origin) = self.origin() else { return Ok(own) };
        if own.is_some() || flat::has_changed(self.txn(), self.tables().account_history, key.as_slice())? {
            return Ok(own);
        }
        let account = origin.account(address).map_err(StateError::Origin)?;
        Ok(account.map(|account| FlatAccount {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            storage_root: EMPTY_ROOT_HASH,
            address: *address,
        }))
    }

    /// As [`Snapshot::storage`], by numbers and hashes of both; of a fork as [`Snapshot::account_of`].
    pub fn slot_of(
        &self,
        (address, key): (&Address, &B256),
        (slot, slot_key): (&U256, &B256),
        at: Option<u64>,
    ) -> Result<U256, StateError> {
        let own = self.storage(key, slot_key, at)?;
        let Some(origin) = self.origin() else { return Ok(own) };
        let slot_key = keys::slot(key, slot_key);
        if !own.is_zero()
            || flat::has_changed(self.txn(), self.tables().storage_history, &slot_key)?
            || flat::was_absent(self.txn(), self.tables(), key, at)?
        {
            return Ok(own);
        }
        origin.slot(address, slot).map_err(StateError::Origin)
    }

    /// As [`Snapshot::code`], with the other chain's.
    pub fn code_of(&self, hash: &B256) -> Result<Option<Bytes>, StateError> {
        let own = self.code(hash)?.map(Bytes::copy_from_slice);
        Ok(own.or_else(|| self.origin()?.code(hash)))
    }

    /// The hash of a block for BLOCKHASH; zero where there is none.
    pub fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        match (self.canonical_hash(number)?, self.origin()) {
            (Some(own), _) => Ok(own),
            (None, Some(origin)) if number < self.earliest_body()? => {
                origin.block_hash(number).map_err(StateError::Origin)
            }
            (None, _) => Ok(B256::ZERO),
        }
    }
}
