//! What a block does to a state, fork by fork.

mod common;

use alloy_consensus::{Eip658Value, TxEip4844, TxEip7702};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS, eip4895::Withdrawal,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, address, hex};
use common::{Accounts, Broken, ETHER, MINER, address, block, call, child, genesis, key, sign, spec};
use stf::{
    Block, BlockError, ChainSpec, ExecuteError, Executed, Executor, Fork, Header, Transaction, TransactionError,
    execute_block, recover_senders, verify_executed,
};

const CONTRACT: Address = Address::repeat_byte(0xcc);
const OTHER: Address = Address::repeat_byte(0xdd);

fn rich() -> Accounts {
    Accounts::default().with_balance(address(&key(1)), 100 * ETHER)
}

/// Code that answers with `size` bytes of ones, as the request contracts do.
fn answering(size: u8) -> Vec<u8> {
    // PUSH32 1s, PUSH0, MSTORE, PUSH1 size, PUSH0, RETURN
    [&[0x7f][..], &[0x11; 32], &hex!("5f52"), &[0x60, size], &hex!("5ff3")].concat()
}

fn with_request_contracts(state: Accounts) -> Accounts {
    state
        .with_code(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, hex!("00"))
        .with_code(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, hex!("00"))
}

fn run(spec: &ChainSpec, block: &Block, state: &mut Accounts) -> Result<Executed, ExecuteError<Broken>> {
    let senders = recover_senders(spec, &block.header, &block.body.transactions).unwrap();
    execute_block(spec, block, &senders, state)
}

fn next(fork: Fork, transactions: Vec<Transaction>) -> (ChainSpec, Block) {
    let spec = spec(fork);
    let mut block = block(child(&spec, &genesis(&spec)));
    block.body.transactions = transactions;
    (spec, block)
}

/// Execute transactions in one block and take their changes on.
fn applied(fork: Fork, mut state: Accounts, transactions: Vec<Transaction>) -> (Accounts, Executed) {
    let (spec, block) = next(fork, transactions);
    let executed = run(&spec, &block, &mut state).unwrap();
    state.apply(&executed.changes);
    (state, executed)
}

fn block_error<T: std::fmt::Debug>(result: Result<T, ExecuteError<Broken>>) -> BlockError {
    match result {
        Err(ExecuteError::Block(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transfer_moves_value_pays_the_miner_and_burns_the_base_fee() {
    let (state, executed) = applied(Fork::Shanghai, rich(), vec![sign(call(0, OTHER, ETHER, vec![]), &key(1))]);

    let base_fee = U256::from(child(&spec(Fork::Shanghai), &genesis(&spec(Fork::Shanghai))).base_fee_per_gas.unwrap());
    let fee = U256::from(21_000u64 * 2_000_000_000);
    assert_eq!(executed.gas_used, 21_000);
    assert_eq!(state.balance(OTHER), U256::from(ETHER));
    assert_eq!(state.balance(address(&key(1))), U256::from(99 * ETHER) - fee);
    assert_eq!(state.balance(MINER), fee - base_fee * U256::from(21_000));
    assert_eq!(state.nonce(address(&key(1))), 1);
}

#[test]
fn an_untouched_state_has_no_changes() {
    let (_, executed) = applied(Fork::Shanghai, rich(), vec![]);

    assert_eq!(executed.changes, Default::default());
}

#[test]
fn new_code_and_slots_are_among_the_changes_with_their_values_before() {
    // Stores 7 in slot 1, then leaves the one byte 0 as code.
    let init: Bytes = hex!("60076001556001 5f f3").into();
    let (state, executed) = applied(Fork::Shanghai, rich(), vec![sign(call(0, TxKind::Create, 0, init), &key(1))]);

    let created = address(&key(1)).create(0);
    let change = &executed.changes.accounts[&created];
    assert_eq!(change.before, None);
    assert_eq!(executed.changes.codes[&change.after.unwrap().code_hash], Bytes::from_static(&[0]));
    assert_eq!(state.slot(created, 1), U256::from(7));
}

#[test]
fn a_refused_transaction_leaves_no_trace_and_another_may_follow() {
    let (spec, block) = next(Fork::Shanghai, vec![]);
    let mut state = rich();
    let mut executor = Executor::new(&spec, &block.header, &mut state);
    executor.begin().unwrap();
    let sender = address(&key(1));

    let refused = block_error(executor.transaction(&sign(call(5, OTHER, 1, vec![]), &key(1)), sender));
    let unchanged = executor.changes().unwrap();
    let taken = executor.transaction(&sign(call(0, OTHER, 1, vec![]), &key(1)), sender).unwrap();

    assert_eq!((refused.kind(), unchanged), ("NonceTooHigh", Default::default()));
    assert_eq!((taken.gas_used, taken.success), (21_000, true));
    assert_eq!(executor.receipts().len(), 1);
}

#[test]
fn a_transaction_needs_room_in_the_block() {
    let (spec, mut block) = next(Fork::Shanghai, vec![]);
    block.header.gas_limit = 1_010_000;
    let mut state = rich();
    let mut executor = Executor::new(&spec, &block.header, &mut state);
    executor.transaction(&sign(call(0, OTHER, 1, vec![]), &key(1)), address(&key(1))).unwrap();

    let refused = block_error(executor.transaction(&sign(call(1, OTHER, 1, vec![]), &key(1)), address(&key(1))));

    let reason = TransactionError::BlockGasExceeded { limit: 1_000_000, left: 989_000 };
    assert_eq!(refused, BlockError::Transaction { index: 1, reason });
}

#[test]
fn blobs_need_room_in_the_block() {
    let blobs = |nonce, count| {
        let transaction = TxEip4844 {
            chain_id: 1,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 2_000_000_000,
            max_fee_per_blob_gas: 10,
            blob_versioned_hashes: vec![B256::right_padding_from(&[1]); count],
            ..Default::default()
        };
        sign(transaction, &key(1))
    };
    let (spec, block) = next(Fork::Cancun, vec![]);
    let mut state = rich();
    let mut executor = Executor::new(&spec, &block.header, &mut state);
    executor.transaction(&blobs(0, 4), address(&key(1))).unwrap();

    let refused = block_error(executor.transaction(&blobs(1, 3), address(&key(1))));

    assert_eq!(refused.kind(), "BlockBlobsExceeded");
    assert_eq!(executor.blob_gas_used(), 4 << 17);
}

#[test]
fn from_osaka_a_transaction_has_a_gas_cap() {
    let (spec, block) = next(Fork::Osaka, vec![]);
    let mut transaction = call(0, OTHER, 1, vec![]);
    transaction.gas_limit = (1 << 24) + 1;
    let mut state = rich();

    let mut executor = Executor::new(&spec, &block.header, &mut state);
    let refused = block_error(executor.transaction(&sign(transaction, &key(1)), address(&key(1))));

    assert_eq!(refused.kind(), "GasLimitAboveCap");
}

#[test]
fn receipts_hold_a_root_before_byzantium_and_a_status_after() {
    let transactions = || (0..2).map(|nonce| sign(call(nonce, OTHER, 5, vec![]), &key(1))).collect::<Vec<_>>();

    let (state, executed) = applied(Fork::SpuriousDragon, rich(), transactions());
    let (_, later) = applied(Fork::Byzantium, rich(), transactions());

    // The reward comes after the last receipt: without it the state has that receipt's root.
    let mut unrewarded = state.clone();
    unrewarded.accounts.get_mut(&MINER).unwrap().0.balance -= U256::from(5 * ETHER);
    assert_eq!(executed.receipts[1].outcome(), Eip658Value::PostState(unrewarded.root()));
    assert_ne!(executed.receipts[0].outcome(), Eip658Value::PostState(unrewarded.root()));
    assert_eq!(later.receipts[1].outcome(), Eip658Value::Eip658(true));
}

#[test]
fn a_contract_that_was_destroyed_is_gone_for_the_next_transaction() {
    // With input: SELFDESTRUCT to OTHER. Without: count in slot 1.
    let code = hex!("36 600e 57 6001 54 6001 01 6001 55 00 5b 73 dddddddddddddddddddddddddddddddddddddddd ff");
    let state = rich().with_code(CONTRACT, code).with_slot(CONTRACT, 1, 41).with_balance(CONTRACT, ETHER);
    let transactions = vec![
        sign(call(0, CONTRACT, 0, vec![]), &key(1)),
        sign(call(1, CONTRACT, 0, vec![1]), &key(1)),
        sign(call(2, CONTRACT, 3, vec![]), &key(1)),
    ];

    for fork in [Fork::Frontier, Fork::SpuriousDragon, Fork::Shanghai] {
        let (after, executed) = applied(fork, state.clone(), transactions.clone());

        let change = &executed.changes.accounts[&CONTRACT];
        assert!(change.storage_cleared && change.storage.is_empty(), "{fork:?}");
        assert_eq!(after.balance(CONTRACT), U256::from(3), "{fork:?}");
        assert_eq!(after.slot(CONTRACT, 1), U256::ZERO, "{fork:?}");
        assert_eq!(after.balance(OTHER), U256::from(ETHER), "{fork:?}");
    }
    let (after, _) = applied(Fork::Cancun, state, transactions);
    assert_eq!(after.slot(CONTRACT, 1), U256::from(43), "EIP-6780 keeps it");
}

#[test]
fn no_contract_is_created_over_storage() {
    let created = address(&key(1)).create(0);
    let state = rich().with_slot(created, 1, 1).with_balance(created, 1);

    let (after, executed) = applied(Fork::Shanghai, state, vec![sign(call(0, TxKind::Create, 0, hex!("00")), &key(1))]);

    assert!(!executed.receipts[0].is_success());
    assert_eq!(executed.gas_used, 1_000_000);
    assert_eq!(after.slot(created, 1), U256::ONE);
}

#[test]
fn touched_empty_accounts_vanish_from_spurious_dragon_on() {
    let state = rich().with_balance(OTHER, 0);
    let touch = || vec![sign(call(0, OTHER, 0, vec![]), &key(1))];

    assert!(applied(Fork::TangerineWhistle, state.clone(), touch()).0.accounts.contains_key(&OTHER));
    assert!(!applied(Fork::SpuriousDragon, state, touch()).0.accounts.contains_key(&OTHER));
}

#[test]
fn miners_of_blocks_and_ommers_are_rewarded() {
    let (spec, mut block) = next(Fork::Byzantium, vec![]);
    block.body.ommers = vec![Header { number: 0, beneficiary: OTHER, ..Default::default() }];
    let mut state = Accounts::default();

    let executed = run(&spec, &block, &mut state).unwrap();
    state.apply(&executed.changes);

    assert_eq!(state.balance(MINER), U256::from(3 * ETHER + 3 * ETHER / 32));
    assert_eq!(state.balance(OTHER), U256::from(3 * ETHER / 8 * 7));
}

#[test]
fn withdrawals_are_credited_in_gwei_and_one_of_nothing_clears_an_empty_account() {
    let (spec, mut block) = next(Fork::Shanghai, vec![]);
    let withdrawal = |address, amount| Withdrawal { address, amount, ..Default::default() };
    block.body.withdrawals = Some(vec![withdrawal(OTHER, 3), withdrawal(OTHER, 4), withdrawal(CONTRACT, 0)].into());
    let mut state = Accounts::default().with_balance(CONTRACT, 0);

    let executed = run(&spec, &block, &mut state).unwrap();
    state.apply(&executed.changes);

    assert_eq!(state.balance(OTHER), U256::from(7_000_000_000u64));
    assert!(!state.accounts.contains_key(&CONTRACT));
}

#[test]
fn the_dao_fork_moves_its_accounts_balances_once() {
    const DRAINED: Address = address!("0xd4fe7bc31cedb7bfb8a345f31e668033056b2728");
    const REFUND: Address = address!("0xbf4ed7b27f1d666546e30d74d50d173d20bca754");
    let moved = |fork_block, support| {
        let (spec, block) = next(Fork::Homestead, vec![]);
        let spec = ChainSpec { dao_fork_block: Some(fork_block), dao_fork_support: support, ..spec };
        let mut state = Accounts::default().with_balance(DRAINED, 9).with_balance(REFUND, 1);
        let executed = run(&spec, &block, &mut state).unwrap();
        state.apply(&executed.changes);
        (state.balance(DRAINED), state.balance(REFUND))
    };

    assert_eq!(moved(1, true), (U256::ZERO, U256::from(10)));
    assert_eq!(moved(1, false), (U256::from(9), U256::from(1)));
    assert_eq!(moved(2, true), (U256::from(9), U256::from(1)));
}

#[test]
fn system_calls_write_the_beacon_root_and_the_parent_hash() {
    // Stores the input's first word in slot 1 if the system called, and the gas that is left after that in slot 2.
    let code = hex!("73fffffffffffffffffffffffffffffffffffffffe 33 14 601b 57 00 5b 5f 35 6001 55 5a 6002 55 00");
    let state = with_request_contracts(Accounts::default())
        .with_code(BEACON_ROOTS_ADDRESS, code)
        .with_code(HISTORY_STORAGE_ADDRESS, code);

    let (after, _) = applied(Fork::Prague, state, vec![]);

    let header = child(&spec(Fork::Prague), &genesis(&spec(Fork::Prague)));
    let word = |address| B256::from(after.slot(address, 1));
    assert_eq!(word(BEACON_ROOTS_ADDRESS), header.parent_beacon_block_root.unwrap());
    assert_eq!(word(HISTORY_STORAGE_ADDRESS), header.parent_hash);
    let gas_left: u64 = after.slot(BEACON_ROOTS_ADDRESS, 2).to();
    assert!((29_970_000..30_000_000).contains(&gas_left), "{gas_left}");
}

#[test]
fn requests_come_from_the_contracts_in_the_order_of_their_types() {
    let state = Accounts::default()
        .with_code(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, answering(3))
        .with_code(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, answering(2));

    let (_, executed) = applied(Fork::Prague, state, vec![]);
    let (_, none) = applied(Fork::Prague, with_request_contracts(Accounts::default()), vec![]);

    let expected: [Bytes; 2] = [vec![1, 0x11, 0x11, 0x11].into(), vec![2, 0x11, 0x11].into()];
    assert_eq!(executed.requests.unwrap().take(), expected);
    assert_eq!(none.requests, Some(Default::default()));
}

#[test]
fn a_block_needs_its_request_contracts_and_their_answers() {
    let verdict = |mut state: Accounts| {
        let (spec, block) = next(Fork::Prague, vec![]);
        block_error(run(&spec, &block, &mut state)).kind()
    };
    let good = with_request_contracts(Accounts::default());

    assert_eq!(verdict(Accounts::default()), "SystemContractMissing");
    assert_eq!(
        verdict(good.clone().with_code(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, hex!("5f5ffd"))),
        "SystemCallFailed"
    );
    assert_eq!(verdict(good.with_code(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, hex!("fe"))), "SystemCallFailed");
}

#[test]
fn an_authority_delegates_and_a_bad_authorization_is_passed_over() {
    let authorization = Authorization { chain_id: U256::ONE, address: CONTRACT, nonce: 0 };
    let hash = authorization.signature_hash();
    let (signature, id) = key(2).sign_prehash_recoverable(hash.as_slice()).unwrap();
    let good = authorization.clone().into_signed(Signature::from_signature_and_parity(signature, id.is_y_odd()));
    let bad = authorization.into_signed(Signature::new(U256::ZERO, U256::ONE, false));
    let transaction = TxEip7702 {
        chain_id: 1,
        gas_limit: 200_000,
        max_fee_per_gas: 2_000_000_000,
        to: OTHER,
        authorization_list: vec![bad, good],
        ..Default::default()
    };

    let state = with_request_contracts(rich());
    let (after, executed) = applied(Fork::Prague, state, vec![sign(transaction, &key(1))]);

    let delegated = executed.changes.accounts[&address(&key(2))].after.unwrap();
    let designator = [&hex!("ef0100")[..], CONTRACT.as_slice()].concat();
    assert_eq!(after.codes[&delegated.code_hash], Bytes::from(designator));
    assert_eq!(delegated.nonce, 1);
}

#[test]
fn what_the_header_promises_is_compared() {
    let log = hex!("6001 5f 5f a1 00"); // LOG1 of nothing under topic 1
    let state = with_request_contracts(rich()).with_code(CONTRACT, log);
    let (spec, block) = next(Fork::Prague, vec![sign(call(0, CONTRACT, 0, vec![]), &key(1))]);
    let executed = run(&spec, &block, &mut state.clone()).unwrap();
    let honest = Header {
        gas_used: executed.gas_used,
        receipts_root: executed.receipts_root,
        logs_bloom: executed.logs_bloom,
        ..block.header.clone()
    };
    let verdict = |change: fn(&mut Header)| {
        let mut header = honest.clone();
        change(&mut header);
        verify_executed(&spec, &header, &executed).map_or_else(|error| error.kind(), |()| "valid")
    };

    assert_eq!(
        executed.receipts[0].logs(),
        [Log::new_unchecked(CONTRACT, vec![B256::with_last_byte(1)], Bytes::new())]
    );
    assert_eq!(verdict(|_| {}), "valid");
    assert_eq!(verdict(|header| header.gas_used += 1), "GasUsedMismatch");
    assert_eq!(verdict(|header| header.receipts_root = B256::ZERO), "ReceiptsRootMismatch");
    assert_eq!(verdict(|header| header.logs_bloom = Default::default()), "LogsBloomMismatch");
    assert_eq!(verdict(|header| header.blob_gas_used = Some(1 << 17)), "BlobGasUsedMismatch");
    assert_eq!(verdict(|header| header.requests_hash = Some(B256::ZERO)), "RequestsHashMismatch");
    assert_eq!(verdict(|header| header.requests_hash = None), "FieldMissing");
}

#[test]
fn a_state_that_cannot_be_read_says_nothing_about_the_block() {
    let (spec, block) = next(Fork::Shanghai, vec![sign(call(0, TxKind::Create, 0, hex!("00")), &key(1))]);
    let created = address(&key(1)).create(0);
    let broken = Accounts { broken: true, ..rich() };
    let broken_storage = Accounts { broken_has_storage: true, ..rich().with_balance(created, 1) };

    for mut state in [broken, broken_storage] {
        assert!(matches!(run(&spec, &block, &mut state), Err(ExecuteError::Source(Broken))));
    }
}
