//! L1 in this process: the real contracts in the real interpreter, over a state in memory.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip4844};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;
use rollup::{Batch, assemble::OpenedBlob, batch::Deployment};
use stf::{
    BlobParams, ChainSpec, Executor, Header, Transaction,
    memory::{GenesisAccount, MemoryState},
    rollup::{Privileged, RollupRules},
};

use crate::{
    abi::{self, Artifact, Errors, Value},
    told::Proof,
};

pub const CHAIN_ID: u64 = 31_337;
pub const OWNER: Address = Address::repeat_byte(0xa0);
pub const COMMITTER: Address = Address::repeat_byte(0xa1);
pub const USER: Address = Address::repeat_byte(0xa2);
pub const GUARDIAN: Address = Address::repeat_byte(0xa3);
pub const SALT: B256 = B256::repeat_byte(5);
pub const ATTESTED: u64 = 1;
pub const NOW: u64 = 1_000_000;
pub const BASE_FEE: u64 = 10_000_000_000;
pub const INCLUSION_DELAY: u64 = 3_600;
/// When everything before the second batch happens, its items among it.
pub const BEFORE: u64 = NOW - 800;

/// How many times the seen price of L1 a batch may name.
pub const FEE_FACTOR: u64 = 4;

/// Versions of the program: the one in use, one that begins later, one that has expired, one that was revoked.
pub const VERSION: u32 = 1;
pub const LATER: u32 = 2;
pub const EXPIRED: u32 = 3;
pub const REVOKED: u32 = 4;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub fn address(key: &SigningKey) -> Address {
    Address::from_public_key(key.verifying_key())
}

/// Who proves.
pub fn signer() -> SigningKey {
    key(0x51)
}

/// Members of the data committee, by rising address.
pub fn members() -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = (0x61..0x64).map(key).collect();
    keys.sort_by_key(address);
    keys
}

/// r ‖ s ‖ v.
pub fn signed(key: &SigningKey, digest: B256) -> Vec<u8> {
    let (signature, id) = key.sign_prehash_recoverable(&digest[..]).unwrap();
    [&signature.to_bytes()[..], &[27 + id.to_byte()]].concat()
}

struct Artifacts {
    proposer: Artifact,
    bridge: Artifact,
    registry: Artifact,
    attested: Artifact,
    committee: Artifact,
    proxy: Artifact,
    errors: Errors,
}

/// What L1 has of a chain beside its rules.
pub struct Registration<'a> {
    pub spec: &'a ChainSpec,
    pub is_validium: bool,
    pub genesis: &'a Header,
}

/// What a sequencer sends with a batch.
#[derive(Clone, Debug)]
pub struct Commit {
    pub from: Address,
    pub words: Vec<B256>,
    pub blobs: Vec<OpenedBlob>,
    /// Hashes of the transaction's blobs.
    pub carried: Vec<B256>,
    pub certificate: Vec<u8>,
    /// L1's time, where it is another than that of the world.
    pub at: Option<u64>,
}

#[derive(Clone)]
pub struct L1 {
    spec: Arc<ChainSpec>,
    artifacts: Arc<Artifacts>,
    state: MemoryState,
    header: Header,
    pub proposer: Address,
    pub bridge: Address,
    pub registry: Address,
    pub attested: Address,
    pub committee: Address,
}

struct Call<'a> {
    from: Address,
    to: TxKind,
    data: Vec<u8>,
    value: u128,
    blobs: &'a [B256],
}

impl L1 {
    /// With the contracts deployed and connected, and no chain.
    pub fn new() -> Self {
        let [proposer, bridge, registry, attested, committee, proxy] = [
            "OnChainProposer",
            "CommonBridge",
            "VerifierRegistry",
            "AttestedVerifier",
            "DataCommittee",
            "ERC1967Proxy",
        ]
        .map(Artifact::load);
        let errors = Errors::of([&proposer, &bridge, &registry, &attested, &committee]);
        let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(30)), ..Default::default() };
        let alloc = [OWNER, COMMITTER, USER, GUARDIAN, crate::world::STRANGER].map(|address| (address, rich.clone()));
        let mut l1 = Self {
            spec: Arc::new(spec()),
            artifacts: Arc::new(Artifacts { proposer, bridge, registry, attested, committee, proxy, errors }),
            state: MemoryState::from_alloc(alloc.into_iter().chain(switch())).unwrap(),
            header: Header {
                number: 100,
                timestamp: BEFORE,
                gas_limit: 1 << 40,
                base_fee_per_gas: Some(BASE_FEE),
                blob_gas_used: Some(0),
                excess_blob_gas: Some(0),
                withdrawals_root: Some(B256::ZERO),
                parent_beacon_block_root: Some(B256::ZERO),
                ..Default::default()
            },
            proposer: Address::ZERO,
            bridge: Address::ZERO,
            registry: Address::ZERO,
            attested: Address::ZERO,
            committee: Address::ZERO,
        };
        l1.deploy();
        l1
    }

    fn deploy(&mut self) {
        let artifacts = self.artifacts.clone();
        self.proposer = self.proxied(&artifacts.proposer);
        self.bridge = self.proxied(&artifacts.bridge);
        self.registry = self.proxied(&artifacts.registry);
        self.attested = self.proxied(&artifacts.attested);
        let members: Vec<Value> = members().iter().map(|key| address(key).into()).collect();
        let arguments = abi::encode(&[OWNER.into(), Value::Array(members), 2.into()]);
        self.committee = self.create(&[&artifacts.committee.creation[..], &arguments].concat());
        let (proposer, bridge) = (self.proposer, self.bridge);
        let (registry, attested) = (self.registry, self.attested);
        self.own(proposer, artifacts.proposer.call("connect", &[bridge.into(), registry.into()]));
        self.own(bridge, artifacts.bridge.call("connect", &[proposer.into()]));
        self.own(registry, artifacts.registry.call("connect", &[proposer.into()]));
        self.own(attested, artifacts.attested.call("connect", &[proposer.into(), registry.into()]));
        self.own(proposer, artifacts.proposer.call("setGuardian", &[GUARDIAN.into()]));
    }

    fn proxied(&mut self, artifact: &Artifact) -> Address {
        let implementation = self.create(&artifact.creation);
        let initialize = artifact.call("initialize", &[OWNER.into()]);
        let arguments = abi::encode(&[implementation.into(), Value::Bytes(initialize)]);
        let proxy = self.artifacts.clone();
        self.create(&[&proxy.proxy.creation[..], &arguments].concat())
    }

    fn create(&mut self, code: &[u8]) -> Address {
        let call = Call { from: OWNER, to: TxKind::Create, data: code.to_vec(), value: 0, blobs: &[] };
        self.apply(call).unwrap().1.unwrap()
    }

    fn own(&mut self, to: Address, data: Vec<u8>) {
        self.apply(Call { from: OWNER, to: to.into(), data, value: 0, blobs: &[] }).unwrap();
    }

    /// A chain whose batches one signer proves, by the versions above.
    pub fn register(&mut self, chain: &Registration<'_>) {
        let chain_id = chain.spec.chain_id;
        let artifacts = self.artifacts.clone();
        // Attested, one of it, without zero knowledge, no delay.
        let policy = Value::Tuple(vec![(1 << ATTESTED).into(), 1.into(), 0.into(), 0.into()]);
        self.own(self.registry, artifacts.registry.call("setPolicy", &[chain_id.into(), policy]));
        for (version, activation, expires_at) in
            [(VERSION, 0, 0), (LATER, 1_000, 0), (EXPIRED, 0, NOW - 1), (REVOKED, 0, 0)]
        {
            let one = |value: Value| Value::Array(vec![value]);
            let (kinds, verifiers, keys) = (one(ATTESTED.into()), one(self.attested.into()), one(B256::ZERO.into()));
            let version = u64::from(version);
            let arguments =
                [chain_id.into(), version.into(), activation.into(), expires_at.into(), kinds, verifiers, keys];
            self.own(self.registry, artifacts.registry.call("registerVersion", &arguments));
            let by = address(&signer());
            let arguments = [chain_id.into(), version.into(), ATTESTED.into(), by.into(), 0.into(), 0.into()];
            self.own(self.attested, artifacts.attested.call("registerSigner", &arguments));
        }
        let parameters = self.parameters(chain);
        self.own(self.proposer, artifacts.proposer.call("registerChain", &[parameters, SALT.into()]));
        let revoked = artifacts.registry.call("revokeVersion", &[chain_id.into(), u64::from(REVOKED).into()]);
        self.own(self.registry, revoked);
    }

    fn parameters(&self, chain: &Registration<'_>) -> Value {
        let rules: &RollupRules = chain.spec.rollup.as_ref().unwrap();
        let committee = if chain.is_validium { self.committee } else { Address::ZERO };
        Value::Tuple(vec![
            chain.spec.chain_id.into(),
            u64::from(chain.is_validium).into(),
            committee.into(),
            rules.native_token.into(),
            OWNER.into(),
            COMMITTER.into(),
            chain.genesis.state_root.into(),
            chain.genesis.hash_slow().into(),
            chain.genesis.timestamp.into(),
            rules.hash(chain.spec).into(),
            rules.gas_limit.into(),
            INCLUSION_DELAY.into(),
            86_400.into(),
            43_200.into(),
            3.into(),
            2_000_000.into(),
            FEE_FACTOR.into(),
            0.into(),
        ])
    }

    pub fn deployment(&self) -> Deployment {
        Deployment { l1_chain_id: CHAIN_ID, proposer: self.proposer, salt: SALT }
    }

    /// Time goes on.
    pub fn wait_until(&mut self, timestamp: u64) {
        self.header.timestamp = timestamp;
        self.header.number += 1;
    }

    /// A deposit of the user's, as the item that L1 queues.
    pub fn deposit(&mut self, chain_id: u64, recipient: Address, value: u128) -> Privileged {
        let data = self.artifacts.bridge.call("deposit", &[chain_id.into(), recipient.into()]);
        self.queue(chain_id, data, value)
    }

    /// A call of the user's, as the item that L1 queues.
    pub fn send_to_l2(&mut self, chain_id: u64, to: Address, value: u64, data: &[u8]) -> Privileged {
        let call = Value::Tuple(vec![to.into(), 200_000.into(), value.into(), Value::Bytes(data.to_vec())]);
        let data = self.artifacts.bridge.call("sendToL2", &[chain_id.into(), call]);
        self.queue(chain_id, data, 1_000_000_000_000_000_000)
    }

    fn queue(&mut self, chain_id: u64, data: Vec<u8>, value: u128) -> Privileged {
        let (logs, _) = self.apply(Call { from: USER, to: self.bridge.into(), data, value, blobs: &[] }).unwrap();
        let topic = self.artifacts.bridge.topic("PrivilegedTxSent");
        let log = logs.iter().find(|log| log.topics()[0] == topic).unwrap();
        let word = |at: usize| U256::from_be_slice(&log.data.data[32 * at..32 * (at + 1)]);
        let place = |at: usize| Address::from_word(word(at).into());
        let data_at: usize = word(4).to();
        let length: usize = U256::from_be_slice(&log.data.data[data_at..data_at + 32]).to();
        Privileged {
            chain_id,
            nonce: U256::from_be_bytes(log.topics()[2].0).to(),
            gas_limit: word(3).to(),
            to: place(1),
            value: word(2),
            data: Bytes::copy_from_slice(&log.data.data[data_at + 32..data_at + 32 + length]),
            from: place(0),
        }
    }

    /// Whether L1 takes the batch, or by which name it refuses it; nothing stays of it.
    pub fn try_commit(&mut self, commit: &Commit) -> Result<(), String> {
        let call = self.commitment(commit);
        let now = self.header.timestamp;
        self.header.timestamp = commit.at.unwrap_or(now);
        let seen = self.run(&call, false).map(|_| ());
        self.header.timestamp = now;
        seen
    }

    pub fn commit(&mut self, commit: &Commit) -> Result<(), String> {
        let call = self.commitment(commit);
        self.run(&call, true).map(|_| ())
    }

    fn commitment<'c>(&self, commit: &'c Commit) -> Call<'c> {
        let openings = commit.blobs.iter().map(|blob| {
            let point = [blob.opening.versioned_hash, blob.opening.z, blob.opening.y].map(Value::from);
            let proof = [&blob.commitment, &blob.proof].map(|point| Value::Bytes(point.to_vec()));
            Value::Tuple(point.into_iter().chain(proof).collect())
        });
        let openings = Value::Array(openings.collect());
        let arguments = [struct_of(&commit.words), openings, Value::Bytes(commit.certificate.clone())];
        let data = self.artifacts.proposer.call("commitBatch", &arguments);
        Call { from: commit.from, to: self.proposer.into(), data, value: 0, blobs: &commit.carried }
    }

    /// Whether L1 takes these proofs, a kind and its bytes each, for these batches.
    pub fn verify(&mut self, chain_id: u64, batches: &[Vec<B256>], proofs: &[Vec<Proof>]) -> Result<(), String> {
        let batches = batches.iter().map(|words| struct_of(words)).collect();
        let one = |(kind, data): &Proof| Value::Tuple(vec![(*kind).into(), Value::Bytes(data.clone())]);
        let proofs = proofs.iter().map(|proofs| Value::Array(proofs.iter().map(one).collect())).collect();
        let arguments = [chain_id.into(), Value::Array(batches), Value::Array(proofs)];
        let data = self.artifacts.proposer.call("verifyBatches", &arguments);
        let call = Call { from: USER, to: self.proposer.into(), data, value: 0, blobs: &[] };
        self.run(&call, true).map(|_| ())
    }

    /// What an attested proof of a batch signs.
    pub fn attestation(&mut self, kind: u64, batch_hash: B256) -> B256 {
        let data = self.artifacts.attested.call("digest", &[kind.into(), batch_hash.into()]);
        self.ask(self.attested, data)
    }

    /// What members of the committee sign.
    pub fn kept(&mut self, chain_id: u64, data_hash: B256) -> B256 {
        let data = self.artifacts.committee.call("kept", &[chain_id.into(), data_hash.into()]);
        self.ask(self.committee, data)
    }

    fn ask(&mut self, to: Address, data: Vec<u8>) -> B256 {
        let call = Call { from: USER, to: to.into(), data, value: 0, blobs: &[] };
        B256::from_slice(&self.run(&call, false).unwrap().2)
    }

    fn apply(&mut self, call: Call<'_>) -> Result<(Vec<Log>, Option<Address>), String> {
        self.header.number += 1;
        self.run(&call, true).map(|(logs, created, _)| (logs, created))
    }

    fn run(&mut self, call: &Call<'_>, keep: bool) -> Result<(Vec<Log>, Option<Address>, Bytes), String> {
        use stf::StateSource as _;
        let nonce = nonce(&mut self.state, call.from);
        let transaction = transaction(call, nonce);
        let mut executor = Executor::new(&self.spec, &self.header, &mut self.state);
        let result = executor.transaction(&transaction, call.from).map_err(|error| error.to_string())?;
        if !result.success {
            return Err(match result.halt {
                Some(reason) => format!("halted: {reason:?}"),
                None => self.artifacts.errors.name(&result.output),
            });
        }
        let logs = executor.receipts()[0].logs().to_vec();
        if keep {
            let changes = executor.changes().unwrap();
            drop(executor);
            self.state.apply(&changes).unwrap();
            debug_assert!(self.state.has_storage(self.proposer).is_ok());
        }
        Ok((logs, result.created, result.output))
    }
}

/// `LIES_SWITCH`: the number of the check that contracts built by `scripts/mutations.py` go without. They read it as the
/// balance of an account; the real ones do not look.
fn switch() -> Option<(Address, GenesisAccount)> {
    let number: u64 = std::env::var("LIES_SWITCH").ok()?.parse().unwrap();
    Some((Address::repeat_byte(0xbb), GenesisAccount { balance: U256::from(number), ..Default::default() }))
}

fn struct_of(words: &[B256]) -> Value {
    Value::Tuple(words.iter().map(|word| Value::Word(*word)).collect())
}

/// A batch's struct, field by field.
pub fn words(batch: &Batch) -> Vec<B256> {
    batch.encode().chunks(32).map(B256::from_slice).collect()
}

fn nonce(state: &mut MemoryState, address: Address) -> u64 {
    state.accounts().find(|(account, ..)| **account == address).map_or(0, |(_, body, _)| body.nonce)
}

fn transaction(call: &Call<'_>, nonce: u64) -> Transaction {
    let (gas_limit, input) = (100_000_000, Bytes::from(call.data.clone()));
    let (max_fee_per_gas, value) = (u128::from(BASE_FEE), U256::from(call.value));
    let unsigned = Signature::new(U256::ONE, U256::ONE, false);
    if call.blobs.is_empty() {
        let one = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas,
            to: call.to,
            value,
            input,
            ..Default::default()
        };
        return one.into_signed(unsigned).into();
    }
    let one = TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas,
        max_fee_per_blob_gas: 1_000,
        to: *call.to.to().unwrap(),
        value,
        input,
        blob_versioned_hashes: call.blobs.to_vec(),
        ..Default::default()
    };
    one.into_signed(unsigned).into()
}

fn spec() -> ChainSpec {
    let first = Some(0);
    let everything = RollupRules::default().chain_spec(CHAIN_ID, None);
    let blob_schedule = [("cancun".to_string(), BlobParams::CANCUN)].into();
    ChainSpec { prague_time: None, cancun_time: first, rollup: None, blob_schedule, ..everything }
}
