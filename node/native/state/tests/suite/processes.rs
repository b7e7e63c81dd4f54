//! Other processes: readers, second writers, killed writers. The test binary runs itself again in a role.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use alloy_primitives::Bytes;
use state::{Database, Options, Snapshot, StateError, StoredBlock};

use crate::{
    support::*,
    twin::{Twin, step},
};

const ROLE: &str = "STATE_TEST_ROLE";
const FOLDER: &str = "STATE_TEST_FOLDER";
const SEED: u64 = 77;

/// Not a test of its own: what the child processes of the others run.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let folder = std::env::var(FOLDER).unwrap();
    match role.as_str() {
        "reader" => reader(Path::new(&folder)),
        "second writer" => second_writer(Path::new(&folder)),
        "committer" => committer(Path::new(&folder)),
        "disk full" => disk_full(Path::new(&folder)),
        other => panic!("unknown role {other}"),
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(role: &str, folder: &Folder) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()).args(ARGUMENTS), role, folder)
    }

    fn run(command: &mut Command, role: &str, folder: &Folder) -> Self {
        let mut child = command
            .env(ROLE, role)
            .env(FOLDER, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").unwrap();
        self.answer().expect("an answer")
    }

    /// The next line that is an answer; the test harness prints lines too.
    fn answer(&mut self) -> Option<String> {
        self.output.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("answer: ")?.1.to_owned()))
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const ARGUMENTS: [&str; 3] = ["processes::child", "--exact", "--nocapture"];

fn say(what: impl std::fmt::Display) {
    println!("answer: {what}");
    std::io::stdout().flush().unwrap();
}

fn questions() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}

const TINY: usize = 1 << 20;

fn reader(folder: &Path) {
    let options = Options { read_only: true, map_size: TINY, ..Options::default() };
    let database = Database::open(folder, &options).unwrap();
    let mut held: Vec<Snapshot> = Vec::new();
    for question in questions() {
        let snapshot = database.snapshot().unwrap();
        let head = snapshot.head().unwrap().unwrap();
        let length = snapshot.body_rlp(head.number, &head.hash).unwrap().unwrap().iter().map(|_| 1).sum::<u64>();
        say(format!("{} {length}", head.number));
        if question == "hold" {
            held.push(snapshot);
        }
    }
}

#[test]
fn a_reader_in_another_process_sees_each_commit_and_follows_the_map() {
    let folder = Folder::new();
    let database = Database::open(folder.path(), &Options { map_size: TINY, ..unsynced() }).unwrap();
    database.commit(&commit([block(0, 0)])).unwrap();
    let mut reader = Process::start("reader", &folder);

    for number in 1..40 {
        let length = number as usize * 10_000;
        let body = Bytes::from(vec![1; length]);
        database.commit(&commit([StoredBlock { body, ..block(number, 0) }])).unwrap();
        assert_eq!(reader.ask("head"), format!("{number} {length}"));
    }

    assert!(database.stats().unwrap().map_bytes > 4 * TINY as u64);
}

#[test]
fn the_snapshot_of_a_killed_reader_is_freed() {
    let folder = Folder::new();
    let database = folder.open();
    database.commit(&commit([block(0, 0)])).unwrap();
    let mut reader = Process::start("reader", &folder);
    reader.ask("hold");
    for number in 1..6 {
        database.commit(&commit([block(number, 0)])).unwrap();
    }

    let stats = database.stats().unwrap();
    assert_eq!(stats.readers.iter().map(|reader| reader.process).collect::<Vec<_>>(), [reader.child.id()]);
    assert_eq!(stats.oldest_reader_age, 5);
    assert_eq!(database.clear_stale_readers().unwrap(), 0);
    reader.kill();

    assert_eq!(database.clear_stale_readers().unwrap(), 1);
    let stats = database.stats().unwrap();
    assert_eq!((stats.readers.len(), stats.oldest_reader_age), (0, 0));
}

fn second_writer(folder: &Path) {
    match Database::open(folder, &Options::default()) {
        Err(StateError::Locked { pid, .. }) => say(format!("locked by {}", pid.unwrap())),
        Err(error) => say(error),
        Ok(_) => say("opened"),
    }
}

#[test]
fn a_writer_in_another_process_is_refused_until_the_first_is_gone() {
    let folder = Folder::new();
    let database = folder.open();

    let while_open = Process::start("second writer", &folder).answer();
    drop(database);
    let afterwards = Process::start("second writer", &folder).answer();

    assert_eq!(while_open, Some(format!("locked by {}", std::process::id())));
    assert_eq!(afterwards.as_deref(), Some("opened"));
}

/// Go on with the chain of the twin, a durable commit a step, and say after each how many steps are done.
fn committer(folder: &Path) {
    let done: u64 = questions().next().unwrap().parse().unwrap();
    let database = Database::open(folder, &Options::default()).unwrap();
    let mut twin = Twin::new(SEED);
    for _ in 0..done {
        twin.step();
    }
    for steps in done + 1.. {
        step(&mut twin, &database);
        say(steps);
    }
}

#[test]
fn a_killed_writer_leaves_the_last_or_the_last_but_one_commit() {
    const KILLS: usize = 25;
    let (folder, mut random) = (Folder::new(), Random(3));
    let (mut twin, mut done) = (Twin::new(SEED), 0);
    let (mut last, mut last_but_one) = (0, 0);
    for _ in 0..KILLS {
        let mut process = Process::start("committer", &folder);
        writeln!(process.input, "{done}").unwrap();
        let first = process.answer();
        thread::sleep(Duration::from_micros(random.below(60_000)));
        process.kill();
        let said = std::iter::from_fn(|| process.answer()).last().or(first).unwrap();
        let said: u64 = said.parse().unwrap();
        while done < said {
            twin.step();
            done += 1;
        }

        let database = Database::open(folder.path(), &Options::default()).unwrap();
        let snapshot = database.snapshot().unwrap();
        let commits = snapshot.id() - 1;
        assert!(commits == done || commits == done + 1, "{commits} commits where {done} were told of");
        if commits == done {
            last_but_one += 1;
        } else {
            last += 1;
            twin.step();
            done += 1;
        }
        twin.compare(&snapshot, 0);
        database.check().unwrap();
    }
    println!("{KILLS} kills, {done} commits; {last} times one commit more than was told of, {last_but_one} times none");
}

/// Commit until the file may not grow any further, then say what is there.
fn disk_full(folder: &Path) {
    let database = Database::open(folder, &Options::default()).unwrap();
    let body = Bytes::from(vec![9; 50_000]);
    let mut number = 0;
    let error = loop {
        match database.commit(&commit([StoredBlock { body: body.clone(), ..block(number, 0) }])) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    let head = database.snapshot().unwrap().head().unwrap();
    say(format!("{} {:?}", number, matches!(error, StateError::DiskFull(_)) && head == Some(reference(number - 1, 0))));
}

#[test]
fn a_full_disk_is_an_error_of_its_own_and_nothing_is_half_written() {
    let folder = Folder::new();
    let limited = format!("trap '' XFSZ; ulimit -f 2000; exec \"$0\" {}", ARGUMENTS.join(" "));
    let program = std::env::current_exe().unwrap();

    let mut process = Process::run(Command::new("sh").arg("-c").arg(limited).arg(program), "disk full", &folder);
    let answer = process.answer().unwrap();

    let (written, clean) = answer.split_once(' ').unwrap();
    let written: u64 = written.parse().unwrap();
    assert_eq!(clean, "true");
    assert!(written > 5);
    process.kill();
    let database = folder.open();
    assert_eq!(database.snapshot().unwrap().head().unwrap(), Some(reference(written - 1, 0)));
    database.commit(&commit([block(written, 0)])).unwrap();
    database.check().unwrap();
}
