//! Changes over a state that nobody keeps: overrides, the transactions before a traced one, simulated blocks.

use super::error::SourceError;
use alloy_primitives::map::{AddressMap, B256Map, U256Map};
use alloy_primitives::{Address, B256, U256};
use revm::bytecode::Bytecode;
use revm::primitives::hardfork::SpecId;
use revm::state::{Account, AccountInfo, EvmState};
use revm::{Database, DatabaseCommit, DatabaseRef};
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

/// A state with changes on top.
#[derive(Debug, Clone)]
pub struct Layer<D> {
    pub base: D,
    accounts: AddressMap<LayerAccount>,
    codes: B256Map<Bytecode>,
    hashes: BTreeMap<u64, B256>,
    /// Before EIP-161 a touched account stays, however empty.
    keeps_empty: bool,
}

/// An account that differs from the base, or may.
#[derive(Debug, Clone, Default)]
pub struct LayerAccount {
    pub info: Option<AccountInfo>,
    pub slots: U256Map<U256>,
    /// The base's slots are gone: what is not in `slots` is zero.
    pub storage_cleared: bool,
}

impl LayerAccount {
    pub fn clear_storage(&mut self) {
        self.slots.clear();
        self.storage_cleared = true;
    }

    pub fn write_slots(&mut self, slots: impl IntoIterator<Item = (B256, B256)>) {
        for (slot, value) in slots {
            self.slots.insert(slot.into(), value.into());
        }
    }
}

impl<D: DatabaseRef<Error = SourceError>> Layer<D> {
    /// No changes yet. The rules of `spec` decide what becomes of empty accounts.
    pub fn new(base: D, spec: SpecId) -> Self {
        Self {
            base,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            hashes: BTreeMap::new(),
            keeps_empty: !spec.is_enabled_in(SpecId::SPURIOUS_DRAGON),
        }
    }

    /// The account to change, loaded on first use.
    pub fn account_mut(&mut self, address: Address) -> Result<&mut LayerAccount, SourceError> {
        Ok(match self.accounts.entry(address) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(LayerAccount { info: self.base.basic_ref(address)?, ..LayerAccount::default() })
            }
        })
    }

    /// Every account that was written, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &LayerAccount)> {
        self.accounts.iter()
    }

    pub fn add_balance(&mut self, address: Address, amount: U256) -> Result<(), SourceError> {
        let info = self.account_mut(address)?.info.get_or_insert_default();
        info.balance = info.balance.saturating_add(amount);
        Ok(())
    }

    /// Give the hash of a block that the base does not know.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.hashes.insert(number, hash);
    }

    fn write(&mut self, address: Address, account: Account) {
        if !account.is_touched() {
            return;
        }
        let changed = self.accounts.entry(address).or_default();
        if account.is_selfdestructed() {
            changed.clear_storage();
            changed.info = None;
            return;
        }
        if account.is_created() {
            changed.clear_storage();
        }
        if let Some(code) = &account.info.code
            && !code.is_empty()
        {
            self.codes.entry(account.info.code_hash).or_insert_with(|| code.clone());
        }
        changed.slots.extend(account.changed_storage_slots().map(|(slot, value)| (*slot, value.present_value)));
        changed.info = if account.is_empty() && !self.keeps_empty { None } else { Some(account.info) };
    }
}

impl<D: DatabaseRef<Error = SourceError>> DatabaseRef for Layer<D> {
    type Error = SourceError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        match self.accounts.get(&address) {
            Some(account) => Ok(account.info.clone()),
            None => self.base.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, SourceError> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code_by_hash_ref(hash),
        }
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, SourceError> {
        if let Some(account) = self.accounts.get(&address) {
            if let Some(value) = account.slots.get(&slot) {
                return Ok(*value);
            }
            if account.storage_cleared {
                return Ok(U256::ZERO);
            }
        }
        self.base.storage_ref(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, SourceError> {
        match self.hashes.get(&number) {
            Some(hash) => Ok(*hash),
            None => self.base.block_hash_ref(number),
        }
    }
}

impl<D: DatabaseRef<Error = SourceError>> Database for Layer<D> {
    type Error = SourceError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, SourceError> {
        self.code_by_hash_ref(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, SourceError> {
        self.storage_ref(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        self.block_hash_ref(number)
    }
}

impl<D: DatabaseRef<Error = SourceError>> DatabaseCommit for Layer<D> {
    fn commit(&mut self, changes: EvmState) {
        for (address, account) in changes {
            self.write(address, account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::run::machine;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER, environment, message};
    use alloy_primitives::hex;
    use stf::rollup::Published;

    fn run_and_commit(layer: &mut Layer<&MemoryState>, json: &str, spec: SpecId) {
        let mut message = message(json);
        message.base_fee = spec.is_enabled_in(SpecId::LONDON).then_some(7);
        let tx = message.to_tx_env().expect("fits");
        let environment = environment(spec).for_message(&message);
        let done = machine(&mut *layer, environment, ()).transact(tx, &mut Published::default()).expect("runs");
        layer.commit(done.state);
    }

    #[test]
    fn a_transaction_sees_what_the_one_before_it_wrote() {
        // SSTORE(0, SLOAD(0) + 1)
        let state = MemoryState::default().with_code(CONTRACT, hex!("5f546001015f5500")).with_slot(CONTRACT, 0, 7);
        let mut layer = Layer::new(&state, SpecId::OSAKA);

        run_and_commit(&mut layer, "{}", SpecId::OSAKA);
        run_and_commit(&mut layer, "{}", SpecId::OSAKA);

        assert_eq!(layer.storage_ref(CONTRACT, U256::ZERO).expect("reads"), U256::from(9));
        assert_eq!(state.storage_ref(CONTRACT, U256::ZERO).expect("reads"), U256::from(7));
    }

    #[test]
    fn a_destroyed_account_has_no_slots() {
        let state = MemoryState::default().with_code(CONTRACT, hex!("5fff")).with_slot(CONTRACT, 0, 7);
        let mut layer = Layer::new(&state, SpecId::SHANGHAI);

        run_and_commit(&mut layer, "{}", SpecId::SHANGHAI);

        assert!(layer.basic_ref(CONTRACT).expect("reads").is_none());
        assert!(layer.storage_ref(CONTRACT, U256::ZERO).expect("reads").is_zero());
    }

    #[test]
    fn empty_accounts_stay_only_before_spurious_dragon() {
        let state = MemoryState::default().with_balance(SENDER, 1);
        for (spec, stays) in [(SpecId::TANGERINE, true), (SpecId::SPURIOUS_DRAGON, false)] {
            let mut layer = Layer::new(&state, spec);
            run_and_commit(&mut layer, "{}", spec);
            assert_eq!(layer.basic_ref(CONTRACT).expect("reads").is_some(), stays, "{spec:?}");
        }
    }

    #[test]
    fn block_hashes_of_the_layer_come_first() {
        let mut state = MemoryState::default();
        state.hashes.extend([(1, B256::repeat_byte(1)), (2, B256::repeat_byte(2))]);
        let mut layer = Layer::new(&state, SpecId::OSAKA);
        layer.set_block_hash(2, B256::repeat_byte(9));

        assert_eq!(layer.block_hash_ref(1).expect("reads"), B256::repeat_byte(1));
        assert_eq!(layer.block_hash_ref(2).expect("reads"), B256::repeat_byte(9));
    }
}
