//! Errors of the core as Python exceptions that carry their data.

use alloy_primitives::B256;
use chain::ChainError;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use state::StateError;

create_exception!(_native, NativeError, PyException, "An error of the native core.");
create_exception!(_native, BlockInvalid, NativeError, "The block breaks a rule: args are kind, message, block hash.");
create_exception!(_native, UnknownParent, NativeError, "The parent is not known: args are message, parent hash.");
create_exception!(
    _native,
    UnknownBlock,
    NativeError,
    "A block that is asked for is not known: args are message, hash."
);
create_exception!(
    _native,
    GenesisError,
    NativeError,
    "The genesis file is wrong, or the data folder is of another one."
);
create_exception!(_native, StorageError, NativeError, "The disk or the database: args are kind, message.");

/// The exception for an error of the writer.
pub fn to_python(error: ChainError) -> PyErr {
    let message = error.to_string();
    match error {
        ChainError::Invalid { reason, hash, .. } => invalid(reason.kind(), reason.to_string(), hash),
        ChainError::Undecodable(reason) => invalid(reason.kind(), reason.to_string(), B256::ZERO),
        ChainError::UnknownParent { parent, .. } => UnknownParent::new_err((message, bytes(&parent))),
        ChainError::UnknownBlock(hash) => UnknownBlock::new_err((message, bytes(&hash))),
        ChainError::Genesis(_)
        | ChainError::OtherGenesis { .. }
        | ChainError::OtherStart { .. }
        | ChainError::WrongState { .. } => GenesisError::new_err(message),
        ChainError::TooOld(_)
        | ChainError::UnknownSlot(_)
        | ChainError::Unbuildable(_)
        | ChainError::NoLeap { .. }
        | ChainError::Interpreter(_) => NativeError::new_err(message),
        ChainError::Storage(error) => storage(error),
        ChainError::Trie(_) => StorageError::new_err(("Corrupt", message)),
    }
}

fn invalid(kind: &str, message: String, hash: B256) -> PyErr {
    BlockInvalid::new_err((kind.to_owned(), message, bytes(&hash)))
}

/// The exception for an error of the database: its kind says what to do.
pub fn storage(error: state::StateError) -> PyErr {
    StorageError::new_err((kind(&error).to_owned(), error.to_string()))
}

fn kind(error: &StateError) -> &'static str {
    match error {
        StateError::Locked { .. } => "Locked",
        StateError::OpenReadOnly { .. } => "OpenReadOnly",
        StateError::SchemaNewer { .. } => "SchemaNewer",
        StateError::Foreign { .. } => "Foreign",
        StateError::Unwritable { .. } => "Unwritable",
        StateError::Missing { .. } => "Missing",
        StateError::ReadOnly => "ReadOnly",
        StateError::Corrupt(_) => "Corrupt",
        StateError::MapBusy { .. } => "MapBusy",
        StateError::DiskFull(_) => "DiskFull",
        StateError::TooManyReaders => "TooManyReaders",
        StateError::Order(_) => "Order",
        StateError::Pruned { .. } => "Pruned",
        StateError::Origin(_) => "Origin",
        StateError::Io(_) | StateError::Store(_) => "Io",
    }
}

fn bytes(hash: &B256) -> Py<PyBytes> {
    Python::attach(|py| PyBytes::new(py, hash.as_slice()).unbind())
}

/// A hash argument: 32 bytes.
pub fn hash(value: &[u8], name: &str) -> PyResult<B256> {
    B256::try_from(value)
        .map_err(|_| PyValueError::new_err(format!("{name} is a hash of 32 bytes, not {} bytes", value.len())))
}

/// Names that Python sees.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("NativeError", py.get_type::<NativeError>())?;
    module.add("BlockInvalid", py.get_type::<BlockInvalid>())?;
    module.add("UnknownParent", py.get_type::<UnknownParent>())?;
    module.add("UnknownBlock", py.get_type::<UnknownBlock>())?;
    module.add("GenesisError", py.get_type::<GenesisError>())?;
    module.add("StorageError", py.get_type::<StorageError>())
}
