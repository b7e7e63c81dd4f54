//! `ethrex_node._native`: the one crate that knows Python.

mod vectors;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// Tries copy and drop thousands of small nodes a block: the C library's allocator makes a root 1.6 times as slow.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
