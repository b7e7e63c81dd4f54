//! Find the block a request names, with geth's answers for what is not there.

use std::borrow::Cow;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use state::{BlockRef, StateError};
use stf::Header;

use crate::block_id::{BlockId, BlockTag};
use crate::context::{Context, Edition, Elsewhere, PendingBlock};
use crate::error::{self, RpcError};
use crate::records::Body;

/// A block that a request names.
#[derive(Clone)]
pub enum Found {
    Stored { number: u64, hash: B256 },
    Pending(Arc<PendingBlock>),
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Pruned { .. } => {
                Self::new(error::HISTORY_PRUNED, format!("pruned history unavailable: {error}"))
            }
            error => Self::internal(format!("reading the database: {error}")),
        }
    }
}

/// A record that must be there because another one points at it.
pub fn missing(what: &str, number: u64, hash: &B256) -> RpcError {
    RpcError::internal(format!("the database has no {what} of block {number} ({hash})"))
}

impl Context {
    /// The block, or `None` where there is no such block.
    pub fn find(&self, id: BlockId) -> Result<Option<Found>, RpcError> {
        match id {
            BlockId::Tag(tag) => self.find_tag(tag),
            BlockId::Hash { hash, require_canonical } => self.find_hash(hash, require_canonical),
        }
    }

    fn find_tag(&self, tag: BlockTag) -> Result<Option<Found>, RpcError> {
        let tip = match tag {
            BlockTag::Number(number) => return self.find_number(number),
            BlockTag::Earliest => return self.find_number(0),
            BlockTag::Latest => self.head()?,
            BlockTag::Safe => self.snapshot.safe()?.ok_or_else(|| RpcError::server("safe block not found"))?,
            BlockTag::Finalized => {
                self.snapshot.finalized()?.ok_or_else(|| RpcError::server("finalized block not found"))?
            }
            BlockTag::Pending => match &self.pending {
                None if self.settings.elsewhere >= Elsewhere::PendingBlock => return Err(RpcError::ask_writer()),
                Some(pending) if let Some(block) = pending.block() => return Ok(Some(Found::Pending(block))),
                _ => self.head()?,
            },
        };
        Ok(Some(Found::Stored { number: tip.number, hash: tip.hash }))
    }

    fn find_number(&self, number: u64) -> Result<Option<Found>, RpcError> {
        if self.is_before_fork(number) {
            return Err(RpcError::ask_origin());
        }
        match self.snapshot.canonical_hash(number)? {
            Some(hash) => Ok(Some(Found::Stored { number, hash })),
            None if number <= self.head()?.number => Err(self.not_held(number)),
            None => Ok(None),
        }
    }

    /// Why a block below the head, or what was in it, cannot be told: it was pruned, is from before the first block, or
    /// was leapt over.
    pub fn not_held(&self, number: u64) -> RpcError {
        let from = self.snapshot.earliest_body().map_or_else(|error| error.to_string(), |block| block.to_string());
        let what =
            format!("pruned history unavailable: block {number} is not held here, whole blocks are from {from} on");
        RpcError::new(error::HISTORY_PRUNED, what)
    }

    /// Whether no block up to the head is held whole: then a transaction that is not known here may be in one.
    fn knows_no_block(&self) -> Result<bool, RpcError> {
        Ok(self.snapshot.earliest_body()? > self.head()?.number)
    }

    /// What to say of a transaction that is not found. A chain that has only what L1 says of it does not know.
    pub fn check_knows_transactions(&self) -> Result<(), RpcError> {
        match self.knows_no_block()? {
            true => {
                Err(RpcError::new(error::HISTORY_PRUNED, "pruned history unavailable: no transaction is held here"))
            }
            false => Ok(()),
        }
    }

    /// Logs can be looked for from this block on.
    pub fn check_has_logs(&self, first: u64) -> Result<(), RpcError> {
        match self.snapshot.earliest_receipts()? {
            from if first < from => {
                let what = format!("pruned history unavailable: logs are held from block {from} on, not from {first}");
                Err(RpcError::new(error::HISTORY_PRUNED, what))
            }
            _ => Ok(()),
        }
    }

    /// The first block that is here whole, for those who look back from the head.
    pub fn first_whole_block(&self) -> Result<u64, RpcError> {
        Ok(self.first_block().max(self.snapshot.earliest_body()?))
    }

    /// The first block that is here: the genesis, or the one that the chain forks.
    pub fn first_block(&self) -> u64 {
        self.origin.as_ref().map_or(0, |origin| origin.block())
    }

    /// Refuse what takes the whole state: a fork holds what it wrote itself.
    pub fn check_state_is_whole(&self) -> Result<(), RpcError> {
        match self.origin {
            Some(_) => Err(RpcError::server("not on a fork: it holds what it wrote itself, not the whole state")),
            None => Ok(()),
        }
    }

    /// Whether the chain that this one forks has the block.
    pub fn is_before_fork(&self, number: u64) -> bool {
        number < self.first_block()
    }

    fn find_hash(&self, hash: B256, require_canonical: bool) -> Result<Option<Found>, RpcError> {
        let Some(number) = self.snapshot.number_of(&hash)? else { return self.unknown() };
        if require_canonical && self.snapshot.canonical_hash(number)? != Some(hash) {
            return Err(RpcError::server("hash is not currently canonical"));
        }
        Ok(Some(Found::Stored { number, hash }))
    }

    /// What to say of a hash that is not this chain's.
    pub fn unknown<T>(&self) -> Result<Option<T>, RpcError> {
        if self.origin.is_some() {
            return Err(RpcError::ask_origin());
        }
        self.check_knows_transactions()?;
        Ok(None)
    }

    /// The newest block.
    pub fn head(&self) -> Result<BlockRef, RpcError> {
        self.snapshot.head()?.ok_or_else(|| RpcError::internal("the database has no blocks yet"))
    }

    /// The header of a stored block.
    pub fn header(&self, number: u64, hash: &B256) -> Result<Header, RpcError> {
        self.snapshot.header(number, hash)?.ok_or_else(|| missing("header", number, hash))
    }

    /// The head's header.
    pub fn head_header(&self) -> Result<Header, RpcError> {
        let head = self.head()?;
        self.header(head.number, &head.hash)
    }

    pub fn header_rlp(&self, number: u64, hash: &B256) -> Result<Cow<'_, [u8]>, RpcError> {
        Ok(self.snapshot.header_rlp(number, hash)?.ok_or_else(|| missing("header", number, hash))?.into())
    }

    pub fn body_rlp(&self, number: u64, hash: &B256) -> Result<Cow<'_, [u8]>, RpcError> {
        Ok(self.snapshot.body_rlp(number, hash)?.ok_or_else(|| self.lacks("body", number, hash))?.into())
    }

    pub fn receipts_rlp(&self, number: u64, hash: &B256) -> Result<Cow<'_, [u8]>, RpcError> {
        Ok(self.snapshot.receipts_rlp(number, hash)?.ok_or_else(|| self.lacks("receipts", number, hash))?.into())
    }

    pub fn senders(&self, number: u64, hash: &B256) -> Result<Vec<Address>, RpcError> {
        self.snapshot.senders(number, hash)?.ok_or_else(|| self.lacks("senders", number, hash))
    }

    pub fn transaction_hashes(&self, number: u64, hash: &B256) -> Result<Vec<B256>, RpcError> {
        self.snapshot.transaction_hashes(number, hash)?.ok_or_else(|| self.lacks("transaction hashes", number, hash))
    }

    /// A block's contents that are not there: not kept, or lost.
    fn lacks(&self, what: &str, number: u64, hash: &B256) -> RpcError {
        let kept_from =
            if what == "receipts" { self.snapshot.earliest_receipts() } else { self.snapshot.earliest_body() };
        match kept_from {
            Ok(first) if number < first => self.not_held(number),
            _ => missing(what, number, hash),
        }
    }

    /// A found block's body, whatever it is.
    pub fn body_of(&self, found: &Found) -> Result<Cow<'_, [u8]>, RpcError> {
        match found {
            Found::Stored { number, hash } => self.body_rlp(*number, hash),
            Found::Pending(block) => Ok(Cow::Owned(block.body.to_vec())),
        }
    }

    /// How many transactions a found block has.
    pub fn transaction_count(&self, found: &Found) -> Result<usize, RpcError> {
        Ok(Body::read(&self.body_of(found)?)?.transaction_count())
    }

    /// Whether transactions and logs tell the time of their block.
    pub fn tells_time(&self) -> bool {
        self.settings.edition == Edition::Current
    }
}
