//! One precompiled contract, called without an EVM around it.

use super::{fixed, invalid};
use alloy_primitives::Address;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use revm::precompile::{PrecompileSpecId, PrecompileStatus, Precompiles};
use revm::primitives::hardfork::SpecId;
use std::str::FromStr;

/// Runs the precompile at `address` (20 bytes) as of `fork` (revm's spelling: "Prague") on `input`; gives output and
/// gas. `KeyError` where the fork has none there, `ValueError` where the contract refuses the input.
#[pyfunction]
#[pyo3(signature = (fork, address, input, gas_limit = u64::MAX))]
pub fn run_precompile(
    py: Python<'_>,
    fork: &str,
    address: &[u8],
    input: &[u8],
    gas_limit: u64,
) -> PyResult<(Vec<u8>, u64)> {
    let spec = SpecId::from_str(fork).map_err(|_| invalid(format!("unknown fork {fork}")))?;
    let address = Address::from(fixed::<20>("address", address)?);
    let precompile = Precompiles::new(PrecompileSpecId::from_spec_id(spec))
        .get(&address)
        .ok_or_else(|| PyKeyError::new_err(format!("no precompile at {address} in {fork}")))?;
    let output = py.detach(|| precompile.execute(input, gas_limit, 0)).map_err(|e| invalid(format!("{e:?}")))?;
    match output.status {
        PrecompileStatus::Success => Ok((output.bytes.to_vec(), output.gas_used)),
        PrecompileStatus::Revert => Err(invalid("reverted")),
        PrecompileStatus::Halt(reason) => Err(invalid(format!("{reason:?}"))),
    }
}
