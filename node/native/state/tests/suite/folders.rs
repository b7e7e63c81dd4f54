//! Which folders are opened and which are refused, and how storage fails.

use std::fs;

use alloy_primitives::Bytes;
use heed::{EnvOpenOptions, types::Bytes as Raw};
use state::{Commit, Database, Options, StateError, StoredBlock};

use crate::support::*;

#[test]
fn a_folder_with_lost_and_found_alone_is_fresh() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("lost+found")).unwrap();

    folder.open().commit(&commit([block(0, 0)])).unwrap();

    assert_eq!(folder.open().snapshot().unwrap().head().unwrap(), Some(reference(0, 0)));
}

#[test]
fn a_folder_of_someone_else_is_refused_untouched() {
    let folder = Folder::new();
    fs::write(folder.path().join("letters.txt"), "mine").unwrap();

    let refused = Database::open(folder.path(), &unsynced());

    assert!(matches!(refused, Err(StateError::Foreign { entry, .. }) if entry == "letters.txt"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();

    for path in [folder.path().join("file"), folder.path().join("file/below"), "/sys/state-test".into()] {
        let refused = Database::open(&path, &unsynced()).err();
        assert!(matches!(refused, Some(StateError::Unwritable { path: named, .. }) if named == path), "{path:?}");
    }
}

#[test]
fn another_program_s_lmdb_is_refused() {
    let folder = Folder::new();
    edit_meta(&folder, "other", b"key", b"value");

    let refused = Database::open(folder.path(), &unsynced());

    assert!(matches!(refused, Err(StateError::Foreign { entry, .. }) if entry == "data.mdb"));
}

#[test]
fn a_newer_schema_is_refused_and_an_equal_one_is_not() {
    let folder = Folder::new();
    folder.open().commit(&commit([block(0, 0)])).unwrap();

    edit_meta(&folder, "meta", b"schema", b"ethrexdb\x00\x00\x00\x02");
    for read_only in [false, true] {
        let refused = Database::open(folder.path(), &Options { read_only, ..unsynced() });
        assert!(matches!(refused, Err(StateError::SchemaNewer { found: 2, known: 1 })));
    }
    edit_meta(&folder, "meta", b"schema", b"ethrexdb\x00\x00\x00\x01");

    assert_eq!(folder.open().snapshot().unwrap().head().unwrap(), Some(reference(0, 0)));
}

#[test]
fn a_reader_of_an_empty_folder_is_told_so() {
    let folder = Folder::new();
    let read_only = Options { read_only: true, ..unsynced() };

    assert!(matches!(Database::open(folder.path(), &read_only), Err(StateError::Missing { .. })));
    assert!(matches!(Database::open(folder.path().join("none"), &read_only), Err(StateError::Missing { .. })));
}

#[test]
fn a_second_writer_is_refused_and_a_reader_beside_it_is_not() {
    let folder = Folder::new();
    let writer = folder.open();

    let second = Database::open(folder.path(), &unsynced());
    let reader = Database::open(folder.path(), &Options { read_only: true, ..unsynced() }).unwrap();
    writer.commit(&commit([block(0, 0)])).unwrap();

    assert!(matches!(second, Err(StateError::Locked { pid: Some(pid), .. }) if pid == std::process::id()));
    assert_eq!(reader.snapshot().unwrap().head().unwrap(), Some(reference(0, 0)));
    assert!(matches!(reader.commit(&Commit::default()), Err(StateError::ReadOnly)));
    drop(writer);
    let again = folder.open();
    again.commit(&commit([block(1, 0)])).unwrap();
    assert_eq!(reader.snapshot().unwrap().head().unwrap(), Some(reference(1, 0)));
}

#[test]
fn a_snapshot_may_outlive_its_database() {
    let folder = Folder::new();
    let database = folder.open();
    database.commit(&commit([block(0, 0)])).unwrap();
    let snapshot = database.snapshot().unwrap();
    drop(database);

    folder.open().commit(&commit([block(1, 0)])).unwrap();

    assert_eq!(snapshot.head().unwrap(), Some(reference(0, 0)));
    let elsewhere = std::thread::spawn(move || snapshot.head().unwrap());
    assert_eq!(elsewhere.join().unwrap(), Some(reference(0, 0)));
}

#[test]
fn files_that_are_cut_or_no_database_are_named_corrupt() {
    let folder = chain_on_disk();
    let file = folder.path().join("data.mdb");
    let whole = fs::read(&file).unwrap();
    let open = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        Database::open(folder.path(), &unsynced()).map(|database| database.snapshot().unwrap().head().unwrap())
    };

    for length in [100, PAGE, 2 * PAGE, 3 * PAGE, whole.len() / 2, whole.len() - PAGE, whole.len() - 1] {
        assert!(matches!(open(&whole[..length]), Err(StateError::Corrupt(_))), "{length} of {}", whole.len());
    }
    let text = b"not a database at all ".repeat(1000);
    assert!(matches!(open(&[text.as_slice(), &whole].concat()), Err(StateError::Corrupt(_))));
    assert_eq!(open(&whole).unwrap(), Some(reference(49, 0)));
}

/// Whatever is written over a page that is in use, opening or checking says so, and nothing crashes.
#[test]
fn damaged_pages_are_found() {
    let folder = chain_on_disk();
    let file = folder.path().join("data.mdb");
    let whole = fs::read(&file).unwrap();
    let mut random = Random(8);
    let (mut found, mut unused) = (0, 0);
    for page in 2..whole.len() / PAGE {
        let mut bytes = whole.clone();
        let damage: Vec<u8> = match page % 3 {
            0 => vec![0; PAGE],
            1 => vec![0xff; PAGE],
            _ => (0..PAGE).map(|_| random.next() as u8).collect(),
        };
        bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(&damage);
        fs::write(&file, bytes).unwrap();
        match Database::open(folder.path(), &unsynced()).and_then(|database| database.check()) {
            Err(StateError::Corrupt(_)) => found += 1,
            Err(other) => panic!("{other}"),
            Ok(()) => unused += 1,
        }
    }

    // Two of three pages of a long value have no header: their bytes are the block's own, which its hash proves.
    assert!(found > 60 && unused <= 2 * 50 + 15, "{found} found, {unused} not");
}

const PAGE: usize = 4096;

fn chain_on_disk() -> Folder {
    let folder = Folder::new();
    let filled = |number| StoredBlock { body: vec![1; 9000].into(), ..block(number, 0) };
    folder.open().commit(&commit((0..50).map(filled))).unwrap();
    folder
}

#[test]
fn a_full_map_grows_by_itself() {
    let folder = Folder::new();
    let tiny = Options { map_size: 1 << 20, ..unsynced() };
    let database = Database::open(folder.path(), &tiny).unwrap();
    let reader = Database::open(folder.path(), &Options { read_only: true, ..tiny }).unwrap();
    let body = Bytes::from(vec![3; 100_000]);

    for number in 0..200 {
        database.commit(&commit([StoredBlock { body: body.clone(), ..block(number, 0) }])).unwrap();
        let snapshot = reader.snapshot().unwrap();
        let head = snapshot.head().unwrap().unwrap();
        assert_eq!(head.number, number);
        assert_eq!(snapshot.body_rlp(number, &head.hash).unwrap(), Some(&body[..]));
    }

    assert!(database.stats().unwrap().map_bytes >= 200 * 100_000);
}

#[test]
fn a_commit_that_grows_the_map_waits_for_snapshots_of_other_threads() {
    let folder = Folder::new();
    let database = Database::open(folder.path(), &Options { map_size: 1 << 20, ..unsynced() }).unwrap();
    database.commit(&commit([block(0, 0)])).unwrap();
    let snapshot = database.snapshot().unwrap();
    let writer = std::thread::spawn(move || {
        database.commit(&commit([StoredBlock { body: vec![3; 5 << 20].into(), ..block(1, 0) }])).unwrap();
        database.snapshot().unwrap().head().unwrap()
    });

    let mut seen = Vec::new();
    while !writer.is_finished() && seen.len() < 20 {
        seen.push(snapshot.header(0, &block(0, 0).hash).unwrap().unwrap().number);
        std::thread::yield_now();
    }
    drop(snapshot);

    assert_eq!(writer.join().unwrap(), Some(reference(1, 0)));
    assert_eq!(seen, vec![0; 20]);
}

/// Write a value behind the database's back.
fn edit_meta(folder: &Folder, table: &str, key: &[u8], value: &[u8]) {
    #[allow(unsafe_code)]
    // SAFETY: a test's own folder, which nobody else has open.
    let env = unsafe { EnvOpenOptions::new().max_dbs(1).open(folder.path()) }.unwrap();
    let txn = env.write_txn().unwrap();
    env.create_databases_and_commit(txn, |opener, txn| {
        let table = opener.create_database::<Raw, Raw>(txn, Some(table))?;
        table.put(txn, key, value)?;
        Ok::<_, heed::Error>(heed::CommitOrAbort::<_, ()>::Commit(table))
    })
    .unwrap();
}
