//! What storage refuses and how it fails, named by what the caller can do about it.

use std::{io, path::PathBuf};

use heed::MdbError;

/// Why storage did not do what it was asked. Whatever the error, the last commit stands as it was.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another writer holds the data folder. `pid` is absent where its lock file does not say.
    #[error("data folder {} is in use by {}", path.display(), pid.map_or("another process".into(), |pid| format!("process {pid}")))]
    Locked { path: PathBuf, pid: Option<u32> },
    /// This process has the folder open as a reader and now wants to write.
    #[error("data folder {} is open read-only in this process", path.display())]
    OpenReadOnly { path: PathBuf },
    /// The folder has a database of a later program.
    #[error("database schema {found} is newer than {known}, the newest this program knows: use a newer release")]
    SchemaNewer { found: u32, known: u32 },
    /// The folder holds something, and it is not ours.
    #[error("data folder {} holds {entry:?}, which is not this program's: choose an empty folder", path.display())]
    Foreign { path: PathBuf, entry: String },
    /// The folder cannot be made or written.
    #[error("data folder {} cannot be written: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
    /// Read-only opening found no database.
    #[error("no database in {}", path.display())]
    Missing { path: PathBuf },
    /// A write through a read-only handle.
    #[error("the database is open read-only")]
    ReadOnly,
    /// The file cannot be what was written.
    #[error("database is corrupt: {0}")]
    Corrupt(String),
    /// The map has to grow, and snapshots of this process were held too long for it.
    #[error("cannot grow the database map: {snapshots} snapshots are still open")]
    MapBusy { snapshots: usize },
    /// No room on the disk. Nothing was written.
    #[error("disk full: {0}")]
    DiskFull(io::Error),
    /// All reader slots are taken.
    #[error("too many snapshots are open at once")]
    TooManyReaders,
    /// The blocks of a commit do not follow the head.
    #[error("commit out of order: {0}")]
    Order(String),
    /// The state or data asked for was pruned.
    #[error("block {block} is below {earliest}, the earliest that is kept")]
    Pruned { block: u64, earliest: u64 },
    /// The chain that this one forks could not be asked.
    #[error("the forked chain: {0}")]
    Origin(String),
    /// The system failed underneath.
    #[error("storage: {0}")]
    Io(io::Error),
    /// LMDB refused. A defect here, if it ever shows.
    #[error("storage: {0}")]
    Store(MdbError),
}

impl StateError {
    /// A value that is not what this crate writes.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

impl From<io::Error> for StateError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull(error)
            }
            _ => Self::Io(error),
        }
    }
}

impl From<heed::Error> for StateError {
    fn from(error: heed::Error) -> Self {
        match error {
            heed::Error::Io(error) => error.into(),
            heed::Error::Mdb(error) => error.into(),
            heed::Error::Encoding(error) | heed::Error::Decoding(error) => Self::Corrupt(error.to_string()),
            heed::Error::EnvAlreadyOpened => Self::Io(io::Error::other("environment is still being closed")),
        }
    }
}

impl From<MdbError> for StateError {
    fn from(error: MdbError) -> Self {
        match error {
            MdbError::PageNotFound
            | MdbError::Corrupted
            | MdbError::Invalid
            | MdbError::VersionMismatch
            | MdbError::Panic
            | MdbError::Incompatible => Self::Corrupt(error.to_string()),
            MdbError::ReadersFull => Self::TooManyReaders,
            MdbError::Other(code) => io::Error::from_raw_os_error(code).into(),
            other => Self::Store(other),
        }
    }
}
