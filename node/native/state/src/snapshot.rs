//! One commit, as it is read: chain data by number and hash, state at any block that is kept, indexes, trie nodes.
//!
//! Bytes come straight out of the map and live as long as the snapshot. A snapshot may move between threads but is used
//! by one at a time; what the trie's threads share is [`AccountNodes`] and [`StorageNodesAt`].

use std::{
    cell::OnceCell,
    ops::Bound::{Included, Unbounded},
    sync::Arc,
};

use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable;
use heed::RoTxn;
use stf::Header;

use crate::{
    AccountNodes, BadBlock, BlockRef, ChangedKeys, FlatAccount, LogBlocks, LogFilter, Origin, SharedReads,
    StateDifference, StateError, StorageNodesAt, chain_data,
    database::Shared,
    environment::Read,
    flat, keys,
    meta::{self, KeptFrom, Pointer},
    tables::{Table, Tables},
};
pub(crate) use shareable::Shareable;

/// A view of one commit.
pub struct Snapshot {
    read: Read,
    /// The earliest block whose state can be told.
    earliest_state: OnceCell<u64>,
    shared: Arc<Shared>,
}

impl Snapshot {
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self, StateError> {
        let read = shared.environment.read()?;
        Ok(Self { read, earliest_state: OnceCell::new(), shared: Arc::clone(shared) })
    }

    pub(crate) fn txn(&self) -> &RoTxn<'static> {
        &self.read.txn
    }

    /// The chain that this one forks.
    pub(crate) fn origin(&self) -> Option<&dyn Origin> {
        self.shared.origin.get().map(AsRef::as_ref)
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.shared.tables
    }

    /// Counts commits: equal numbers are equal contents.
    pub fn id(&self) -> u64 {
        self.txn().id() as u64
    }

    /// The last canonical block; `None` before the genesis is written.
    pub fn head(&self) -> Result<Option<BlockRef>, StateError> {
        meta::pointer(self.txn(), self.tables(), Pointer::Head)
    }

    /// The safe block, once there was one.
    pub fn safe(&self) -> Result<Option<BlockRef>, StateError> {
        meta::pointer(self.txn(), self.tables(), Pointer::Safe)
    }

    /// The finalized block, once there was one.
    pub fn finalized(&self) -> Result<Option<BlockRef>, StateError> {
        meta::pointer(self.txn(), self.tables(), Pointer::Finalized)
    }

    /// The genesis document.
    pub fn spec_json(&self) -> Result<Option<&[u8]>, StateError> {
        meta::spec_json(self.txn(), self.tables())
    }

    /// The hash of the chain's block 0, whether it is held or not; `None` before anything is, and of a fork.
    pub fn genesis(&self) -> Result<Option<B256>, StateError> {
        match self.canonical_hash(0)? {
            Some(held) => Ok(Some(held)),
            None => meta::genesis(self.txn(), self.tables())?.map(hash).transpose(),
        }
    }

    /// Whether what is stored no longer follows from the blocks: see [`crate::Commit::marked`].
    pub fn is_marked(&self) -> Result<bool, StateError> {
        meta::is_marked(self.txn(), self.tables())
    }

    /// The hash of a canonical block.
    pub fn canonical_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.tables().canonical.get(self.txn(), &number.to_be_bytes())?.map(hash).transpose()
    }

    /// The number of a stored block, canonical or not.
    pub fn number_of(&self, hash: &B256) -> Result<Option<u64>, StateError> {
        self.tables().number.get(self.txn(), hash.as_slice())?.map(number).transpose()
    }

    /// A header, decoded.
    pub fn header(&self, number: u64, hash: &B256) -> Result<Option<Header>, StateError> {
        let decode = |mut rlp: &[u8]| Header::decode(&mut rlp);
        let header = self.header_rlp(number, hash)?.map(decode).transpose();
        header.map_err(|error| StateError::corrupt(format!("header of block {number}: {error}")))
    }

    /// A header.
    pub fn header_rlp(&self, number: u64, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        self.of_block(self.tables().header, number, hash)
    }

    /// Transactions, ommers and, from Shanghai, withdrawals.
    pub fn body_rlp(&self, number: u64, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        self.of_block(self.tables().body, number, hash)
    }

    /// A list of [type, status or root, cumulative gas, logs].
    pub fn receipts_rlp(&self, number: u64, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        self.of_block(self.tables().receipts, number, hash)
    }

    /// Who signed the block's transactions.
    pub fn senders(&self, number: u64, hash: &B256) -> Result<Option<Vec<Address>>, StateError> {
        let senders = self.of_block(self.tables().senders, number, hash)?;
        Ok(senders.map(|record| chain_data::split_senders(record).0.iter().map(Address::from).collect()))
    }

    /// The hashes of the block's transactions.
    pub fn transaction_hashes(&self, number: u64, hash: &B256) -> Result<Option<Vec<B256>>, StateError> {
        let senders = self.of_block(self.tables().senders, number, hash)?;
        Ok(senders.map(|record| chain_data::split_senders(record).1.iter().map(B256::from).collect()))
    }

    /// Total difficulty up to and with the block.
    pub fn total_difficulty(&self, number: u64, hash: &B256) -> Result<Option<U256>, StateError> {
        let difficulty = self.of_block(self.tables().total_difficulty, number, hash)?;
        Ok(difficulty.map(U256::from_be_slice))
    }

    /// Number of the canonical block that holds the transaction, and its index there.
    pub fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, u32)>, StateError> {
        self.tables().transaction.get(self.txn(), hash.as_slice())?.map(chain_data::read_location).transpose()
    }

    /// Blocks that failed, the newest first.
    pub fn bad_blocks(&self) -> Result<Vec<BadBlock>, StateError> {
        let blocks = chain_data::bad_blocks(self.txn(), self.tables())?;
        Ok(blocks.into_iter().rev().map(|(_, block)| block).collect())
    }

    /// An account (by keccak(address)) after block `at`, or at the head. `at` beyond the head is the head.
    pub fn account(&self, key: &B256, at: Option<u64>) -> Result<Option<FlatAccount>, StateError> {
        self.check_kept(at)?;
        flat::account(self.txn(), self.tables(), key, at)
    }

    /// A slot (by keccak(address), keccak(slot)) after block `at`, or at the head. Zero if absent.
    pub fn storage(&self, account: &B256, slot: &B256, at: Option<u64>) -> Result<U256, StateError> {
        self.check_kept(at)?;
        flat::storage(self.txn(), self.tables(), &keys::slot(account, slot), at)
    }

    /// Code by its hash.
    pub fn code(&self, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        Ok(self.tables().code.get(self.txn(), hash.as_slice())?)
    }

    /// Whether the account has a slot that is not zero, at the head.
    pub fn has_storage(&self, account: &B256) -> Result<bool, StateError> {
        Ok(self.tables().storage.prefix_iter(self.txn(), account.as_slice())?.next().transpose()?.is_some())
    }

    /// Accounts at the head from a hashed key on, ascending.
    pub fn accounts_from(
        &self,
        from: &B256,
    ) -> Result<impl Iterator<Item = Result<(B256, FlatAccount), StateError>> + '_, StateError> {
        let entries = self.tables().account.range(self.txn(), &(Included(from.as_slice()), Unbounded))?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            Ok((hash(key)?, FlatAccount::decode(value)?))
        }))
    }

    /// The slot with this hash, where the chain remembers its slots ([`crate::Commit::preimages`]).
    pub fn slot_preimage(&self, hashed: &B256) -> Result<Option<B256>, StateError> {
        let found = self.tables().slot_preimage.get(self.txn(), hashed.as_slice())?;
        found.map(hash).transpose()
    }

    /// Slots of an account at the head from a hashed slot on, ascending.
    pub fn slots_from(
        &self,
        account: &B256,
        from: &B256,
    ) -> Result<impl Iterator<Item = Result<(B256, U256), StateError>> + '_, StateError> {
        let (first, last) = (keys::slot(account, from), keys::slot(account, &B256::repeat_byte(0xff)));
        let entries = self.tables().storage.range(self.txn(), &(Included(&first[..]), Included(&last[..])))?;
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            Ok((hash(&key[32..])?, crate::records::decode_slot(value)?))
        }))
    }

    /// The keys that a canonical block changed.
    pub fn changed_keys(&self, block: u64) -> Result<ChangedKeys, StateError> {
        if block < meta::kept_from(self.txn(), self.tables(), KeptFrom::History)? {
            return Err(StateError::Pruned { block, earliest: self.earliest_state()? + 1 });
        }
        flat::changed_keys(self.txn(), self.tables(), block)
    }

    /// What the state after block `at` has otherwise than the head's: the keys that changed since, with their values
    /// then. Applied to the head's trie it gives the trie of that block.
    pub fn difference(&self, at: u64) -> Result<StateDifference, StateError> {
        let head = self.head()?.map_or(0, |head| head.number);
        flat::difference(self.txn(), self.tables(), at, head)
    }

    /// The earliest block whose state can be told.
    pub fn earliest_state(&self) -> Result<u64, StateError> {
        if let Some(&earliest) = self.earliest_state.get() {
            return Ok(earliest);
        }
        let earliest = flat::earliest_state(self.txn(), self.tables())?;
        Ok(*self.earliest_state.get_or_init(|| earliest))
    }

    /// The first block whose receipts (and log index) are kept.
    pub fn earliest_receipts(&self) -> Result<u64, StateError> {
        meta::kept_from(self.txn(), self.tables(), KeptFrom::Receipts)
    }

    /// The first block whose body (and transaction lookup) is kept.
    pub fn earliest_body(&self) -> Result<u64, StateError> {
        meta::kept_from(self.txn(), self.tables(), KeptFrom::Bodies)
    }

    /// Blocks in `from..=to` that may hold logs of the filter, ascending, found as they are asked for. A filter that
    /// asks for nothing gets every block of the range.
    pub fn blocks_with(&self, filter: &LogFilter, from: u64, to: u64) -> LogBlocks<'_> {
        LogBlocks::new(self.txn(), self.tables().log_index, filter, from, to)
    }

    /// The state trie at the head.
    pub fn account_nodes(&self) -> Result<AccountNodes<'_>, StateError> {
        let tables = self.tables();
        Ok(AccountNodes(Shareable::new(self.txn(), tables, &[tables.account, tables.account_node])?))
    }

    /// An account's storage trie at the head.
    pub fn storage_nodes(&self, account: &B256) -> Result<StorageNodesAt<'_>, StateError> {
        let tables = self.tables();
        let reads = Shareable::new(self.txn(), tables, &[tables.storage, tables.storage_node])?;
        Ok(StorageNodesAt { reads, account: *account })
    }

    /// What several threads may read at once.
    pub fn shared_reads(&self) -> Result<SharedReads<'_>, StateError> {
        let tables = self.tables();
        let used = [
            tables.account,
            tables.account_node,
            tables.storage,
            tables.storage_node,
            tables.code,
            tables.number,
            tables.header,
        ];
        Ok(SharedReads(Shareable::new(self.txn(), tables, &used)?))
    }

    fn of_block(&self, table: Table, number: u64, hash: &B256) -> Result<Option<&[u8]>, StateError> {
        Ok(table.get(self.txn(), &keys::block(number, hash))?)
    }

    fn check_kept(&self, at: Option<u64>) -> Result<(), StateError> {
        let Some(block) = at else { return Ok(()) };
        let earliest = self.earliest_state()?;
        if block < earliest { Err(StateError::Pruned { block, earliest }) } else { Ok(()) }
    }
}

pub(crate) fn hash(bytes: &[u8]) -> Result<B256, StateError> {
    B256::try_from(bytes).map_err(|_| StateError::corrupt(format!("hash of {} bytes", bytes.len())))
}

pub(crate) fn number(bytes: &[u8]) -> Result<u64, StateError> {
    let bytes = bytes.try_into().map_err(|_| StateError::corrupt(format!("number of {} bytes", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Reading one transaction from many threads.
#[allow(unsafe_code)]
mod shareable {
    use heed::RoTxn;

    use crate::{
        StateError,
        tables::{Table, Tables},
    };

    /// A read transaction of which the tables that are asked were touched before it is shared.
    #[derive(Clone, Copy)]
    pub(crate) struct Shareable<'a> {
        txn: &'a RoTxn<'static>,
        tables: &'a Tables,
    }

    // SAFETY: LMDB's read of a table writes to the transaction in one place: the first use of a table in it loads the
    // table's root (`DB_STALE`). `new` has done that for the tables that holders of this type read; every further read
    // keeps its cursor on its own stack or heap. What the snapshot's own thread reads meanwhile are other entries.
    unsafe impl Sync for Shareable<'_> {}
    // SAFETY: as above; the environment has no thread-local reader slots (MDB_NOTLS).
    unsafe impl Send for Shareable<'_> {}

    impl<'a> Shareable<'a> {
        pub(crate) fn new(txn: &'a RoTxn<'static>, tables: &'a Tables, used: &[Table]) -> Result<Self, StateError> {
            for table in used {
                table.get(txn, &[0])?;
            }
            Ok(Self { txn, tables })
        }

        pub(crate) fn txn(&self) -> &RoTxn<'static> {
            self.txn
        }

        pub(crate) fn tables(&self) -> &Tables {
            self.tables
        }
    }
}
