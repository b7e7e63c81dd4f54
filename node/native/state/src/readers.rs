//! Who reads: LMDB's reader table, as it lies in the lock file.
//!
//! A header of two parts, each with a mutex and padded to cache lines; then one cache line a reader: the commit that it
//! sees, its process, its thread.

use std::{fs::File, io, os::unix::fs::FileExt};

/// An open snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    pub process: u32,
    /// The commit that it sees.
    pub commit: u64,
}

const MAGIC: u32 = 0xBEEF_C0DE;
const LINE: usize = 64;
/// Bytes of `pthread_mutex_t`.
const MUTEX: usize = if cfg!(target_arch = "aarch64") { 48 } else { 40 };
/// Magic, format, last commit, number of slots, padding.
const FIELDS: usize = 24;
const SLOTS_AT: usize = 16;
const READERS_AT: usize = (FIELDS + MUTEX).next_multiple_of(LINE) + MUTEX.next_multiple_of(LINE);
/// A slot that is claimed, with no snapshot in it.
const NO_COMMIT: u64 = u64::MAX;

pub(crate) fn list(table: &File) -> io::Result<Vec<Reader>> {
    let mut header = [0; FIELDS];
    table.read_exact_at(&mut header, 0)?;
    if number(&header) != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the lock file is not a reader table"));
    }
    let mut slots = vec![0; number(&header[SLOTS_AT..]) as usize * LINE];
    table.read_exact_at(&mut slots, READERS_AT as u64)?;
    let readers = slots.chunks_exact(LINE).map(|slot| Reader {
        process: number(&slot[8..]),
        commit: u64::from_ne_bytes(slot[..8].try_into().expect("eight bytes")),
    });
    Ok(readers.filter(|reader| reader.process != 0 && reader.commit != NO_COMMIT).collect())
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"))
}
