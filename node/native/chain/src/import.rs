//! Import a run of blocks on the head: recovery ahead on all cores, execution and root block by block, commit behind.
//!
//! Every block's gas, receipts and root are checked before the next one is executed. A chunk's blocks are committed in
//! one synced write transaction on a thread of their own while the next chunk executes over them; whoever wants the
//! chain for anything else waits for that commit first ([`Chain::settle`]).

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use alloy_primitives::Address;
use rayon::prelude::*;
use state::Snapshot;
use stf::{Block, BlockError};

use crate::error::ChainError;
use crate::layer::Layer;
use crate::stages::{Stages, timed};
use crate::stored;
use crate::view::{BaseTries, View};
use crate::writer::Chain;

/// Blocks whose senders are recovered ahead of execution: enough to keep the other cores busy.
const RECOVER_AHEAD: usize = 8;

/// What became of a chunk.
#[derive(Debug, Default)]
pub struct ImportReport {
    pub blocks: u64,
    pub transactions: u64,
    pub gas: u64,
    /// Blocks of the chunk that were on the chain already.
    pub known: u64,
    /// Bytes of the chunk that whole blocks took; the rest is the start of the next chunk.
    pub consumed: usize,
    /// Summed over the blocks. Recovery runs beside execution.
    pub stages: Stages,
    /// Of the commit that this call waited for: the chunk before.
    pub commit: Duration,
    /// Why the import ends here.
    pub stopped: Option<ChainError>,
}

/// A block with its senders, and how long it took to recover them.
type Recovered = (Block, Result<(Vec<Address>, Duration), BlockError>);

/// A commit that runs behind the execution of the next chunk.
pub(crate) struct InFlight {
    thread: JoinHandle<Result<Duration, ChainError>>,
    branch: Vec<Arc<Layer>>,
    /// The database as it was before the commit: what the layers of `branch` lie on.
    snapshot: Option<Snapshot>,
}

impl Chain {
    /// Append blocks to the head. Stops at the first bad one; what came before it is kept.
    pub fn import(&mut self, chunk: &[u8]) -> Result<ImportReport, ChainError> {
        let (blocks, mut report) = split(chunk);
        let blocks = match self.unknown_blocks(blocks, &mut report)? {
            blocks if blocks.is_empty() => return Ok(report),
            blocks => blocks,
        };
        let behind = self.in_flight.as_mut().map(|behind| (behind.snapshot.take(), &behind.branch));
        let (snapshot, mut layers) = match behind {
            Some((Some(snapshot), branch)) => (snapshot, branch.iter().rev().cloned().collect()),
            _ => (self.database.snapshot()?, Vec::new()),
        };
        let snapshot = Rc::new(snapshot);
        let below = layers.len();
        let outcome = self.execute_run(blocks, &snapshot, &mut layers, &mut report);
        drop(snapshot);
        layers.truncate(layers.len() - below);
        layers.reverse();
        report.commit = self.settle()?;
        self.commit_behind(layers)?;
        report.stopped = report.stopped.or(outcome.err());
        Ok(report)
    }

    /// Wait for the commit that runs behind; the head is what it committed then. Gives how long that commit took.
    pub fn settle(&mut self) -> Result<Duration, ChainError> {
        let Some(behind) = self.in_flight.take() else { return Ok(Duration::ZERO) };
        let done = behind.thread.join().map_err(|_| ChainError::Interpreter("the commit thread broke".into()))?;
        drop(behind.snapshot);
        let took = done?;
        self.follow(None, &behind.branch)?;
        Ok(took)
    }

    fn commit_behind(&mut self, branch: Vec<Arc<Layer>>) -> Result<(), ChainError> {
        if branch.is_empty() {
            return Ok(());
        }
        let commit = stored::commit(None, &branch, None, None);
        let snapshot = Some(self.database.snapshot()?);
        let database = self.database.clone();
        let thread = std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || {
                let (committed, took) = timed(|| database.commit(&commit));
                Ok(committed.map(|()| took)?)
            })
            .map_err(|error| ChainError::Interpreter(format!("no thread for the commit: {error}")))?;
        self.in_flight = Some(InFlight { thread, branch, snapshot });
        Ok(())
    }

    /// Leave out what the chain has already: importing a file twice is no error.
    fn unknown_blocks(&self, blocks: Vec<Block>, report: &mut ImportReport) -> Result<Vec<Block>, ChainError> {
        let snapshot = self.database.snapshot()?;
        let mut unknown = Vec::with_capacity(blocks.len());
        for block in blocks {
            let known =
                unknown.is_empty() && snapshot.canonical_hash(block.header.number)? == Some(block.header.hash_slow());
            if known { report.known += 1 } else { unknown.push(block) }
        }
        Ok(unknown)
    }

    fn execute_run(
        &self,
        blocks: Vec<Block>,
        snapshot: &Rc<Snapshot>,
        layers: &mut Vec<Arc<Layer>>,
        report: &mut ImportReport,
    ) -> Result<(), ChainError> {
        let spec = &self.spec;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(RECOVER_AHEAD);
            scope.spawn(move || {
                for block in blocks {
                    let (senders, took) = timed(|| stf::recover_senders(spec, &block.header, &block.body.transactions));
                    let senders = senders.map(|senders| (senders, took));
                    if sender.send((block, senders)).is_err() {
                        return;
                    }
                }
            });
            self.execute_recovered(&receiver, snapshot, layers, report)
        })
    }

    fn execute_recovered(
        &self,
        recovered: &Receiver<Recovered>,
        snapshot: &Rc<Snapshot>,
        layers: &mut Vec<Arc<Layer>>,
        report: &mut ImportReport,
    ) -> Result<(), ChainError> {
        for (block, senders) in recovered {
            let hash = block.header.hash_slow();
            let (number, parent) = (block.header.number, block.header.parent_hash);
            let senders = senders.map_err(|reason| ChainError::Invalid { number, hash, reason: Box::new(reason) })?;
            let (parent_header, parent_difficulty) = match layers.first() {
                Some(layer) => (layer.header.clone(), layer.total_difficulty),
                None => (self.tip.header.clone(), self.tip.total_difficulty),
            };
            let head = layers.first().map_or(self.tip.hash, |layer| layer.hash);
            if parent != head {
                return Err(ChainError::UnknownParent { number, hash, parent });
            }
            let ancestors = self.ommer_ancestors(&block, layers)?;
            let tries = BaseTries::Head(self.tries.clone());
            let view =
                View::new(snapshot.clone(), self.tip.header.number, None, layers.clone(), tries, self.codes.clone());
            let (transactions, gas) = (block.body.transactions.len() as u64, block.header.gas_used);
            let layer = stored::candidate(stored::Input {
                spec: &self.spec,
                block,
                hash,
                senders: Some(senders),
                parent: &parent_header,
                parent_difficulty,
                ancestors: &ancestors,
                view,
                generation: self.generation,
            })?;
            report.stages.add(&layer.stages);
            layers.insert(0, Arc::new(layer));
            report.blocks += 1;
            report.transactions += transactions;
            report.gas += gas;
        }
        Ok(())
    }
}

/// Cut a chunk into whole blocks. What cannot be decoded stops the import there.
fn split(chunk: &[u8]) -> (Vec<Block>, ImportReport) {
    let mut report = ImportReport::default();
    let mut pieces = Vec::new();
    let mut rest = chunk;
    while !rest.is_empty() {
        let mut after = rest;
        let length = match alloy_rlp::Header::decode(&mut after) {
            Ok(header) if header.list => rest.len() - after.len() + header.payload_length,
            Err(alloy_rlp::Error::InputTooShort) => break,
            Ok(_) => {
                report.stopped =
                    Some(ChainError::Undecodable(BlockError::Malformed(alloy_rlp::Error::UnexpectedString)));
                break;
            }
            Err(error) => {
                report.stopped = Some(ChainError::Undecodable(BlockError::Malformed(error)));
                break;
            }
        };
        if length > rest.len() {
            break;
        }
        pieces.push(&rest[..length]);
        rest = &rest[length..];
    }
    report.consumed = chunk.len() - rest.len();
    let decoded: Vec<_> = pieces.par_iter().map(|piece| stf::decode_block(piece)).collect();
    let mut blocks = Vec::with_capacity(decoded.len());
    for block in decoded {
        match block {
            Ok(block) => blocks.push(block),
            Err(error) => {
                report.stopped = Some(ChainError::Undecodable(error));
                break;
            }
        }
    }
    (blocks, report)
}
