//! Lies in the state: what a block leaves in an account, who gets its fees, what was there before.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use rollup::diff::{AccountDiff, CodeDiff};
use stf::{
    AccountBody, AccountChange, Executed, Header, SlotChange,
    memory::MemoryState,
    rollup::{BRIDGE, MESSENGER},
};

use crate::{
    l1::address,
    lie::{By, Lie, Random},
    sequencer::{Hand, make},
    told::Told,
    world::{
        BASE_FEE_VAULT, COUNTER, DATA_VAULT, ETHER, FEE_RECIPIENT, HISTORY, OPERATOR_VAULT, STRANGER, World, user,
        whole_witness,
    },
};

/// What a liar puts at an account: it stops at once.
const OTHER_CODE: &[u8] = &[0, 1, 2];

type OfAccount = Box<dyn Fn(&mut AccountChange) + Send + Sync>;

/// Accounts that the batch touches, and some that it does not.
fn accounts() -> Vec<(&'static str, Address)> {
    vec![
        ("user 1", address(&user(1))),
        ("user 2", address(&user(2))),
        ("user 4", address(&user(4))),
        ("fee recipient", FEE_RECIPIENT),
        ("operator vault", OPERATOR_VAULT),
        ("data vault", DATA_VAULT),
        ("base fee vault", BASE_FEE_VAULT),
        ("bridge", BRIDGE),
        ("messenger", MESSENGER),
        ("history", HISTORY),
        ("counter", COUNTER),
        ("receiver", Address::repeat_byte(0x77)),
        ("bystander", Address::repeat_byte(0x78)),
        ("nobody", STRANGER),
    ]
}

/// What may be said of an account after a block.
fn changes() -> Vec<(String, OfAccount)> {
    let mut all: Vec<(String, OfAccount)> = Vec::new();
    fn body(change: &mut AccountChange) -> &mut AccountBody {
        change.after.get_or_insert_default()
    }
    for wei in [1, 1_000_000_000, ETHER, 1_000_000 * ETHER] {
        let more: OfAccount = Box::new(move |change| body(change).balance += U256::from(wei));
        all.push((format!("{wei} wei more"), more));
    }
    all.push((
        "a wei less".into(),
        Box::new(|change| {
            let body = body(change);
            body.balance = body.balance.checked_sub(U256::ONE).unwrap_or(U256::from(7));
        }),
    ));
    all.push((
        "twice the balance".into(),
        Box::new(|change| {
            let body = body(change);
            body.balance = if body.balance.is_zero() { U256::from(9) } else { body.balance * U256::from(2) };
        }),
    ));
    all.push(("the nonce".into(), Box::new(|change| body(change).nonce += 1)));
    all.push(("the code".into(), Box::new(|change| body(change).code_hash = keccak256(OTHER_CODE))));
    for seed in 0..3 {
        let slot = U256::from(seed * 20);
        let value = U256::from_be_bytes(Random(seed).word().0);
        let set: OfAccount = Box::new(move |change| {
            let before = change.storage.get(&slot).map_or(U256::ZERO, |slot| slot.before);
            change.storage.insert(slot, SlotChange { before, after: value });
            body(change);
        });
        all.push((format!("slot {slot}"), set));
    }
    all
}

/// Each of them after each block: root, later blocks, diff and struct go with it.
pub fn of_accounts(world: &World) -> Vec<Lie> {
    let mut lies = Vec::new();
    for at in 0..world.plan.len() {
        for (who, account) in accounts() {
            for (what, change) in changes() {
                let name = format!("block {at}: {who}, {what}");
                lies.push(Lie::new("account after a block", name, By::program("StateRootMismatch"), move |world| {
                    changed(world, at, account, &change)
                }));
            }
            if world.made.changes[at].accounts.contains_key(&account) {
                let name = format!("block {at}: {who}, nothing changed");
                lies.push(Lie::new("account after a block", name, By::program("StateRootMismatch"), move |world| {
                    let lie = |block: usize, executed: &mut Executed| {
                        if block == at {
                            executed.changes.accounts.remove(&account);
                        }
                    };
                    said(world, &lie)
                }));
            }
        }
        lies.extend(of_fees(at));
    }
    lies
}

/// What a block pays to one vault goes to another account.
fn of_fees(at: usize) -> Vec<Lie> {
    let vaults = [FEE_RECIPIENT, OPERATOR_VAULT, DATA_VAULT, BASE_FEE_VAULT];
    let pairs =
        vaults.into_iter().flat_map(|from| [vaults[0], vaults[1], vaults[2], vaults[3], STRANGER].map(|to| (from, to)));
    let lies = pairs.filter(|(from, to)| from != to).map(|(from, to)| {
        let name = format!("block {at}: fees of {from} to {to}");
        Lie::new("fee", name, By::program("StateRootMismatch"), move |world| {
            let lie = |block: usize, executed: &mut Executed| {
                if block == at {
                    let paid = executed.changes.accounts.remove(&from);
                    let balance = |body: Option<AccountBody>| body.unwrap_or_default().balance;
                    let Some(paid) = paid else { return };
                    let amount = balance(paid.after) - balance(paid.before);
                    let change = executed.changes.accounts.entry(to).or_default();
                    change.after.get_or_insert_default().balance += amount;
                }
            };
            said(world, &lie)
        })
    });
    lies.collect()
}

fn changed(world: &World, at: usize, account: Address, change: &OfAccount) -> Told {
    let before = |block: usize| match block {
        0 => body_of(&world.start, account),
        _ => {
            // What the blocks before left, where they touched it.
            let last = world.made.changes[..block].iter().rev().find_map(|changes| changes.accounts.get(&account));
            last.map_or_else(|| body_of(&world.start, account), |change| change.after)
        }
    };
    let lie = |block: usize, executed: &mut Executed| {
        if block == at {
            let before = before(block);
            let entry = executed.changes.accounts.entry(account);
            change(entry.or_insert(AccountChange { before, after: before, ..Default::default() }));
            executed.changes.codes.insert(keccak256(OTHER_CODE), Bytes::from_static(OTHER_CODE));
        }
    };
    said(world, &lie)
}

fn said(world: &World, executed: &dyn Fn(usize, &mut Executed)) -> Told {
    let made = make(world, &world.plan, &Hand { executed: Some(executed), ..Default::default() });
    Told::from_made(world, &made, &made.diff.encode())
}

fn body_of(state: &MemoryState, address: Address) -> Option<AccountBody> {
    state.accounts().find(|(account, ..)| **account == address).map(|(_, body, _)| *body)
}

/// Another state before the batch, with its own nodes and header, in four depths of consistency.
pub fn of_the_state_before(world: &World) -> Vec<Lie> {
    let class = "state before the batch";
    let mut lies = Vec::new();
    let accounts = accounts().into_iter().filter(|(_, account)| body_of(&world.start, *account).is_some());
    for (who, account) in accounts {
        for wei in [1, 1_000 * ETHER] {
            let name = |depth: &str| format!("{who} has {wei} wei more, {depth}");
            let told = move |world: &World, depth| another_start(world, account, wei, depth);
            lies.push(Lie::new(class, name("no header says so"), By::program("NodeMissing"), move |world| {
                let mut told = told(world, 0);
                told.input.witness.headers = world.whole.headers.clone();
                told.input.blocks = world.honest.input.blocks.clone();
                told
            }));
            lies.push(Lie::new(class, name("a header says so"), By::program("Previous(parent hash)"), move |world| {
                told(world, 1)
            }));
            lies.push(Lie::new(
                class,
                name("the batch before has its hash"),
                By::program("Previous(state root)"),
                move |world| told(world, 2),
            ));
            lies.push(Lie::new(
                class,
                name("the batch before says so"),
                By::commit("PreviousHashMismatch"),
                move |world| told(world, 3).with_proven_struct(),
            ));
            lies.push(Lie::new(class, name("the struct does not"), By::verify("ProofRefused"), move |world| {
                let mut told = told(world, 3);
                told.commit = world.honest.commit.clone();
                told
            }));
        }
    }
    lies
}

fn another_start(world: &World, account: Address, wei: u128, depth: u8) -> Told {
    let mut start = world.start.clone();
    let before = body_of(&start, account).unwrap();
    let after = AccountBody { balance: before.balance + U256::from(wei), ..before };
    let change = AccountChange { before: Some(before), after: Some(after), ..Default::default() };
    let changes = stf::StateChanges { accounts: [(account, change)].into_iter().collect(), ..Default::default() };
    let state_root = start.apply(&changes).unwrap();
    let parent = Header { state_root, ..world.parent.clone() };
    let mut previous = world.previous;
    if depth >= 2 {
        previous.last_block_hash = parent.hash_slow();
    }
    if depth >= 3 {
        previous.new_state_root = state_root;
    }
    let whole = whole_witness(&start, &world.codes, &parent);
    // For what is made: a world that began like this.
    let other = World {
        kind: world.kind,
        spec: world.spec.clone(),
        l1: world.l1.clone(),
        previous,
        start,
        parent,
        codes: world.codes.clone(),
        plan: Vec::new(),
        honest: world.honest.clone(),
        made: world.made.clone(),
        whole,
    };
    let made = make(&other, &world.plan, &Hand::default());
    let mut told = Told::from_made(&other, &made, &made.diff.encode());
    told.input.previous = previous;
    told
}

/// An account of a diff that says something else.
pub fn of_a_diff(account: &AccountDiff) -> Vec<(String, AccountDiff)> {
    let mut others = Vec::new();
    let balances = match account.balance {
        None => vec![Some(U256::ZERO), Some(U256::from(5))],
        Some(balance) => vec![None, Some(balance + U256::ONE), Some(balance - balance.min(U256::ONE)), Some(U256::MAX)],
    };
    others.extend(
        balances
            .into_iter()
            .filter(|balance| *balance != account.balance)
            .enumerate()
            .map(|(turn, balance)| (format!("balance {turn}"), AccountDiff { balance, ..account.clone() })),
    );
    for nonce_increase in [0, account.nonce_increase + 1, account.nonce_increase + 128, u64::MAX] {
        if nonce_increase != account.nonce_increase {
            others.push((format!("nonce {nonce_increase}"), AccountDiff { nonce_increase, ..account.clone() }));
        }
    }
    for (key, value) in &account.slots {
        let mut with = |name: &str, change: &dyn Fn(&mut AccountDiff)| {
            let mut other = account.clone();
            change(&mut other);
            others.push((format!("slot {key}, {name}"), other));
        };
        with("left out", &|other| {
            other.slots.remove(key);
        });
        with("another value", &|other| {
            other.slots.insert(*key, *value + U256::ONE);
        });
        with("gone", &|other| {
            other.slots.insert(*key, if value.is_zero() { U256::ONE } else { U256::ZERO });
        });
        with("at another key", &|other| {
            let value = other.slots.remove(key).unwrap();
            other.slots.insert(*key + U256::from(1_000), value);
        });
    }
    let mut extra = account.clone();
    extra.slots.insert(U256::from(4_242), U256::ONE);
    others.push(("a slot more".into(), extra));
    let codes = [
        None,
        Some(CodeDiff::New(Bytes::new())),
        Some(CodeDiff::New(Bytes::from_static(b"other"))),
        Some(CodeDiff::Known(KECCAK256_EMPTY)),
        Some(CodeDiff::Known(B256::repeat_byte(3))),
    ];
    let codes = codes.into_iter().filter(|code| *code != account.code).enumerate();
    others.extend(codes.map(|(turn, code)| (format!("code {turn}"), AccountDiff { code, ..account.clone() })));
    others
}
