//! Looking after a database, for Python: copies, figures, pruning.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::errors::storage;

/// An open database. Without `write` it lies beside a running node and changes nothing.
#[pyclass(frozen, module = "ethrex_node._native")]
pub struct Database(state::Database);

/// How a database stands. Blocks that are `None`: there is no chain in it.
#[pyclass(frozen, get_all, module = "ethrex_node._native")]
pub struct DatabaseStats {
    pub file_bytes: u64,
    pub map_bytes: u64,
    pub page_bytes: u64,
    pub used_pages: u64,
    pub free_pages: u64,
    pub last_commit: u64,
    /// Commits that the oldest open snapshot is behind.
    pub oldest_reader_commits: u64,
    /// (process, commit that it sees).
    pub readers: Vec<(u32, u64)>,
    /// (name, entries, depth, pages).
    pub tables: Vec<(&'static str, u64, u32, u64)>,
    pub head: Option<u64>,
    pub earliest_state: u64,
    pub earliest_receipts: u64,
    pub earliest_body: u64,
}

#[pymethods]
impl Database {
    /// Open what lies in the folder. Raises StorageError: Missing, Locked (with `write`), SchemaNewer.
    #[new]
    #[pyo3(signature = (path, *, write = false))]
    fn new(py: Python<'_>, path: PathBuf, write: bool) -> PyResult<Self> {
        py.detach(|| {
            let reading = state::Options { read_only: true, ..Default::default() };
            let found = state::Database::open(&path, &reading)?;
            if !write {
                return Ok(Self(found));
            }
            drop(found);
            state::Database::open(&path, &state::Options::default()).map(Self)
        })
        .map_err(storage)
    }

    /// Write a consistent copy into an empty or new folder while the database is in use. Gives its size in bytes.
    fn copy(&self, py: Python<'_>, to: PathBuf, compact: bool) -> PyResult<u64> {
        py.detach(|| self.0.copy(to, compact)).map_err(storage)
    }

    fn stats(&self, py: Python<'_>) -> PyResult<DatabaseStats> {
        py.detach(|| -> Result<_, state::StateError> {
            let snapshot = self.0.snapshot()?;
            let head = snapshot.head()?.map(|head| head.number);
            let (state, receipts, body) =
                (snapshot.earliest_state()?, snapshot.earliest_receipts()?, snapshot.earliest_body()?);
            drop(snapshot);
            let stats = self.0.stats()?;
            let tables = stats.tables.iter().map(|table| (table.name, table.entries, table.depth, table.pages));
            Ok(DatabaseStats {
                file_bytes: stats.file_bytes,
                map_bytes: stats.map_bytes,
                page_bytes: stats.page_bytes,
                used_pages: stats.used_pages,
                free_pages: stats.free_pages,
                last_commit: stats.last_commit,
                oldest_reader_commits: stats.oldest_reader_age,
                readers: stats.readers.iter().map(|reader| (reader.process, reader.commit)).collect(),
                tables: tables.collect(),
                head,
                earliest_state: state,
                earliest_receipts: receipts,
                earliest_body: body,
            })
        })
        .map_err(storage)
    }

    /// Drop data of blocks below a number, of at most `blocks_at_once` blocks of each kind. True: there is no more.
    #[pyo3(signature = (*, history_below = None, receipts_below = None, bodies_below = None, blocks_at_once = 256))]
    fn prune(
        &self,
        py: Python<'_>,
        history_below: Option<u64>,
        receipts_below: Option<u64>,
        bodies_below: Option<u64>,
        blocks_at_once: u64,
    ) -> PyResult<bool> {
        let what = state::Prune { history_below, receipts_below, bodies_below };
        py.detach(|| self.0.prune(&what, blocks_at_once)).map_err(storage)
    }

    /// Look at every page in use. Raises StorageError: Corrupt, naming the first that is damaged.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.check()).map_err(storage)
    }

    /// Free the snapshots of processes that died. Gives how many there were.
    fn clear_stale_readers(&self, py: Python<'_>) -> PyResult<usize> {
        py.detach(|| self.0.clear_stale_readers()).map_err(storage)
    }
}

impl Database {
    /// One that is open already.
    pub fn over(database: state::Database) -> Self {
        Self(database)
    }
}
