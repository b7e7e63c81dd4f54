//! The whole state at the head, slots by their numbers: what tests of a dev chain save and load.
//!
//! The tables hold hashes of slots. A dev chain therefore remembers the number of every slot that it writes, from its
//! genesis on; no other chain does.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use serde::Serialize;
use state::Commit;
use std::collections::BTreeMap;

use crate::error::ChainError;
use crate::genesis::Genesis;
use crate::layer::Layer;
use crate::writer::Chain;

/// One account, as anvil writes it.
#[derive(Debug, Serialize)]
pub struct DumpedAccount {
    pub nonce: u64,
    pub balance: U256,
    pub code: Bytes,
    pub storage: BTreeMap<B256, B256>,
}

impl Chain {
    /// Remember from now on which slots are written. Call it whenever a dev chain is opened, from its first block on.
    pub fn remember_slots(&mut self, genesis: &Genesis) -> Result<(), ChainError> {
        self.remembers_slots = true;
        let slots = genesis.alloc.values().flat_map(|account| account.storage.keys());
        let preimages = slots.map(|slot| B256::from(slot.to_be_bytes::<32>())).collect();
        Ok(self.database.commit(&Commit { preimages, ..Default::default() })?)
    }

    /// The slots that blocks wrote, where this chain remembers them.
    pub(crate) fn slots_written<'a>(&self, blocks: impl IntoIterator<Item = &'a Layer>) -> Vec<B256> {
        if !self.remembers_slots {
            return Vec::new();
        }
        let accounts = blocks.into_iter().flat_map(|layer| layer.changes.accounts.values());
        accounts.flat_map(|account| account.storage.keys()).map(|slot| slot.to_be_bytes::<32>().into()).collect()
    }

    /// All accounts at the head.
    pub fn dump(&self) -> Result<BTreeMap<Address, DumpedAccount>, ChainError> {
        let snapshot = self.database.snapshot()?;
        let mut accounts = BTreeMap::new();
        for entry in snapshot.accounts_from(&B256::ZERO)? {
            let (hash, account) = entry?;
            let mut storage = BTreeMap::new();
            for entry in snapshot.slots_from(&hash, &B256::ZERO)? {
                let (slot, value) = entry?;
                let number = snapshot.slot_preimage(&slot)?.ok_or(ChainError::UnknownSlot(account.address))?;
                storage.insert(number, value.into());
            }
            let code = match account.code_hash {
                KECCAK256_EMPTY => Bytes::new(),
                hash => Bytes::copy_from_slice(snapshot.code(&hash)?.unwrap_or_default()),
            };
            let dumped = DumpedAccount { nonce: account.nonce, balance: account.balance, code, storage };
            accounts.insert(account.address, dumped);
        }
        Ok(accounts)
    }
}
