//! What a block did to the state, by address, with the values before and after it.
//!
//! Values before the block serve history and unwinding; values after it serve the trie and the flat tables.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, map::HashMap};
use revm::state::AccountInfo;

/// All that a block changed. An account or slot whose value is the same before and after is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    pub accounts: HashMap<Address, AccountChange>,
    /// Code that is new in this block, by its hash.
    pub codes: HashMap<B256, Bytes>,
}

/// One account. `None` means that it does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    pub before: Option<AccountBody>,
    pub after: Option<AccountBody>,
    /// The account was destroyed in this block: every slot that it had before is gone, and `storage` holds what was
    /// written since.
    pub storage_cleared: bool,
    pub storage: HashMap<U256, SlotChange>,
}

/// An account without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountBody {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
}

/// One storage slot; zero means absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotChange {
    pub before: U256,
    pub after: U256,
}

impl Default for AccountBody {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

impl From<&AccountInfo> for AccountBody {
    fn from(info: &AccountInfo) -> Self {
        Self { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
    }
}

impl From<AccountBody> for AccountInfo {
    fn from(body: AccountBody) -> Self {
        let info = Self { nonce: body.nonce, balance: body.balance, ..Default::default() };
        if body.code_hash == KECCAK256_EMPTY { info } else { info.with_code_hash(body.code_hash) }
    }
}
