//! A rollup's state out of what L1 has of it, for Python.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY};
use chain::dump::DumpedAccount;
use chain::genesis::Genesis;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use revm::Database as _;
use rollup::rebuild::Rebuilt;
use stf::memory::{GenesisAccount, MemoryState};

use crate::chain::py_bytes;
use crate::errors::{NativeError, hash, to_python};
use crate::rollup::{ProgramRefused, decode_batch};

/// A state that grows by one batch after the other, in memory.
#[pyclass(module = "ethrex_node._native")]
pub struct RebuiltState(Rebuilt);

#[pymethods]
impl RebuiltState {
    /// The state of a genesis; `statement` is the encoding of the batch before the first. Raises GenesisError,
    /// ValueError.
    #[new]
    fn new(genesis: &[u8], statement: &[u8]) -> PyResult<Self> {
        let genesis = Genesis::from_json(genesis).map_err(to_python)?;
        let alloc = genesis.alloc.into_iter().map(|(address, account)| {
            let storage = account.storage.into_iter().collect();
            (address, GenesisAccount { nonce: account.nonce, balance: account.balance, code: account.code, storage })
        });
        let state = MemoryState::from_alloc(alloc).map_err(|error| NativeError::new_err(error.to_string()))?;
        Ok(Self(Rebuilt { batch: decode_batch(statement)?, state }))
    }

    /// Go on by a batch: its encoding, its blobs with their versioned hashes. Gives the leaves of its messages to L1.
    /// Raises ProgramRefused, after which this object is no more to be used; ValueError.
    fn take(&mut self, py: Python<'_>, statement: &[u8], blobs: Vec<(Vec<u8>, Vec<u8>)>) -> PyResult<Vec<Py<PyBytes>>> {
        let batch = decode_batch(statement)?;
        let hashed = blobs.iter().map(|(name, blob)| Ok((hash(name, "versioned hash")?, &blob[..])));
        let blobs = hashed.collect::<PyResult<Vec<_>>>()?;
        let taken = py.detach(|| self.0.take(batch, &blobs).map_err(|error| error.to_string()));
        let leaves = taken.map_err(ProgramRefused::new_err)?;
        Ok(leaves.iter().map(|leaf| py_bytes(py, &leaf.0)).collect())
    }

    /// The same for a batch of a validium: its encoding, the pointer that L1 was told, the payload that was kept.
    fn take_kept(
        &mut self,
        py: Python<'_>,
        statement: &[u8],
        pointer: &[u8],
        payload: &[u8],
    ) -> PyResult<Vec<Py<PyBytes>>> {
        let (batch, pointer) = (decode_batch(statement)?, hash(pointer, "pointer")?);
        let taken = py.detach(|| self.0.take_kept(batch, pointer, payload).map_err(|error| error.to_string()));
        let leaves = taken.map_err(ProgramRefused::new_err)?;
        Ok(leaves.iter().map(|leaf| py_bytes(py, &leaf.0)).collect())
    }

    /// The encoding of the batch that this is the state after.
    #[getter]
    fn statement(&self, py: Python<'_>) -> Py<PyBytes> {
        py_bytes(py, &self.0.batch.encode())
    }

    /// All accounts as the `alloc` of a genesis has them: JSON.
    fn alloc(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let mut accounts: BTreeMap<Address, DumpedAccount> = BTreeMap::new();
        let mut codes = Vec::new();
        for (address, body, slots) in self.0.state.accounts() {
            let storage = slots.iter().map(|(slot, value)| ((*slot).into(), (*value).into())).collect();
            if body.code_hash != KECCAK256_EMPTY {
                codes.push((*address, body.code_hash));
            }
            accounts.insert(
                *address,
                DumpedAccount { nonce: body.nonce, balance: body.balance, code: Bytes::new(), storage },
            );
        }
        for (address, code_hash) in codes {
            let code = self.0.state.code_by_hash(code_hash).map_err(|error| NativeError::new_err(error.to_string()))?;
            if let Some(account) = accounts.get_mut(&address) {
                account.code = code.original_bytes();
            }
        }
        let json = serde_json::to_vec(&accounts).map_err(|error| NativeError::new_err(error.to_string()))?;
        Ok(py_bytes(py, &json))
    }
}
