//! Roots of tries with any keys.

use super::invalid;
use pyo3::prelude::*;
use stf::trie::{self, Nibbles, NoNodes, NodeLog, Trie, TrieError};

/// Sets (bytes) and removes (`None`) `pairs` one after the other, each as an update of its own, and gives the root.
/// `ValueError` for keys above 32 bytes.
#[pyfunction]
pub fn trie_root(py: Python<'_>, pairs: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> PyResult<Vec<u8>> {
    py.detach(|| one_by_one(pairs)).map_err(invalid)
}

/// The root of the same trie made in one batch.
#[pyfunction]
pub fn trie_root_of_batch(py: Python<'_>, pairs: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> PyResult<Vec<u8>> {
    py.detach(|| trie::root_of(pairs)).map(|root| root.to_vec()).map_err(invalid)
}

fn one_by_one(pairs: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Result<Vec<u8>, TrieError> {
    let (mut built, mut log) = (Trie::empty(), NodeLog::off());
    for (key, value) in pairs {
        if key.len() * 2 > trie::MAX_DEPTH {
            return Err(TrieError::KeyTooLong { bytes: key.len() });
        }
        built.update_paths(vec![(Nibbles::unpack(key), value)], &NoNodes, &mut log)?;
        built.root(&mut log);
    }
    Ok(built.root(&mut log).to_vec())
}
