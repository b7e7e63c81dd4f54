//! The data folder: whether it is ours, and who writes in it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::StateError;

/// LMDB's file.
pub(crate) const DATA_FILE: &str = "data.mdb";
/// Held with `flock` by the writer, whose process id it names.
const LOCK_FILE: &str = "LOCK";
/// What may lie in a folder that is still fresh: a new file system's own folder, and what an earlier start left
/// before it made the database.
const FRESH: [&str; 3] = ["lost+found", LOCK_FILE, "lock.mdb"];

/// Make the folder if it is missing. A folder without a database must be empty.
pub(crate) fn prepare(path: &Path) -> Result<(), StateError> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, error))?;
    if path.join(DATA_FILE).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !FRESH.contains(&name.as_str()) {
            return Err(StateError::Foreign { path: path.to_owned(), entry: name });
        }
    }
    Ok(())
}

fn unwritable(path: &Path, error: io::Error) -> StateError {
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists => StateError::Unwritable { path: path.to_owned(), error },
        _ => error.into(),
    }
}

/// The writer's hold on the folder. It ends with this value, and when the process is killed.
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Closing alone would not do: a child that is just being started has a copy of the handle.
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

/// Become the one writer.
pub(crate) fn lock(path: &Path) -> Result<Lock, StateError> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).open(path.join(LOCK_FILE));
    let mut file = opened.map_err(|error| unwritable(path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StateError::Locked { path: path.to_owned(), pid: holder(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let mut lock = Lock(file);
    name_holder(&mut lock.0)?;
    Ok(lock)
}

fn name_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// LMDB reports a write that got only part of its bytes onto a full disk as an input/output error. Ask the disk again,
/// behind the end of the data file, where nothing that counts lies: a full one says so.
///
/// To be called by the one writer, outside of a transaction.
pub(crate) fn name_write_error(path: &Path, error: io::Error) -> StateError {
    const INPUT_OUTPUT: i32 = 5;
    if error.raw_os_error() != Some(INPUT_OUTPUT) {
        return error.into();
    }
    match probe(&path.join(DATA_FILE)) {
        Err(full) if matches!(StateError::from(io::Error::from(full.kind())), StateError::DiskFull(_)) => full.into(),
        _ => error.into(),
    }
}

fn probe(data: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(data)?;
    let length = file.seek(SeekFrom::End(0))?;
    let room = file.write_all(&[0; 1 << 16]);
    file.set_len(length)?;
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_handle_in_a_child_does_not_keep_the_folder() {
        let path = std::env::temp_dir().join(format!("state-lock-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let held = lock(&path).unwrap();
        let copy = held.0.try_clone().unwrap();

        let second = lock(&path).err();
        drop(held);
        let third = lock(&path).err();

        assert!(matches!(second, Some(StateError::Locked { .. })));
        assert!(third.is_none());
        drop(copy);
        fs::remove_dir_all(&path).unwrap();
    }
}
