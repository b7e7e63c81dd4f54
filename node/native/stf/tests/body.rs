//! Decoding, the rules of a body, ommers and signatures.

mod common;

use alloy_consensus::{TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy, proofs};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, B256, Signature, U256};
use alloy_rlp::Encodable;
use common::{address, block, call, child, genesis, key, sign, spec};
use stf::{
    Ancestor, Block, BlockError, ChainSpec, Fork, Header, Transaction, decode_block, recover_senders, validate_body,
    validate_ommers,
};

fn valid(fork: Fork) -> (ChainSpec, Block) {
    let spec = spec(fork);
    let block = block(child(&spec, &genesis(&spec)));
    (spec, block)
}

fn kind<T>(verdict: Result<T, BlockError>) -> &'static str {
    verdict.map_or_else(|error| error.kind(), |_| "valid")
}

fn encoded(block: &Block) -> Vec<u8> {
    alloy_rlp::encode(block)
}

#[test]
fn a_block_decodes_from_its_encoding_and_from_nothing_else() {
    let (_, mut block) = valid(Fork::Prague);
    block.body.transactions.push(sign(call(0, Address::ZERO, 1, vec![1, 2, 3]), &key(1)));
    block.body.transactions.push(sign(TxEip1559 { chain_id: 1, ..Default::default() }, &key(1)));
    let bytes = encoded(&block);

    assert_eq!(decode_block(&bytes), Ok(block));
    assert_eq!(kind(decode_block(&[&bytes[..], &[0x80]].concat())), "TrailingBytes");
    for length in 0..bytes.len() {
        assert_eq!(kind(decode_block(&bytes[..length])), "Malformed", "{length}");
    }
}

#[test]
fn a_typed_transaction_has_one_wrapping() {
    let (_, mut block) = valid(Fork::Prague);
    block.body.transactions.push(sign(TxEip1559 { chain_id: 1, ..Default::default() }, &key(1)));
    let bytes = encoded(&block);
    let head = bytes.windows(4).position(|at| at[0] == 0xb8 && at[2..] == [2, 0xf8]).unwrap();
    let mut bent = bytes.clone();
    bent[head + 1] += 1;

    assert_eq!(kind(decode_block(&bytes)), "valid");
    assert_eq!(kind(decode_block(&bent)), "Malformed");
}

#[test]
fn a_changed_byte_gives_another_block_or_none_and_never_a_panic() {
    let (_, mut block) = valid(Fork::Osaka);
    block.body.transactions.push(sign(call(0, Address::ZERO, 1, vec![1, 2, 3]), &key(1)));
    block.body.transactions.push(sign(TxEip7702 { chain_id: 1, ..Default::default() }, &key(1)));
    let bytes = encoded(&block);
    for place in 0..bytes.len() {
        for change in [1, 0x40, 0x80, 0xff] {
            let mut bent = bytes.clone();
            bent[place] ^= change;

            if let Ok(other) = decode_block(&bent) {
                assert_eq!(encoded(&other), bent, "{place}: two encodings of one block");
            }
        }
    }
}

#[test]
fn bodies_must_fit_their_header() {
    for fork in [Fork::Frontier, Fork::Paris, Fork::Shanghai, Fork::Cancun, Fork::Osaka] {
        let (spec, block) = valid(fork);
        let with = |change: fn(&mut Block)| {
            let mut block = block.clone();
            change(&mut block);
            kind(validate_body(&spec, &block))
        };

        assert_eq!(with(|_| {}), "valid");
        assert_eq!(with(|block| block.header.transactions_root = B256::ZERO), "TransactionsRootMismatch");
        assert_eq!(with(|block| block.header.ommers_hash = B256::ZERO), "OmmersHashMismatch");
        if fork >= Fork::Shanghai {
            assert_eq!(with(|block| block.header.withdrawals_root = Some(B256::ZERO)), "WithdrawalsRootMismatch");
            assert_eq!(with(|block| block.header.withdrawals_root = None), "FieldMissing");
            assert_eq!(with(|block| block.body.withdrawals = None), "WithdrawalsMissing");
        } else {
            assert_eq!(with(|block| block.body.withdrawals = Some(Default::default())), "WithdrawalsUnexpected");
        }
        if fork >= Fork::Cancun {
            assert_eq!(with(|block| block.header.blob_gas_used = Some(1 << 17)), "BlobGasUsedMismatch");
        }
    }
}

#[test]
fn withdrawals_and_blobs_of_the_body_are_counted() {
    let (spec, mut block) = valid(Fork::Cancun);
    let withdrawals = vec![Withdrawal { index: 1, amount: 2, ..Default::default() }];
    let blobs =
        TxEip4844 { chain_id: 1, blob_versioned_hashes: vec![B256::with_last_byte(1); 2], ..Default::default() };
    block.body.transactions.push(sign(blobs, &key(1)));
    block.header.withdrawals_root = Some(proofs::calculate_withdrawals_root(&withdrawals));
    block.header.transactions_root = proofs::calculate_transaction_root(&block.body.transactions);
    block.header.blob_gas_used = Some(2 << 17);
    block.body.withdrawals = Some(Withdrawals::new(withdrawals));

    assert_eq!(validate_body(&spec, &block), Ok(()));
}

#[test]
fn from_osaka_a_block_has_at_most_eight_mebibytes() {
    for (fork, verdict) in [(Fork::Prague, "valid"), (Fork::Osaka, "BlockTooLarge")] {
        let (spec, mut block) = valid(fork);
        block.body.transactions.push(sign(call(0, Address::ZERO, 0, vec![0; 8 << 20]), &key(1)));
        block.header.transactions_root = proofs::calculate_transaction_root(&block.body.transactions);

        assert_eq!(kind(validate_body(&spec, &block)), verdict);
    }
}

/// A chain of `length` blocks, parent of the next block first, without ommers.
fn chain(spec: &ChainSpec, length: u64) -> Vec<Header> {
    let mut headers = vec![genesis(spec)];
    for _ in 1..length {
        headers.push(child(spec, headers.last().unwrap()));
    }
    headers.reverse();
    headers
}

fn ommers_verdict(spec: &ChainSpec, headers: &[Header], included: &[Header], ommers: Vec<Header>) -> &'static str {
    let mut block = block(child(spec, &headers[0]));
    block.body.ommers = ommers;
    let ommers_of = |index| if index == 0 { included } else { &[] };
    let ancestor =
        |(index, header): (usize, _)| Ancestor { hash: Header::hash_slow(header), header, ommers: ommers_of(index) };
    let ancestors: Vec<_> = headers.iter().enumerate().map(ancestor).collect();
    kind(validate_ommers(spec, &block, &ancestors))
}

/// A sibling of a block, told apart by `mark`.
fn sibling(of: &Header, mark: u8) -> Header {
    Header { extra_data: vec![mark].into(), ..of.clone() }
}

#[test]
fn ommers_are_kin_of_one_to_six_generations() {
    let spec = spec(Fork::Byzantium);
    let headers = chain(&spec, 12);
    let check = |ommers| ommers_verdict(&spec, &headers, &[], ommers);

    assert_eq!(check(vec![]), "valid");
    assert_eq!(check(vec![sibling(&headers[0], 1), sibling(&headers[5], 1)]), "valid");
    assert_eq!(check(vec![sibling(&headers[6], 1)]), "OmmerNotKin");
    assert_eq!(check(vec![sibling(&child(&spec, &headers[0]), 1)]), "OmmerNotKin");
}

#[test]
fn ommers_are_new_and_not_in_the_chain() {
    let spec = spec(Fork::Byzantium);
    let headers = chain(&spec, 8);
    let ommer = sibling(&headers[1], 1);
    let check = |ommers| ommers_verdict(&spec, &headers, std::slice::from_ref(&ommer), ommers);

    assert_eq!(check(vec![ommer.clone()]), "OmmerAlreadyIncluded");
    assert_eq!(check(vec![sibling(&headers[1], 2), sibling(&headers[1], 2)]), "OmmerDuplicate");
    assert_eq!(check(vec![headers[1].clone()]), "OmmerIsAncestor");
    assert_eq!(check((0..3).map(|mark| sibling(&headers[1], mark)).collect()), "TooManyOmmers");
}

#[test]
fn ommers_keep_the_rules_of_headers() {
    let spec = spec(Fork::Byzantium);
    let headers = chain(&spec, 8);
    let late = Header { gas_used: u64::MAX, ..sibling(&headers[1], 1) };

    assert_eq!(ommers_verdict(&spec, &headers, &[], vec![late]), "OmmerInvalid");
}

fn sender(fork: Fork, transaction: Transaction) -> Result<Vec<Address>, BlockError> {
    let spec = spec(fork);
    recover_senders(&spec, &child(&spec, &genesis(&spec)), &[transaction])
}

#[test]
fn senders_come_in_the_order_of_their_transactions() {
    let spec = spec(Fork::Prague);
    let header = child(&spec, &genesis(&spec));
    let keys: Vec<_> = (1..=40).map(key).collect();
    let transactions: Vec<_> = keys.iter().map(|key| sign(call(0, Address::ZERO, 1, vec![]), key)).collect();

    let expected: Vec<_> = keys.iter().map(address).collect();
    assert_eq!(recover_senders(&spec, &header, &transactions), Ok(expected));
}

#[test]
fn a_type_is_taken_from_its_fork_on() {
    let typed: [(Fork, Fork, Transaction); 4] = [
        (Fork::MuirGlacier, Fork::Berlin, sign(TxEip2930 { chain_id: 1, ..Default::default() }, &key(1))),
        (Fork::Berlin, Fork::London, sign(TxEip1559 { chain_id: 1, ..Default::default() }, &key(1))),
        (Fork::Shanghai, Fork::Cancun, sign(TxEip4844 { chain_id: 1, ..Default::default() }, &key(1))),
        (Fork::Cancun, Fork::Prague, sign(TxEip7702 { chain_id: 1, ..Default::default() }, &key(1))),
    ];
    for (before, since, transaction) in typed {
        assert_eq!(kind(sender(before, transaction.clone())), "TypeInactive");
        assert_eq!(sender(since, transaction), Ok(vec![address(&key(1))]));
    }
}

#[test]
fn the_chain_is_named_rightly_and_only_where_it_may_be() {
    let legacy = |chain_id| sign(TxLegacy { chain_id, ..call(0, Address::ZERO, 1, vec![]) }, &key(1));

    assert_eq!(kind(sender(Fork::SpuriousDragon, legacy(Some(1)))), "valid");
    assert_eq!(kind(sender(Fork::SpuriousDragon, legacy(None))), "valid");
    assert_eq!(kind(sender(Fork::SpuriousDragon, legacy(Some(2)))), "ChainIdMismatch");
    assert_eq!(kind(sender(Fork::TangerineWhistle, legacy(Some(1)))), "ReplayProtectionInactive");
    let foreign = sign(TxEip1559 { chain_id: 2, ..Default::default() }, &key(1));
    assert_eq!(kind(sender(Fork::Osaka, foreign)), "ChainIdMismatch");
}

#[test]
fn a_high_s_is_taken_only_before_homestead() {
    let transaction = call(0, Address::ZERO, 1, vec![]);
    let Transaction::Signed(stf::SignedTransaction::Legacy(low)) = sign(transaction.clone(), &key(1)) else {
        unreachable!()
    };
    let order = stf::signature::SECP256K1N_HALF * U256::from(2) + U256::ONE;
    let low = low.signature();
    let high = Signature::new(low.r(), order - low.s(), !low.v());
    let high = Transaction::from(alloy_consensus::Signed::new_unhashed(transaction, high));

    assert_eq!(sender(Fork::Frontier, high.clone()), Ok(vec![address(&key(1))]));
    assert_eq!(kind(sender(Fork::Homestead, high)), "SignatureInvalid");
}

#[test]
fn a_signature_that_no_key_made_is_refused_with_its_place() {
    let spec = spec(Fork::Osaka);
    let bad = Signature::new(U256::ZERO, U256::ONE, false);
    let bad = Transaction::from(alloy_consensus::Signed::new_unhashed(call(0, Address::ZERO, 1, vec![]), bad));
    let good = sign(call(0, Address::ZERO, 1, vec![]), &key(1));

    let verdict = recover_senders(&spec, &child(&spec, &genesis(&spec)), &[good, bad]);

    assert!(matches!(verdict, Err(BlockError::Sender { index: 1, .. })));
}

#[test]
fn the_encoded_length_is_the_size_that_the_limit_measures() {
    let (_, block) = valid(Fork::Osaka);

    assert_eq!(block.length(), encoded(&block).len());
}
