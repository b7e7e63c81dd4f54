//! Lies in the structs: the batch's own fields, those of the batch before, what else the input states.

use alloy_primitives::{Address, B256, U256};
use rollup::{Batch, Published};

use crate::{
    l1::{BASE_FEE, EXPIRED, FEE_FACTOR, LATER, NOW, REVOKED, words},
    lie::{By, Lie, other_hashes, other_numbers},
    told::Told,
    world::World,
};

/// One thing that the input states is changed to a value.
type ChangeOfInput = fn(&mut Told, u64);

/// Name and width in bits of each field; 256: a hash.
const FIELDS: [(&str, u32); 20] = [
    ("protocolVersion", 8),
    ("chainId", 64),
    ("number", 64),
    ("programVersion", 32),
    ("previousBatchHash", 256),
    ("previousStateRoot", 256),
    ("newStateRoot", 256),
    ("firstBlock", 64),
    ("lastBlock", 64),
    ("lastBlockHash", 256),
    ("lastTimestamp", 64),
    ("queueIndex", 64),
    ("queueHash", 256),
    ("messagesRoot", 256),
    ("outboundHash", 256),
    ("inboundHash", 256),
    ("dataHash", 256),
    ("configHash", 256),
    ("l1BaseFee", 64),
    ("l1BlobBaseFee", 64),
];

fn others(word: B256, width: u32) -> Vec<B256> {
    match width {
        256 => other_hashes(word, 8),
        _ => other_numbers(U256::from_be_bytes(word.0).to(), width, 5).into_iter().map(number).collect(),
    }
}

fn number(value: u64) -> B256 {
    U256::from(value).into()
}

fn value(word: B256) -> u64 {
    U256::from_be_bytes(word.0).to()
}

/// The struct says another thing than the blocks; the prover gets the honest input.
pub fn of_the_batch(world: &World) -> Vec<Lie> {
    let honest = &world.honest.commit.words;
    let mut lies = Vec::new();
    for (at, (field, width)) in FIELDS.into_iter().enumerate() {
        for (turn, other) in others(honest[at], width).into_iter().enumerate() {
            let by = seen_in_the_batch(world, field, other);
            lies.push(Lie::new("field of the batch", format!("{field} {turn}"), by, move |world| {
                let mut told = world.honest.clone();
                told.commit.words[at] = other;
                told
            }));
        }
    }
    lies
}

fn seen_in_the_batch(world: &World, field: &str, other: B256) -> By {
    let limit = FEE_FACTOR * BASE_FEE;
    match field {
        "protocolVersion" | "outboundHash" | "inboundHash" => By::Commit(format!("BatchMismatch({field})")),
        "chainId" => By::commit("ChainUnknown"),
        "number" => By::commit("NumberNotNext"),
        "programVersion" => match u32::try_from(value(other)).unwrap() {
            LATER => By::commit("VersionNotActive"),
            EXPIRED => By::commit("VersionExpired"),
            REVOKED => By::commit("VersionIsRevoked"),
            _ => By::commit("VersionUnknown"),
        },
        "previousBatchHash" => By::commit("PreviousHashMismatch"),
        "lastTimestamp" if value(other) > NOW => By::commit("TimeAhead"),
        "queueIndex" => match value(other) {
            index if index < world.previous.queue_index => By::commit("QueueBackwards"),
            index if index > world.made.queue.index => By::commit("QueueIndexUnknown"),
            _ => By::commit("QueueMismatch"),
        },
        "queueHash" => By::commit("QueueMismatch"),
        "dataHash" => By::commit("DataMismatch"),
        "configHash" => By::commit("ConfigMismatch"),
        "l1BaseFee" if value(other) > limit => By::commit("FeeTooHigh(l1BaseFee)"),
        "l1BlobBaseFee" if value(other) > limit / 10 => By::commit("FeeTooHigh(l1BlobBaseFee)"),
        _ => By::verify("ProofRefused"),
    }
}

/// The batch before was another one, says the input: the struct follows it, or stays as L1 wants it.
pub fn of_the_previous_batch(world: &World) -> Vec<Lie> {
    let honest = words(&world.previous);
    let mut lies = Vec::new();
    for (at, (field, width)) in FIELDS.into_iter().enumerate() {
        for (turn, other) in others(honest[at], width).into_iter().enumerate() {
            // No batch comes after the last number.
            if matches!(field, "number" | "lastBlock") && value(other) == u64::MAX {
                continue;
            }
            let tell = move |world: &World| {
                let mut told = world.honest.clone();
                told.input.previous = replaced(&world.previous, at, other);
                told
            };
            let name = format!("{field} {turn}");
            let class = "field of the batch before";
            let Some(by) = seen_in_the_previous(field) else {
                let by = By::commit(if field == "number" { "NumberNotNext" } else { "PreviousHashMismatch" });
                lies.push(Lie::new(class, format!("{name}, stated"), by, move |world| {
                    tell(world).with_proven_struct()
                }));
                lies.push(Lie::new(class, format!("{name}, hidden"), By::verify("ProofRefused"), tell));
                continue;
            };
            lies.push(Lie::new(class, name, by, tell));
        }
    }
    lies
}

fn seen_in_the_previous(field: &str) -> Option<By> {
    Some(By::program(match field {
        "protocolVersion" => "Previous(protocol version)",
        "chainId" => "Previous(chain id)",
        "lastBlock" => "Previous(block number)",
        "lastBlockHash" => "Previous(parent hash)",
        "newStateRoot" => "Previous(state root)",
        "queueIndex" => "Queue",
        _ => return None,
    }))
}

fn replaced(batch: &Batch, at: usize, word: B256) -> Batch {
    let mut words = words(batch);
    words[at] = word;
    Batch::decode(&words.concat()).unwrap()
}

trait Concat {
    fn concat(&self) -> Vec<u8>;
}

impl Concat for Vec<B256> {
    fn concat(&self) -> Vec<u8> {
        self.iter().flat_map(|word| word.0).collect()
    }
}

type Change = Box<dyn Fn(&mut Told) + Send + Sync>;

/// What else an input states: rules, versions, forks, the chain.
pub fn of_the_input(world: &World) -> Vec<Lie> {
    let class = "statement of the input";
    let mut lies = Vec::new();
    let mut refused = |name: String, by: &str, change: Change| {
        lies.push(Lie::new(class, name, By::program(by), move |world| {
            let mut told = world.honest.clone();
            told.input.witness = world.whole.clone();
            change(&mut told);
            told
        }));
    };
    let rules = &world.honest.input.rules;
    for limit in other_numbers(rules.gas_limit, 64, 3) {
        let by = "RollupField(gasLimit)";
        refused(format!("gas limit {limit}"), by, Box::new(move |told| told.input.rules.gas_limit = limit));
    }
    for fee in [0, 1, 2, 4, 1_000, 100_000_000] {
        let by = "StateRootMismatch";
        refused(format!("operator fee {fee}"), by, Box::new(move |told| told.input.rules.operator_fee_per_gas = fee));
    }
    for fee in [2_000_000_000, u64::MAX] {
        let by = "TipBelowOperatorFee";
        refused(format!("operator fee {fee}"), by, Box::new(move |told| told.input.rules.operator_fee_per_gas = fee));
    }
    for byte in [0x01, 0x70, 0xc0, 0xc1, 0xee] {
        let place = Address::repeat_byte(byte);
        let by = "StateRootMismatch";
        if place != rules.fee_recipient {
            let by = "RollupField(miner)";
            refused(format!("fees to {byte}"), by, Box::new(move |told| told.input.rules.fee_recipient = place));
        }
        refused(
            format!("base fees to {byte}"),
            by,
            Box::new(move |told| told.input.rules.base_fee_vault = Some(place)),
        );
        refused(format!("data fees to {byte}"), by, Box::new(move |told| told.input.rules.data_fee_vault = place));
        if place != rules.operator_fee_vault {
            let change = Box::new(move |told: &mut Told| told.input.rules.operator_fee_vault = place);
            refused(format!("operator fees to {byte}"), by, change);
        }
    }
    refused("base fees burned".into(), "StateRootMismatch", Box::new(|told| told.input.rules.base_fee_vault = None));
    for id in other_numbers(world.spec.chain_id, 64, 4) {
        refused(format!("chain id {id}"), "ChainIdMismatch", Box::new(move |told| told.input.chain_id = id));
    }
    lies.extend(stated(class));
    lies
}

/// True statements about other things: the program proves them, L1 has something else.
fn stated(class: &'static str) -> Vec<Lie> {
    let mut changes: Vec<(String, &str, ChangeOfInput, u64)> = Vec::new();
    for byte in [1, 0x70, 0xee, 0xff] {
        let set: ChangeOfInput = |told, byte| told.input.rules.native_token = Address::repeat_byte(byte as u8);
        changes.push((format!("native token {byte}"), "ConfigMismatch", set, byte));
    }
    for time in [0, 1, NOW - 200, NOW, NOW + 1_000_000, u64::MAX - 1] {
        changes.push((
            format!("Osaka at {time}"),
            "ConfigMismatch",
            |told, time| told.input.osaka_time = Some(time),
            time,
        ));
    }
    let versions = [
        (0, "VersionUnknown"),
        (LATER, "VersionNotActive"),
        (EXPIRED, "VersionExpired"),
        (REVOKED, "VersionIsRevoked"),
        (77, "VersionUnknown"),
        (u32::MAX, "VersionUnknown"),
    ];
    for (version, name) in versions {
        let set: ChangeOfInput = |told, version| told.input.program_version = version as u32;
        changes.push((format!("program version {version}"), name, set, version.into()));
    }
    let mut lies = Vec::new();
    for (name, by, set, value) in changes {
        let tell = move |world: &World| {
            let mut told = world.honest.clone();
            set(&mut told, value);
            told
        };
        lies.push(Lie::new(class, format!("{name}, stated"), By::commit(by), move |world| {
            tell(world).with_proven_struct()
        }));
        lies.push(Lie::new(class, format!("{name}, hidden"), By::verify("ProofRefused"), tell));
    }
    lies.push(Lie::new(class, "no blocks", By::program("Empty"), |world| {
        let mut told = world.honest.clone();
        told.input.blocks.clear();
        told
    }));
    lies
}

/// Where the data is said to be: other blobs, or another pointer, than L1 is shown.
pub fn of_the_place(world: &World) -> Vec<Lie> {
    let class = "place of the data";
    let hashes = match &world.honest.input.published {
        Published::Blobs(hashes) => other_hashes(hashes[0], 12),
        Published::Kept(pointer) => other_hashes(*pointer, 12),
    };
    let mut lies = Vec::new();
    for (turn, hash) in hashes.into_iter().enumerate() {
        let tell = move |world: &World| {
            let mut told = world.honest.clone();
            told.input.published = match told.input.published {
                Published::Blobs(_) => Published::Blobs(vec![hash]),
                Published::Kept(_) => Published::Kept(hash),
            };
            told
        };
        lies.push(Lie::new(class, format!("{turn}, stated"), By::commit("DataMismatch"), move |world| {
            tell(world).with_proven_struct()
        }));
        lies.push(Lie::new(class, format!("{turn}, hidden"), By::verify("ProofRefused"), tell));
    }
    lies
}
