//! `eth_config` (EIP-7910): the rules in force, the next ones, and the last ones that are scheduled.

use alloy_primitives::{Address, B256, address};
use stf::{Fork, Header};

use crate::block_id::BlockTag;
use crate::blocks::Found;
use crate::context::Context;
use crate::error::RpcError;
use crate::json::Object;
use crate::params::Params;

const BEACON_ROOTS: Address = address!("000f3df6d732807ef1319fb7b8bb8522d0beac02");
const HISTORY_STORAGE: Address = address!("0000f90827f1c53a10cb7a02335b175320002935");
const WITHDRAWAL_REQUESTS: Address = address!("00000961ef480eb55e80d19ad83579a64c007002");
const CONSOLIDATION_REQUESTS: Address = address!("0000bbddc7ce488642fb579f8b00f3a590007251");

/// Precompiles in the order of the fork that brought them: name, address, first fork.
const PRECOMPILES: [(&str, u16, Fork); 18] = [
    ("ECREC", 0x01, Fork::Frontier),
    ("SHA256", 0x02, Fork::Frontier),
    ("RIPEMD160", 0x03, Fork::Frontier),
    ("ID", 0x04, Fork::Frontier),
    ("MODEXP", 0x05, Fork::Byzantium),
    ("BN254_ADD", 0x06, Fork::Byzantium),
    ("BN254_MUL", 0x07, Fork::Byzantium),
    ("BN254_PAIRING", 0x08, Fork::Byzantium),
    ("BLAKE2F", 0x09, Fork::Istanbul),
    ("KZG_POINT_EVALUATION", 0x0a, Fork::Cancun),
    ("BLS12_G1ADD", 0x0b, Fork::Prague),
    ("BLS12_G1MSM", 0x0c, Fork::Prague),
    ("BLS12_G2ADD", 0x0d, Fork::Prague),
    ("BLS12_G2MSM", 0x0e, Fork::Prague),
    ("BLS12_PAIRING_CHECK", 0x0f, Fork::Prague),
    ("BLS12_MAP_FP_TO_G1", 0x10, Fork::Prague),
    ("BLS12_MAP_FP2_TO_G2", 0x11, Fork::Prague),
    ("P256VERIFY", 0x100, Fork::Osaka),
];

pub fn config(context: &Context, _: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
    let genesis = match context.find(BlockTag::Number(0).into())? {
        Some(Found::Stored { hash, .. }) => Genesis { header: context.header(0, &hash)?, hash },
        _ => return Err(RpcError::internal("the database has no genesis block")),
    };
    let now = context.head_header()?.timestamp;

    let scheduled = scheduled(context);
    let current = scheduled.iter().rfind(|time| **time <= now);
    let next = scheduled.iter().find(|time| **time > now);
    let last = next.and(scheduled.last());
    let mut object = Object::open(out);
    for (name, time) in [("current", current), ("next", next), ("last", last)] {
        match time {
            Some(time) => rules(object.key(name), context, &genesis, *time),
            None => object.null(name),
        }
    }
    object.close();
    Ok(())
}

struct Genesis {
    header: Header,
    hash: B256,
}

/// When rules change, by time, oldest first.
fn scheduled(context: &Context) -> Vec<u64> {
    let mut times: Vec<u64> = context.spec.timed_forks().into_iter().filter_map(|(_, time)| time).collect();
    times.sort_unstable();
    times.dedup();
    times
}

fn rules(out: &mut Vec<u8>, context: &Context, genesis: &Genesis, time: u64) {
    let spec = &context.spec;
    let fork = spec.fork(u64::MAX, time, true);
    let mut object = Object::open(out);
    let activation = if genesis.header.timestamp >= time { 0 } else { time };
    object.integer("activationTime", activation as i64);
    match spec.blob_params(time) {
        Some(params) => {
            let mut schedule = Object::open(object.key("blobSchedule"));
            schedule.integer("target", params.target as i64);
            schedule.integer("max", params.max as i64);
            schedule.integer("baseFeeUpdateFraction", params.base_fee_update_fraction as i64);
            schedule.close();
        }
        None => object.null("blobSchedule"),
    }
    object.quantity("chainId", spec.chain_id);
    object.data("forkId", &fork_id(context, genesis, time).to_be_bytes());
    let mut precompiles = Object::open(object.key("precompiles"));
    for (name, address, _) in PRECOMPILES.iter().filter(|(_, _, first)| *first <= fork) {
        precompiles.data(name, &Address::left_padding_from(&address.to_be_bytes())[..]);
    }
    precompiles.close();
    system_contracts(object.key("systemContracts"), context, fork);
    object.close();
}

fn system_contracts(out: &mut Vec<u8>, context: &Context, fork: Fork) {
    let mut object = Object::open(out);
    if fork >= Fork::Cancun {
        object.data("BEACON_ROOTS_ADDRESS", &BEACON_ROOTS[..]);
    }
    if fork >= Fork::Prague {
        object.data("CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", &CONSOLIDATION_REQUESTS[..]);
        let deposits = context.spec.deposit_contract_address.unwrap_or_default();
        object.data("DEPOSIT_CONTRACT_ADDRESS", &deposits[..]);
        object.data("HISTORY_STORAGE_ADDRESS", &HISTORY_STORAGE[..]);
        object.data("WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", &WITHDRAWAL_REQUESTS[..]);
    }
    object.close();
}

/// EIP-6122: a checksum of the genesis hash and every change of rules until then.
fn fork_id(context: &Context, genesis: &Genesis, time: u64) -> u32 {
    let spec = &context.spec;
    let mut blocks: Vec<u64> = spec.numbered_forks().into_iter().filter_map(|(_, block)| block).collect();
    blocks.extend([spec.dao_fork_block, spec.eip155_block, spec.merge_netsplit_block].into_iter().flatten());
    blocks.sort_unstable();
    blocks.dedup();
    let times = scheduled(context).into_iter().filter(|at| *at > genesis.header.timestamp && *at <= time);
    let mut checksum = Crc32::new();
    checksum.update(&genesis.hash[..]);
    for change in blocks.into_iter().filter(|block| *block > 0).chain(times) {
        checksum.update(&change.to_be_bytes());
    }
    checksum.finish()
}

/// CRC-32 (IEEE), bit by bit: it is fed some hundred bytes a request.
struct Crc32(u32);

impl Crc32 {
    fn new() -> Self {
        Self(!0)
    }

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..8 {
                self.0 = if self.0 & 1 == 1 { self.0 >> 1 ^ 0xedb8_8320 } else { self.0 >> 1 };
            }
        }
    }

    fn finish(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        let mut checksum = Crc32::new();

        checksum.update(b"1234");
        checksum.update(b"56789");

        assert_eq!(checksum.finish(), 0xcbf4_3926);
    }
}
