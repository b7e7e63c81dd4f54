//! The journal that lives as long as a block gives what one block for each transaction gives.
//!
//! Random contracts store, call, create, destroy and revert; the same transactions run once in one block and once in a
//! block each, where nothing can be carried over but the state itself.

mod common;

use alloy_primitives::{Address, B256, TxKind, U256};
use common::{Accounts, ETHER, address, block, call, child, genesis, key, sign, spec};
use stf::{ChainSpec, Executor, Fork, Header, Transaction};

const CONTRACTS: u8 = 4;
const TRANSACTIONS: u64 = 12;
const ROUNDS: u64 = 150;

/// splitmix64: the same tests each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u8 {
        (self.next() % bound) as u8
    }
}

fn contract(index: u8) -> Address {
    Address::repeat_byte(0xa0 + index)
}

/// A contract, an account that does not exist, one of the precompiles, or the sender.
fn anyone(random: &mut Random) -> Address {
    match random.below(8) {
        0 => Address::repeat_byte(0x77),
        1 => Address::with_last_byte(4),
        2 => address(&key(1)),
        _ => contract(random.below(CONTRACTS.into())),
    }
}

fn push_address(code: &mut Vec<u8>, address: Address) {
    code.push(0x73);
    code.extend_from_slice(address.as_slice());
}

/// One action in code that any fork knows.
fn action(random: &mut Random, code: &mut Vec<u8>, depth: u8) {
    match random.below(10) {
        // SSTORE a constant
        0..=2 => code.extend([0x60, random.below(3), 0x60, random.below(3), 0x55]),
        // SSTORE what another slot holds, plus one
        3 => code.extend([0x60, random.below(3), 0x54, 0x60, 1, 0x01, 0x60, random.below(3), 0x55]),
        // CALL with a little value, POP
        4..=5 => {
            code.extend([0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, random.below(2)]);
            push_address(code, anyone(random));
            code.extend([0x62, 0x01, 0x00, 0x00, 0xf1, 0x50]);
        }
        // SSTORE of a balance: EXTCODESIZE and BALANCE tell what exists
        6 => {
            push_address(code, anyone(random));
            code.extend([[0x31, 0x3b][usize::from(random.below(2))], 0x60, random.below(3), 0x55]);
        }
        // CREATE a contract whose init code acts and returns nothing
        7 if depth == 0 => {
            let mut init = Vec::new();
            action(random, &mut init, 1);
            for (offset, byte) in init.iter().enumerate() {
                code.extend([0x60, *byte, 0x60, offset as u8, 0x53]);
            }
            code.extend([0x60, init.len() as u8, 0x60, 0, 0x60, random.below(2), 0xf0, 0x50]);
        }
        // SELFDESTRUCT
        8 => {
            push_address(code, anyone(random));
            code.push(0xff);
        }
        // an invalid instruction in one of four
        _ => code.extend(if random.below(4) == 0 { vec![0xfe] } else { vec![0x5b] }),
    }
}

fn start(random: &mut Random) -> Accounts {
    let mut state = Accounts::default().with_balance(address(&key(1)), 100 * ETHER);
    for index in 0..CONTRACTS {
        let mut code = Vec::new();
        for _ in 0..1 + random.below(4) {
            action(random, &mut code, 0);
        }
        state = state.with_code(contract(index), code).with_balance(contract(index), 10);
        for slot in 0..2 {
            state = state.with_slot(contract(index), slot, random.next() % 2 + 1);
        }
    }
    state
}

fn transactions(random: &mut Random) -> Vec<Transaction> {
    let to = |random: &mut Random| match random.below(8) {
        0 => TxKind::Create,
        _ => TxKind::Call(anyone(random)),
    };
    (0..TRANSACTIONS)
        .map(|nonce| {
            let to = to(random);
            sign(call(nonce, to, random.below(3).into(), vec![0x60, 1, 0x60, 1, 0x55]), &key(1))
        })
        .collect()
}

/// Run transactions in one block, without what comes before and after them; give receipts' gas and status.
fn run(spec: &ChainSpec, header: &Header, state: &mut Accounts, transactions: &[Transaction]) -> Vec<(u64, bool)> {
    let mut executor = Executor::new(spec, header, state);
    let mut results = Vec::new();
    for transaction in transactions {
        let result = executor.transaction(transaction, address(&key(1))).unwrap();
        results.push((result.gas_used, result.success));
    }
    let changes = executor.changes().unwrap();
    drop(executor);
    state.apply(&changes);
    results
}

#[test]
fn one_block_of_many_transactions_equals_many_blocks_of_one() {
    let forks = [
        Fork::Frontier,
        Fork::TangerineWhistle,
        Fork::SpuriousDragon,
        Fork::Constantinople,
        Fork::London,
        Fork::Cancun,
    ];
    let mut destroyed = 0;
    for (round, fork) in (0..ROUNDS).flat_map(|round| forks.map(|fork| (round, fork))) {
        let random = &mut Random(round);
        let spec = spec(fork);
        let header = block(child(&spec, &genesis(&spec))).header;
        let (mut together, transactions) = (start(random), transactions(random));
        let mut apart = together.clone();

        let results = run(&spec, &header, &mut together, &transactions);
        let single = |transaction| run(&spec, &header, &mut apart, std::slice::from_ref(transaction));
        let results_apart: Vec<_> = transactions.iter().flat_map(single).collect();

        assert_eq!(results, results_apart, "{fork:?} {round}");
        assert_eq!(together.accounts, apart.accounts, "{fork:?} {round}");
        destroyed += (0..CONTRACTS).filter(|index| !together.accounts.contains_key(&contract(*index))).count();
    }
    assert!(destroyed > 100, "the contracts must do something: {destroyed} destroyed");
}

#[test]
fn the_root_of_a_receipt_is_the_root_of_the_state_there() {
    for round in 0..20 {
        let random = &mut Random(round);
        let spec = spec(Fork::TangerineWhistle);
        let header = child(&spec, &genesis(&spec));
        let (mut state, transactions) = (start(random), transactions(random));
        let mut copy = state.clone();
        let mut executor = Executor::new(&spec, &header, &mut state);
        let mut roots = Vec::new();
        for transaction in &transactions {
            executor.transaction(transaction, address(&key(1))).unwrap();
            let receipt = executor.receipts().last().unwrap();
            roots.push(receipt.outcome().as_post_state().unwrap());
        }

        let expected: Vec<B256> = transactions
            .iter()
            .map(|transaction| {
                run(&spec, &header, &mut copy, std::slice::from_ref(transaction));
                copy.root()
            })
            .collect();
        assert_eq!(roots, expected, "{round}");
        assert!(copy.balance(address(&key(1))) < U256::from(100 * ETHER));
    }
}
