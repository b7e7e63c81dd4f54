//! Looking after a database: copies, figures, readers that died, and pruning.

use std::{fs, path::Path};

use alloy_primitives::B256;
use heed::{CompactionOption, RwTxn};

use crate::{
    Database, StateError, folder, keys,
    meta::{self, KeptFrom, Pointer},
    pages,
    readers::{self, Reader},
    tables::{Table, Tables},
    unwind,
};

/// How a database stands.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Length of the data file.
    pub file_bytes: u64,
    /// Address space reserved.
    pub map_bytes: u64,
    pub page_bytes: u64,
    /// Pages of the file that were ever used.
    pub used_pages: u64,
    /// Of these, pages that hold nothing: they are used again before the file grows.
    pub free_pages: u64,
    /// Counts commits.
    pub last_commit: u64,
    /// Snapshots that are open, in all processes.
    pub readers: Vec<Reader>,
    /// How many commits the oldest snapshot is behind; while it lives, what they freed cannot be used again.
    pub oldest_reader_age: u64,
    pub tables: Vec<TableStats>,
}

/// One table's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStats {
    pub name: &'static str,
    pub entries: u64,
    pub depth: u32,
    pub pages: u64,
}

/// What to drop: data of blocks below a number. The head's is never dropped. Headers stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// Values before the blocks below this one. The state of the block before it is the earliest that can be told.
    pub history_below: Option<u64>,
    /// Receipts, and what the log index says about them.
    pub receipts_below: Option<u64>,
    /// Transactions, ommers, withdrawals, senders, and where transactions are.
    pub bodies_below: Option<u64>,
}

impl Database {
    /// Write a consistent copy into a folder that is empty or does not exist, while this one is in use. A compact copy
    /// leaves out free pages. Gives its size in bytes.
    pub fn copy(&self, to: impl AsRef<Path>, compact: bool) -> Result<u64, StateError> {
        let to = to.as_ref();
        fs::create_dir_all(to)?;
        if let Some(entry) = fs::read_dir(to)?.next().transpose()?.map(|entry| entry.file_name()) {
            return Err(StateError::Foreign { path: to.to_owned(), entry: entry.to_string_lossy().into_owned() });
        }
        let environment = &self.shared().environment;
        let _map_stays = environment.read()?;
        let option = if compact { CompactionOption::Enabled } else { CompactionOption::Disabled };
        let unfinished = to.join("data.mdb.part");
        let copied = environment.env().copy_to_path(&unfinished, option).map_err(StateError::from);
        let copied = copied.and_then(|file| {
            file.sync_all()?;
            fs::rename(&unfinished, to.join(folder::DATA_FILE))?;
            fs::File::open(to)?.sync_all()?;
            Ok(file.metadata()?.len())
        });
        if copied.is_err() {
            fs::remove_file(&unfinished).ok();
        }
        copied
    }

    /// Sizes, tables, readers.
    pub fn stats(&self) -> Result<Stats, StateError> {
        let shared = self.shared();
        let environment = &shared.environment;
        let snapshot = environment.read()?;
        let (info, names) = (environment.env().info(), environment.env().unnamed_database_stat());
        let mut tables = Vec::new();
        for (name, table) in shared.tables.all() {
            let stat = table.stat(&snapshot.txn)?;
            let pages = (stat.branch_pages + stat.leaf_pages + stat.overflow_pages) as u64;
            tables.push(TableStats { name, entries: stat.entries as u64, depth: stat.depth, pages });
        }
        drop(snapshot);
        let used_pages = info.last_page_number as u64 + 1;
        let live = tables.iter().map(|table| table.pages).sum::<u64>() + names.leaf_pages as u64 + META_PAGES;
        let last_commit = info.last_txn_id as u64;
        let readers = environment.reader_table().map_or(Ok(Vec::new()), readers::list)?;
        let oldest = readers.iter().map(|reader| reader.commit).min().unwrap_or(last_commit);
        Ok(Stats {
            file_bytes: environment.env().real_disk_size()?,
            map_bytes: info.map_size as u64,
            page_bytes: u64::from(names.page_size),
            used_pages,
            free_pages: used_pages.saturating_sub(live),
            last_commit,
            readers,
            oldest_reader_age: last_commit.saturating_sub(oldest),
            tables,
        })
    }

    /// Look at every page that the newest commit uses, and say what is wrong with the first that is damaged. Reads the
    /// whole file.
    pub fn check(&self) -> Result<(), StateError> {
        let snapshot = self.shared().environment.read()?;
        let file = fs::File::open(self.path().join(folder::DATA_FILE))?;
        pages::check_all(&file, snapshot.txn.id() as u64)
    }

    /// Free the snapshots of processes that died. Gives how many there were.
    pub fn clear_stale_readers(&self) -> Result<usize, StateError> {
        Ok(self.shared().environment.env().clear_stale_readers()?)
    }

    /// Drop old data, of at most `blocks` blocks of each kind in this one transaction. True when there is no more to
    /// drop: call it again until then, so that commits come in between.
    pub fn prune(&self, what: &Prune, blocks: u64) -> Result<bool, StateError> {
        self.write(|txn, tables| {
            let history = drop_below(txn, tables, KeptFrom::History, what.history_below, blocks, |txn, number| {
                unwind::forget_history(txn, tables, number)
            })?;
            let receipts = drop_below(txn, tables, KeptFrom::Receipts, what.receipts_below, blocks, |txn, number| {
                drop_receipts(txn, tables, number)
            })?;
            let bodies = drop_below(txn, tables, KeptFrom::Bodies, what.bodies_below, blocks, |txn, number| {
                drop_bodies(txn, tables, number)
            })?;
            Ok(history && receipts && bodies)
        })
    }
}

/// The two that say where everything is.
const META_PAGES: u64 = 2;

fn drop_below(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    kind: KeptFrom,
    below: Option<u64>,
    blocks: u64,
    drop_block: impl Fn(&mut RwTxn<'_>, u64) -> Result<(), StateError>,
) -> Result<bool, StateError> {
    let head = meta::pointer(txn, tables, Pointer::Head)?.map_or(0, |head| head.number);
    let below = below.unwrap_or(0).min(head);
    let first = meta::kept_from(txn, tables, kind)?.max(1);
    let last = below.min(first.saturating_add(blocks));
    for number in first..last {
        drop_block(txn, number)?;
    }
    if last > first {
        meta::set_kept_from(txn, tables, kind, last)?;
    }
    Ok(last.max(first) >= below)
}

fn drop_receipts(txn: &mut RwTxn<'_>, tables: &Tables, number: u64) -> Result<(), StateError> {
    unwind::forget_logs(txn, tables, number, &canonical_key(txn, tables, number)?)?;
    drop_all_of(txn, tables.receipts, number)
}

fn drop_bodies(txn: &mut RwTxn<'_>, tables: &Tables, number: u64) -> Result<(), StateError> {
    unwind::forget_transactions(txn, tables, number, &canonical_key(txn, tables, number)?)?;
    drop_all_of(txn, tables.body, number)?;
    drop_all_of(txn, tables.senders, number)
}

fn canonical_key(txn: &RwTxn<'_>, tables: &Tables, number: u64) -> Result<[u8; 40], StateError> {
    Ok(keys::block(number, &unwind::canonical(txn, tables, number)?))
}

/// Side branches too.
fn drop_all_of(txn: &mut RwTxn<'_>, table: Table, number: u64) -> Result<(), StateError> {
    let (first, last) = (keys::block(number, &B256::ZERO), keys::block(number, &B256::repeat_byte(0xff)));
    table.delete_range(txn, &(std::ops::Bound::Included(&first[..]), std::ops::Bound::Included(&last[..])))?;
    Ok(())
}
