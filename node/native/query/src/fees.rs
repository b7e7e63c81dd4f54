//! What gas costs: in a block, and in the one after it.

use alloy_eips::eip4844::fake_exponential;
use stf::{ChainSpec, Fork, Header, header};

/// The rules of the block after this one, if it came at the same time.
fn next_fork(spec: &ChainSpec, parent: &Header) -> Fork {
    spec.fork(parent.number + 1, parent.timestamp, spec.is_merged(parent))
}

/// The base fee of the block after this one; `None` before London.
pub fn next_base_fee(spec: &ChainSpec, parent: &Header) -> Option<u64> {
    header::base_fee(next_fork(spec, parent), parent)
}

/// What a unit of blob gas costs in this block; `None` before Cancun.
pub fn blob_base_fee(spec: &ChainSpec, header: &Header) -> Option<u128> {
    price(spec, header.timestamp, header.excess_blob_gas?)
}

/// What a unit of blob gas will cost in the block after this one, by the rules of this one's time.
pub fn next_blob_base_fee(spec: &ChainSpec, parent: &Header) -> Option<u128> {
    parent.excess_blob_gas?;
    let excess = header::excess_blob_gas(spec, next_fork(spec, parent), parent.timestamp, parent)?;
    price(spec, parent.timestamp, excess)
}

fn price(spec: &ChainSpec, timestamp: u64, excess: u64) -> Option<u128> {
    let params = spec.blob_params(timestamp)?;
    Some(fake_exponential(1, excess.into(), params.base_fee_update_fraction.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stf::spec::GAS_PER_BLOB;

    fn london() -> ChainSpec {
        ChainSpec { london_block: Some(10), ..Default::default() }
    }

    fn parent(gas_used: u64) -> Header {
        Header { number: 10, gas_limit: 200, gas_used, base_fee_per_gas: Some(800), ..Default::default() }
    }

    #[test]
    fn the_base_fee_moves_with_the_gas_used() {
        assert_eq!(next_base_fee(&london(), &parent(100)), Some(800));
        assert_eq!(next_base_fee(&london(), &parent(200)), Some(900));
        assert_eq!(next_base_fee(&london(), &parent(0)), Some(700));
        assert_eq!(next_base_fee(&london(), &Header { base_fee_per_gas: Some(7), ..parent(101) }), Some(8));
    }

    #[test]
    fn the_first_london_block_has_the_initial_base_fee() {
        let before = Header { number: 9, gas_limit: 200, ..Default::default() };

        assert_eq!(next_base_fee(&london(), &before), Some(1_000_000_000));
        assert_eq!(next_base_fee(&london(), &Header { number: 8, ..before }), None);
    }

    #[test]
    fn blob_gas_has_a_price_from_cancun() {
        let spec = ChainSpec { terminal_total_difficulty: Some(Default::default()), cancun_time: Some(10), ..london() };
        let header = |timestamp, blobs| Header {
            timestamp,
            excess_blob_gas: Some(blobs * GAS_PER_BLOB),
            blob_gas_used: Some(6 * GAS_PER_BLOB),
            ..Default::default()
        };

        assert_eq!(blob_base_fee(&spec, &header(9, 0)), None);
        assert_eq!(blob_base_fee(&spec, &header(10, 0)), Some(1));
        assert_eq!(next_blob_base_fee(&spec, &header(10, 100)), blob_base_fee(&spec, &header(10, 103)));
        assert!(blob_base_fee(&spec, &header(10, 100)) > Some(40));
    }
}
