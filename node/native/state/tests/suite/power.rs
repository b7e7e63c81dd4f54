//! Power cuts. A commit writes its pages, waits for the disk, then writes the page that makes them count. When the
//! power goes before that, the disk has the old file and any of the new pages, in any mixture: the file must open as it
//! was. When it goes after, the commit is there.

use std::{fs, path::Path};

use state::{Database, Options};

use crate::{
    support::*,
    twin::{Twin, step},
};

const PAGE: usize = 4096;
/// The two pages of which the newer says where everything is.
const META_PAGES: usize = 2;
const CUTS: usize = 40;

#[test]
fn a_power_cut_leaves_the_commit_before_or_the_commit_itself() {
    let (folder, cut) = (Folder::new(), Folder::new());
    let database = Database::open(folder.path(), &Options::default()).unwrap();
    let (mut twin, mut random) = (Twin::new(11), Random(12));
    let mut survived = 0;
    while survived < CUTS {
        for _ in 0..random.below(4) {
            step(&mut twin, &database);
        }
        let before = (read(folder.path()), twin.clone());
        step(&mut twin, &database);
        let after = read(folder.path());
        let changed: Vec<usize> = changed_pages(&before.0, &after);
        if changed.is_empty() || before.1.is_empty() {
            continue;
        }

        let kept = changed.iter().copied().filter(|&page| page >= META_PAGES && random.below(2) == 0);
        let torn = with_pages(&before.0, &after, kept);
        opens_as(cut.path(), &torn, &before.1, &twin);
        let complete = with_pages(&before.0, &after, changed.iter().copied());
        assert_eq!(complete, after);
        opens_as(cut.path(), &complete, &twin, &twin);
        survived += 1;
    }
    println!("{survived} cuts");
}

/// The file opens as `expected`, and the chain goes on from there to `next`.
fn opens_as(folder: &Path, file: &[u8], expected: &Twin, next: &Twin) {
    fs::remove_file(folder.join("lock.mdb")).ok();
    fs::write(folder.join("data.mdb"), file).unwrap();
    let database = Database::open(folder, &unsynced()).unwrap();
    expected.compare(&database.snapshot().unwrap(), 0);
    database.check().unwrap();

    let mut going_on = expected.clone();
    if going_on.steps() < next.steps() {
        step(&mut going_on, &database);
        next.compare(&database.snapshot().unwrap(), 0);
    }
}

fn read(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("data.mdb")).unwrap()
}

fn changed_pages(before: &[u8], after: &[u8]) -> Vec<usize> {
    let pages = after.chunks(PAGE).enumerate();
    pages.filter(|(at, page)| before.get(at * PAGE..at * PAGE + page.len()) != Some(page)).map(|(at, _)| at).collect()
}

/// `before` with these pages of `after`; what lies between and was never written reads as zeros.
fn with_pages(before: &[u8], after: &[u8], pages: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut file = before.to_vec();
    for page in pages {
        let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(after.len()));
        file.resize(file.len().max(end), 0);
        file[start..end].copy_from_slice(&after[start..end]);
    }
    file
}
