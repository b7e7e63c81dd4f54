//! An honest world: a rollup whose first batch is settled on L1 and whose second one is about to be committed.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, Signature, TxKind, U256, address, hex, keccak256, map::B256Map,
};
use alloy_rlp::RlpEncodable;
use k256::ecdsa::SigningKey;
use rollup::{Batch, assemble::assemble};
use stf::{
    Block, ChainSpec, Header, Transaction,
    memory::{GenesisAccount, MemoryState},
    recover_senders,
    rollup::{L1Prices, MESSENGER, Privileged, RollupRules},
    trie::{Found, Nibbles, NoNodes, NodeLog, NodeSource, Trie},
    tries::StateNodes,
    witness::{Witness, WitnessSource, record},
};

use crate::{
    l1::{self, BASE_FEE, L1, NOW, Registration, VERSION, address, key, members, signed},
    sequencer::{Hand, Made, Planned, make},
    told::Told,
};

pub const GWEI: u128 = 1_000_000_000;
pub const ETHER: u128 = 1_000_000_000 * GWEI;
pub const PRICES: L1Prices = L1Prices { base_fee: BASE_FEE, blob_base_fee: 1_000_000_000 };
pub const HISTORY: Address = address!("0x0000F90827F1C53a10cb7A02335B175320002935");
pub const COUNTER: Address = Address::repeat_byte(0xcc);
pub const REVERTER: Address = Address::repeat_byte(0xcd);
pub const FEE_RECIPIENT: Address = Address::repeat_byte(0xc0);
pub const OPERATOR_VAULT: Address = Address::repeat_byte(0xc1);
pub const DATA_VAULT: Address = Address::repeat_byte(0xc2);
pub const BASE_FEE_VAULT: Address = Address::repeat_byte(0xc3);
pub const STRANGER: Address = Address::repeat_byte(0xee);
pub const GAS_LIMIT: u64 = 30_000_000;

const HISTORY_CODE: Bytes = Bytes::from_static(&hex!(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff8143"
    "0311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
));
/// Counts in slot 0; writes the input's second word to the slot of its first, and the parent's hash to slot 2^8.
const COUNTER_CODE: Bytes = Bytes::from_static(&hex!("5f546001015f556020355f35556001430340610100 5500"));
/// LOG4(L1Message, caller, first word of the input, count of messages so far + 1)
const MESSENGER_CODE: Bytes = Bytes::from_static(&hex!(
    "5f54600101805f555f35337f18d7b705344d616d1b61daa6a8ccfcf9f10c27ade007cc45cf870d1e121f1a9d5f5fa400"
));
const REVERTER_CODE: Bytes = Bytes::from_static(&hex!("5f5ffd"));
/// Writes a slot and leaves eight bytes of code.
const INIT_CODE: Bytes = Bytes::from_static(&hex!("6001600155 67600160015500fefe5f5260086018f3"));

/// How the chain publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rollup,
    Validium,
}

pub struct World {
    pub kind: Kind,
    pub spec: ChainSpec,
    /// After the first batch was verified; with the second one's items in the queue.
    pub l1: L1,
    /// The first batch, its state and last header.
    pub previous: Batch,
    pub start: MemoryState,
    pub parent: Header,
    /// Codes of the state and headers of the chain, by hash.
    pub codes: B256Map<Bytes>,
    /// Blocks of the second batch.
    pub plan: Vec<Planned>,
    /// The second batch as the sequencer's own code makes it, its commit with it.
    pub honest: Told,
    /// The same as [`make`] makes it.
    pub made: Made,
    /// All that can be known of the state before it.
    pub whole: Witness,
}

pub fn rules() -> RollupRules {
    RollupRules {
        gas_limit: GAS_LIMIT,
        fee_recipient: FEE_RECIPIENT,
        base_fee_vault: Some(BASE_FEE_VAULT),
        operator_fee_per_gas: 3,
        operator_fee_vault: OPERATOR_VAULT,
        data_fee_vault: DATA_VAULT,
        ..Default::default()
    }
}

pub fn user(seed: u8) -> SigningKey {
    key(seed)
}

/// What a user signs.
pub struct Sent {
    pub to: TxKind,
    pub value: u128,
    pub gas_limit: u64,
    pub input: Bytes,
    pub tip: u128,
    pub chain_id: u64,
    pub nonce: u64,
    pub max_fee: u128,
}

impl Sent {
    pub fn to(chain_id: u64, nonce: u64, to: Address) -> Self {
        let to = to.into();
        Self { to, value: 0, gas_limit: 300_000, input: Bytes::new(), tip: GWEI, chain_id, nonce, max_fee: 100 * GWEI }
    }

    pub fn sign(self, key: &SigningKey) -> (Transaction, Address) {
        let one = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: U256::from(self.value),
            input: self.input,
            ..Default::default()
        };
        let signature = sign(key, one.signature_hash());
        (one.into_signed(signature).into(), address(key))
    }
}

pub fn sign(key: &SigningKey, hash: B256) -> Signature {
    let (signature, id) = key.sign_prehash_recoverable(&hash[..]).unwrap();
    Signature::from_signature_and_parity(signature, id.is_y_odd())
}

/// An account that lets its code be the counter's from now on, sent by another one.
fn delegation(chain_id: u64, nonce: u64, sender: &SigningKey, delegator: &SigningKey) -> (Transaction, Address) {
    let authorization = Authorization { chain_id: U256::from(chain_id), address: COUNTER, nonce: 0 };
    let signature = sign(delegator, authorization.signature_hash());
    let one = TxEip7702 {
        chain_id,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: address(delegator),
        input: pair(7, 8),
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    };
    let signature = sign(sender, one.signature_hash());
    (one.into_signed(signature).into(), address(sender))
}

/// Two words of input.
pub fn pair(first: u64, second: u64) -> Bytes {
    let word = |value: u64| U256::from(value).to_be_bytes::<32>();
    [word(first), word(second)].concat().into()
}

pub fn taken(item: &Privileged) -> (Transaction, Address) {
    (item.clone().into(), item.from)
}

fn genesis(spec: &ChainSpec) -> (MemoryState, B256Map<Bytes>, Header) {
    let rich = GenesisAccount { balance: U256::from(1_000 * ETHER), ..Default::default() };
    let contract = |code: Bytes| GenesisAccount { nonce: 1, code, ..Default::default() };
    let users = (1..5).map(|seed| (address(&user(seed)), rich.clone()));
    let others = (0..24).map(|byte| (Address::repeat_byte(0x70 + byte), rich.clone()));
    let codes =
        [(HISTORY, HISTORY_CODE), (COUNTER, COUNTER_CODE), (MESSENGER, MESSENGER_CODE), (REVERTER, REVERTER_CODE)];
    let contracts = codes.clone().map(|(address, code)| (address, contract(code)));
    let mut state = MemoryState::from_alloc(users.chain(others).chain(contracts)).unwrap();
    let header = Header {
        state_root: state.root(),
        gas_limit: spec.rollup.as_ref().unwrap().gas_limit,
        timestamp: NOW - 1_000,
        base_fee_per_gas: Some(1_000_000_000),
        withdrawals_root: Some(alloy_consensus::constants::EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    };
    let known = codes.map(|(_, code)| (keccak256(&code), code));
    (state, known.into_iter().collect(), header)
}

impl World {
    pub fn new(kind: Kind) -> Self {
        let chain_id = if kind == Kind::Rollup { 7_001 } else { 7_002 };
        let spec = rules().chain_spec(chain_id, None);
        let (state, codes, header) = genesis(&spec);
        let mut l1 = L1::new();
        l1.register(&Registration { spec: &spec, is_validium: kind == Kind::Validium, genesis: &header });
        let hash = header.hash_slow();
        let config = rules().hash(&spec);
        let previous = Batch::genesis(l1.deployment(), chain_id, header.state_root, hash, header.timestamp, config);
        let empty = Told::empty(&spec, previous);
        let (whole, made) = (Witness::default(), Made::default());
        let plan = Vec::new();
        let mut world =
            Self { kind, spec, l1, previous, start: state, parent: header, codes, plan, honest: empty, made, whole };
        world.settle_first();
        world.plan = world.second();
        world.whole = whole_witness(&world.start, &world.codes, &world.parent);
        world.made = make(&world, &world.plan, &Hand::default());
        world.honest = world.assemble(&world.made);
        world
    }

    fn settle_first(&mut self) {
        let chain_id = self.spec.chain_id;
        let item = self.l1.deposit(chain_id, address(&user(1)), 5 * ETHER);
        let counted = Sent { input: pair(9, 10), ..Sent::to(chain_id, 0, COUNTER) }.sign(&user(1));
        let plan = [Planned { timestamp: NOW - 900, prices: PRICES, transactions: vec![taken(&item), counted] }];
        let made = make(self, &plan, &Hand::default());
        let told = self.assemble(&made);
        self.l1.commit(&told.commit).unwrap();
        let proof = (l1::ATTESTED, self.proof(&mut self.l1.clone(), &told.prove().unwrap()));
        self.l1.verify(chain_id, std::slice::from_ref(&told.commit.words), &[vec![proof]]).unwrap();
        self.previous = made.batch(self, told.data_hash);
        self.start = made.state.clone();
        self.parent = made.blocks[0].header.clone();
    }

    /// Three blocks with some of everything.
    fn second(&mut self) -> Vec<Planned> {
        let id = self.spec.chain_id;
        let deposit = self.l1.deposit(id, address(&user(2)), ETHER);
        let called = self.l1.send_to_l2(id, COUNTER, 0, &pair(20, 21));
        let poor = self.l1.send_to_l2(id, STRANGER, 1_000_000_000, &[]);
        self.l1.wait_until(NOW);
        let [one, two, three, four] = [1, 2, 3, 4].map(user);
        let next = Sent::to;
        let first = vec![
            taken(&deposit),
            taken(&called),
            Sent { value: ETHER, ..next(id, 1, Address::repeat_byte(0x77)) }.sign(&one),
            Sent { input: pair(11, 12), ..next(id, 0, COUNTER) }.sign(&two),
        ];
        let create = Sent { to: TxKind::Create, input: INIT_CODE, ..next(id, 1, COUNTER) };
        let message = |nonce, byte| Sent { input: vec![byte; 32].into(), ..next(id, nonce, MESSENGER) };
        let second = vec![
            message(2, 1).sign(&one),
            message(3, 2).sign(&one),
            create.sign(&two),
            delegation(id, 0, &three, &four),
        ];
        let third = vec![
            taken(&poor),
            next(id, 4, REVERTER).sign(&one),
            // Gas for the transfer and none for what it publishes.
            Sent { gas_limit: 21_000, value: 5, ..next(id, 2, STRANGER) }.sign(&two),
            Sent { input: pair(9, 0), ..next(id, 1, COUNTER) }.sign(&three),
            message(5, 3).sign(&one),
        ];
        let planned = |timestamp, transactions| Planned { timestamp, prices: PRICES, transactions };
        vec![planned(NOW - 100, first), planned(NOW - 100, second), planned(NOW - 99, third)]
    }

    /// By the code of the sequencer: witness, payload, blobs, statement.
    fn assemble(&self, made: &Made) -> Told {
        let recovered: Vec<(&Block, Vec<Address>)> = made
            .blocks
            .iter()
            .map(|block| (block, recover_senders(&self.spec, &block.header, &block.body.transactions).unwrap()))
            .collect();
        let tries = self.start.tries();
        let source = Source { version: tries.version(&NoNodes), codes: &self.codes, parent: &self.parent };
        let blocks = recovered.iter().map(|(block, senders)| (*block, senders.as_slice()));
        let (outcomes, witness) = record(&self.spec, blocks, &source).unwrap();
        let executed: Vec<_> = made.blocks.iter().cloned().zip(outcomes).collect();
        let pointer = (self.kind == Kind::Validium).then_some(B256::ZERO);
        let assembled = assemble(&self.spec, self.previous, VERSION, &executed, witness, pointer).unwrap();
        Told::of(self, assembled.input, assembled.batch, assembled.blobs)
    }

    /// A proof of the batch, as an honest prover makes it.
    pub fn proof(&self, l1: &mut L1, batch: &Batch) -> Vec<u8> {
        signed(&l1::signer(), l1.attestation(l1::ATTESTED, batch.hash()))
    }

    /// What the committee says of a payload that it keeps.
    pub fn certificate(&self, pointer: B256, payload: &[u8]) -> Vec<u8> {
        use crate::abi::{Value, encode};
        let data_hash = rollup::blob::kept_hash(pointer, payload);
        let digest = self.l1.clone().kept(self.spec.chain_id, data_hash);
        let signatures: Vec<u8> = members()[..2].iter().flat_map(|member| signed(member, digest)).collect();
        encode(&[pointer.into(), keccak256(payload).into(), Value::Bytes(signatures)])
    }
}

struct Source<'a> {
    version: stf::tries::StateVersion<'a>,
    codes: &'a B256Map<Bytes>,
    parent: &'a Header,
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
        Ok((self.parent.hash_slow() == *hash).then(|| alloy_rlp::encode(self.parent).into()))
    }
}

#[derive(RlpEncodable)]
struct Leaf {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

/// Every node, code and header of a state: whatever a liar's blocks touch is there.
pub fn whole_witness(state: &MemoryState, codes: &B256Map<Bytes>, parent: &Header) -> Witness {
    let mut nodes = std::collections::BTreeSet::new();
    let mut accounts = BTreeMap::new();
    for (address, body, storage) in state.accounts() {
        let slots = storage.iter().map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value)));
        let storage_root = every_node(slots.collect(), &mut nodes);
        let leaf = Leaf { nonce: body.nonce, balance: body.balance, storage_root, code_hash: body.code_hash };
        accounts.insert(keccak256(address), alloy_rlp::encode(leaf));
    }
    let root = every_node(accounts, &mut nodes);
    assert_eq!(root, state.clone().root());
    let mut codes: Vec<Bytes> =
        codes.iter().filter(|(hash, _)| **hash != KECCAK256_EMPTY).map(|(_, code)| code.clone()).collect();
    codes.sort();
    let headers = vec![alloy_rlp::encode(parent).into()];
    Witness { state: nodes.into_iter().collect(), codes, keys: Vec::new(), headers }
}

fn every_node(leaves: BTreeMap<B256, Vec<u8>>, nodes: &mut std::collections::BTreeSet<Bytes>) -> B256 {
    let keys: Vec<B256> = leaves.keys().copied().collect();
    let mut trie = Trie::empty();
    let changes = leaves.into_iter().map(|(key, value)| (key, Some(value))).collect();
    trie.update(changes, &NoNodes, &mut NodeLog::off()).unwrap();
    for key in keys {
        // Nodes inside their parents come with them.
        let path = trie.prove(&Nibbles::unpack_array(&key.0), &NoNodes).unwrap();
        nodes.extend(path.into_iter().filter(|node| node.len() >= 32));
    }
    trie.root(&mut NodeLog::off())
}
