//! The one writer of a data folder: executes candidates, commits what fork choice wants, takes back what it no longer wants.
//!
//! A candidate is a [`Layer`] over its parent; nothing of it is on disk until `set_head` commits the branch that ends in
//! it, in one write transaction. What to execute and what to choose is policy and lives in Python (`ethrex_node.chain`).

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use alloy_consensus::Typed2718;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, U256};
use state::{BadBlock, BlockRef, Database, Origin, Snapshot, StateError};
use stf::{Block, BlockError, ChainSpec, Header, ommers};

use crate::born::{FirstBlock, Start};
use crate::codes::CodeCache;
use crate::error::ChainError;
use crate::genesis::Genesis;
use crate::import::InFlight;
use crate::intake::{self, PoolTransaction};
use crate::layer::Layer;
use crate::past::Past;
use crate::patch::stored_root;
use crate::roots::HeadTries;
use crate::stages::{BlockWork, timed};
use crate::view::{BaseTries, View};
use crate::{born, stored};

/// Candidates kept below the head before they are forgotten: deeper branches are executed again from their blocks.
const KEPT_BELOW_HEAD: u64 = 64;

/// The committed head.
#[derive(Clone, Debug)]
pub struct Tip {
    pub hash: B256,
    pub header: Header,
    pub total_difficulty: U256,
}

/// The newest head, for those who do not wait for the writer: it holds its lock while it executes.
#[derive(Clone)]
pub struct Published(Arc<RwLock<Arc<Tip>>>);

impl Published {
    fn new(tip: &Tip) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(tip.clone()))))
    }

    pub fn tip(&self) -> Arc<Tip> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, tip: &Tip) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tip.clone());
    }
}

/// What a new head meant for the canonical chain, oldest first, and how long its one commit took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadChange {
    pub reverted: Vec<B256>,
    pub applied: Vec<BlockWork>,
    pub commit: Duration,
}

/// The writer.
pub struct Chain {
    pub database: Database,
    pub spec: Arc<ChainSpec>,
    pub tip: Tip,
    pub published: Published,
    pub(crate) layers: HashMap<B256, Arc<Layer>>,
    pub(crate) tries: Arc<HeadTries>,
    past: Option<Arc<Past>>,
    pub(crate) codes: Arc<CodeCache>,
    pub(crate) generation: u64,
    pub(crate) in_flight: Option<InFlight>,
    /// A dev chain: see [`Chain::remember_slots`].
    pub(crate) remembers_slots: bool,
}

impl Chain {
    /// Open the chain in `database`; an empty one is born from `genesis` first.
    pub fn open(database: Database, genesis: &Genesis) -> Result<Self, ChainError> {
        let spec = genesis.spec()?;
        born::ensure(&database, genesis, &spec)?;
        Self::over(database, spec)
    }

    /// Open the chain in `database`; in an empty one it begins with `start`, else it has to go through it. `genesis` has
    /// the rules.
    pub fn begin(database: Database, genesis: &Genesis, start: &Start) -> Result<Self, ChainError> {
        let spec = genesis.spec()?;
        born::begin(&database, genesis, &spec, start)?;
        Self::over(database, spec)
    }

    /// Begin a chain in the empty `database` that forks another one after a block of it. `genesis` has the rules.
    pub fn fork(
        database: Database,
        genesis: &Genesis,
        first: &FirstBlock,
        origin: Arc<dyn Origin>,
    ) -> Result<Self, ChainError> {
        let spec = genesis.spec()?;
        born::fork(&database, genesis, &spec, first)?;
        database.fork(origin);
        Self::over(database, spec)
    }

    fn over(database: Database, spec: ChainSpec) -> Result<Self, ChainError> {
        let snapshot = database.snapshot()?;
        let tip = read_tip(&snapshot)?;
        let tries = Arc::new(HeadTries::new(stored_root(&snapshot)?));
        drop(snapshot);
        Ok(Self {
            database,
            spec: Arc::new(spec),
            published: Published::new(&tip),
            tip,
            layers: HashMap::default(),
            tries,
            past: None,
            codes: Arc::default(),
            generation: 0,
            in_flight: None,
            remembers_slots: false,
        })
    }

    /// Execute a block on its parent and check it against its header. The result is a candidate until `set_head`. A
    /// block that breaks a rule is kept apart with the reason.
    pub fn execute(&mut self, rlp: &[u8]) -> Result<Header, ChainError> {
        let block = stf::decode_block(rlp).map_err(ChainError::Undecodable)?;
        let executed = self.execute_block(block, None);
        if let Err(ChainError::Invalid { number, hash, reason }) = &executed {
            let (rlp, reason) = (Bytes::copy_from_slice(rlp), reason.to_string());
            self.database.add_bad_block(&BadBlock { number: *number, hash: *hash, rlp, reason })?;
        }
        executed
    }

    /// As `execute`, for a decoded block; `senders` where they are known already.
    pub fn execute_block(&mut self, block: Block, senders: Option<Vec<Address>>) -> Result<Header, ChainError> {
        let hash = block.header.hash_slow();
        if self.layers.contains_key(&hash) || self.is_canonical(&hash)? {
            return Ok(block.header);
        }
        let parent = block.header.parent_hash;
        let number = block.header.number;
        let view = self.view(&parent)?.ok_or(ChainError::UnknownParent { number, hash, parent })?;
        let (parent_header, parent_difficulty) =
            self.header(&parent)?.ok_or(ChainError::UnknownParent { number, hash, parent })?;
        let ancestors = self.ommer_ancestors(&block, &[])?;
        let layer = stored::candidate(stored::Input {
            spec: &self.spec,
            block,
            hash,
            senders: senders.map(|senders| (senders, Duration::ZERO)),
            parent: &parent_header,
            parent_difficulty,
            ancestors: &ancestors,
            view,
            generation: self.generation,
        })?;
        let header = layer.header.clone();
        self.layers.insert(hash, Arc::new(layer));
        Ok(header)
    }

    /// Keep an executed candidate (a block that this node built).
    pub(crate) fn keep(&mut self, layer: Layer) {
        self.layers.insert(layer.hash, Arc::new(layer));
    }

    /// Make `hash` the head: commit its branch, take back what is not below it. `safe` and `finalized` as the
    /// consensus client says; zero leaves them.
    pub fn set_head(&mut self, hash: B256, safe: B256, finalized: B256) -> Result<HeadChange, ChainError> {
        let branch = self.branch(hash)?;
        let snapshot = self.database.snapshot()?;
        let ancestor = branch.first().map_or(hash, |layer| layer.header.parent_hash);
        let base = snapshot.number_of(&ancestor)?.ok_or(ChainError::UnknownBlock(ancestor))?;
        let reverted = canonical_above(&snapshot, base, self.tip.header.number)?;
        let past = if base < self.tip.header.number { Some(self.past(&snapshot, base)?) } else { None };
        drop(snapshot);

        let mut commit = stored::commit(past.as_deref(), &branch, self.block_ref(safe)?, self.block_ref(finalized)?);
        commit.preimages = self.slots_written(branch.iter().map(AsRef::as_ref));
        let (committed, took) = timed(|| self.database.commit(&commit));
        committed?;
        self.follow(past.as_deref(), &branch)?;
        let applied = branch.iter().map(|layer| BlockWork::from(layer.as_ref())).collect();
        Ok(HeadChange { reverted, applied, commit: took })
    }

    /// Number and hash of a block that the consensus client names; the zero hash names none.
    fn block_ref(&self, hash: B256) -> Result<Option<BlockRef>, ChainError> {
        if hash.is_zero() {
            return Ok(None);
        }
        let (header, _) = self.header(&hash)?.ok_or(ChainError::UnknownBlock(hash))?;
        Ok(Some(BlockRef { number: header.number, hash }))
    }

    /// Candidates and unwound blocks from above the canonical chain up to `hash`, oldest first; executed where needed.
    fn branch(&mut self, hash: B256) -> Result<Vec<Arc<Layer>>, ChainError> {
        if !self.layers.contains_key(&hash) && !self.is_canonical(&hash)? && self.view(&hash)?.is_none() {
            return Err(ChainError::UnknownBlock(hash));
        }
        let mut branch = Vec::new();
        let mut cursor = hash;
        while let Some(layer) = self.layers.get(&cursor) {
            branch.push(layer.clone());
            cursor = layer.header.parent_hash;
        }
        branch.reverse();
        Ok(branch)
    }

    /// After a commit: the tries, the head and the candidates that are still of use.
    pub(crate) fn follow(&mut self, past: Option<&Past>, branch: &[Arc<Layer>]) -> Result<(), ChainError> {
        if past.is_none() && branch.is_empty() {
            return Ok(());
        }
        self.generation += 1;
        self.past = None;
        for layer in branch {
            self.layers.remove(&layer.hash);
        }
        let snapshot = self.database.snapshot()?;
        self.tip = read_tip(&snapshot)?;
        self.published.publish(&self.tip);
        if past.is_some() {
            self.tries = Arc::new(HeadTries::new(stored_root(&snapshot)?));
        } else {
            let tries = Arc::make_mut(&mut self.tries);
            for layer in branch {
                tries.advance(&layer.tries, layer.changes.accounts.len());
            }
        }
        let floor = self.tip.header.number.saturating_sub(KEPT_BELOW_HEAD);
        self.layers.retain(|_, layer| layer.header.number >= floor);
        self.refresh_descendants();
        Ok(())
    }

    /// The state at the head is another one without a new head: what was made from it is of no use.
    pub(crate) fn ground_moved(&mut self) {
        self.generation += 1;
        self.past = None;
        self.layers.clear();
    }

    /// Candidates over the new head stay good: their unloaded nodes were not touched by the commit.
    fn refresh_descendants(&self) {
        for layer in self.layers.values() {
            let mut cursor = layer.header.parent_hash;
            while let Some(below) = self.layers.get(&cursor) {
                cursor = below.header.parent_hash;
            }
            if cursor == self.tip.hash {
                layer.generation.store(self.generation, Ordering::Relaxed);
            }
        }
    }

    /// The state after the block `hash`; None where the block is not known.
    pub fn view(&mut self, hash: &B256) -> Result<Option<View>, ChainError> {
        let mut layers: Vec<Arc<Layer>> = Vec::new();
        let mut cursor = *hash;
        while let Some(layer) = self.layers.get(&cursor) {
            layers.push(layer.clone());
            cursor = layer.header.parent_hash;
        }
        if layers.iter().any(|layer| layer.generation.load(Ordering::Relaxed) != self.generation) {
            self.execute_again(layers)?;
            return self.view(hash);
        }
        let snapshot = Rc::new(self.database.snapshot()?);
        let Some(base) = snapshot.number_of(&cursor)? else { return Ok(None) };
        if snapshot.canonical_hash(base)? != Some(cursor) {
            self.revive(&snapshot, base, &cursor)?;
            return self.view(hash);
        }
        let (at, tries) = if cursor == self.tip.hash {
            (None, BaseTries::Head(self.tries.clone()))
        } else {
            (Some(base), BaseTries::Past(self.past(&snapshot, base)?))
        };
        Ok(Some(View::new(snapshot, base, at, layers, tries, self.codes.clone())))
    }

    /// A side branch whose ground has moved: execute its blocks again, oldest first.
    fn execute_again(&mut self, newest_first: Vec<Arc<Layer>>) -> Result<(), ChainError> {
        for layer in &newest_first {
            self.layers.remove(&layer.hash);
        }
        for layer in newest_first.into_iter().rev() {
            let block = stored::block(layer.header.clone(), &layer.stored.body)?;
            self.execute_block(block, Some(layer.stored.senders.clone()))?;
        }
        Ok(())
    }

    /// A branch that was canonical once: make candidates of its blocks again, oldest first. A branch may be long, so
    /// its start is looked for before anything is executed.
    fn revive(&mut self, snapshot: &Snapshot, number: u64, hash: &B256) -> Result<(), ChainError> {
        let mut branch = Vec::new();
        let mut at = BlockRef { number, hash: *hash };
        while !self.layers.contains_key(&at.hash) && snapshot.canonical_hash(at.number)? != Some(at.hash) {
            let header = snapshot.header(at.number, &at.hash)?.ok_or(ChainError::UnknownBlock(at.hash))?;
            let below = at.number.checked_sub(1).ok_or(ChainError::UnknownBlock(at.hash))?;
            branch.push(at);
            at = BlockRef { number: below, hash: header.parent_hash };
        }
        for BlockRef { number, hash } in branch.into_iter().rev() {
            let header = snapshot.header(number, &hash)?.ok_or(ChainError::UnknownBlock(hash))?;
            let body = snapshot.body_rlp(number, &hash)?.ok_or(ChainError::UnknownBlock(hash))?;
            self.execute_block(stored::block(header, body)?, snapshot.senders(number, &hash)?)?;
        }
        Ok(())
    }

    fn past(&mut self, snapshot: &Snapshot, number: u64) -> Result<Arc<Past>, ChainError> {
        if let Some(past) = self.past.as_ref().filter(|past| past.number == number && past.head == self.tip.hash) {
            return Ok(past.clone());
        }
        let past = Arc::new(Past::new(snapshot, &self.tries, number, self.tip.hash)?);
        check_past(snapshot, &past)?;
        self.past = Some(past.clone());
        Ok(past)
    }

    /// Header and total difficulty of any block that is held.
    pub fn header(&self, hash: &B256) -> Result<Option<(Header, U256)>, ChainError> {
        if let Some(layer) = self.layers.get(hash) {
            return Ok(Some((layer.header.clone(), layer.total_difficulty)));
        }
        if *hash == self.tip.hash {
            return Ok(Some((self.tip.header.clone(), self.tip.total_difficulty)));
        }
        let snapshot = self.database.snapshot()?;
        let Some(number) = snapshot.number_of(hash)? else { return Ok(None) };
        let Some(header) = snapshot.header(number, hash)? else { return Ok(None) };
        let difficulty = snapshot.total_difficulty(number, hash)?.unwrap_or_default();
        Ok(Some((header, difficulty)))
    }

    pub fn is_canonical(&self, hash: &B256) -> Result<bool, ChainError> {
        let snapshot = self.database.snapshot()?;
        Ok(match snapshot.number_of(hash)? {
            Some(number) => snapshot.canonical_hash(number)? == Some(*hash),
            None => false,
        })
    }

    /// The headers (with their ommers) that the ommer rules look at, `layers` (newest first) before what is held
    /// otherwise; none for a block without ommers.
    pub(crate) fn ommer_ancestors(
        &self,
        block: &Block,
        layers: &[Arc<Layer>],
    ) -> Result<Vec<(Header, Vec<Header>)>, ChainError> {
        let mut ancestors = Vec::new();
        let mut cursor = block.header.parent_hash;
        while !block.body.ommers.is_empty() && ancestors.len() < ommers::ANCESTORS {
            let ancestor = match layers.iter().find(|layer| layer.hash == cursor) {
                Some(layer) => Some(stored::block(layer.header.clone(), &layer.stored.body)?),
                None => self.block(&cursor)?,
            };
            let Some(ancestor) = ancestor else { break };
            cursor = ancestor.header.parent_hash;
            ancestors.push((ancestor.header, ancestor.body.ommers));
        }
        Ok(ancestors)
    }

    /// A whole block that is held: candidate, canonical or unwound.
    pub fn block(&self, hash: &B256) -> Result<Option<Block>, ChainError> {
        if let Some(layer) = self.layers.get(hash) {
            return stored::block(layer.header.clone(), &layer.stored.body).map(Some);
        }
        let snapshot = self.database.snapshot()?;
        let Some(number) = snapshot.number_of(hash)? else { return Ok(None) };
        match (snapshot.header(number, hash)?, snapshot.body_rlp(number, hash)?) {
            (Some(header), Some(body)) => stored::block(header, body).map(Some),
            _ => Ok(None),
        }
    }

    /// RLP of a block's body (transactions, ommers, withdrawals), as it is kept.
    pub fn body(&self, hash: &B256) -> Result<Option<Bytes>, ChainError> {
        if let Some(layer) = self.layers.get(hash) {
            return Ok(Some(layer.stored.body.clone()));
        }
        let snapshot = self.database.snapshot()?;
        let Some(number) = snapshot.number_of(hash)? else { return Ok(None) };
        Ok(snapshot.body_rlp(number, hash)?.map(Bytes::copy_from_slice))
    }

    /// The transactions of a block as the pool holds them; blob transactions are left out, their blobs are gone.
    pub fn pooled_transactions(&self, hash: &B256) -> Result<Vec<Arc<PoolTransaction>>, ChainError> {
        let Some(block) = self.block(hash)? else { return Ok(Vec::new()) };
        let raw: Vec<_> = block
            .body
            .transactions
            .iter()
            .filter(|transaction| !transaction.is_eip4844())
            .map(|transaction| transaction.encoded_2718())
            .collect();
        Ok(intake::admit(&raw).into_iter().flatten().collect())
    }
}

/// Without those that were leapt over.
fn canonical_above(snapshot: &Snapshot, base: u64, head: u64) -> Result<Vec<B256>, ChainError> {
    let held = (base + 1..=head).filter_map(|number| snapshot.canonical_hash(number).transpose());
    Ok(held.collect::<Result<_, _>>()?)
}

/// What was taken back in memory must be the state that the block's own header names. After writes past the blocks
/// (a marked chain) headers no longer say what the state is.
fn check_past(snapshot: &Snapshot, past: &Past) -> Result<(), ChainError> {
    let hash = snapshot.canonical_hash(past.number)?.unwrap_or_default();
    let header = snapshot.header(past.number, &hash)?.ok_or(ChainError::UnknownBlock(hash))?;
    if past.root != header.state_root && !snapshot.is_marked()? {
        let what =
            format!("the history leads to root {} at block {}, not {}", past.root, past.number, header.state_root);
        return Err(StateError::Corrupt(what).into());
    }
    Ok(())
}

fn read_tip(snapshot: &Snapshot) -> Result<Tip, ChainError> {
    let head = snapshot.head()?.ok_or_else(|| StateError::Corrupt("no head".into()))?;
    let header = snapshot.header(head.number, &head.hash)?.ok_or(ChainError::UnknownBlock(head.hash))?;
    let total_difficulty = snapshot.total_difficulty(head.number, &head.hash)?.unwrap_or_default();
    Ok(Tip { hash: head.hash, header, total_difficulty })
}

/// The reason a block was refused, for the report.
pub fn refusal(error: &ChainError) -> Option<&BlockError> {
    match error {
        ChainError::Invalid { reason, .. } => Some(reason),
        ChainError::Undecodable(reason) => Some(reason),
        _ => None,
    }
}
