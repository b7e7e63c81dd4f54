//! The handle: opening and refusing, snapshots, commits, syncing.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, Weak},
    time::Duration,
};

use heed::{EnvFlags, MdbError, RwTxn, types::Bytes};

use crate::{
    BadBlock, Commit, Origin, Snapshot, StateError, chain_data, commit,
    environment::Environment,
    folder,
    meta::{self, Schema},
    pages,
    tables::Tables,
};

/// Address space reserved for the map, in bytes. It costs nothing until pages are used; so large that it does not have
/// to grow while snapshots are open.
pub const DEFAULT_MAP_SIZE: usize = 1 << 40;
/// Where a system allows less address space, the reservation is halved down to this before opening is given up.
const LEAST_MAP_SIZE: usize = 1 << 30;

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address space to reserve, in bytes. The map grows by itself beyond it.
    pub map_size: usize,
    /// Whether a commit returns after it is on the disk. Without it a commit survives the death of the process, while a
    /// power cut may destroy the whole database: for chains that are thrown away.
    pub durable: bool,
    /// For processes beside the writer.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { map_size: DEFAULT_MAP_SIZE, durable: true, read_only: false }
    }
}

/// An open database. Clones share it; it closes when the last clone and the last snapshot are gone.
///
/// Within a process a folder is opened once: opening it again read-only gives another handle on the same map. Do not
/// carry a handle over a fork: open again in the child.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
    /// The writer's hold on the folder; a read-only handle has none.
    lock: Option<Arc<folder::Lock>>,
}

/// What handles and snapshots of one folder have in common.
pub(crate) struct Shared {
    pub(crate) environment: Arc<Environment>,
    pub(crate) tables: Tables,
    path: PathBuf,
    read_only: bool,
    writing: Mutex<()>,
    pub(crate) origin: OnceLock<Arc<dyn Origin>>,
}

/// Folders that are open in this process: LMDB must not have one open twice.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = LazyLock::new(Mutex::default);

impl Database {
    /// Open the database in a folder of its own. A writer makes folder and database where there are none.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, StateError> {
        let path = path.as_ref();
        if options.read_only {
            if !path.join(folder::DATA_FILE).exists() {
                return Err(StateError::Missing { path: path.to_owned() });
            }
        } else {
            folder::prepare(path)?;
        }
        let path = path.canonicalize()?;
        let lock = if options.read_only { None } else { Some(Arc::new(folder::lock(&path)?)) };
        let mut open = OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(shared) = open.get(&path).and_then(Weak::upgrade) {
            if shared.read_only && !options.read_only {
                return Err(StateError::OpenReadOnly { path });
            }
            if !options.read_only {
                shared.environment.set_durable(options.durable)?;
            }
            return Ok(Self { shared, lock });
        }
        open.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(Shared::open(&path, options)?);
        open.insert(path, Arc::downgrade(&shared));
        Ok(Self { shared, lock })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// A view of the newest commit. It costs a microsecond; while it lives, pages that later commits free cannot be
    /// used again, so let go of it soon. Not to be held across a [`Database::commit`] in the same thread.
    pub fn snapshot(&self) -> Result<Snapshot, StateError> {
        Snapshot::open(&self.shared)
    }

    /// Write one transaction: all of it or nothing. Grows the map if it has to. When it returns, a durable database has
    /// it on the disk, and every snapshot taken from now on sees it.
    pub fn commit(&self, commit: &Commit) -> Result<(), StateError> {
        self.write(|txn, tables| commit::write(txn, tables, commit))
    }

    /// Keep a block that failed. The newest few are kept.
    pub fn add_bad_block(&self, block: &BadBlock) -> Result<(), StateError> {
        self.write(|txn, tables| chain_data::add_bad_block(txn, tables, block))
    }

    /// Bring all commits to the disk: for a database that is not durable.
    pub fn sync(&self) -> Result<(), StateError> {
        let _writing = self.writer()?;
        Ok(self.shared.environment.env().force_sync()?)
    }

    /// From now on this chain is a fork: what it has not written is read from there, by this process. Once.
    pub fn fork(&self, origin: Arc<dyn Origin>) {
        let _ = self.shared.origin.set(origin);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn writer(&self) -> Result<MutexGuard<'_, ()>, StateError> {
        if self.lock.is_none() {
            return Err(StateError::ReadOnly);
        }
        Ok(self.shared.writing.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Run `work` in a write transaction and commit it; where the map is full, make it larger and run it again.
    pub(crate) fn write<T>(
        &self,
        work: impl Fn(&mut RwTxn<'_>, &Tables) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let _writing = self.writer()?;
        let environment = &self.shared.environment;
        loop {
            let mut txn = environment.write()?;
            let done = work(&mut txn, &self.shared.tables).and_then(|value| {
                txn.commit()?;
                Ok(value)
            });
            match done {
                Err(StateError::Store(MdbError::MapFull)) => environment.grow()?,
                Err(StateError::Io(error)) => return Err(folder::name_write_error(&self.shared.path, error)),
                done => return done,
            }
        }
    }
}

impl Shared {
    fn open(path: &Path, options: &Options) -> Result<Self, StateError> {
        if !options.read_only && path.join(folder::DATA_FILE).exists() {
            pages::check_quickly(&File::open(path.join(folder::DATA_FILE))?)?;
        }
        let environment = open_environment(path, options)?;
        let tables = if options.read_only {
            existing_tables(&environment, path)?.ok_or_else(|| StateError::Missing { path: path.to_owned() })?
        } else {
            match existing_tables(&environment, path)? {
                Some(tables) => tables,
                None => Tables::create(&environment, |txn, table| meta::write_schema(txn, table, meta::SCHEMA))?,
            }
        };
        if !options.read_only {
            environment.env().clear_stale_readers()?;
        }
        Ok(Self {
            environment: Arc::new(environment),
            tables,
            path: path.to_owned(),
            read_only: options.read_only,
            writing: Mutex::new(()),
            origin: OnceLock::new(),
        })
    }
}

/// Open the environment, with less address space where the system refuses so much.
fn open_environment(path: &Path, options: &Options) -> Result<Environment, StateError> {
    let mut flags = EnvFlags::empty();
    flags.set(EnvFlags::READ_ONLY, options.read_only);
    flags.set(EnvFlags::NO_SYNC, !options.durable);
    await_closing(path);
    let mut map_size = options.map_size;
    loop {
        match Environment::open(path, map_size, flags) {
            Err(StateError::Io(error))
                if error.kind() == std::io::ErrorKind::OutOfMemory && map_size > LEAST_MAP_SIZE =>
            {
                map_size /= 2;
            }
            opened => return opened,
        }
    }
}

/// The last handle may just be closing in another thread.
fn await_closing(path: &Path) {
    if let Some(closing) = heed::env_closing_event(path) {
        closing.wait_timeout(Duration::from_secs(1));
    }
}

/// The tables of a database that is ours and of a known schema; `None` if nothing was ever written.
fn existing_tables(environment: &Environment, path: &Path) -> Result<Option<Tables>, StateError> {
    if environment.env().unnamed_database_stat().entries == 0 {
        return Ok(None);
    }
    let foreign = || StateError::Foreign { path: path.to_owned(), entry: folder::DATA_FILE.to_owned() };
    let txn = environment.env().read_txn()?;
    let schema = environment.env().open_databases_and_commit(txn, |opener, txn| {
        let meta = opener.open_database::<Bytes, Bytes>(txn, Some("meta"))?;
        let schema = meta.map(|meta| meta::check_schema(txn, &meta)).transpose()?;
        Ok::<_, heed::Error>(heed::CommitOrAbort::<(), _>::Abort(schema))
    })?;
    match schema.abort().flatten() {
        Some(Schema::Newer(found)) => Err(StateError::SchemaNewer { found, known: meta::SCHEMA }),
        Some(Schema::Known) => Tables::open(environment)?.map(Some).ok_or_else(foreign),
        Some(Schema::NotOurs) | None => Err(foreign()),
    }
}
