//! `ethrex_node._native`: the one crate that knows Python.

mod chain;
mod database;
mod errors;
mod origin;
mod patch;
mod payload;
mod pending;
mod reader;
mod rebuild;
mod rollup;
mod transaction;
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
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(version, module)?)?;
    errors::register(module)?;
    module.add_class::<chain::Chain>()?;
    module.add_class::<chain::Head>()?;
    module.add_class::<chain::NextBlock>()?;
    module.add_class::<chain::HeadChange>()?;
    module.add_class::<chain::BlockWork>()?;
    module.add_class::<chain::ImportReport>()?;
    module.add_class::<chain::BlockFacts>()?;
    module.add_class::<chain::Built>()?;
    module.add_class::<database::Database>()?;
    module.add_class::<database::DatabaseStats>()?;
    module.add_class::<patch::Patch>()?;
    module.add_class::<pending::Pending>()?;
    module.add_class::<reader::Reader>()?;
    module.add_class::<transaction::Transaction>()?;
    module.add("PayloadInvalid", module.py().get_type::<payload::PayloadInvalid>())?;
    module.add_function(wrap_pyfunction!(chain::genesis_hash, module)?)?;
    module.add_function(wrap_pyfunction!(payload::payload_to_block, module)?)?;
    module.add_function(wrap_pyfunction!(payload::block_to_payload, module)?)?;
    module.add_function(wrap_pyfunction!(payload::block_to_payload_body, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::privileged_transaction, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::config_hash, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::queue_hash, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::genesis_batch, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::batch_hash, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::execute_batch, module)?)?;
    module.add_function(wrap_pyfunction!(rollup::message_proof, module)?)?;
    module.add_class::<rollup::AssembledBatch>()?;
    module.add_class::<rebuild::RebuiltState>()?;
    module.add("ProgramRefused", module.py().get_type::<rollup::ProgramRefused>())?;
    module.add_function(wrap_pyfunction!(reader::snapshot_methods, module)?)?;
    module.add_function(wrap_pyfunction!(reader::snapshot_method_pages, module)?)?;
    module.add_function(wrap_pyfunction!(transaction::admit_transactions, module)?)?;
    vectors::register(module)
}
