//! The tables: their names and their handles.

use heed::{CommitOrAbort, Database, RwTxn, types::Bytes};

use crate::{StateError, environment::Environment};

/// A table of bytes by bytes; [`crate::keys`] and [`crate::records`] say which.
pub(crate) type Table = Database<'static, Bytes, Bytes>;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Handles of all tables. Copied freely: a handle is a number.
        #[derive(Clone, Copy)]
        pub(crate) struct Tables {
            $($(#[$doc])* pub(crate) $name: Table,)+
        }

        const NAMES: [&str; COUNT] = [$(stringify!($name)),+];

        impl Tables {
            fn from_array(tables: [Table; COUNT]) -> Self {
                let [$($name),+] = tables;
                Self { $($name),+ }
            }

            /// Name and handle of each, in the order of this page.
            pub(crate) fn all(&self) -> [(&'static str, Table); COUNT] {
                [$((stringify!($name), self.$name)),+]
            }
        }
    };
}

/// How many there are.
pub(crate) const COUNT: usize = 20;

tables! {
    /// Single values by name: see [`crate::meta`].
    meta,
    /// keccak(address) -> account, at the head
    account,
    /// keccak(address) ‖ keccak(slot) -> value without leading zeros, at the head
    storage,
    /// code hash -> code
    code,
    /// packed path -> node of the state trie, at the head
    account_node,
    /// keccak(address) ‖ packed path -> node of a storage trie, at the head
    storage_node,
    /// account key ‖ block -> the account before that block
    account_history,
    /// storage key ‖ block -> the value before that block
    storage_history,
    /// block -> the keys that have history at that block
    changes,
    /// number ‖ hash -> RLP
    header,
    /// number ‖ hash -> RLP
    body,
    /// number ‖ hash -> RLP without blooms
    receipts,
    /// number ‖ hash -> senders of the transactions, 20 bytes each, then their hashes
    senders,
    /// number ‖ hash -> total difficulty up to and with the block, 32 bytes
    total_difficulty,
    /// number -> hash
    canonical,
    /// hash -> number, canonical or not
    number,
    /// transaction hash -> number ‖ index (32 bits)
    transaction,
    /// epoch of 256 blocks ‖ 8-byte log key ‖ block in the epoch -> nothing
    log_index,
    /// counting up -> a block that failed
    bad_block,
    /// keccak(slot) -> slot; dev chains only
    slot_preimage,
}

impl Tables {
    /// Open the tables of an existing database; `None` where one is missing.
    pub(crate) fn open(environment: &Environment) -> Result<Option<Self>, StateError> {
        let txn = environment.env().read_txn()?;
        let opened = environment.env().open_databases_and_commit(txn, |opener, txn| {
            let mut tables = Vec::with_capacity(COUNT);
            for name in NAMES {
                match opener.open_database::<Bytes, Bytes>(txn, Some(name))? {
                    Some(table) => tables.push(table),
                    None => return Ok::<_, heed::Error>(CommitOrAbort::Abort(())),
                }
            }
            let tables: [Database<'_, Bytes, Bytes>; COUNT] =
                tables.try_into().unwrap_or_else(|_| unreachable!("one table a name"));
            Ok(CommitOrAbort::Commit(tables))
        })?;
        Ok(opened.commit().map(Self::from_array))
    }

    /// Make the tables and run `initialise` on the first, all in one transaction.
    pub(crate) fn create(
        environment: &Environment,
        initialise: impl FnOnce(&mut RwTxn<'_>, &Database<'_, Bytes, Bytes>) -> heed::Result<()>,
    ) -> Result<Self, StateError> {
        let txn = environment.write()?;
        let created = environment.env().create_databases_and_commit(txn, |opener, txn| {
            let mut tables = Vec::with_capacity(COUNT);
            for name in NAMES {
                tables.push(opener.create_database::<Bytes, Bytes>(txn, Some(name))?);
            }
            initialise(txn, &tables[0])?;
            let tables: [Database<'_, Bytes, Bytes>; COUNT] =
                tables.try_into().unwrap_or_else(|_| unreachable!("one table a name"));
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tables))
        })?;
        Ok(Self::from_array(created.unwrap_commit()))
    }
}
