//! A block's body: transactions, ommers, withdrawals.

use alloy_rlp::{Error, Result};

use super::{Item, Items, Transaction};

/// The body of a block.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    transactions: Items<'a>,
    pub ommers: Items<'a>,
    /// From Shanghai.
    pub withdrawals: Option<Items<'a>>,
    /// What stands in a block after its header.
    pub payload: &'a [u8],
}

impl<'a> Body<'a> {
    /// Read the RLP list of transactions, ommers and (from Shanghai) withdrawals.
    pub fn read(record: &'a [u8]) -> Result<Self> {
        let mut rest = record;
        let whole = Item::take(&mut rest)?;
        if !rest.is_empty() {
            return Err(Error::UnexpectedLength);
        }
        let mut items = whole.items()?;
        let transactions = items.expect()?.items()?;
        let ommers = items.expect()?.items()?;
        let withdrawals = items.next().transpose()?.map(Item::items).transpose()?;
        Ok(Self { transactions, ommers, withdrawals, payload: whole.payload })
    }

    pub fn transactions(&self) -> impl Iterator<Item = Result<Transaction<'a>>> + use<'a> {
        self.transactions.map(|item| Transaction::read(item?))
    }

    /// How many transactions there are.
    pub fn transaction_count(&self) -> usize {
        self.transactions.count()
    }

    /// One transaction; the ones before it are skipped, not read.
    pub fn transaction(&self, index: usize) -> Result<Option<Transaction<'a>>> {
        let mut transactions = self.transactions;
        transactions.nth(index).map(|item| Transaction::read(item?)).transpose()
    }

    /// One ommer's header.
    pub fn ommer(&self, index: usize) -> Result<Option<&'a [u8]>> {
        let mut ommers = self.ommers;
        Ok(ommers.nth(index).transpose()?.map(|item| item.whole))
    }
}
