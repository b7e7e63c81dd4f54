//! A decoded and recovered transaction, as the pool holds it.

use std::sync::Arc;

use alloy_consensus::Transaction as _;
use chain::intake::{self, PoolTransaction};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stf::Fork;

/// Amounts in wei, sizes in bytes.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Transaction(pub Arc<PoolTransaction>);

#[pymethods]
impl Transaction {
    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.hash.as_slice())
    }

    #[getter]
    fn sender<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.sender.as_slice())
    }

    /// The recipient; None creates a contract.
    #[getter]
    fn to<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.transaction.to().map(|to| PyBytes::new(py, to.as_slice()))
    }

    /// EIP-2718 type.
    #[getter]
    fn kind(&self) -> u8 {
        self.0.kind()
    }

    #[getter]
    fn chain_id(&self) -> Option<u64> {
        self.0.transaction.chain_id()
    }

    #[getter]
    fn nonce(&self) -> u64 {
        self.0.transaction.nonce()
    }

    #[getter]
    fn gas_limit(&self) -> u64 {
        self.0.transaction.gas_limit()
    }

    #[getter]
    fn max_fee_per_gas(&self) -> u128 {
        self.0.transaction.max_fee_per_gas()
    }

    /// For legacy transactions the gas price.
    #[getter]
    fn max_priority_fee_per_gas(&self) -> u128 {
        self.0.transaction.max_priority_fee_per_gas().unwrap_or_else(|| self.0.transaction.max_fee_per_gas())
    }

    #[getter]
    fn max_fee_per_blob_gas(&self) -> u128 {
        self.0.transaction.max_fee_per_blob_gas().unwrap_or_default()
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python_int(py, &self.0.transaction.value().to_be_bytes::<32>())
    }

    /// The most it can take from its sender: gas, blob gas and value.
    #[getter]
    fn cost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.cost() {
            Some(cost) if cost <= alloy_primitives::U256::from(u128::MAX) => {
                Ok(cost.to::<u128>().into_pyobject(py)?.into_any())
            }
            Some(cost) => python_int(py, &cost.to_be_bytes::<32>()),
            None => python_int(py, &[0xff; 33]),
        }
    }

    #[getter]
    fn blob_count(&self) -> usize {
        self.0.transaction.blob_versioned_hashes().map_or(0, <[_]>::len)
    }

    #[getter]
    fn blob_hashes<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let hashes = self.0.transaction.blob_versioned_hashes().unwrap_or_default();
        hashes.iter().map(|hash| PyBytes::new(py, hash.as_slice())).collect()
    }

    /// Whether the sidecar holds cell proofs (EIP-7594) rather than one proof a blob (EIP-4844).
    #[getter]
    fn cell_proofs(&self) -> bool {
        self.0.sidecar.as_ref().is_some_and(|sidecar| sidecar.is_eip7594())
    }

    /// Whether its sender was set by hand.
    #[getter]
    fn impersonated(&self) -> bool {
        self.0.impersonated
    }

    /// Bytes as it stands in a block, without blobs.
    #[getter]
    fn size(&self) -> usize {
        self.0.size
    }

    /// Bytes of init code; 0 where no contract is created.
    #[getter]
    fn init_code_size(&self) -> usize {
        if self.0.transaction.is_create() { self.0.transaction.input().len() } else { 0 }
    }

    #[getter]
    fn authorities<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.authorities.iter().map(|address| PyBytes::new(py, address.as_slice())).collect()
    }

    #[getter]
    fn authorization_count(&self) -> usize {
        self.0.transaction.authorization_list().map_or(0, <[_]>::len)
    }

    /// As it travels between nodes, blobs included.
    #[getter]
    fn network<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.raw)
    }

    /// As it stands in a block, without blobs.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.block_form())
    }

    /// The object that eth_getTransactionByHash gives for a pooled transaction.
    #[getter]
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = query::pooled_json(&self.0.block_form(), &self.0.hash, &self.0.sender)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &json))
    }

    /// One line, as txpool_inspect has it.
    #[getter]
    fn summary(&self) -> String {
        let transaction = &self.0.transaction;
        let to = transaction.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string().to_lowercase());
        let (value, gas, price) = (transaction.value(), transaction.gas_limit(), transaction.max_fee_per_gas());
        format!("{to}: {value} wei + {gas} gas × {price} wei")
    }

    /// The same transaction as if `sender` had signed it: for impersonated accounts of a dev chain.
    fn with_sender(&self, sender: &[u8]) -> PyResult<Self> {
        let pooled = &self.0;
        Ok(Self(Arc::new(PoolTransaction {
            transaction: pooled.transaction.clone(),
            sender: crate::chain::address(sender, "sender")?,
            hash: pooled.hash,
            raw: pooled.raw.clone(),
            sidecar: pooled.sidecar.clone(),
            size: pooled.size,
            authorities: pooled.authorities.clone(),
            impersonated: true,
        })))
    }

    /// The same with cell proofs (EIP-7594), made from blobs that came with proofs of the whole (EIP-4844).
    fn with_cell_proofs(&self, py: Python<'_>) -> PyResult<Self> {
        let pooled = Arc::clone(&self.0);
        let made = py.detach(move || pooled.with_cell_proofs());
        Ok(Self(Arc::new(made.map_err(|error| PyValueError::new_err(error.to_string()))?)))
    }

    /// (intrinsic gas, floor gas of EIP-7623) under the rules of `fork`.
    fn intrinsic_gas(&self, fork: &str) -> PyResult<(u64, u64)> {
        let fork = Fork::from_name(fork).ok_or_else(|| PyValueError::new_err(format!("{fork:?} is not a fork")))?;
        Ok(stf::intrinsic_gas(&self.0.transaction, fork))
    }

    /// Blobs, commitments and proofs: (blob, commitment, proofs) each; empty for other types.
    fn sidecar<'py>(&self, py: Python<'py>) -> Vec<BlobParts<'py>> {
        intake::blob_parts(&self.0)
            .into_iter()
            .map(|(blob, commitment, proofs)| {
                let proofs = proofs.iter().map(|proof| PyBytes::new(py, proof)).collect();
                (PyBytes::new(py, blob), PyBytes::new(py, commitment), proofs)
            })
            .collect()
    }
}

type BlobParts<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>);

fn python_int<'py>(py: Python<'py>, big_endian: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<pyo3::types::PyInt>().call_method1("from_bytes", (PyBytes::new(py, big_endian), "big"))
}

/// Decode, recover and check many transactions on all cores; the reason as text where one is no good.
#[pyfunction]
pub fn admit_transactions<'py>(py: Python<'py>, raw: Vec<Vec<u8>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let admitted = py.detach(|| intake::admit(&raw));
    admitted
        .into_iter()
        .map(|answer| match answer {
            Ok(transaction) => Ok(Bound::new(py, Transaction(transaction))?.into_any()),
            Err(error) => Ok(error.to_string().into_pyobject(py)?.into_any()),
        })
        .collect()
}
