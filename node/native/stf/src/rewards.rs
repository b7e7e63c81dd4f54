//! What the miner of a proof-of-work block and of its ommers earns.

use alloc::vec::Vec;
use alloy_primitives::{Address, U256};

use crate::{Fork, Header};

const ETHER: u128 = 1_000_000_000_000_000_000;

/// The reward of a block in wei; nothing after the merge.
fn block_reward(fork: Fork) -> u128 {
    match fork {
        _ if fork >= Fork::Paris => 0,
        _ if fork >= Fork::Constantinople => 2 * ETHER,
        _ if fork >= Fork::Byzantium => 3 * ETHER,
        _ => 5 * ETHER,
    }
}

/// Who earns how much: each ommer's miner by its age, then the block's own miner with a 32nd for each ommer.
/// The ommers must be valid: one to six blocks older than the block.
pub fn mining_rewards(fork: Fork, number: u64, miner: Address, ommers: &[Header]) -> Vec<(Address, U256)> {
    let reward = block_reward(fork);
    if reward == 0 {
        return Vec::new();
    }
    let ommer_reward = |ommer: &Header| {
        let eighths = (ommer.number + 8).saturating_sub(number);
        (ommer.beneficiary, U256::from(u128::from(eighths) * reward / 8))
    };
    let mut rewards: Vec<_> = ommers.iter().map(ommer_reward).collect();
    rewards.push((miner, U256::from(reward + reward / 32 * ommers.len() as u128)));
    rewards
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const MINER: Address = Address::repeat_byte(1);

    fn ommer(number: u64) -> Header {
        Header { number, beneficiary: Address::repeat_byte(2), ..Default::default() }
    }

    #[test]
    fn the_reward_falls_with_the_forks() {
        let forks = [
            (Fork::Frontier, 5),
            (Fork::SpuriousDragon, 5),
            (Fork::Byzantium, 3),
            (Fork::Constantinople, 2),
            (Fork::GrayGlacier, 2),
        ];

        for (fork, ether) in forks {
            assert_eq!(mining_rewards(fork, 9, MINER, &[]), vec![(MINER, U256::from(ether * ETHER))], "{fork:?}");
        }
        assert_eq!(mining_rewards(Fork::Paris, 9, MINER, &[]), vec![]);
    }

    #[test]
    fn ommers_earn_by_age_and_the_miner_a_32nd_for_each() {
        let rewards = mining_rewards(Fork::Byzantium, 10, MINER, &[ommer(9), ommer(4)]);

        let wei = |thousandths: u128| U256::from(thousandths * (ETHER / 10_000));
        assert_eq!(rewards[0].1, wei(26_250));
        assert_eq!(rewards[1].1, wei(7_500));
        assert_eq!(rewards[2], (MINER, wei(31_875)));
    }
}
