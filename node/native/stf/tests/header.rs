//! Each rule of a header: a child that keeps all of them passes, one that breaks one is refused by name.

mod common;

use alloy_primitives::{B64, B256, U256};
use common::{child, genesis, spec};
use stf::{BlockError, ChainSpec, Fork, Header, validate_header};

const FORKS: [Fork; 18] = [
    Fork::Frontier,
    Fork::Homestead,
    Fork::TangerineWhistle,
    Fork::SpuriousDragon,
    Fork::Byzantium,
    Fork::Constantinople,
    Fork::Petersburg,
    Fork::Istanbul,
    Fork::MuirGlacier,
    Fork::Berlin,
    Fork::London,
    Fork::ArrowGlacier,
    Fork::GrayGlacier,
    Fork::Paris,
    Fork::Shanghai,
    Fork::Cancun,
    Fork::Prague,
    Fork::Osaka,
];

fn verdict(fork: Fork, change: impl FnOnce(&mut Header)) -> Result<(), BlockError> {
    let spec = spec(fork);
    let parent = genesis(&spec);
    let mut header = child(&spec, &parent);
    change(&mut header);
    validate_header(&spec, &header, &parent, parent.difficulty)
}

fn kind(fork: Fork, change: impl FnOnce(&mut Header)) -> &'static str {
    verdict(fork, change).map_or_else(|error| error.kind(), |()| "valid")
}

#[test]
fn a_valid_child_passes_at_every_fork() {
    for fork in FORKS {
        assert_eq!(verdict(fork, |_| {}), Ok(()), "{fork:?}");
    }
}

#[test]
fn the_place_in_the_chain_is_checked_at_every_fork() {
    for fork in FORKS {
        assert_eq!(kind(fork, |header| header.number = 2), "NumberMismatch", "{fork:?}");
        assert_eq!(kind(fork, |header| header.parent_hash = B256::ZERO), "ParentHashMismatch", "{fork:?}");
        assert_eq!(kind(fork, |header| header.timestamp = 1_000), "TimestampNotAfterParent", "{fork:?}");
    }
}

#[test]
fn the_gas_limit_moves_less_than_a_1024th() {
    let bound = common::GAS_LIMIT / 1_024;

    assert_eq!(kind(Fork::Berlin, |header| header.gas_limit += bound - 1), "valid");
    assert_eq!(kind(Fork::Berlin, |header| header.gas_limit -= bound - 1), "valid");
    assert_eq!(kind(Fork::Berlin, |header| header.gas_limit += bound), "GasLimitJump");
    assert_eq!(kind(Fork::Osaka, |header| header.gas_limit -= bound), "GasLimitJump");
}

#[test]
fn the_gas_limit_has_a_floor_and_a_ceiling() {
    assert_eq!(kind(Fork::Osaka, |header| header.gas_limit = 4_999), "GasLimitOutOfRange");
    assert_eq!(kind(Fork::Frontier, |header| header.gas_limit = 1 << 63), "GasLimitOutOfRange");
}

#[test]
fn gas_used_stays_below_the_limit() {
    assert_eq!(kind(Fork::Frontier, |header| header.gas_used = header.gas_limit + 1), "GasUsedAboveLimit");
    assert_eq!(kind(Fork::Frontier, |header| header.gas_used = header.gas_limit), "valid");
}

#[test]
fn extra_data_has_at_most_32_bytes() {
    assert_eq!(kind(Fork::Osaka, |header| header.extra_data = vec![1; 32].into()), "valid");
    assert_eq!(kind(Fork::Osaka, |header| header.extra_data = vec![1; 33].into()), "ExtraDataTooLong");
}

#[test]
fn the_dao_fork_s_first_ten_blocks_name_their_side() {
    let marked = |number: u64, support: bool, extra: &'static [u8]| {
        let spec = ChainSpec { dao_fork_block: Some(5), dao_fork_support: support, ..spec(Fork::Homestead) };
        let parent = Header { number: number - 1, ..genesis(&spec) };
        let header = Header { extra_data: extra.into(), ..child(&spec, &parent) };
        validate_header(&spec, &header, &parent, U256::ZERO).map_or_else(|error| error.kind(), |()| "valid")
    };

    for number in [5, 14] {
        assert_eq!(marked(number, true, b"dao-hard-fork"), "valid");
        assert_eq!(marked(number, true, b""), "DaoExtraData");
        assert_eq!(marked(number, false, b"dao-hard-fork"), "DaoExtraData");
        assert_eq!(marked(number, false, b""), "valid");
    }
    for number in [4, 15] {
        assert_eq!(marked(number, true, b""), "valid");
    }
}

#[test]
fn each_field_is_there_exactly_from_its_fork_on() {
    type Set = fn(&mut Header, bool);
    let fields: [(&str, Fork, Set); 8] = [
        ("baseFeePerGas", Fork::London, |header, on| header.base_fee_per_gas = on.then_some(7)),
        ("withdrawalsRoot", Fork::Shanghai, |header, on| header.withdrawals_root = on.then_some(B256::ZERO)),
        ("blobGasUsed", Fork::Cancun, |header, on| header.blob_gas_used = on.then_some(0)),
        ("excessBlobGas", Fork::Cancun, |header, on| header.excess_blob_gas = on.then_some(0)),
        ("parentBeaconBlockRoot", Fork::Cancun, |header, on| {
            header.parent_beacon_block_root = on.then_some(B256::ZERO)
        }),
        ("requestsHash", Fork::Prague, |header, on| header.requests_hash = on.then_some(B256::ZERO)),
        ("blockAccessListHash", Fork::Bpo5, |header, on| header.block_access_list_hash = on.then_some(B256::ZERO)),
        ("slotNumber", Fork::Bpo5, |header, on| header.slot_number = on.then_some(1)),
    ];
    for fork in FORKS {
        for (name, since, set) in fields {
            let active = fork >= since;

            let error = verdict(fork, |header| set(header, !active)).unwrap_err();

            let expected = if active { BlockError::FieldMissing(name) } else { BlockError::FieldUnexpected(name) };
            assert_eq!(error, expected, "{fork:?}");
        }
    }
}

#[test]
fn the_base_fee_follows_the_parent_s_gas() {
    assert_eq!(kind(Fork::London, |header| header.base_fee_per_gas = Some(1)), "BaseFeeMismatch");
}

#[test]
fn the_first_block_of_london_starts_the_base_fee_and_doubles_the_gas_limit() {
    let spec = ChainSpec { london_block: Some(1), ..spec(Fork::Berlin) };
    let parent = genesis(&spec);
    let header = child(&spec, &parent);

    assert_eq!(header.base_fee_per_gas, Some(1_000_000_000));
    assert_eq!(header.gas_limit, 2 * parent.gas_limit);
    assert_eq!(validate_header(&spec, &header, &parent, U256::ZERO), Ok(()));
}

#[test]
fn mined_blocks_have_the_formula_s_difficulty_and_merged_ones_none() {
    assert_eq!(kind(Fork::GrayGlacier, |header| header.difficulty += U256::ONE), "DifficultyMismatch");
    assert_eq!(kind(Fork::Osaka, |header| header.difficulty = U256::ONE), "MergeMissed");
    assert_eq!(kind(Fork::Osaka, |header| header.nonce = B64::with_last_byte(1)), "NonceNotZero");
    assert_eq!(kind(Fork::Osaka, |header| header.ommers_hash = B256::ZERO), "OmmersHashMismatch");
}

#[test]
fn the_merge_comes_when_the_total_difficulty_is_reached_and_not_before() {
    let planned = ChainSpec { terminal_total_difficulty: Some(U256::from(1_000_000)), ..spec(Fork::GrayGlacier) };
    let parent = genesis(&planned);
    let mined = child(&planned, &parent);
    let merged = Header { difficulty: U256::ZERO, ..mined.clone() };
    let check = |header: &Header, total: u64| {
        let verdict = validate_header(&planned, header, &parent, U256::from(total));
        verdict.map_or_else(|error| error.kind(), |()| "valid")
    };

    assert_eq!(check(&mined, 999_999), "valid");
    assert_eq!(check(&mined, 1_000_000), "MergeMissed");
    assert_eq!(check(&merged, 999_999), "MergeTooEarly");
    assert_eq!(check(&merged, 1_000_000), "valid");
}

#[test]
fn blob_gas_is_whole_blobs_below_the_maximum() {
    assert_eq!(kind(Fork::Cancun, |header| header.blob_gas_used = Some(6 << 17)), "valid");
    assert_eq!(kind(Fork::Cancun, |header| header.blob_gas_used = Some(7 << 17)), "BlobGasUsedAboveLimit");
    assert_eq!(kind(Fork::Cancun, |header| header.blob_gas_used = Some(1)), "BlobGasUsedNotMultiple");
    assert_eq!(kind(Fork::Cancun, |header| header.excess_blob_gas = Some(1 << 17)), "ExcessBlobGasMismatch");
}

/// Blobs of the parent (used, excess), its base fee, and the excess of its child in blobs.
#[test]
fn excess_blob_gas_grows_by_what_exceeds_the_target() {
    let excess = |fork: Fork, used: u64, excess: u64, base_fee: u64| {
        let parent = Header {
            blob_gas_used: Some(used << 17),
            excess_blob_gas: Some(excess << 17),
            base_fee_per_gas: Some(base_fee),
            ..genesis(&spec(fork))
        };
        stf::header::excess_blob_gas(&spec(fork), fork, 1_012, &parent).unwrap()
    };

    assert_eq!(excess(Fork::Cancun, 3, 0, 7), 0);
    assert_eq!(excess(Fork::Cancun, 6, 4, 7), 7 << 17);
    assert_eq!(excess(Fork::Prague, 9, 4, 7), 7 << 17);
    // EIP-7918: where execution gas makes a blob dear, usage below the target no longer lets the excess fall.
    assert_eq!(excess(Fork::Osaka, 9, 4, 7), 7 << 17);
    assert_eq!(excess(Fork::Osaka, 9, 4, 1_000_000_000), 7 << 17);
    assert_eq!(excess(Fork::Osaka, 3, 4, 1_000_000_000), 5 << 17);
    assert_eq!(excess(Fork::Prague, 3, 4, 1_000_000_000), 1 << 17);
}
