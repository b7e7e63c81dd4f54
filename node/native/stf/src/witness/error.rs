//! Why a block was not executed from its witness.

use alloc::string::String;

use alloy_primitives::B256;

use crate::{BlockError, ExecuteError, trie::TrieError};

/// ```text
/// WitnessError
/// + Version, Malformed, Keys     the witness is not one, or not this block's
/// + Trie, Code, Header           something that the block needs is missing or wrong
/// + Ommers                       a witness cannot show this
/// + Block                        the block is bad
/// + Interpreter                  neither: execution itself failed
/// ```
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    #[error("witness version {0}, this is 1")]
    Version(u8),
    #[error("malformed witness: {0}")]
    Malformed(&'static str),
    #[error("the witness names {given} keys that are not the {read} that the block reads")]
    Keys { given: usize, read: usize },
    #[error(transparent)]
    Trie(#[from] TrieError),
    #[error("code {0} is missing")]
    Code(B256),
    #[error("header {0} is missing")]
    Header(B256),
    #[error("a block with ommers")]
    Ommers,
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error("interpreter: {0}")]
    Interpreter(String),
}

impl revm::database_interface::DBErrorMarker for WitnessError {}

impl From<ExecuteError<Self>> for WitnessError {
    fn from(error: ExecuteError<Self>) -> Self {
        match error {
            ExecuteError::Block(error) => Self::Block(error),
            ExecuteError::Source(error) => error,
            ExecuteError::Interpreter(reason) => Self::Interpreter(reason),
        }
    }
}
