//! Where execution reads the state before a block: a database, a map, a witness.

use alloy_primitives::{Address, B256, Bytes};
use revm::bytecode::Bytecode;

use crate::changes::StateChanges;

/// The state before a block, as execution sees it.
///
/// `basic` gives an account without its code (`code: None` where there is some), `code_by_hash` the code,
/// `storage` a slot, `block_hash` the hash of an ancestor of the block that is executed.
pub trait StateSource: revm::Database {
    /// Root of this state with `changes` on top, changing nothing: receipts before Byzantium hold a root each.
    fn state_root(&mut self, changes: &StateChanges) -> Result<B256, Self::Error>;

    /// Whether the account has a non-empty storage trie: a contract is never created over one (EIP-7610).
    /// Asked only where a contract is created.
    fn has_storage(&mut self, address: Address) -> Result<bool, Self::Error>;
}

/// Code as the interpreter takes it. What only looks like a delegation (EIP-7702) is plain code: it may be older.
pub fn bytecode(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}
