//! `ethrex_node._native`: the one crate that knows Python.

mod vectors;

use pyo3::prelude::*;

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    vectors::register(m)
}
