//! A rollup's own forms, for Python: transactions that L1 makes, the hash of its rules.

use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Bytes, U256};
use chain::genesis::Genesis;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stf::rollup::Privileged;

use crate::chain::{address, py_bytes};
use crate::errors::to_python;

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
