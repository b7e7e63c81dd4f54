//! State written past the blocks, for a dev chain's tests.

use alloy_primitives::{Bytes, U256};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::chain::address;

/// What to write of one account; what is not given stays.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Patch(pub chain::patch::Patch);

#[pymethods]
impl Patch {
    #[new]
    #[pyo3(signature = (address, *, balance = None, nonce = None, code = None, storage = None))]
    fn new(
        address: &[u8],
        balance: Option<&Bound<'_, PyAny>>,
        nonce: Option<u64>,
        code: Option<Vec<u8>>,
        storage: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut slots = Vec::new();
        for (slot, value) in storage.into_iter().flatten() {
            slots.push((word(&slot, "slot")?, word(&value, "value")?));
        }
        Ok(Self(chain::patch::Patch {
            address: self::address(address, "address")?,
            balance: balance.map(|balance| word(balance, "balance")).transpose()?,
            nonce,
            code: code.map(Bytes::from),
            storage: slots,
        }))
    }

    #[getter]
    fn address<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.address.as_slice())
    }
}

/// A number from 0 to 2^256 - 1.
fn word(value: &Bound<'_, PyAny>, name: &str) -> PyResult<U256> {
    let bytes = value.call_method1("to_bytes", (32, "big"));
    let bytes = bytes.map_err(|_| PyValueError::new_err(format!("{name} is not a number of 256 bits")))?;
    Ok(U256::from_be_slice(bytes.extract::<&[u8]>()?))
}
