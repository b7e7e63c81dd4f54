//! What a layer changes, in the form that the state root is computed from.

use super::super::error::SourceError;
use super::super::layer::{Layer, LayerAccount};
use alloy_primitives::Address;
use revm::DatabaseRef;
use stf::{AccountBody, AccountChange, SlotChange, StateChanges};

/// Everything that `layer` changes over its base.
pub fn of_layer<D: DatabaseRef<Error = SourceError>>(layer: &Layer<D>) -> Result<StateChanges, SourceError> {
    let mut changes = StateChanges::default();
    for (address, account) in layer.accounts() {
        changes.accounts.insert(*address, of_account(&layer.base, *address, account)?);
    }
    Ok(changes)
}

fn of_account<D: DatabaseRef<Error = SourceError>>(
    base: &D,
    address: Address,
    account: &LayerAccount,
) -> Result<AccountChange, SourceError> {
    let before = base.basic_ref(address)?;
    let mut storage = alloy_primitives::map::HashMap::default();
    for (slot, after) in &account.slots {
        let before = base.storage_ref(address, *slot)?;
        if before != *after || account.storage_cleared {
            storage.insert(*slot, SlotChange { before, after: *after });
        }
    }
    Ok(AccountChange {
        before: before.as_ref().map(AccountBody::from),
        after: account.info.as_ref().map(AccountBody::from),
        storage_cleared: account.storage_cleared && before.is_some(),
        storage,
    })
}
