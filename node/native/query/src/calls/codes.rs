//! Contract codes, analysed once and kept by hash: the jump table of a code never changes.

use alloy_primitives::B256;
use alloy_primitives::map::B256Map;
use revm::bytecode::Bytecode;
use std::sync::{Mutex, PoisonError};

/// Bytes of code in each of the two generations.
const GENERATION_BYTES: usize = 32 << 20;

/// A bounded cache in two generations: when the young one is full it becomes the old one, and the old one is let go.
/// Code that is in use comes back from the old one before that.
#[derive(Debug, Default)]
pub struct CodeCache(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: B256Map<Bytecode>,
    young_bytes: usize,
    old: B256Map<Bytecode>,
}

impl CodeCache {
    /// The code with this hash; `load` fetches it where it is not here yet.
    pub fn get<E>(&self, hash: &B256, load: impl FnOnce() -> Result<Bytecode, E>) -> Result<Bytecode, E> {
        if let Some(code) = self.lock().find(hash) {
            return Ok(code);
        }
        let code = load()?;
        self.lock().keep(*hash, code.clone());
        Ok(code)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn find(&mut self, hash: &B256) -> Option<Bytecode> {
        if let Some(code) = self.young.get(hash) {
            return Some(code.clone());
        }
        let code = self.old.remove(hash)?;
        self.keep(*hash, code.clone());
        Some(code)
    }

    fn keep(&mut self, hash: B256, code: Bytecode) {
        if self.young_bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += code.len();
        self.young.insert(hash, code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn get(cache: &CodeCache, number: u8, size: usize) -> bool {
        let mut loaded = false;
        let load = || -> Result<_, Infallible> {
            loaded = true;
            Ok(Bytecode::new_legacy(vec![0; size].into()))
        };
        let Ok(_) = cache.get(&B256::repeat_byte(number), load);
        loaded
    }

    #[test]
    fn a_code_is_loaded_once() {
        let cache = CodeCache::default();
        assert!(get(&cache, 1, 10));
        assert!(!get(&cache, 1, 10));
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let cache = CodeCache::default();
        get(&cache, 1, 10);
        get(&cache, 2, 10);
        for round in 0..4 {
            get(&cache, 100 + 2 * round, GENERATION_BYTES + 1);
            assert!(!get(&cache, 1, 10), "round {round}");
        }

        assert!(get(&cache, 2, 10));
    }
}
