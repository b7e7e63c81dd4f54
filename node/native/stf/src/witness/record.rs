//! Make a witness: run the block over a source that notes what it gives.

use std::{collections::BTreeSet, sync::Mutex};

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{Address, B256, Bytes};

use super::{Outcome, Witness, WitnessError, WitnessSource, execute::run};
use crate::{
    Block, ChainSpec,
    trie::{Found, Nibbles, NodeSource, encode_leaf, rlp_of_stored},
    tries::StateNodes,
};

/// Run blocks, each on the one before, over the state of the first one's parent, and give what they took together.
/// Whoever has the state knows their senders.
pub fn record<'b>(
    spec: &ChainSpec,
    blocks: impl IntoIterator<Item = (&'b Block, &'b [Address])>,
    source: &dyn WitnessSource,
) -> Result<(Vec<Outcome>, Witness), WitnessError> {
    let recorder = Recorder { source, nodes: Note::default(), codes: Note::default(), headers: Mutex::default() };
    let (outcomes, keys) = run(spec, blocks, &recorder)?;
    let (state, codes) = (recorder.nodes.into_sorted(), recorder.codes.into_sorted());
    let mut headers = recorder.headers.into_inner().unwrap_or_default();
    headers.reverse();
    Ok((outcomes, Witness { state, codes, keys, headers }))
}

/// What was given so far. The tries read from several threads.
#[derive(Default)]
struct Note(Mutex<BTreeSet<Bytes>>);

impl Note {
    fn add(&self, item: Bytes) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(item);
    }

    fn into_sorted(self) -> Vec<Bytes> {
        self.0.into_inner().unwrap_or_default().into_iter().collect()
    }
}

struct Recorder<'a> {
    source: &'a dyn WitnessSource,
    nodes: Note,
    codes: Note,
    /// The parent's first: they are asked for from child to parent.
    headers: Mutex<Vec<Bytes>>,
}

/// One trie of the state.
struct Recording<'a> {
    source: Box<dyn NodeSource + 'a>,
    nodes: &'a Note,
}

impl NodeSource for Recording<'_> {
    fn node(&self, path: &Nibbles, hash: &B256) -> Found<Bytes> {
        let stored = self.source.node(path, hash)?;
        if let Some(stored) = &stored {
            self.nodes.add(rlp_of_stored(stored));
        }
        Ok(stored)
    }

    fn leaf(&self, path: &Nibbles) -> Found<(B256, Vec<u8>)> {
        let leaf = self.source.leaf(path)?;
        if let Some((key, value)) = &leaf
            && Nibbles::unpack_array(&key.0).starts_with(path)
        {
            self.nodes.add(encode_leaf(key, path, value.clone()).into());
        }
        Ok(leaf)
    }

    fn is_verified(&self) -> bool {
        self.source.is_verified()
    }
}

impl StateNodes for Recorder<'_> {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        Box::new(Recording { source: self.source.accounts(), nodes: &self.nodes })
    }

    fn storage(&self, hashed_address: &B256) -> Box<dyn NodeSource + '_> {
        Box::new(Recording { source: self.source.storage(hashed_address), nodes: &self.nodes })
    }
}

impl WitnessSource for Recorder<'_> {
    fn code(&self, hash: &B256) -> Found<Bytes> {
        let code = self.source.code(hash)?;
        code.iter().for_each(|code| self.codes.add(code.clone()));
        Ok(code)
    }

    fn header(&self, hash: &B256) -> Found<Bytes> {
        let header = self.source.header(hash)?;
        let mut headers = self.headers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(header) = &header
            && !headers.contains(header)
        {
            headers.push(header.clone());
        }
        Ok(header)
    }
}
