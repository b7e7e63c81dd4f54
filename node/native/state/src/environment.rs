//! The one place that talks to LMDB in ways the compiler cannot check: opening the map, and moving it.
//!
//! A snapshot lends bytes straight out of the map, so the map may only be moved while no transaction of this process is
//! open: [`Gate`] counts them, and closes for the moment in which the map moves. The map is reserved large, so that
//! this moment hardly ever comes.
#![allow(unsafe_code)]

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use heed::{Env, EnvFlags, EnvOpenOptions, FlagSetMode, MdbError, RoTxn, RwTxn, WithoutTls};

use crate::{StateError, tables};

/// How long the map waits for snapshots of this process to be let go before growing is given up. Longer than any
/// request should take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reader slots: one for each snapshot that is open at the same time in all processes. 64 bytes each.
const MOST_READERS: u32 = 4096;

/// An open environment. Lives until the last snapshot of it is gone.
pub(crate) struct Environment {
    env: Env<WithoutTls>,
    gate: Gate,
    /// Kept open as long as the environment: closing any descriptor of the lock file would drop the marks by which
    /// other processes know that this one lives. Declared after `env`, so closed after it.
    reader_table: Option<File>,
}

impl Environment {
    pub(crate) fn open(path: &Path, map_size: usize, flags: EnvFlags) -> Result<Self, StateError> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.max_dbs(tables::COUNT as u32).max_readers(MOST_READERS).map_size(whole_pages(map_size));
        // SAFETY: `flags` are NO_SYNC and READ_ONLY only: neither lets a write go around LMDB's own locking.
        unsafe { options.flags(flags) };
        // SAFETY: the files belong to this program alone: a folder with anything else is refused before, there is one
        // writer (the LOCK file) and nobody truncates or rewrites them while they are mapped.
        let env = unsafe { options.open(path) }?;
        let reader_table = File::open(path.join("lock.mdb")).ok();
        Ok(Self { env, gate: Gate::default(), reader_table })
    }

    pub(crate) fn env(&self) -> &Env<WithoutTls> {
        &self.env
    }

    pub(crate) fn reader_table(&self) -> Option<&File> {
        self.reader_table.as_ref()
    }

    /// A read transaction of the newest commit. Follows the map where another process made it larger.
    pub(crate) fn read(self: &Arc<Self>) -> Result<Read, StateError> {
        loop {
            let pass = Pass::enter(self);
            match self.env.clone().static_read_txn() {
                Ok(txn) => return Ok(Read { txn, _pass: pass }),
                Err(heed::Error::Mdb(MdbError::MapResized)) => {
                    drop(pass);
                    self.resize(0)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A write transaction. The caller holds the writer's lock of [`crate::Database`].
    pub(crate) fn write(&self) -> Result<RwTxn<'_>, StateError> {
        Ok(self.env.write_txn()?)
    }

    /// Double the map. No write transaction may be open.
    pub(crate) fn grow(&self) -> Result<(), StateError> {
        self.resize(self.env.info().map_size.saturating_mul(2))
    }

    /// Whether commits wait for the disk.
    pub(crate) fn set_durable(&self, durable: bool) -> Result<(), StateError> {
        let mode = if durable { FlagSetMode::Disable } else { FlagSetMode::Enable };
        // SAFETY: NO_SYNC may change while the environment is open; it moves no memory.
        Ok(unsafe { self.env.set_flags(EnvFlags::NO_SYNC, mode) }?)
    }

    /// Move the map to `size` bytes; zero is the size that the file says.
    fn resize(&self, size: usize) -> Result<(), StateError> {
        let _closed = self.gate.close()?;
        // SAFETY: the gate let every read transaction of this process end and admits none while it is closed; write
        // transactions end before their thread comes here, and others wait for the writer's lock.
        Ok(unsafe { self.env.resize(whole_pages(size)) }?)
    }
}

fn whole_pages(size: usize) -> usize {
    const LARGEST_PAGE: usize = 65536;
    size.next_multiple_of(LARGEST_PAGE)
}

/// A read transaction and its place behind the gate; the transaction ends first.
pub(crate) struct Read {
    pub(crate) txn: RoTxn<'static, WithoutTls>,
    _pass: Pass,
}

struct Pass(Arc<Environment>);

impl Pass {
    fn enter(environment: &Arc<Environment>) -> Self {
        environment.gate.enter();
        Self(Arc::clone(environment))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}

/// Counts who reads the map; closed while it moves.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    inside: usize,
    closed: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn enter(&self) {
        let mut state = self.lock();
        while state.closed {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state.inside += 1;
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.inside -= 1;
        if state.closed && state.inside == 0 {
            self.changed.notify_all();
        }
    }

    /// Admit nobody and wait until all have left. Open again when the guard goes, or at once if they do not leave.
    fn close(&self) -> Result<Closed<'_>, StateError> {
        let give_up = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while state.closed {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state.closed = true;
        let closed = Closed(self);
        while state.inside > 0 {
            let Some(left) = give_up.checked_duration_since(Instant::now()) else {
                let snapshots = state.inside;
                drop(state);
                return Err(StateError::MapBusy { snapshots });
            };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        drop(state);
        Ok(closed)
    }
}

struct Closed<'a>(&'a Gate);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = false;
        self.0.changed.notify_all();
    }
}
