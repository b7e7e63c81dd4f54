//! `ethrex_node._native`: the one crate that knows Python.

mod vectors;

use pyo3::prelude::*;

/// Version of the node: that of the Cargo workspace.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(version, m)?)?;
    vectors::register(m)
}
