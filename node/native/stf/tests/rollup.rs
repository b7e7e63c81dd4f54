//! Blocks of a rollup: what L1 queues, what data costs, who gets the fees, what a sequencer cannot choose.

mod common;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Sealed, constants::EMPTY_WITHDRAWALS};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip2935::HISTORY_STORAGE_ADDRESS,
};
use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use common::*;
use stf::{
    BlockError, ChainSpec, ExecuteError, Executed, Executor, Header, Transaction, TransactionError,
    rollup::{
        BRIDGE, L1Prices, MESSENGER, Privileged, RollupRules, fees,
        header::{Extra, prev_randao},
        metering::{ACCOUNT_BYTES, MESSAGE_BYTES, SLOT_BYTES},
    },
    validate_header,
};

const ALICE: Address = address!("0x00000000000000000000000000000000000000a1");
const TARGET: Address = address!("0x00000000000000000000000000000000000000cc");
const OPERATOR_FEE: u64 = 3;
const BASE_FEE_VAULT: Address = Address::repeat_byte(0xb1);
const OPERATOR_VAULT: Address = Address::repeat_byte(0xb2);
const DATA_VAULT: Address = Address::repeat_byte(0xb3);
const PRICES: L1Prices = L1Prices { base_fee: 1_000, blob_base_fee: 100_000_000_000 };
const GAS_PRICE: u128 = 2_000_000_000;

fn rollup() -> ChainSpec {
    let rules = RollupRules {
        gas_limit: GAS_LIMIT,
        fee_recipient: MINER,
        base_fee_vault: Some(BASE_FEE_VAULT),
        operator_fee_per_gas: OPERATOR_FEE,
        operator_fee_vault: OPERATOR_VAULT,
        data_fee_vault: DATA_VAULT,
        ..Default::default()
    };
    rules.chain_spec(7, None)
}

fn parent() -> Header {
    Header { number: 4, timestamp: 100, gas_limit: GAS_LIMIT, base_fee_per_gas: Some(8), ..Default::default() }
}

fn next(parent: &Header, timestamp: u64) -> Header {
    let hash = parent.hash_slow();
    Header {
        parent_hash: hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: MINER,
        number: parent.number + 1,
        gas_limit: GAS_LIMIT,
        timestamp,
        extra_data: Extra::of_child(parent, timestamp, PRICES).unwrap_or_default().encode(),
        mix_hash: prev_randao(hash, parent.number + 1),
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

fn item(from: Address, to: Address, value: u128) -> Privileged {
    Privileged { chain_id: 7, nonce: 0, gas_limit: 200_000, to, value: U256::from(value), data: Bytes::new(), from }
}

fn run(state: &mut Accounts, transactions: &[Transaction]) -> Executed {
    run_on(&rollup(), state, transactions)
}

fn run_on(spec: &ChainSpec, state: &mut Accounts, transactions: &[Transaction]) -> Executed {
    let header = next(&parent(), 101);
    let mut executor = Executor::new(spec, &header, state);
    executor.begin().unwrap();
    for transaction in transactions {
        let sender = match transaction {
            Transaction::Privileged(item) => item.from,
            Transaction::Signed(_) => address(&key(1)),
        };
        executor.transaction(transaction, sender).unwrap();
    }
    let executed = executor.finish(&[], Some(&[])).unwrap();
    state.apply(&executed.changes);
    executed
}

fn rich() -> Accounts {
    Accounts::default().with_balance(address(&key(1)), ETHER)
}

#[test]
fn a_deposit_is_minted_and_free() {
    let mut state = Accounts::default();

    let executed = run(&mut state, &[item(BRIDGE, ALICE, 5 * ETHER).into()]);

    assert_eq!(state.balance(ALICE), U256::from(5 * ETHER));
    assert_eq!(state.balance(BRIDGE), U256::ZERO);
    assert!(executed.receipts[0].is_success());
    assert_eq!((executed.receipts[0].kind, executed.gas_used), (0x7e, 21_000));
}

#[test]
fn an_item_of_a_user_moves_what_the_user_has_on_l2() {
    let mut state = Accounts::default().with_balance(ALICE, 10);

    let executed = run(&mut state, &[item(ALICE, TARGET, 4).into(), item(ALICE, TARGET, 7).into()]);

    assert!(executed.receipts[0].is_success());
    assert!(!executed.receipts[1].is_success(), "it has only 6 left");
    assert_eq!((state.balance(ALICE), state.balance(TARGET)), (U256::from(6), U256::from(4)));
    assert_eq!(state.nonce(ALICE), 0, "an item is no use of the sender's nonce");
}

#[test]
fn an_item_without_enough_gas_is_included_and_fails() {
    let mut state = Accounts::default();
    let starved = Privileged { gas_limit: 20_000, ..item(ALICE, TARGET, 0) };

    let executed = run(&mut state, &[starved.into()]);

    assert!(!executed.receipts[0].is_success());
    assert_eq!(executed.gas_used, 20_000);
}

#[test]
fn the_sender_s_balance_falls_by_gas_used_times_price_and_the_parts_add_up() {
    // SSTORE(1, 1)
    let mut state = rich().with_code(TARGET, hex!("60016001 55"));
    let before = state.balance(address(&key(1)));

    let executed = run(&mut state, &[sign(call(0, TARGET, 0, vec![]), &key(1))]);

    let receipt = &executed.receipts[0];
    let price = U256::from(GAS_PRICE);
    let bytes = 2 * ACCOUNT_BYTES + SLOT_BYTES;
    assert!(receipt.is_success());
    assert_eq!(receipt.data_gas, fees::data_gas(bytes, PRICES, GAS_PRICE));
    assert!(receipt.data_gas > 0);
    assert_eq!(before - state.balance(address(&key(1))), U256::from(executed.gas_used) * price);
    let executed_gas = U256::from(executed.gas_used - receipt.data_gas);
    assert_eq!(state.balance(DATA_VAULT), U256::from(receipt.data_gas) * price);
    assert_eq!(state.balance(BASE_FEE_VAULT), executed_gas * U256::from(7));
    assert_eq!(state.balance(OPERATOR_VAULT), executed_gas * U256::from(OPERATOR_FEE));
    assert_eq!(state.balance(MINER), executed_gas * (price - U256::from(7 + OPERATOR_FEE)));
}

#[test]
fn what_the_block_has_published_once_is_not_paid_for_again() {
    let mut state = rich().with_code(TARGET, hex!("60016001 55"));

    let twice = [sign(call(0, TARGET, 0, vec![]), &key(1)), sign(call(1, TARGET, 0, vec![]), &key(1))];
    let executed = run(&mut state, &twice);

    assert!(executed.receipts[0].data_gas > 0);
    assert_eq!(executed.receipts[1].data_gas, 0);
}

#[test]
fn data_that_the_gas_limit_does_not_cover_undoes_the_transaction_and_costs_all_of_it() {
    let mut state = rich().with_code(TARGET, hex!("60016001 55"));
    let before = state.balance(address(&key(1)));
    let needed = run(&mut state.clone(), &[sign(call(0, TARGET, 0, vec![]), &key(1))]).gas_used;
    let short = alloy_consensus::TxLegacy { gas_limit: needed - 1, ..call(0, TARGET, 0, vec![]) };

    let executed = run(&mut state, &[sign(short, &key(1))]);

    assert!(!executed.receipts[0].is_success());
    assert_eq!(executed.gas_used, needed - 1);
    assert_eq!(state.slot(TARGET, 1), U256::ZERO);
    assert_eq!(before - state.balance(address(&key(1))), U256::from(needed - 1) * U256::from(GAS_PRICE));
    assert_eq!(state.nonce(address(&key(1))), 1);
}

#[test]
fn a_message_to_l1_is_paid_for() {
    // LOG0 by the messenger
    let mut state = rich().with_code(MESSENGER, hex!("5f5fa0"));
    let mut silent = rich().with_code(MESSENGER, hex!("5f5f50"));
    let send = || [sign(call(0, MESSENGER, 0, vec![]), &key(1))];

    let (with, without) = (run(&mut state, &send()), run(&mut silent, &send()));

    let bytes = |executed: &Executed| executed.receipts[0].data_gas;
    assert_eq!(bytes(&without), fees::data_gas(ACCOUNT_BYTES, PRICES, GAS_PRICE));
    assert_eq!(bytes(&with), fees::data_gas(ACCOUNT_BYTES + MESSAGE_BYTES, PRICES, GAS_PRICE));
}

#[test]
fn a_block_that_is_being_built_leaves_out_what_would_publish_too_much() {
    let mut state = rich().with_code(TARGET, hex!("60016001 55"));
    let header = next(&parent(), 101);
    let spec = rollup();
    let mut executor = Executor::new(&spec, &header, &mut state);
    executor.limit_data(2 * ACCOUNT_BYTES + SLOT_BYTES - 1);

    let refused = executor.transaction(&sign(call(0, TARGET, 0, vec![]), &key(1)), address(&key(1)));
    let taken = executor.transaction(&sign(call(0, ALICE, 1, vec![]), &key(1)), address(&key(1)));

    let reason = TransactionError::BlockDataExceeded { limit: 2 * ACCOUNT_BYTES + SLOT_BYTES - 1 };
    assert!(
        matches!(refused, Err(ExecuteError::Block(BlockError::Transaction { index: 0, reason: found })) if found == reason)
    );
    assert!(taken.unwrap().success);
    assert_eq!(executor.published_bytes(), 2 * ACCOUNT_BYTES);
}

#[test]
fn a_tip_below_the_operator_fee_is_refused() {
    let mut state = rich();
    let header = next(&parent(), 101);
    let spec = rollup();
    let mut executor = Executor::new(&spec, &header, &mut state);
    let cheap = alloy_consensus::TxLegacy { gas_price: 9, ..call(0, ALICE, 0, vec![]) };

    let refused = executor.transaction(&sign(cheap, &key(1)), address(&key(1)));

    let reason = TransactionError::TipBelowOperatorFee { tip: 2, operator_fee: 3 };
    assert!(
        matches!(refused, Err(ExecuteError::Block(BlockError::Transaction { reason: found, .. })) if found == reason)
    );
}

#[test]
fn hashes_of_earlier_blocks_come_out_of_the_history_contract() {
    // Stores BLOCKHASH(4) at 0 and BLOCKHASH(3) at 1.
    let code = hex!("6004405f55 6003406001 55");
    let mut state = rich().with_code(TARGET, code).with_code(HISTORY_STORAGE_ADDRESS, hex!("00"));
    state = state.with_slot(HISTORY_STORAGE_ADDRESS, 3, 0xbeef).with_slot(HISTORY_STORAGE_ADDRESS, 4, 0xdead);

    run(&mut state, &[sign(call(0, TARGET, 0, vec![]), &key(1))]);

    assert_eq!(state.slot(TARGET, 0), U256::from_be_bytes(parent().hash_slow().0));
    assert_eq!(state.slot(TARGET, 1), U256::from(0xbeef));
}

#[test]
fn p256_is_there_from_the_first_block() {
    // Calls 0x100 with 160 zero bytes and stores the gas that it took... the size of what came back is 0 for a bad
    // signature, so the gas tells that the precompile ran: STATICCALL costs 6900 more than to an empty account.
    let code = hex!("5f5f60a05f61010061ffff fa 5f55");
    let (mut there, mut elsewhere) = (rich().with_code(TARGET, code), rich());
    elsewhere = elsewhere.with_code(TARGET, hex!("5f5f60a05f61010161ffff fa 5f55"));

    let send = || [sign(call(0, TARGET, 0, vec![]), &key(1))];
    let (with, without) = (run(&mut there, &send()), run(&mut elsewhere, &send()));

    // 0x101 is cold (2,600), a precompile is warm (100).
    assert_eq!(with.gas_used - without.gas_used, 6_900 - 2_500);
}

#[test]
fn a_valid_child_and_everything_that_a_sequencer_cannot_choose() {
    let spec = rollup();
    let parent = Header { extra_data: Extra::default().encode(), ..parent() };
    let good = next(&parent, 100);
    let check = |header: &Header| validate_header(&spec, header, &parent, U256::ZERO);
    assert_eq!(check(&good), Ok(()));

    let other = |change: fn(&mut Header)| {
        let mut header = good.clone();
        change(&mut header);
        check(&header).unwrap_err()
    };
    assert_eq!(other(|header| header.gas_limit += 1), BlockError::RollupField("gasLimit"));
    assert_eq!(other(|header| header.beneficiary = ALICE), BlockError::RollupField("miner"));
    assert_eq!(other(|header| header.mix_hash.0[0] ^= 1), BlockError::RollupField("mixHash"));
    assert_eq!(other(|header| header.difficulty = U256::ONE).kind(), "FieldUnexpected");
    assert_eq!(other(|header| header.nonce.0[7] = 1), BlockError::RollupField("nonce"));
    assert_eq!(other(|header| header.parent_beacon_block_root = Some(B256::repeat_byte(1))).kind(), "RollupField");
    assert_eq!(other(|header| header.withdrawals_root = Some(B256::ZERO)).kind(), "RollupField");
    assert_eq!(other(|header| header.blob_gas_used = Some(1 << 17)), BlockError::RollupField("blobGasUsed"));
    assert_eq!(other(|header| header.excess_blob_gas = Some(1)), BlockError::RollupField("excessBlobGas"));
    assert_eq!(other(|header| header.extra_data = Bytes::new()), BlockError::RollupField("extraData"));
    assert_eq!(other(|header| header.base_fee_per_gas = Some(9)).kind(), "BaseFeeMismatch");
    assert_eq!(other(|header| header.timestamp = 99).kind(), "TimestampNotAfterParent");
    assert_eq!(other(|header| header.number = 9).kind(), "NumberMismatch");
    assert_eq!(other(|header| header.requests_hash = None).kind(), "FieldMissing");
}

#[test]
fn ten_blocks_share_a_second_and_no_eleventh() {
    let spec = rollup();
    let mut above = Header { extra_data: Extra::default().encode(), ..parent() };
    for _ in 1..10 {
        let below = next(&above, 100);
        assert_eq!(validate_header(&spec, &below, &above, U256::ZERO), Ok(()));
        above = Header { base_fee_per_gas: Some(8), ..below };
    }

    let eleventh = next(&above, 100);

    assert_eq!(validate_header(&spec, &eleventh, &above, U256::ZERO), Err(BlockError::SecondFull(100)));
    assert_eq!(validate_header(&spec, &next(&above, 101), &above, U256::ZERO), Ok(()));
}

#[test]
fn a_privileged_transaction_has_one_encoding() {
    let item = Privileged { data: hex!("1234").into(), nonce: 300, ..item(BRIDGE, ALICE, 5) };
    let encoded = item.encoded_2718();

    let decoded = Transaction::decode_2718(&mut &encoded[..]).unwrap();

    assert_eq!(decoded, Transaction::from(item.clone()));
    assert_eq!(*decoded.hash(), Sealed::new(item).hash());
    for length in 0..encoded.len() {
        assert!(Transaction::decode_2718(&mut &encoded[..length]).is_err(), "{length}");
    }
    // max_priority_fee = 1
    let mut paying = encoded.clone();
    let at = encoded.windows(4).position(|window| window == [0x82, 0x01, 0x2c, 0x80]).unwrap() + 3;
    paying[at] = 1;
    assert!(Transaction::decode_2718(&mut &paying[..]).is_err());
}

#[test]
fn a_chain_without_l1_above_it_takes_no_privileged_transaction() {
    let header = next(&parent(), 101);
    let spec = ChainSpec { rollup: None, ..rollup() };

    let refused = stf::recover_senders(&spec, &header, &[item(BRIDGE, ALICE, 1).into()]).unwrap_err();

    assert_eq!(refused.kind(), "TypeInactive");
    assert_eq!(stf::recover_senders(&rollup(), &header, &[item(BRIDGE, ALICE, 1).into()]), Ok(vec![BRIDGE]));
}
