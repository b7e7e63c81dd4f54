//! Going on by many blocks at once, of which only the outcome is known: the last one's header, and what is different after
//! it. That is what a rollup's batch on L1 says.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use state::{Commit, StoredBlock};
use stf::{BlockError, Header, StateChanges};

use crate::born;
use crate::error::ChainError;
use crate::layer::Layer;
use crate::stages::{BlockWork, Stages, timed};
use crate::stored;
use crate::view::View;
use crate::writer::{Chain, HeadChange};

impl Chain {
    /// The state at the head, to make the changes of a leap from.
    pub fn head_view(&mut self) -> Result<View, ChainError> {
        let hash = self.tip.hash;
        self.view(&hash)?.ok_or(ChainError::UnknownBlock(hash))
    }

    /// Move the head to `header`, whose state is the head's (`view`) with `changes`. The state root is checked.
    pub fn leap(&mut self, view: View, header: Header, changes: StateChanges) -> Result<HeadChange, ChainError> {
        let (number, head) = (header.number, self.tip.header.number);
        let refused = |what| ChainError::NoLeap { number, head, what };
        if number <= head {
            return Err(refused("its number is not above"));
        }
        if number == head + 1 && header.parent_hash != self.tip.hash {
            return Err(refused("its parent is another one"));
        }
        let layer = Arc::new(self.outcome(view, header, changes)?);
        let nodes = stored::commit(None, std::slice::from_ref(&layer), None, None);
        let (committed, took) = timed(|| self.database.commit(&Commit { leaps: true, ..nodes }));
        committed?;
        let branch = [layer];
        self.follow(None, &branch)?;
        Ok(HeadChange { reverted: Vec::new(), applied: vec![BlockWork::from(branch[0].as_ref())], commit: took })
    }

    fn outcome(&self, view: View, header: Header, changes: StateChanges) -> Result<Layer, ChainError> {
        let hash = header.hash_slow();
        let (tries, took) = timed(|| view.tries_after(&changes));
        let mut tries = tries?;
        let root = tries.accounts.root(&mut Default::default());
        if root != header.state_root {
            let reason = Box::new(BlockError::StateRootMismatch { got: header.state_root, expected: root });
            return Err(ChainError::Invalid { number: header.number, hash, reason });
        }
        let total_difficulty = self.tip.total_difficulty;
        let stored = StoredBlock {
            accounts: stored::changed_accounts(&tries, &view)?,
            storage: tries.slots.clone(),
            storage_cleared: tries.cleared.clone(),
            codes: changes.codes.iter().map(|(hash, code)| (*hash, code.clone())).collect(),
            ..born::bare(&header, total_difficulty)
        };
        Ok(Layer {
            hash,
            header,
            total_difficulty,
            changes,
            tries,
            stored: Arc::new(stored),
            stages: Stages { root: took, ..Default::default() },
            generation: AtomicU64::new(self.generation),
        })
    }
}
