//! The block that would be next, in memory: what requests with the tag `pending` see over the head.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::Layer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use query::PendingBlock;
use state::FlatAccount;

/// One built block that is no candidate of the chain. Good as long as its parent is the head.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Pending(pub Arc<Overlay>);

#[pymethods]
impl Pending {
    #[getter]
    fn parent_hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.parent.as_slice())
    }
}

/// What the block changed, by the hashes that the database is asked with.
pub struct Overlay {
    pub parent: B256,
    block: Arc<PendingBlock>,
    accounts: HashMap<B256, Option<FlatAccount>>,
    slots: HashMap<(B256, B256), U256>,
    /// Accounts whose other slots are gone.
    cleared: HashSet<B256>,
    codes: alloy_primitives::map::HashMap<B256, Bytes>,
}

impl Overlay {
    pub fn new(layer: Layer) -> Self {
        let stored = &layer.stored;
        let block = PendingBlock {
            header: layer.header.clone(),
            body: stored.body.clone(),
            senders: stored.senders.clone(),
            transaction_hashes: stored.transaction_hashes.clone(),
            receipts: stored.receipts.clone(),
        };
        let accounts: HashMap<_, _> =
            layer.tries.after.iter().map(|(address, account)| (keccak256(address), *account)).collect();
        let gone = accounts.iter().filter(|(_, account)| account.is_none()).map(|(hash, _)| *hash);
        Self {
            parent: layer.header.parent_hash,
            cleared: layer.tries.cleared.iter().copied().chain(gone).collect(),
            slots: layer.tries.slots.iter().map(|(account, slot, _, after)| ((*account, *slot), *after)).collect(),
            codes: layer.changes.codes,
            block: Arc::new(block),
            accounts,
        }
    }
}

impl query::Pending for Overlay {
    fn block(&self) -> Option<Arc<PendingBlock>> {
        Some(self.block.clone())
    }

    fn account(&self, hashed: &B256) -> Option<Option<FlatAccount>> {
        self.accounts.get(hashed).copied()
    }

    fn storage(&self, hashed: &B256, slot: &B256) -> Option<U256> {
        let written = self.slots.get(&(*hashed, *slot)).copied();
        written.or_else(|| self.cleared.contains(hashed).then_some(U256::ZERO))
    }

    fn code(&self, hash: &B256) -> Option<Bytes> {
        self.codes.get(hash).cloned()
    }

    /// The pool lives in Python and is asked there.
    fn nonce(&self, _: &Address) -> Option<u64> {
        None
    }

    fn transaction(&self, _: &B256) -> Option<(Bytes, Address)> {
        None
    }
}
