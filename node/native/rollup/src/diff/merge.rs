//! The changes of many blocks as one diff.

use alloc::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, map::B256Map};
use stf::{AccountBody, StateChanges};

use super::{AccountDiff, CodeDiff};

/// A change that a diff has no form for. No transaction of a rollup can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpublishableError {
    #[error("storage of {0} was cleared")]
    StorageCleared(Address),
    #[error("the nonce of {0} went down")]
    NonceFell(Address),
}

/// Values before the first block and after the last one.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    accounts: BTreeMap<Address, Account>,
    codes: B256Map<Bytes>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    before: AccountBody,
    after: AccountBody,
    slots: BTreeMap<U256, (U256, U256)>,
}

impl Merged {
    /// Add the next block's changes.
    pub fn add(&mut self, changes: &StateChanges) -> Result<(), UnpublishableError> {
        for (address, change) in &changes.accounts {
            let (before, after) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
            let account = self.accounts.entry(*address).or_insert_with(|| Account { before, ..Account::default() });
            if change.storage_cleared && (before.code_hash != KECCAK256_EMPTY || !account.slots.is_empty()) {
                return Err(UnpublishableError::StorageCleared(*address));
            }
            account.after = after;
            for (key, slot) in &change.storage {
                account.slots.entry(*key).or_insert((slot.before, slot.after)).1 = slot.after;
            }
        }
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        Ok(())
    }

    /// What is different after all.
    pub fn diffs(&self) -> Result<BTreeMap<Address, AccountDiff>, UnpublishableError> {
        let mut new_codes = self.codes.clone();
        let mut diffs = BTreeMap::new();
        for (address, account) in &self.accounts {
            let Account { before, after, slots } = account;
            let nonce_increase =
                after.nonce.checked_sub(before.nonce).ok_or(UnpublishableError::NonceFell(*address))?;
            let changed = slots.iter().filter(|(_, (before, after))| before != after);
            let diff = AccountDiff {
                balance: (before.balance != after.balance).then_some(after.balance),
                nonce_increase,
                code: (before.code_hash != after.code_hash).then(|| code_diff(after.code_hash, &mut new_codes)),
                slots: changed.map(|(key, (_, after))| (*key, *after)).collect(),
            };
            if diff != AccountDiff::default() {
                diffs.insert(*address, diff);
            }
        }
        Ok(diffs)
    }
}

/// A code that came with the batch is written out where it is met first.
fn code_diff(hash: B256, new: &mut B256Map<Bytes>) -> CodeDiff {
    if hash == KECCAK256_EMPTY {
        return CodeDiff::New(Bytes::new());
    }
    new.remove(&hash).map_or(CodeDiff::Known(hash), CodeDiff::New)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stf::{AccountChange, SlotChange};

    const A: Address = Address::repeat_byte(1);

    fn body(nonce: u64, balance: u64) -> Option<AccountBody> {
        Some(AccountBody { nonce, balance: U256::from(balance), ..AccountBody::default() })
    }

    fn change(before: Option<AccountBody>, after: Option<AccountBody>, slots: &[(u64, u64, u64)]) -> StateChanges {
        let slot = |(key, before, after): &(u64, u64, u64)| {
            (U256::from(*key), SlotChange { before: U256::from(*before), after: U256::from(*after) })
        };
        let storage = slots.iter().map(slot).collect();
        let account = AccountChange { before, after, storage_cleared: false, storage };
        StateChanges { accounts: [(A, account)].into_iter().collect(), ..StateChanges::default() }
    }

    #[test]
    fn values_before_the_first_block_are_held_against_those_after_the_last() {
        let mut merged = Merged::default();
        merged.add(&change(None, body(1, 5), &[(7, 0, 1), (8, 0, 4)])).unwrap();
        merged.add(&change(body(1, 5), body(3, 9), &[(7, 1, 2), (8, 4, 0)])).unwrap();

        let diffs = merged.diffs().unwrap();

        let slots = [(U256::from(7), U256::from(2))].into();
        assert_eq!(diffs[&A], AccountDiff { balance: Some(U256::from(9)), nonce_increase: 3, code: None, slots });
    }

    #[test]
    fn what_came_back_to_its_value_is_left_out() {
        let mut merged = Merged::default();
        merged.add(&change(body(1, 5), body(1, 9), &[(7, 3, 1)])).unwrap();
        merged.add(&change(body(1, 9), body(1, 5), &[(7, 1, 3)])).unwrap();

        assert!(merged.diffs().unwrap().is_empty());
    }

    #[test]
    fn a_code_is_written_once() {
        let code = Bytes::from_static(b"code");
        let hash = alloy_primitives::keccak256(&code);
        let mut merged = Merged::default();
        for byte in [2, 3] {
            let after = Some(AccountBody { nonce: 1, code_hash: hash, ..AccountBody::default() });
            let mut changes = StateChanges::default();
            let account = AccountChange { before: None, after, ..AccountChange::default() };
            changes.accounts.insert(Address::repeat_byte(byte), account);
            changes.codes.insert(hash, code.clone());
            merged.add(&changes).unwrap();
        }

        let codes: alloc::vec::Vec<_> = merged.diffs().unwrap().into_values().map(|diff| diff.code.unwrap()).collect();

        assert_eq!(codes, [CodeDiff::New(code), CodeDiff::Known(hash)]);
    }

    #[test]
    fn a_nonce_never_falls() {
        let mut merged = Merged::default();
        merged.add(&change(body(2, 5), body(1, 5), &[])).unwrap();

        assert_eq!(merged.diffs(), Err(UnpublishableError::NonceFell(A)));
    }
}
