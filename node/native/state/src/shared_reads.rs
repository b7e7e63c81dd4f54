//! What several threads may read of one snapshot at once: the tries at the head, codes, and headers by their hash. It
//! is what a block can be executed from without the flat tables.

use alloy_primitives::B256;

use crate::{
    AccountNodes, StateError, StorageNodesAt, keys,
    snapshot::{self, Shareable},
};

/// See the module's page.
pub struct SharedReads<'a>(pub(crate) Shareable<'a>);

impl SharedReads<'_> {
    /// The state trie.
    pub fn account_nodes(&self) -> AccountNodes<'_> {
        AccountNodes(self.0)
    }

    /// An account's storage trie, by keccak(address).
    pub fn storage_nodes(&self, account: &B256) -> StorageNodesAt<'_> {
        StorageNodesAt { reads: self.0, account: *account }
    }

    /// Code by its hash.
    pub fn code(&self, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        Ok(self.0.tables().code.get(self.0.txn(), hash.as_slice())?)
    }

    /// A stored header by its hash, canonical or not.
    pub fn header_rlp(&self, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        let (txn, tables) = (self.0.txn(), self.0.tables());
        let Some(number) = tables.number.get(txn, hash.as_slice())? else { return Ok(None) };
        Ok(tables.header.get(txn, &keys::block(snapshot::number(number)?, hash))?)
    }
}
