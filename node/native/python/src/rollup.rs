//! A rollup's own forms, for Python: transactions that L1 makes, batches and the program that proves them.

use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Bytes, U256};
use chain::genesis::Genesis;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rollup::assemble::Assembled;
use rollup::batch::Deployment;
use rollup::{Batch, Input, ProgramError, Published, messages, queue};
use stf::rollup::Privileged;

use crate::chain::{address, py_bytes};
use crate::errors::{NativeError, hash, to_python};

pyo3::create_exception!(
    ethrex_node._native,
    ProgramRefused,
    NativeError,
    "No batch can be made of this, or proven from it."
);

pub fn refused(error: ProgramError) -> PyErr {
    ProgramRefused::new_err(error.to_string())
}

/// The same for whatever else says why.
pub fn said(error: impl std::fmt::Display) -> PyErr {
    ProgramRefused::new_err(error.to_string())
}

/// A batch that is ready to be committed and proven.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct AssembledBatch {
    pub number: u64,
    pub hash: Py<PyBytes>,
    /// abi.encode of the batch.
    pub encoded: Py<PyBytes>,
    /// What every prover gets.
    pub input: Py<PyBytes>,
    /// Blob, commitment, versioned hash, z, y, proof that the commitment opens at z to y.
    pub blobs: Vec<OpenedBlob>,
    /// What a validium's committee keeps; None for a rollup.
    pub kept: Option<Py<PyBytes>>,
    /// Leaves of the messages to L1, in order.
    pub messages: Vec<Py<PyBytes>>,
    pub queue_index: u64,
    pub state_root: Py<PyBytes>,
    /// Bytes of the diff before it was packed.
    pub diff_bytes: usize,
}

type OpenedBlob = (Py<PyBytes>, Py<PyBytes>, Py<PyBytes>, Py<PyBytes>, Py<PyBytes>, Py<PyBytes>);

impl AssembledBatch {
    pub fn new(py: Python<'_>, assembled: Assembled) -> Self {
        let bytes = |bytes: &[u8]| py_bytes(py, bytes);
        let Assembled { batch, input, blobs, messages, diff_bytes } = assembled;
        Self {
            number: batch.number,
            hash: bytes(&batch.hash().0),
            encoded: bytes(&batch.encode()),
            input: bytes(&input.encode()),
            blobs: blobs
                .iter()
                .map(|blob| {
                    let opening = &blob.opening;
                    (
                        bytes(&blob.blob),
                        bytes(&blob.commitment),
                        bytes(&opening.versioned_hash.0),
                        bytes(&opening.z.0),
                        bytes(&opening.y.0),
                        bytes(&blob.proof),
                    )
                })
                .collect(),
            kept: matches!(input.published, Published::Kept(_)).then(|| bytes(&input.payload)),
            messages: messages.iter().map(|leaf| bytes(&leaf.0)).collect(),
            queue_index: batch.queue_index,
            state_root: bytes(&batch.new_state_root.0),
            diff_bytes,
        }
    }
}

/// The hash of the L1 queue after an item (type 0x7e), from the hash before it. Raises ValueError.
#[pyfunction]
pub fn queue_hash(py: Python<'_>, before: &[u8], item: &[u8]) -> PyResult<Py<PyBytes>> {
    Ok(py_bytes(py, &queue::link(hash(before, "before")?, &privileged(item)?).0))
}

/// The batch before a rollup's first, as abi.encode gives it. Raises GenesisError, ValueError.
#[pyfunction]
#[pyo3(signature = (genesis, *, l1_chain_id, proposer, salt))]
pub fn genesis_batch(
    py: Python<'_>,
    genesis: &[u8],
    l1_chain_id: u64,
    proposer: &[u8],
    salt: &[u8],
) -> PyResult<Py<PyBytes>> {
    let deployment = Deployment { l1_chain_id, proposer: address(proposer, "proposer")?, salt: hash(salt, "salt")? };
    let genesis = Genesis::from_json(genesis).map_err(to_python)?;
    let spec = genesis.spec().map_err(to_python)?;
    let rules = spec.rollup.as_ref().ok_or_else(|| PyValueError::new_err("the genesis is not a rollup's"))?;
    let (block, root) = chain::born::genesis_hash(&genesis).map_err(to_python)?;
    let batch = Batch::genesis(deployment, spec.chain_id, root, block, genesis.timestamp, rules.hash(&spec));
    Ok(py_bytes(py, &batch.encode()))
}

/// The hash of an encoded batch. Raises ValueError.
#[pyfunction]
pub fn batch_hash(py: Python<'_>, encoded: &[u8]) -> PyResult<Py<PyBytes>> {
    Ok(py_bytes(py, &decode_batch(encoded)?.hash().0))
}

/// Run the program that every prover runs: an input gives the encoding of the batch that it proves.
/// Raises ProgramRefused.
#[pyfunction]
pub fn execute_batch(py: Python<'_>, input: &[u8]) -> PyResult<Py<PyBytes>> {
    let batch = py.detach(|| Input::decode(input).and_then(|input| rollup::execute(&input))).map_err(refused)?;
    Ok(py_bytes(py, &batch.encode()))
}

/// The siblings from one of a batch's messages to their root. Raises ValueError.
#[pyfunction]
pub fn message_proof(py: Python<'_>, leaves: Vec<Vec<u8>>, index: usize) -> PyResult<Vec<Py<PyBytes>>> {
    let leaves = leaves.iter().map(|leaf| hash(leaf, "leaf")).collect::<PyResult<Vec<_>>>()?;
    let siblings = messages::proof(&leaves, index)
        .ok_or_else(|| PyValueError::new_err(format!("there is no message {index} among {}", leaves.len())))?;
    Ok(siblings.iter().map(|sibling| py_bytes(py, &sibling.0)).collect())
}

pub fn decode_batch(encoded: &[u8]) -> PyResult<Batch> {
    Batch::decode(encoded).ok_or_else(|| PyValueError::new_err("not the encoding of a batch"))
}

/// A transaction of type 0x7e as it lies in a block.
#[pyfunction]
#[pyo3(signature = (*, chain_id, index, sender, to, value, gas_limit, data))]
#[allow(clippy::too_many_arguments)]
pub fn privileged_transaction(
    py: Python<'_>,
    chain_id: u64,
    index: u64,
    sender: &[u8],
    to: &[u8],
    value: &[u8],
    gas_limit: u64,
    data: Vec<u8>,
) -> PyResult<Py<PyBytes>> {
    let value = U256::try_from_be_slice(value)
        .ok_or_else(|| PyValueError::new_err(format!("value is at most 32 bytes, not {}", value.len())))?;
    let item = Privileged {
        chain_id,
        nonce: index,
        gas_limit,
        to: address(to, "to")?,
        value,
        data: Bytes::from(data),
        from: address(sender, "sender")?,
    };
    Ok(py_bytes(py, &item.encoded_2718()))
}

/// What L1 registers as the rollup's `configHash`; None for a chain that is no rollup. Raises GenesisError.
#[pyfunction]
pub fn config_hash(py: Python<'_>, genesis: &[u8]) -> PyResult<Option<Py<PyBytes>>> {
    let spec = Genesis::from_json(genesis).and_then(|genesis| genesis.spec()).map_err(to_python)?;
    Ok(spec.rollup.as_ref().map(|rules| py_bytes(py, &rules.hash(&spec).0)))
}

pub fn privileged(raw: &[u8]) -> PyResult<Privileged> {
    let mut rest = raw;
    match Privileged::decode_2718(&mut rest) {
        Ok(item) if rest.is_empty() => Ok(item),
        Ok(_) => Err(PyValueError::new_err("bytes after a privileged transaction")),
        Err(error) => Err(PyValueError::new_err(format!("not a privileged transaction: {error}"))),
    }
}
