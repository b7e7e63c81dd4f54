//! The database under the EVM: the state after a block, as revm reads it.

use super::codes::CodeCache;
use super::error::SourceError;
use crate::context::Context;
use crate::error::RpcError;
use crate::state_at::StateAt;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::state::AccountInfo;
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Codes that calls have met, with their jump tables, for the whole process.
static CODES: LazyLock<CodeCache> = LazyLock::new(CodeCache::default);

/// The state after a block. Reading it after its time is up fails: that is what ends a call that takes too long,
/// since code that reads nothing is bounded by its gas.
pub struct Source<'a> {
    context: &'a Context,
    state: StateAt<'a>,
    /// The block; blocks above it have no hash yet.
    number: u64,
    until: Instant,
    time: Duration,
    /// The address that was hashed last: slots of one contract are read in a row.
    hashed: Cell<(Address, B256)>,
}

impl<'a> Source<'a> {
    pub fn new(context: &'a Context, state: StateAt<'a>, number: u64, time: Duration) -> Self {
        let hashed = Cell::new((Address::ZERO, keccak256(Address::ZERO)));
        Self { context, state, number, until: Instant::now() + time, time, hashed }
    }

    pub fn state(&self) -> &StateAt<'a> {
        &self.state
    }

    fn hash(&self, address: Address) -> B256 {
        let (known, hash) = self.hashed.get();
        if known == address {
            return hash;
        }
        let hash = keccak256(address);
        self.hashed.set((address, hash));
        hash
    }

    fn check_time(&self) -> Result<(), SourceError> {
        if Instant::now() > self.until { Err(SourceError::Timeout(self.time)) } else { Ok(()) }
    }
}

impl From<RpcError> for SourceError {
    fn from(error: RpcError) -> Self {
        Self::Storage(error.message)
    }
}

impl DatabaseRef for Source<'_> {
    type Error = SourceError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.check_time()?;
        let account = self.state.account_hashed(&address, &self.hash(address))?;
        Ok(account.map(|account| AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            code: (account.code_hash == KECCAK256_EMPTY).then(Bytecode::default),
            account_id: None,
        }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, SourceError> {
        CODES.get(&hash, || Ok(Bytecode::new_raw(self.state.code(&hash)?)))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, SourceError> {
        self.check_time()?;
        Ok(self.state.storage_hashed(&address, &self.hash(address), &slot.into())?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, SourceError> {
        if number > self.number {
            return Ok(B256::ZERO);
        }
        Ok(self.context.snapshot.block_hash(number).map_err(RpcError::from)?)
    }
}
