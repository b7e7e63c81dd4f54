//! Single rules of the core as functions of bytes, so that the official vectors can be played on them one by one.
//!
//! The node calls these rules from inside block execution; nothing here holds state. Bad input is a `ValueError`
//! with the core's own reason: the vectors that must fail are told from the ones that must not by that alone.

mod keys;
mod kzg;
mod precompile;
mod rlp;
mod state_test;
mod transaction;
mod tries;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Adds every function of this module to `_native`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    kzg::register(module)?;
    rlp::register(module)?;
    module.add_function(wrap_pyfunction!(precompile::run_precompile, module)?)?;
    module.add_function(wrap_pyfunction!(keys::keccak, module)?)?;
    module.add_function(wrap_pyfunction!(keys::sign_hash, module)?)?;
    module.add_function(wrap_pyfunction!(state_test::run_state_test, module)?)?;
    module.add_function(wrap_pyfunction!(state_test::state_root, module)?)?;
    module.add_function(wrap_pyfunction!(tries::trie_root, module)?)?;
    module.add_function(wrap_pyfunction!(tries::trie_root_of_batch, module)?)?;
    module.add_function(wrap_pyfunction!(transaction::check_transaction, module)?)
}

fn invalid(reason: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(reason.to_string())
}

fn fixed<const N: usize>(name: &str, bytes: &[u8]) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| invalid(format!("{name} has {} bytes, expected {N}", bytes.len())))
}
