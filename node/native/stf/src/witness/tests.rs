//! Blocks of a small chain, executed from their witnesses.

use std::{boxed::Box, vec, vec::Vec};

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, SignableTransaction, TxLegacy, proofs};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, bytes, keccak256, map::B256Map};

use super::{TrieState, Witness, WitnessError, WitnessSource, execute_blocks, execute_witness, record};
use crate::{
    Block, BlockError, ChainSpec, Executor, Header, StateSource, Transaction,
    header::{base_fee, excess_blob_gas},
    memory::{GenesisAccount, MemoryState},
    recover_senders,
    trie::{Found, NoNodes, NodeSource, TrieError},
    tries::{StateNodes, StateVersion},
};

const CONTRACT: Address = Address::repeat_byte(0xcc);
const CONFIG: &str = r#"{"chainId": 7, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
    "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0,
    "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0,
    "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477}}}"#;

/// Input: slot, value, other slot, block number, result slot. Stores the value, and hash plus other slot as the result.
const CODE: Bytes = bytes!("6020356000355560603540604035540160803555");
/// Deploys one zero byte.
const INIT_CODE: Bytes = bytes!("60005f5360015ff3");

/// A chain with its whole state, and what came before by hash.
struct Chain {
    spec: ChainSpec,
    state: MemoryState,
    codes: B256Map<Bytes>,
    headers: B256Map<Bytes>,
    parent: Header,
    nonce: u64,
    random: u64,
}

struct Source<'a> {
    version: StateVersion<'a>,
    codes: &'a B256Map<Bytes>,
    headers: &'a B256Map<Bytes>,
}

impl StateNodes for Source<'_> {
    fn accounts(&self) -> Box<dyn NodeSource + '_> {
        self.version.accounts()
    }

    fn storage(&self, hashed_address: &B256) -> Box<dyn NodeSource + '_> {
        self.version.storage(hashed_address)
    }
}

impl WitnessSource for Source<'_> {
    fn code(&self, hash: &B256) -> Found<Bytes> {
        Ok(self.codes.get(hash).cloned())
    }

    fn header(&self, hash: &B256) -> Found<Bytes> {
        Ok(self.headers.get(hash).cloned())
    }
}

fn key() -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[0x46; 32]).unwrap()
}

fn sender() -> Address {
    Address::from_public_key(key().verifying_key())
}

impl Chain {
    fn new() -> Self {
        let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(24)), ..Default::default() };
        let storage = (0..40).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
        let contract = GenesisAccount { nonce: 1, code: CODE, storage, ..Default::default() };
        let empty = (0..60).map(|byte| (Address::repeat_byte(byte), GenesisAccount::default()));
        let mut state = MemoryState::from_alloc(empty.chain([(sender(), rich), (CONTRACT, contract)])).unwrap();
        let parent = Header {
            state_root: state.root(),
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(alloy_consensus::constants::EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Default::default()
        };
        let mut chain = Self {
            spec: serde_json::from_str(CONFIG).unwrap(),
            state,
            codes: [(keccak256(CODE), CODE)].into_iter().collect(),
            headers: B256Map::default(),
            parent: Header::default(),
            nonce: 0,
            random: 1,
        };
        chain.advance_to(parent);
        chain
    }

    fn advance_to(&mut self, header: Header) {
        self.state.set_block_hash(header.number, header.hash_slow());
        self.headers.insert(header.hash_slow(), alloy_rlp::encode(&header).into());
        self.parent = header;
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % limit
    }

    fn sign(&mut self, to: TxKind, value: u64, input: Bytes) -> Transaction {
        let transaction = TxLegacy {
            chain_id: Some(7),
            nonce: self.nonce,
            gas_price: 100_000_000_000,
            gas_limit: 200_000,
            to,
            value: U256::from(value),
            input,
        };
        self.nonce += 1;
        let (signature, parity) = key().sign_prehash_recoverable(transaction.signature_hash().as_slice()).unwrap();
        transaction.into_signed(Signature::from((signature, parity))).into()
    }

    fn any_transaction(&mut self) -> Transaction {
        match self.below(8) {
            0 => self.sign(TxKind::Create, 0, INIT_CODE),
            1 | 2 => {
                let (to, value) = (Address::repeat_byte(self.below(60) as u8), self.below(2));
                self.sign(to.into(), value, Bytes::new())
            }
            _ => {
                let back = self.below(6);
                let words = [
                    self.below(60),
                    self.below(3),
                    self.below(60),
                    (self.parent.number + 1).saturating_sub(back),
                    self.below(60),
                ];
                let input: Vec<u8> = words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>()).collect();
                self.sign(CONTRACT.into(), 0, input.into())
            }
        }
    }

    /// The next block, with some transactions, and its witness.
    fn next(&mut self) -> (Vec<u8>, Witness) {
        let transactions: Vec<_> = (0..=self.below(4)).map(|_| self.any_transaction()).collect();
        let fork = self.spec.fork(self.parent.number + 1, self.parent.timestamp + 12, true);
        let mut header = Header {
            parent_hash: self.parent.hash_slow(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            number: self.parent.number + 1,
            timestamp: self.parent.timestamp + 12,
            gas_limit: self.parent.gas_limit,
            base_fee_per_gas: base_fee(fork, &self.parent),
            excess_blob_gas: excess_blob_gas(&self.spec, fork, self.parent.timestamp + 12, &self.parent),
            beneficiary: Address::repeat_byte(0xbb),
            ..self.parent.clone()
        };
        let senders = recover_senders(&self.spec, &header, &transactions).unwrap();
        let mut executor = Executor::new(&self.spec, &header, &mut self.state);
        executor.begin().unwrap();
        for transaction in &transactions {
            executor.transaction(transaction, senders[0]).unwrap();
        }
        let executed = executor.finish(&[], Some(&[])).unwrap();
        header.gas_used = executed.gas_used;
        header.logs_bloom = executed.logs_bloom;
        header.receipts_root = executed.receipts_root;
        header.transactions_root = proofs::calculate_transaction_root(&transactions);
        header.state_root = self.state.state_root(&executed.changes).unwrap();
        let body =
            alloy_consensus::BlockBody { transactions, ommers: vec![], withdrawals: Some(Withdrawals::default()) };
        let block = Block { header, body };

        let tries = self.state.tries().clone();
        let source = Source { version: tries.version(&NoNodes), codes: &self.codes, headers: &self.headers };
        let (outcomes, witness) = record(&self.spec, [(&block, senders.as_slice())], &source).unwrap();
        assert_eq!(outcomes[0].executed, executed);
        assert_eq!(self.state.apply(&executed.changes).unwrap(), outcomes[0].state_root);
        self.codes.extend(executed.changes.codes);
        self.advance_to(block.header.clone());
        (alloy_rlp::encode(block), witness)
    }
}

#[test]
fn test_blocks_execute_from_their_witness() {
    let mut chain = Chain::new();
    let (mut ancestors, mut keys) = (0, 0);
    for _ in 0..60 {
        let before = chain.parent.state_root;
        let (block, witness) = chain.next();
        let decoded = Witness::decode(&witness.encode()).unwrap();
        assert_eq!(decoded, witness);

        let outcome = execute_witness(&chain.spec, &block, &decoded).unwrap();
        assert_eq!(outcome.parent_state_root, before);
        assert_eq!(outcome.state_root, chain.state.root());
        assert_eq!(outcome.hash, chain.parent.hash_slow());
        let without_keys = Witness { keys: vec![], ..witness };
        assert_eq!(execute_witness(&chain.spec, &block, &without_keys).unwrap().state_root, outcome.state_root);
        ancestors = ancestors.max(decoded.headers.len());
        keys += decoded.keys.len();
    }
    assert!(ancestors > 3, "BLOCKHASH reached back");
    assert!(keys > 300, "{keys} keys");
}

#[test]
fn test_a_witness_without_one_item_is_refused() {
    let mut chain = Chain::new();
    for _ in 0..20 {
        let (block, witness) = chain.next();
        let refused = |witness: &Witness| execute_witness(&chain.spec, &block, witness).unwrap_err();
        for at in 0..witness.state.len() {
            let mut less = witness.clone();
            less.state.remove(at);
            assert!(matches!(refused(&less), WitnessError::Trie(TrieError::Missing { .. })));
        }
        for at in 0..witness.codes.len() {
            let mut less = witness.clone();
            less.codes.remove(at);
            assert!(matches!(refused(&less), WitnessError::Code(_)));
        }
        for at in 0..witness.headers.len() {
            let mut less = witness.clone();
            less.headers.remove(at);
            assert!(matches!(refused(&less), WitnessError::Header(_)));
        }
        for at in 0..witness.keys.len() {
            let mut less = witness.clone();
            less.keys.remove(at);
            assert!(matches!(refused(&less), WitnessError::Keys { .. }));
        }
    }
}

#[test]
fn test_a_run_of_blocks_executes_from_one_witness_of_the_state_before_it() {
    let mut chain = Chain::new();
    for _ in 0..10 {
        let (tries, codes, headers) = (chain.state.tries().clone(), chain.codes.clone(), chain.headers.clone());
        let made: Vec<(Vec<u8>, Witness)> = (0..6).map(|_| chain.next()).collect();
        let blocks: Vec<Block> = made.iter().map(|(block, _)| crate::decode_block(block).unwrap()).collect();
        let recover = |block: &Block| recover_senders(&chain.spec, &block.header, &block.body.transactions).unwrap();
        let senders: Vec<_> = blocks.iter().map(recover).collect();
        let source = Source { version: tries.version(&NoNodes), codes: &codes, headers: &headers };
        let with_senders = blocks.iter().zip(senders.iter().map(Vec::as_slice));

        let (recorded, witness) = record(&chain.spec, with_senders, &source).unwrap();
        let executed = execute_blocks(&chain.spec, made.iter().map(|(block, _)| &block[..]), &witness).unwrap();

        assert_eq!(executed.last().unwrap().1.state_root, chain.parent.state_root);
        assert_eq!(recorded.len(), 6);
        for ((block, outcome), recorded) in executed.iter().zip(recorded) {
            assert_eq!(outcome.executed, recorded.executed);
            assert_eq!(outcome.hash, block.header.hash_slow());
        }
        let apart: usize = made.iter().map(|(_, witness)| witness.state.len()).sum();
        assert!(witness.state.len() < apart, "{} nodes together, {apart} apart", witness.state.len());

        let out_of_order = made.iter().rev().map(|(block, _)| &block[..]);
        assert!(execute_blocks(&chain.spec, out_of_order, &witness).is_err());
    }
}

#[test]
fn test_a_witness_with_one_bit_flipped_is_refused() {
    let mut chain = Chain::new();
    for _ in 0..20 {
        let (block, witness) = chain.next();
        let encoded = witness.encode();
        for _ in 0..300 {
            let mut flipped = encoded.clone();
            let bit = chain.below(8 * encoded.len() as u64) as usize;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let outcome = Witness::decode(&flipped).and_then(|witness| execute_witness(&chain.spec, &block, &witness));

            assert!(outcome.is_err(), "bit {bit}");
        }
    }
}

#[test]
fn test_a_block_with_another_root_is_refused() {
    let mut chain = Chain::new();
    let (block, witness) = chain.next();
    let mut block = crate::decode_block(&block).unwrap();
    block.header.state_root = B256::repeat_byte(1);
    let error = execute_witness(&chain.spec, &alloy_rlp::encode(&block), &witness).unwrap_err();

    assert!(matches!(error, WitnessError::Block(BlockError::StateRootMismatch { .. })), "{error}");
}

#[test]
fn test_a_block_with_ommers_is_refused() {
    let mut chain = Chain::new();
    let (block, witness) = chain.next();
    let mut block = crate::decode_block(&block).unwrap();
    block.body.ommers.push(Header::default());
    let error = execute_witness(&chain.spec, &alloy_rlp::encode(&block), &witness).unwrap_err();

    assert!(matches!(error, WitnessError::Ommers), "{error}");
}

#[test]
fn test_encoding_is_versioned_and_canonical() {
    let witness = Chain::new().next().1;
    let encoded = witness.encode();
    let mut other_version = encoded.clone();
    let at = encoded.len() - alloy_rlp::Header::decode(&mut &encoded[..]).unwrap().payload_length;
    other_version[at] = 2;
    let unsorted = Witness { state: witness.state.iter().rev().cloned().collect(), ..witness.clone() };
    let trailing = [&encoded[..], &[0]].concat();

    assert!(matches!(Witness::decode(&other_version), Err(WitnessError::Version(2))));
    assert!(matches!(Witness::decode(&unsorted.encode()), Err(WitnessError::Malformed(_))));
    assert!(matches!(Witness::decode(&trailing), Err(WitnessError::Malformed(_))));
    assert!(matches!(Witness::decode(&[]), Err(WitnessError::Malformed(_))));
    for length in 0..encoded.len() {
        assert!(Witness::decode(&encoded[..length]).is_err());
    }
}

#[test]
fn test_has_storage_and_hash_of_no_ancestor() {
    let chain = Chain::new();
    let tries = chain.state.tries().clone();
    let source = Source { version: tries.version(&NoNodes), codes: &chain.codes, headers: &chain.headers };
    let mut state = TrieState::new(&source, &chain.parent, chain.parent.hash_slow());

    assert!(state.has_storage(CONTRACT).unwrap());
    assert!(!state.has_storage(sender()).unwrap());
    assert_eq!(revm::Database::block_hash(&mut state, 0).unwrap(), chain.parent.hash_slow());
    assert_eq!(revm::Database::block_hash(&mut state, 1).unwrap(), B256::ZERO);
}
