//! revm's journal with the two rules that it leaves to others.
//!
//! It lives as long as a block. Where a transaction ends, the accounts that it destroyed leave the journal for the
//! [`Overlay`], so that the next transaction meets them as absent, whatever fork. Where a contract is created over an
//! account that has storage, the creation collides (EIP-7610). Everything else is revm's own, call by call.

use alloc::vec::Vec;
use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY, Log, U256,
    map::{AddressMap, AddressSet, HashSet},
};
use core::mem;
use revm::{
    Database,
    bytecode::Bytecode,
    context::{Journal, JournalEntry},
    context_interface::{
        context::{SStoreResult, SelfDestructResult, StateLoad},
        journaled_state::{
            AccountInfoLoad, AccountLoad, JournalCheckpoint, JournalLoadError, JournalTr, TransferError,
            account::JournaledAccount,
        },
    },
    primitives::hardfork::SpecId,
    state::{Account, EvmState},
};

use crate::{
    StateSource,
    overlay::Overlay,
    rollup::metering::{Writes, Written},
};

type LoadResult<T, S> = Result<T, JournalLoadError<<S as Database>::Error>>;

/// The journal of a block.
pub struct BlockJournal<'a, S: StateSource> {
    inner: Journal<Overlay<'a, S>>,
}

impl<'a, S: StateSource> BlockJournal<'a, S> {
    /// Whether storage keeps a contract from being created here. revm itself checks nonce and code.
    fn collides_by_storage(&mut self, address: Address) -> bool {
        let free = |account: &Account| account.info.nonce == 0 && account.info.code_hash == KECCAK256_EMPTY;
        self.inner.state.get(&address).is_some_and(free) && self.inner.database.has_storage(address)
    }
}

impl<S: StateSource> Writes for BlockJournal<'_, S> {
    fn written(&self) -> impl Iterator<Item = Written> {
        self.inner.written()
    }
}

impl<'a, S: StateSource> JournalTr for BlockJournal<'a, S> {
    type Database = Overlay<'a, S>;
    type State = EvmState;
    type JournaledAccount<'b>
        = JournaledAccount<'b, Overlay<'a, S>, JournalEntry>
    where
        Self: 'b;

    fn new(database: Self::Database) -> Self {
        Self { inner: Journal::new(database) }
    }

    fn create_account_checkpoint(
        &mut self,
        caller: Address,
        address: Address,
        balance: U256,
        spec_id: SpecId,
    ) -> Result<JournalCheckpoint, TransferError> {
        if self.collides_by_storage(address) {
            return Err(TransferError::CreateCollision);
        }
        self.inner.create_account_checkpoint(caller, address, balance, spec_id)
    }

    fn commit_tx(&mut self) {
        let destroyed = mem::take(&mut self.inner.selfdestructed_addresses);
        self.inner.commit_tx();
        for address in destroyed {
            self.inner.state.remove(&address);
            self.inner.database.destroy(address);
        }
    }

    fn db_and_state(&self) -> (&Self::Database, &EvmState) {
        self.inner.db_and_state()
    }

    fn db_and_state_mut(&mut self) -> (&mut Self::Database, &mut EvmState) {
        self.inner.db_and_state_mut()
    }

    fn sload_skip_cold_load(
        &mut self,
        address: Address,
        key: U256,
        skip_cold_load: bool,
    ) -> LoadResult<StateLoad<U256>, S> {
        self.inner.sload_skip_cold_load(address, key, skip_cold_load)
    }

    fn sstore_skip_cold_load(
        &mut self,
        address: Address,
        key: U256,
        value: U256,
        skip_cold_load: bool,
    ) -> LoadResult<StateLoad<SStoreResult>, S> {
        self.inner.sstore_skip_cold_load(address, key, value, skip_cold_load)
    }

    fn tload(&mut self, address: Address, key: U256) -> U256 {
        JournalTr::tload(&mut self.inner, address, key)
    }

    fn tstore(&mut self, address: Address, key: U256, value: U256) {
        JournalTr::tstore(&mut self.inner, address, key, value);
    }

    fn log(&mut self, log: Log) {
        JournalTr::log(&mut self.inner, log);
    }

    fn take_logs(&mut self) -> Vec<Log> {
        JournalTr::take_logs(&mut self.inner)
    }

    fn logs(&self) -> &[Log] {
        JournalTr::logs(&self.inner)
    }

    fn selfdestruct(
        &mut self,
        address: Address,
        target: Address,
        skip_cold_load: bool,
    ) -> LoadResult<StateLoad<SelfDestructResult>, S> {
        JournalTr::selfdestruct(&mut self.inner, address, target, skip_cold_load)
    }

    fn warm_access_list(&mut self, access_list: AddressMap<HashSet<U256>>) {
        self.inner.warm_access_list(access_list);
    }

    fn warm_coinbase_account(&mut self, address: Address) {
        self.inner.warm_coinbase_account(address);
    }

    fn warm_precompiles(&mut self, addresses: &AddressSet) {
        self.inner.warm_precompiles(addresses);
    }

    fn precompile_addresses(&self) -> &AddressSet {
        self.inner.precompile_addresses()
    }

    fn set_spec_id(&mut self, spec_id: SpecId) {
        JournalTr::set_spec_id(&mut self.inner, spec_id);
    }

    fn set_eip7708_config(&mut self, disabled: bool, eip8246_delayed_clear_disabled: bool) {
        JournalTr::set_eip7708_config(&mut self.inner, disabled, eip8246_delayed_clear_disabled);
    }

    fn touch_account(&mut self, address: Address) {
        self.inner.touch_account(address);
    }

    fn transfer(&mut self, from: Address, to: Address, balance: U256) -> Result<Option<TransferError>, S::Error> {
        JournalTr::transfer(&mut self.inner, from, to, balance)
    }

    fn transfer_loaded(&mut self, from: Address, to: Address, balance: U256) -> Option<TransferError> {
        JournalTr::transfer_loaded(&mut self.inner, from, to, balance)
    }

    #[expect(deprecated)]
    fn caller_accounting_journal_entry(&mut self, address: Address, old_balance: U256, bump_nonce: bool) {
        JournalTr::caller_accounting_journal_entry(&mut self.inner, address, old_balance, bump_nonce);
    }

    fn balance_incr(&mut self, address: Address, balance: U256) -> Result<(), S::Error> {
        JournalTr::balance_incr(&mut self.inner, address, balance)
    }

    #[expect(deprecated)]
    fn nonce_bump_journal_entry(&mut self, address: Address) {
        JournalTr::nonce_bump_journal_entry(&mut self.inner, address);
    }

    fn load_account(&mut self, address: Address) -> Result<StateLoad<&Account>, S::Error> {
        JournalTr::load_account(&mut self.inner, address)
    }

    fn load_account_with_code(&mut self, address: Address) -> Result<StateLoad<&Account>, S::Error> {
        self.inner.load_account_with_code(address)
    }

    fn load_account_delegated(&mut self, address: Address) -> Result<StateLoad<AccountLoad>, S::Error> {
        JournalTr::load_account_delegated(&mut self.inner, address)
    }

    fn load_account_mut_skip_cold_load(
        &mut self,
        address: Address,
        skip_cold_load: bool,
    ) -> LoadResult<StateLoad<Self::JournaledAccount<'_>>, S> {
        self.inner.load_account_mut_skip_cold_load(address, skip_cold_load)
    }

    fn load_account_mut_optional_code(
        &mut self,
        address: Address,
        load_code: bool,
    ) -> Result<StateLoad<Self::JournaledAccount<'_>>, S::Error> {
        JournalTr::load_account_mut_optional_code(&mut self.inner, address, load_code)
    }

    fn set_code_with_hash(&mut self, address: Address, code: Bytecode, hash: B256) {
        JournalTr::set_code_with_hash(&mut self.inner, address, code, hash);
    }

    fn checkpoint(&mut self) -> JournalCheckpoint {
        JournalTr::checkpoint(&mut self.inner)
    }

    fn checkpoint_commit(&mut self) {
        JournalTr::checkpoint_commit(&mut self.inner);
    }

    fn checkpoint_revert(&mut self, checkpoint: JournalCheckpoint) {
        JournalTr::checkpoint_revert(&mut self.inner, checkpoint);
    }

    fn depth(&self) -> usize {
        JournalTr::depth(&self.inner)
    }

    fn discard_tx(&mut self) {
        JournalTr::discard_tx(&mut self.inner);
    }

    fn finalize(&mut self) -> EvmState {
        JournalTr::finalize(&mut self.inner)
    }

    fn load_account_info_skip_cold_load(
        &mut self,
        address: Address,
        load_code: bool,
        skip_cold_load: bool,
    ) -> LoadResult<AccountInfoLoad<'_>, S> {
        self.inner.load_account_info_skip_cold_load(address, load_code, skip_cold_load)
    }
}
