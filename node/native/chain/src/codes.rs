//! Contract codes, analysed once and kept by hash: the jump table of a code never changes.

use std::sync::Mutex;

use alloy_primitives::B256;
use alloy_primitives::map::HashMap;
use revm::state::Bytecode;

/// Bytes of code kept; above it the cache starts anew (a busy chain touches far less).
const CAPACITY_BYTES: usize = 64 << 20;

/// A bounded cache shared by the views of one process.
#[derive(Debug, Default)]
pub struct CodeCache(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    codes: HashMap<B256, Bytecode>,
    bytes: usize,
}

impl CodeCache {
    /// The code with this hash; `load` fetches it when it is not here yet.
    pub fn get<E>(&self, hash: &B256, load: impl FnOnce() -> Result<Bytecode, E>) -> Result<Bytecode, E> {
        if let Some(code) = self.shelf().codes.get(hash) {
            return Ok(code.clone());
        }
        let code = load()?;
        let mut shelf = self.shelf();
        if shelf.bytes > CAPACITY_BYTES {
            *shelf = Shelf::default();
        }
        shelf.bytes += code.len();
        shelf.codes.insert(*hash, code.clone());
        Ok(code)
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
