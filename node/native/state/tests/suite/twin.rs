//! Random chains against a twin that keeps every state whole: commits of many blocks, wiped storage, unwinding, reads
//! at every block.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use state::{Amendment, Commit, Database, FlatAccount, LogFilter, Prune, Snapshot, StateError, StoredBlock, log_key};

use crate::support::*;

const ACCOUNTS: u64 = 12;
const SLOTS: u64 = 8;
const CONTRACTS: u64 = 4;

#[derive(Clone, Default)]
struct State {
    accounts: BTreeMap<u64, FlatAccount>,
    slots: BTreeMap<(u64, u64), U256>,
}

#[derive(Clone)]
pub struct Twin {
    steps: u64,
    random: Random,
    fork: u64,
    /// Transactions of blocks that were taken back.
    gone: BTreeSet<B256>,
    /// After each block from the genesis on.
    states: Vec<State>,
    blocks: Vec<Arc<StoredBlock>>,
}

impl Twin {
    pub fn new(seed: u64) -> Self {
        Self { steps: 0, random: Random(seed), fork: 0, gone: BTreeSet::new(), states: Vec::new(), blocks: Vec::new() }
    }

    fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How many commits it has given.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The next commit. Always changes something.
    pub fn step(&mut self) -> Commit {
        self.steps += 1;
        let unwind = self.blocks.len() > 4 && self.random.below(5) == 0;
        let unwind_to = unwind.then(|| self.head() - self.random.below(4));
        if let Some(to) = unwind_to {
            self.unwind(to);
        }
        let blocks = (0..1 + self.random.below(4)).map(|_| self.extend()).collect();
        Commit { unwind_to, blocks, ..Commit::default() }
    }

    fn extend(&mut self) -> Arc<StoredBlock> {
        let before = self.states.last().cloned().unwrap_or_default();
        let mut after = before.clone();
        let mut cleared = BTreeSet::new();
        for _ in 0..self.random.below(8) {
            self.change(&mut after, &mut cleared);
        }
        let block = Arc::new(stored(self.blocks.len() as u64, self.fork, &before, &after, &cleared));
        self.blocks.push(block.clone());
        self.states.push(after);
        block
    }

    fn change(&mut self, state: &mut State, cleared: &mut BTreeSet<u64>) {
        let (who, slot, value) =
            (self.random.below(ACCOUNTS), self.random.below(SLOTS), U256::from(self.random.below(4)));
        match self.random.below(10) {
            0 => {
                state.accounts.remove(&who);
                state.slots.retain(|(owner, _), _| *owner != who);
                cleared.insert(who);
            }
            1..4 => {
                let balance = self.random.below(1000);
                state.accounts.insert(who, FlatAccount { nonce: balance / 7, ..account(who, balance) });
            }
            _ if value.is_zero() => drop(state.slots.remove(&(who, slot))),
            _ => drop(state.slots.insert((who, slot), value)),
        }
    }

    fn unwind(&mut self, to: u64) {
        let gone = self.blocks.drain(to as usize + 1..);
        self.gone.extend(gone.flat_map(|block| block.transaction_hashes.clone()));
        self.states.truncate(to as usize + 1);
        self.fork += 1;
    }

    pub fn compare(&self, snapshot: &Snapshot, earliest: u64) {
        assert_eq!(snapshot.head().unwrap(), self.blocks.last().map(|block| block.block_ref()));
        self.compare_at(snapshot, self.states.last().unwrap(), None);
        self.compare_indexes(snapshot);
        for (number, state) in self.states.iter().enumerate().skip(earliest as usize) {
            self.compare_at(snapshot, state, Some(number as u64));
            assert_eq!(snapshot.canonical_hash(number as u64).unwrap(), Some(self.blocks[number].hash));
        }
        assert_eq!(snapshot.canonical_hash(self.head() + 1).unwrap(), None);
    }

    /// Lookups of transactions and logs know the canonical chain and nothing else.
    fn compare_indexes(&self, snapshot: &Snapshot) {
        let mut locations: BTreeMap<B256, Option<(u64, u32)>> = self.gone.iter().map(|hash| (*hash, None)).collect();
        let mut logs = vec![Vec::new(); CONTRACTS as usize];
        for block in &self.blocks {
            let hashes = block.transaction_hashes.iter().zip(0..);
            locations.extend(hashes.map(|(hash, index)| (*hash, Some((block.number, index)))));
            let contract = (0..CONTRACTS).find(|&who| block.log_keys == [log_key::address(&address(who))]).unwrap();
            logs[contract as usize].push(block.number as u32);
        }
        for (hash, expected) in locations {
            assert_eq!(snapshot.transaction_location(&hash).unwrap(), expected);
        }
        for (contract, expected) in (0..).zip(logs) {
            let filter = LogFilter::new(&[address(contract)], &[]);
            let found: Result<Vec<u32>, _> = snapshot.blocks_with(&filter, 0, u64::MAX).collect();
            assert_eq!(found.unwrap(), expected);
        }
    }

    fn compare_at(&self, snapshot: &Snapshot, state: &State, at: Option<u64>) {
        for who in 0..ACCOUNTS {
            let key = account_key(who);
            assert_eq!(snapshot.account(&key, at).unwrap(), state.accounts.get(&who).copied(), "{who} at {at:?}");
            for slot in 0..SLOTS {
                let expected = state.slots.get(&(who, slot)).copied().unwrap_or_default();
                assert_eq!(snapshot.storage(&key, &slot_key(slot), at).unwrap(), expected, "{who} {slot} at {at:?}");
            }
        }
    }
}

fn stored(number: u64, fork: u64, before: &State, after: &State, cleared: &BTreeSet<u64>) -> StoredBlock {
    let mut block = with_contents(number, fork);
    for who in 0..ACCOUNTS {
        let (old, new) = (before.accounts.get(&who).copied(), after.accounts.get(&who).copied());
        if old != new {
            block.accounts.push((account_key(who), old, new));
        }
        for slot in 0..SLOTS {
            let value = |state: &State| state.slots.get(&(who, slot)).copied().unwrap_or_default();
            // Of a wiped account the executor names what was written since, and not what vanished.
            let listed = if cleared.contains(&who) { !value(after).is_zero() } else { value(before) != value(after) };
            if listed {
                let old = if cleared.contains(&who) { U256::ZERO } else { value(before) };
                block.storage.push((account_key(who), slot_key(slot), old, value(after)));
            }
        }
    }
    block.storage_cleared = cleared.iter().map(|&who| account_key(who)).collect();
    block
}

/// Two transactions, one of which comes again in every branch, and a log of one of a few contracts.
fn with_contents(number: u64, fork: u64) -> StoredBlock {
    let mut transactions =
        [format!("\x02{number} of {fork}"), format!("\x02{number}")].map(|text| Bytes::from(text.into_bytes()));
    transactions.rotate_left((fork % 2) as usize);
    let receipts = receipts(&[vec![(address(number * (fork + 1) % CONTRACTS), vec![])], vec![]]);
    StoredBlock {
        body: body(&transactions),
        senders: vec![address(number); 2],
        transaction_hashes: transactions.iter().map(keccak256).collect(),
        log_keys: log_key::of_receipts(&receipts).unwrap(),
        receipts,
        ..block(number, fork)
    }
}

/// One commit: perhaps an unwinding, then some blocks.
pub fn step(twin: &mut Twin, database: &Database) {
    let commit = twin.step();
    database.commit(&commit).unwrap();
}

#[test]
fn every_state_of_a_random_chain_is_as_the_twin_has_it() {
    for seed in 0..20 {
        let folder = Folder::new();
        let (database, mut twin) = (folder.open(), Twin::new(seed));

        for _ in 0..30 {
            step(&mut twin, &database);
            twin.compare(&database.snapshot().unwrap(), 0);
        }
        drop(database);
        twin.compare(&folder.open().snapshot().unwrap(), 0);
    }
}

#[test]
fn amendments_count_as_the_head_block_s() {
    let folder = Folder::new();
    let (database, mut twin) = (folder.open(), Twin::new(13));
    for round in 0..30 {
        step(&mut twin, &database);
        let (mut made, number) = (twin.states.pop().unwrap(), twin.head());
        let before = made.clone();
        let mut cleared = BTreeSet::new();
        (0..3).for_each(|_| twin.change(&mut made, &mut cleared));
        let StoredBlock { accounts, storage, storage_cleared, .. } = stored(number, 0, &before, &made, &cleared);
        let amendment = Some(Amendment { accounts, storage, storage_cleared, codes: Vec::new() });
        database.commit(&Commit { amendment, ..Commit::default() }).unwrap();
        twin.states.push(made);

        twin.compare(&database.snapshot().unwrap(), 0);
        if round % 7 == 6 && number > 0 {
            twin.unwind(number - 1);
            database.commit(&Commit { unwind_to: Some(number - 1), ..Commit::default() }).unwrap();
            twin.compare(&database.snapshot().unwrap(), 0);
        }
    }
}

#[test]
fn unwinding_to_the_genesis_leaves_nothing_but_side_blocks() {
    let folder = Folder::new();
    let (database, mut twin) = (folder.open(), Twin::new(99));
    for _ in 0..20 {
        database.commit(&Commit { blocks: vec![twin.extend(), twin.extend()], ..Commit::default() }).unwrap();
    }
    let last = twin.blocks.last().unwrap().clone();

    twin.unwind(0);
    database.commit(&Commit { unwind_to: Some(0), ..Commit::default() }).unwrap();

    let snapshot = database.snapshot().unwrap();
    twin.compare(&snapshot, 0);
    assert_eq!(snapshot.header_rlp(last.number, &last.hash).unwrap(), Some(&last.header[..]));
    assert_eq!(snapshot.number_of(&last.hash).unwrap(), Some(last.number));
    let entries = |name| database.stats().unwrap().tables.into_iter().find(|table| table.name == name).unwrap().entries;
    for table in ["account_history", "storage_history", "changes"] {
        assert_eq!(entries(table), 0, "{table}");
    }
    assert_eq!((entries("canonical"), entries("log_index"), entries("transaction")), (1, 1, 2));
}

#[test]
fn a_difference_turns_the_head_into_an_earlier_state() {
    let folder = Folder::new();
    let (database, mut twin) = (folder.open(), Twin::new(7));
    for _ in 0..10 {
        database.commit(&Commit { blocks: vec![twin.extend(), twin.extend()], ..Commit::default() }).unwrap();
    }
    let snapshot = database.snapshot().unwrap();
    let names: BTreeMap<B256, u64> = (0..ACCOUNTS).map(|who| (account_key(who), who)).collect();
    let slots: BTreeMap<B256, u64> = (0..SLOTS).map(|slot| (slot_key(slot), slot)).collect();

    for at in 0..=twin.head() {
        let (mut state, earlier) = (twin.states.last().unwrap().clone(), &twin.states[at as usize]);
        let difference = snapshot.difference(at).unwrap();
        for (key, account) in difference.accounts {
            match account {
                Some(account) => drop(state.accounts.insert(names[&key], account)),
                None => drop(state.accounts.remove(&names[&key])),
            }
        }
        for (key, values) in difference.storage {
            state.slots.extend(values.into_iter().map(|(slot, value)| ((names[&key], slots[&slot]), value)));
        }
        state.slots.retain(|_, value| !value.is_zero());

        assert_eq!((&state.accounts, &state.slots), (&earlier.accounts, &earlier.slots), "at {at}");
    }
}

#[test]
fn pruned_history_is_refused_and_later_states_stay() {
    let folder = Folder::new();
    let (database, mut twin) = (folder.open(), Twin::new(5));
    let blocks = (0..40).map(|_| twin.extend()).collect();
    database.commit(&Commit { blocks, ..Commit::default() }).unwrap();
    let prune = Prune { history_below: Some(20), ..Prune::default() };

    let mut rounds = 1;
    while !database.prune(&prune, 7).unwrap() {
        rounds += 1;
    }

    assert_eq!(rounds, 3);
    let snapshot = database.snapshot().unwrap();
    assert_eq!(snapshot.earliest_state().unwrap(), 19);
    twin.compare(&snapshot, 19);
    assert!(matches!(snapshot.account(&account_key(1), Some(18)), Err(StateError::Pruned { block: 18, earliest: 19 })));
    assert!(matches!(snapshot.storage(&account_key(1), &slot_key(1), Some(0)), Err(StateError::Pruned { .. })));
    assert!(matches!(snapshot.changed_keys(19), Err(StateError::Pruned { .. })));
    drop(snapshot);
    assert!(matches!(
        database.commit(&Commit { unwind_to: Some(18), ..Commit::default() }),
        Err(StateError::Pruned { .. })
    ));
    twin.unwind(19);
    database.commit(&Commit { unwind_to: Some(19), ..Commit::default() }).unwrap();
    twin.compare(&database.snapshot().unwrap(), 19);
}
