//! Payloads of the Engine API to blocks and back: pure functions.

use alloy_primitives::{B256, Bytes};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use query::payload::{self, Beside};

use crate::chain::py_bytes;
use crate::errors::hash;

create_exception!(_native, PayloadInvalid, PyException, "A payload that is no block: args are kind and message.");

type HashAndBlock = (Py<PyBytes>, Py<PyBytes>);

/// ExecutionPayload JSON to (block hash, block RLP). Raises PayloadInvalid.
#[pyfunction]
pub fn payload_to_block(
    py: Python<'_>,
    version: u32,
    payload: &[u8],
    versioned_hashes: Option<Vec<Vec<u8>>>,
    parent_beacon_root: Option<&[u8]>,
    requests: Option<Vec<Vec<u8>>>,
) -> PyResult<HashAndBlock> {
    let versioned_hashes: Option<Vec<B256>> =
        versioned_hashes.map(|list| list.iter().map(|bytes| hash(bytes, "versioned hash")).collect()).transpose()?;
    let requests: Option<Vec<Bytes>> = requests.map(|list| list.into_iter().map(Bytes::from).collect());
    let beside = Beside {
        versioned_hashes: versioned_hashes.as_deref(),
        parent_beacon_block_root: parent_beacon_root.map(|root| hash(root, "parent_beacon_root")).transpose()?,
        requests: requests.as_deref(),
    };
    let (hash, block) = py
        .detach(|| payload::payload_to_block(version, payload, &beside))
        .map_err(|error| PayloadInvalid::new_err((error.kind(), error.to_string())))?;
    Ok((py_bytes(py, &hash.0), py_bytes(py, &block)))
}

/// Block RLP to ExecutionPayload JSON.
#[pyfunction]
pub fn block_to_payload(py: Python<'_>, block: &[u8], version: u32) -> PyResult<Py<PyBytes>> {
    let json = py.detach(|| payload::block_to_payload(block, version)).map_err(malformed)?;
    Ok(py_bytes(py, &json))
}

/// Body RLP to ExecutionPayloadBodyV1 JSON.
#[pyfunction]
pub fn block_to_payload_body(py: Python<'_>, body: &[u8]) -> PyResult<Py<PyBytes>> {
    let json = py.detach(|| payload::block_to_payload_body(body)).map_err(malformed)?;
    Ok(py_bytes(py, &json))
}

fn malformed(error: alloy_rlp::Error) -> PyErr {
    PyValueError::new_err(format!("malformed block: {error}"))
}
