//! How long a block took, stage by stage: what traces and histograms are made of.

use std::time::{Duration, Instant};

use alloy_primitives::B256;

use crate::layer::Layer;

/// The stages before the commit. Recovery takes nothing where the senders were known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    pub recover: Duration,
    pub execute: Duration,
    pub root: Duration,
}

impl Stages {
    pub(crate) fn add(&mut self, other: &Self) {
        self.recover += other.recover;
        self.execute += other.execute;
        self.root += other.root;
    }
}

/// A block that became canonical, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockWork {
    pub hash: B256,
    pub number: u64,
    pub transactions: usize,
    pub gas_used: u64,
    pub stages: Stages,
}

impl From<&Layer> for BlockWork {
    fn from(layer: &Layer) -> Self {
        Self {
            hash: layer.hash,
            number: layer.header.number,
            transactions: layer.stored.transaction_hashes.len(),
            gas_used: layer.header.gas_used,
            stages: layer.stages,
        }
    }
}

/// Do it, and say how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
