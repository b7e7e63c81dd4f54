//! A diff onto the state before its batch.

use alloy_primitives::{Address, KECCAK256_EMPTY, keccak256};
use stf::{AccountBody, AccountChange, SlotChange, StateChanges, StateSource};

use super::{CodeDiff, Diff};

/// Why a diff does not fit a state.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError<E: core::error::Error + 'static> {
    #[error("reading state: {0}")]
    Source(E),
    #[error("the nonce of {0} overflows")]
    Nonce(Address),
}

/// The changes that take `state`, the one before the batch, to the one after it.
pub fn apply<S: StateSource>(diff: &Diff, state: &mut S) -> Result<StateChanges, ApplyError<S::Error>> {
    let mut changes = StateChanges::default();
    for (address, account) in &diff.accounts {
        let before = state.basic(*address).map_err(ApplyError::Source)?.map(|info| AccountBody::from(&info));
        let mut after = before.unwrap_or_default();
        after.balance = account.balance.unwrap_or(after.balance);
        after.nonce = after.nonce.checked_add(account.nonce_increase).ok_or(ApplyError::Nonce(*address))?;
        match &account.code {
            None => {}
            Some(CodeDiff::Known(hash)) => after.code_hash = *hash,
            Some(CodeDiff::New(code)) if code.is_empty() => after.code_hash = KECCAK256_EMPTY,
            Some(CodeDiff::New(code)) => {
                after.code_hash = keccak256(code);
                changes.codes.insert(after.code_hash, code.clone());
            }
        }
        let mut change = AccountChange { before, ..AccountChange::default() };
        for (key, value) in &account.slots {
            let before = state.storage(*address, *key).map_err(ApplyError::Source)?;
            change.storage.insert(*key, SlotChange { before, after: *value });
        }
        // An account without anything is not part of the state (EIP-161).
        change.after = (after != AccountBody::default()).then_some(after);
        changes.accounts.insert(*address, change);
    }
    Ok(changes)
}
