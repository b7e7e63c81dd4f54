//! The fork schedule of a chain: which rules hold at a block.
//!
//! Read from the `config` object of a geth genesis file as it is. Keys that no rule here needs are passed over: the
//! settings layer refuses the ones that nobody knows.

use alloc::{collections::BTreeMap, format, string::String};
use alloy_primitives::{Address, U256};
use revm::primitives::hardfork::SpecId;
use serde::{Deserialize, Serialize};

use crate::{Header, rollup::RollupRules};

/// Gas of one blob (EIP-4844).
pub const GAS_PER_BLOB: u64 = 1 << 17;

/// A set of rules, in the order in which mainnet took them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fork {
    Frontier,
    Homestead,
    TangerineWhistle,
    SpuriousDragon,
    Byzantium,
    Constantinople,
    Petersburg,
    Istanbul,
    MuirGlacier,
    Berlin,
    London,
    ArrowGlacier,
    GrayGlacier,
    Paris,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
    Bpo1,
    Bpo2,
    Bpo3,
    Bpo4,
    Bpo5,
}

impl Fork {
    /// Every fork, oldest first, with its name in settings and reports.
    pub const NAMES: [(Self, &'static str); 23] = [
        (Self::Frontier, "Frontier"),
        (Self::Homestead, "Homestead"),
        (Self::TangerineWhistle, "TangerineWhistle"),
        (Self::SpuriousDragon, "SpuriousDragon"),
        (Self::Byzantium, "Byzantium"),
        (Self::Constantinople, "Constantinople"),
        (Self::Petersburg, "Petersburg"),
        (Self::Istanbul, "Istanbul"),
        (Self::MuirGlacier, "MuirGlacier"),
        (Self::Berlin, "Berlin"),
        (Self::London, "London"),
        (Self::ArrowGlacier, "ArrowGlacier"),
        (Self::GrayGlacier, "GrayGlacier"),
        (Self::Paris, "Paris"),
        (Self::Shanghai, "Shanghai"),
        (Self::Cancun, "Cancun"),
        (Self::Prague, "Prague"),
        (Self::Osaka, "Osaka"),
        (Self::Bpo1, "BPO1"),
        (Self::Bpo2, "BPO2"),
        (Self::Bpo3, "BPO3"),
        (Self::Bpo4, "BPO4"),
        (Self::Bpo5, "BPO5"),
    ];

    /// The name in settings and reports.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// The fork with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(fork, _)| *fork)
    }

    /// The interpreter's rules of this fork. revm knows no Constantinople: [`crate::constantinople`] has what Petersburg
    /// took back from it.
    pub fn spec_id(self) -> SpecId {
        match self {
            Self::Frontier => SpecId::FRONTIER,
            Self::Homestead => SpecId::HOMESTEAD,
            Self::TangerineWhistle => SpecId::TANGERINE,
            Self::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
            Self::Byzantium => SpecId::BYZANTIUM,
            Self::Constantinople | Self::Petersburg => SpecId::PETERSBURG,
            Self::Istanbul | Self::MuirGlacier => SpecId::ISTANBUL,
            Self::Berlin => SpecId::BERLIN,
            Self::London | Self::ArrowGlacier | Self::GrayGlacier => SpecId::LONDON,
            Self::Paris => SpecId::MERGE,
            Self::Shanghai => SpecId::SHANGHAI,
            Self::Cancun => SpecId::CANCUN,
            Self::Prague => SpecId::PRAGUE,
            Self::Osaka | Self::Bpo1 | Self::Bpo2 | Self::Bpo3 | Self::Bpo4 | Self::Bpo5 => SpecId::OSAKA,
        }
    }
}

/// How many blobs a block may hold and how their price moves. Read only where target <= max and the fraction is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "WrittenBlobParams")]
pub struct BlobParams {
    /// Blobs a block at which the price stands still.
    pub target: u64,
    /// Blobs a block at most.
    pub max: u64,
    pub base_fee_update_fraction: u64,
}

/// Blob parameters as the genesis file has them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenBlobParams {
    target: u64,
    max: u64,
    base_fee_update_fraction: u64,
}

impl TryFrom<WrittenBlobParams> for BlobParams {
    type Error = String;

    fn try_from(written: WrittenBlobParams) -> Result<Self, String> {
        let WrittenBlobParams { target, max, base_fee_update_fraction } = written;
        if target > max || max == 0 {
            return Err(format!("blob schedule: target {target} of at most {max} blobs"));
        }
        if base_fee_update_fraction == 0 {
            return Err(String::from("blob schedule: baseFeeUpdateFraction is zero"));
        }
        Ok(Self { target, max, base_fee_update_fraction })
    }
}

impl BlobParams {
    /// EIP-4844.
    pub const CANCUN: Self = Self { target: 3, max: 6, base_fee_update_fraction: 3_338_477 };
    /// EIP-7691; Osaka keeps it.
    pub const PRAGUE: Self = Self { target: 6, max: 9, base_fee_update_fraction: 5_007_716 };

    /// Blob gas that a block may use at most.
    pub fn max_gas(&self) -> u64 {
        self.max.saturating_mul(GAS_PER_BLOB)
    }

    /// Blob gas at which the price stands still.
    pub fn target_gas(&self) -> u64 {
        self.target.saturating_mul(GAS_PER_BLOB)
    }
}

/// The `config` object of a genesis file. A fork that is `None` never comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChainSpec {
    pub chain_id: u64,
    pub homestead_block: Option<u64>,
    pub dao_fork_block: Option<u64>,
    pub dao_fork_support: bool,
    #[serde(rename = "eip150Block")]
    pub eip150_block: Option<u64>,
    #[serde(rename = "eip155Block")]
    pub eip155_block: Option<u64>,
    #[serde(rename = "eip158Block")]
    pub eip158_block: Option<u64>,
    pub byzantium_block: Option<u64>,
    pub constantinople_block: Option<u64>,
    pub petersburg_block: Option<u64>,
    pub istanbul_block: Option<u64>,
    pub muir_glacier_block: Option<u64>,
    pub berlin_block: Option<u64>,
    pub london_block: Option<u64>,
    pub arrow_glacier_block: Option<u64>,
    pub gray_glacier_block: Option<u64>,
    /// Changes the fork id on the wire and nothing else.
    pub merge_netsplit_block: Option<u64>,
    #[serde(deserialize_with = "total_difficulty::deserialize")]
    pub terminal_total_difficulty: Option<U256>,
    pub shanghai_time: Option<u64>,
    pub cancun_time: Option<u64>,
    pub prague_time: Option<u64>,
    pub osaka_time: Option<u64>,
    pub bpo1_time: Option<u64>,
    pub bpo2_time: Option<u64>,
    pub bpo3_time: Option<u64>,
    pub bpo4_time: Option<u64>,
    pub bpo5_time: Option<u64>,
    pub deposit_contract_address: Option<Address>,
    /// By the fork's name in lower case: `cancun`, `prague`, `osaka`, `bpo1`..`bpo5`.
    pub blob_schedule: BTreeMap<String, BlobParams>,
    /// There on a rollup, whose blocks obey rules of their own.
    pub rollup: Option<RollupRules>,
}

impl ChainSpec {
    /// The rules of a block. `merged`: the block comes after the proof-of-work part of the chain.
    pub fn fork(&self, number: u64, timestamp: u64, merged: bool) -> Fork {
        if merged { self.fork_at_time(timestamp) } else { self.fork_at_block(number) }
    }

    /// The rules of the block with this header. It is merged if its difficulty is zero on a chain that is to merge.
    pub fn fork_of(&self, header: &Header) -> Fork {
        self.fork(header.number, header.timestamp, self.is_merged(header))
    }

    /// The fork whose header fields the genesis block has. Forks that come at a time count there as soon as London does,
    /// merged or not: so geth builds a genesis block, and its hash depends on it.
    pub fn genesis_fork(&self, timestamp: u64) -> Fork {
        self.fork(0, timestamp, self.fork_at_block(0) >= Fork::London)
    }

    /// Whether this header is past the merge.
    pub fn is_merged(&self, header: &Header) -> bool {
        self.terminal_total_difficulty.is_some() && header.difficulty.is_zero()
    }

    /// Whether signatures of this block may name the chain (EIP-155).
    pub fn is_replay_protected(&self, number: u64, fork: Fork) -> bool {
        fork >= Fork::Paris || self.eip155_block.is_some_and(|block| block <= number)
    }

    /// The blob rules at a time, if blobs are there at all.
    pub fn blob_params(&self, timestamp: u64) -> Option<BlobParams> {
        let mut named = self.timed_forks().into_iter().rev().filter(|(fork, _)| *fork >= Fork::Cancun);
        let newest = named.find(|(_, time)| time.is_some_and(|time| time <= timestamp))?;
        core::iter::once(newest).chain(named).find_map(|(fork, _)| self.blob_params_of(fork))
    }

    fn blob_params_of(&self, fork: Fork) -> Option<BlobParams> {
        let (name, default) = match fork {
            Fork::Cancun => ("cancun", Some(BlobParams::CANCUN)),
            Fork::Prague => ("prague", Some(BlobParams::PRAGUE)),
            Fork::Osaka => ("osaka", None),
            Fork::Bpo1 => ("bpo1", None),
            Fork::Bpo2 => ("bpo2", None),
            Fork::Bpo3 => ("bpo3", None),
            Fork::Bpo4 => ("bpo4", None),
            Fork::Bpo5 => ("bpo5", None),
            _ => return None,
        };
        self.blob_schedule.get(name).copied().or(default)
    }

    fn fork_at_block(&self, number: u64) -> Fork {
        let active = |(fork, block): (Fork, Option<u64>)| block.filter(|block| *block <= number).map(|_| fork);
        self.numbered_forks().into_iter().rev().find_map(active).unwrap_or(Fork::Frontier)
    }

    fn fork_at_time(&self, timestamp: u64) -> Fork {
        let active = |(fork, time): (Fork, Option<u64>)| time.filter(|time| *time <= timestamp).map(|_| fork);
        self.timed_forks().into_iter().rev().find_map(active).unwrap_or(Fork::Paris)
    }

    /// Forks that come at a block number, oldest first.
    pub fn numbered_forks(&self) -> [(Fork, Option<u64>); 12] {
        // A genesis file may leave Petersburg out: it then comes with Constantinople.
        let petersburg = self.petersburg_block.or(self.constantinople_block);
        [
            (Fork::Homestead, self.homestead_block),
            (Fork::TangerineWhistle, self.eip150_block),
            (Fork::SpuriousDragon, self.eip158_block),
            (Fork::Byzantium, self.byzantium_block),
            (Fork::Constantinople, self.constantinople_block),
            (Fork::Petersburg, petersburg),
            (Fork::Istanbul, self.istanbul_block),
            (Fork::MuirGlacier, self.muir_glacier_block),
            (Fork::Berlin, self.berlin_block),
            (Fork::London, self.london_block),
            (Fork::ArrowGlacier, self.arrow_glacier_block),
            (Fork::GrayGlacier, self.gray_glacier_block),
        ]
    }

    /// Forks that come at a time, oldest first.
    pub fn timed_forks(&self) -> [(Fork, Option<u64>); 9] {
        [
            (Fork::Shanghai, self.shanghai_time),
            (Fork::Cancun, self.cancun_time),
            (Fork::Prague, self.prague_time),
            (Fork::Osaka, self.osaka_time),
            (Fork::Bpo1, self.bpo1_time),
            (Fork::Bpo2, self.bpo2_time),
            (Fork::Bpo3, self.bpo3_time),
            (Fork::Bpo4, self.bpo4_time),
            (Fork::Bpo5, self.bpo5_time),
        ]
    }
}

/// geth writes the terminal total difficulty as a bare JSON number, and mainnet's (58,750,000,000,000,000,000,000)
/// fits no machine integer: a JSON reader hands it over as a float. The shortest decimal that reads back as the same
/// float is the number that was written, so long as it has no more than 15 significant digits.
mod total_difficulty {
    use alloc::{format, string::String};
    use alloy_primitives::U256;
    use core::fmt;
    use serde::de::{Deserializer, Error, MapAccess, Visitor};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<U256>, D::Error> {
        deserializer.deserialize_any(TotalDifficulty)
    }

    struct TotalDifficulty;

    impl<'de> Visitor<'de> for TotalDifficulty {
        type Value = Option<U256>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a total difficulty: a number, or a string in decimal or 0x-prefixed hex")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(U256::from(value)))
        }

        fn visit_u128<E: Error>(self, value: u128) -> Result<Self::Value, E> {
            Ok(Some(U256::from(value)))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let parsed = match text.strip_prefix("0x") {
                Some(hex) => U256::from_str_radix(hex, 16),
                None => U256::from_str_radix(text, 10),
            };
            parsed.map(Some).map_err(|_| E::custom(format!("not a total difficulty: {text:?}")))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
            // `{}` prints the shortest digits that read back, padded with zeros to the whole integer.
            self.visit_str(&format!("{value}"))
        }

        /// The form that serde_json gives with its feature `arbitrary_precision`.
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let entry: Option<(String, String)> = map.next_entry()?;
            let (_, digits) = entry.ok_or_else(|| A::Error::custom("an empty object is no total difficulty"))?;
            self.visit_str(&digits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> ChainSpec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reads_a_geth_config_with_mainnet_s_difficulty_as_a_bare_number() {
        let spec = parse(
            r#"{"chainId":1,"homesteadBlock":1150000,"daoForkBlock":1920000,"daoForkSupport":true,
                "eip150Block":2463000,"eip155Block":2675000,"eip158Block":2675000,"byzantiumBlock":4370000,
                "terminalTotalDifficulty":58750000000000000000000,"terminalTotalDifficultyPassed":true,
                "shanghaiTime":1681338455,"cancunTime":1710338135,"ethash":{},
                "depositContractAddress":"0x00000000219ab540356cbb839cbe05303d7705fa",
                "blobSchedule":{"cancun":{"target":3,"max":6,"baseFeeUpdateFraction":3338477}}}"#,
        );

        assert_eq!(spec.terminal_total_difficulty, Some(U256::from(58_750_000_000_000_000_000_000u128)));
        assert_eq!(spec.eip150_block, Some(2_463_000));
        assert_eq!(spec.blob_schedule["cancun"], BlobParams::CANCUN);
        assert_eq!(parse(&serde_json::to_string(&spec).unwrap()), spec);
    }

    #[test]
    fn refuses_a_difficulty_that_is_no_whole_number() {
        for text in ["-1", "1.5", "1e90", "\"0xzz\"", "\"12x\"", "{}", "[]"] {
            let json = format!(r#"{{"terminalTotalDifficulty":{text}}}"#);

            assert!(serde_json::from_str::<ChainSpec>(&json).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_blob_parameters_that_no_price_can_follow() {
        for (target, max, fraction) in [(7, 6, 1), (0, 0, 1), (3, 6, 0)] {
            let params = format!(r#"{{"target":{target},"max":{max},"baseFeeUpdateFraction":{fraction}}}"#);
            let json = format!(r#"{{"blobSchedule":{{"cancun":{params}}}}}"#);

            assert!(serde_json::from_str::<ChainSpec>(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn takes_the_newest_fork_that_has_come() {
        let spec = parse(
            r#"{"chainId":1,"homesteadBlock":0,"eip150Block":3,"eip158Block":6,"byzantiumBlock":9,
                "constantinopleBlock":12,"istanbulBlock":15,"londonBlock":18,"terminalTotalDifficulty":100,
                "shanghaiTime":390,"cancunTime":420,"pragueTime":450,"osakaTime":480,"bpo1Time":510}"#,
        );

        assert_eq!(spec.fork(0, 0, false), Fork::Homestead);
        assert_eq!(spec.fork(8, 1000, false), Fork::SpuriousDragon);
        assert_eq!(spec.fork(12, 0, false), Fork::Petersburg);
        assert_eq!(spec.fork(50, 0, false), Fork::London);
        assert_eq!(spec.fork(50, 389, true), Fork::Paris);
        assert_eq!(spec.fork(50, 420, true), Fork::Cancun);
        assert_eq!(spec.fork(50, 9999, true), Fork::Bpo1);
    }

    #[test]
    fn a_header_is_merged_only_where_a_merge_is_planned() {
        let header = Header { number: 7, ..Default::default() };

        assert_eq!(parse(r#"{"londonBlock":0}"#).fork_of(&header), Fork::London);
        assert_eq!(parse(r#"{"londonBlock":0,"terminalTotalDifficulty":0}"#).fork_of(&header), Fork::Paris);
    }

    #[test]
    fn blob_rules_fall_back_to_the_fork_before_and_to_mainnet_s() {
        let times = r#""cancunTime":10,"pragueTime":20,"osakaTime":30,"bpo1Time":40,"bpo2Time":50"#;
        let spec = parse(&format!("{{{times}}}"));
        let scheduled = parse(&format!(
            r#"{{{times},"blobSchedule":{{"bpo1":{{"target":10,"max":15,"baseFeeUpdateFraction":8346193}}}}}}"#
        ));

        assert_eq!(spec.blob_params(9), None);
        assert_eq!(spec.blob_params(10), Some(BlobParams::CANCUN));
        assert_eq!(spec.blob_params(55), Some(BlobParams::PRAGUE));
        assert_eq!(scheduled.blob_params(39), Some(BlobParams::PRAGUE));
        assert_eq!(scheduled.blob_params(50).unwrap().max, 15);
    }
}
