//! The difficulty that proof-of-work rules ask of a block, with the "bomb" and its delays.

use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::U256;

use crate::{Fork, Header};

const MINIMUM: u64 = 131_072;

/// Blocks for which the bomb's exponent stands still.
const BOMB_PERIOD: u64 = 100_000;

/// The difficulty of the block at `number` with `timestamp` on `parent`.
pub fn difficulty(fork: Fork, number: u64, timestamp: u64, parent: &Header) -> U256 {
    let step = parent.difficulty >> 11;
    let adjusted = match steps(fork, timestamp, parent) {
        up @ 0.. => parent.difficulty.saturating_add(step * U256::from(up)),
        down => parent.difficulty.saturating_sub(step * U256::from(down.unsigned_abs())),
    };
    let adjusted = adjusted.max(U256::from(MINIMUM));
    let period = number.saturating_sub(bomb_delay(fork)) / BOMB_PERIOD;
    if period < 2 { adjusted } else { adjusted.saturating_add(U256::ONE << (period - 2)) }
}

/// How many 2048ths of the parent's difficulty to go up (or down) by the time since the parent.
fn steps(fork: Fork, timestamp: u64, parent: &Header) -> i64 {
    let seconds = i64::try_from(timestamp.saturating_sub(parent.timestamp)).unwrap_or(i64::MAX);
    if fork >= Fork::Byzantium {
        let base = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
        (base - seconds / 9).max(-99)
    } else if fork >= Fork::Homestead {
        (1 - seconds / 10).max(-99)
    } else if seconds < 13 {
        1
    } else {
        -1
    }
}

/// Blocks by which the bomb lags behind (EIP-649, 1234, 2384, 3554, 4345, 5133).
fn bomb_delay(fork: Fork) -> u64 {
    match fork {
        _ if fork >= Fork::GrayGlacier => 11_400_000,
        _ if fork >= Fork::ArrowGlacier => 10_700_000,
        _ if fork >= Fork::London => 9_700_000,
        _ if fork >= Fork::MuirGlacier => 9_000_000,
        _ if fork >= Fork::Constantinople => 5_000_000,
        _ if fork >= Fork::Byzantium => 3_000_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(fork: Fork, number: u64, seconds: u64, parent_difficulty: u64) -> u64 {
        let parent = Header { timestamp: 1000, difficulty: U256::from(parent_difficulty), ..Default::default() };
        difficulty(fork, number, 1000 + seconds, &parent).to()
    }

    #[test]
    fn frontier_goes_one_step_up_or_down() {
        assert_eq!(after(Fork::Frontier, 1, 12, 2_048_000), 2_049_000);
        assert_eq!(after(Fork::Frontier, 1, 13, 2_048_000), 2_047_000);
    }

    #[test]
    fn homestead_goes_down_by_the_delay_and_by_99_steps_at_most() {
        assert_eq!(after(Fork::Homestead, 1, 9, 2_048_000), 2_049_000);
        assert_eq!(after(Fork::Homestead, 1, 35, 2_048_000), 2_046_000);
        assert_eq!(after(Fork::Homestead, 1, 1_000_000, 2_048_000), 1_949_000);
    }

    #[test]
    fn byzantium_counts_the_parent_s_ommers() {
        let parent = Header {
            timestamp: 1000,
            difficulty: U256::from(2_048_000),
            ommers_hash: [1; 32].into(),
            ..Default::default()
        };

        assert_eq!(difficulty(Fork::Byzantium, 1, 1008, &parent), U256::from(2_050_000));
        assert_eq!(after(Fork::Byzantium, 1, 9, 2_048_000), 2_048_000);
    }

    #[test]
    fn it_never_falls_below_the_minimum() {
        assert_eq!(after(Fork::Homestead, 1, 1000, MINIMUM), MINIMUM);
    }

    #[test]
    fn the_bomb_doubles_each_period_after_its_delay() {
        assert_eq!(after(Fork::Frontier, 199_999, 13, MINIMUM), MINIMUM);
        assert_eq!(after(Fork::Frontier, 200_000, 13, MINIMUM), MINIMUM + 1);
        assert_eq!(after(Fork::Frontier, 500_000, 13, MINIMUM), MINIMUM + 8);
        let delays = [
            (Fork::Byzantium, 3_000_000),
            (Fork::Istanbul, 5_000_000),
            (Fork::Berlin, 9_000_000),
            (Fork::London, 9_700_000),
            (Fork::ArrowGlacier, 10_700_000),
            (Fork::GrayGlacier, 11_400_000),
        ];
        for (fork, delay) in delays {
            assert_eq!(after(fork, delay + 500_000, 100, MINIMUM), MINIMUM + 8, "{fork:?}");
            assert_eq!(after(fork, delay, 100, MINIMUM), MINIMUM, "{fork:?}");
        }
    }
}
