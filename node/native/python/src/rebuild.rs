//! A rollup's state out of what L1 has of it, for Python.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY};
use alloy_rlp::Decodable;
use chain::ChainError;
use chain::born::Start;
use chain::dump::DumpedAccount;
use chain::genesis::Genesis;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use revm::Database as _;
use rollup::Batch;
use rollup::rebuild::{self, Rebuilt};
use stf::Header;
use stf::memory::{GenesisAccount, MemoryState};

use crate::chain::py_bytes;
use crate::errors::{NativeError, hash, to_python};
use crate::rollup::{ProgramRefused, decode_batch, said};

/// Blobs with their versioned hashes before them.
pub type Named = Vec<(Vec<u8>, Vec<u8>)>;

/// What a batch published: its blobs, or of a validium pointer and payload.
enum Published {
    Blobs(Vec<(B256, Vec<u8>)>),
    Kept(B256, Vec<u8>),
}

/// From the end of a batch to that of the next.
pub struct Step {
    before: Batch,
    batch: Batch,
    published: Published,
}

impl Step {
    /// Raises ValueError.
    pub fn read(
        previous: &[u8],
        statement: &[u8],
        blobs: Option<Named>,
        kept: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let published = match (blobs, kept) {
            (Some(blobs), None) => {
                let named = blobs.into_iter().map(|(name, blob)| Ok((hash(&name, "versioned hash")?, blob)));
                Published::Blobs(named.collect::<PyResult<_>>()?)
            }
            (None, Some((pointer, payload))) => Published::Kept(hash(&pointer, "pointer")?, payload),
            _ => return Err(PyValueError::new_err("either blobs or what was kept")),
        };
        Ok(Self { before: decode_batch(previous)?, batch: decode_batch(statement)?, published })
    }

    /// Move the head of a chain that stands at the end of the batch before. The state root is what a leap checks.
    pub fn take(&self, chain: &mut chain::Chain) -> PyResult<chain::HeadChange> {
        let (before, batch, tip) = (&self.before, &self.batch, chain.tip.header.number);
        let diff = match &self.published {
            Published::Blobs(blobs) => {
                let blobs: Vec<_> = blobs.iter().map(|(name, blob)| (*name, &blob[..])).collect();
                rebuild::published(before, batch, &blobs)
            }
            Published::Kept(pointer, payload) => rebuild::kept(before, batch, *pointer, payload),
        };
        let diff = diff.map_err(said)?;
        if (tip, chain.tip.hash) != (before.last_block, before.last_block_hash) {
            return Err(said(format!("batch {} does not follow the head, block {tip}", batch.number)));
        }
        rebuild::check_outcome(batch, &diff, diff.header.state_root).map_err(said)?;
        let mut view = chain.head_view().map_err(to_python)?;
        let changes = rollup::diff::apply(&diff, &mut view).map_err(said)?;
        chain.leap(view, diff.header, changes).map_err(|error| match error {
            ChainError::Invalid { reason, .. } => said(reason),
            other => to_python(other),
        })
    }
}

/// What a chain begins with: RLP of a header, and a genesis document whose `alloc` is the state. Raises GenesisError,
/// ValueError.
pub fn beginning(header: &[u8], state: &[u8]) -> PyResult<Start> {
    let mut rest = header;
    let header = Header::decode(&mut rest)
        .map_err(|error| PyValueError::new_err(format!("not the RLP of a header: {error}")))?;
    if !rest.is_empty() || header.number == 0 {
        return Err(PyValueError::new_err(
            "a chain begins with the header of a block above the genesis, and nothing else",
        ));
    }
    Ok(Start { header, alloc: Genesis::from_json(state).map_err(to_python)?.alloc })
}

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
        Ok(Self(Rebuilt { batch: decode_batch(statement)?, state, header: None }))
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

    /// RLP of the header of that batch's last block; None for the genesis.
    #[getter]
    fn header(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.0.header.as_ref().map(|header| py_bytes(py, &alloy_rlp::encode(header)))
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
