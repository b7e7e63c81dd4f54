//! The trie against a naive twin, a database kept in step with it, the official vectors, and hostile bytes.

mod database;
mod decoding;
mod official;
mod proofs;
mod twin;
mod updates;

use alloy_primitives::B256;

/// A small reproducible random source (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = [1, 1, 2, 9, 32, 33, 56, 110][self.below(8)];
        self.bytes(length)
    }
}

/// How the keys of a test are spread: each finds other shapes of trie.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Like hashes.
    Random,
    /// Long common prefixes, many extensions.
    Clustered,
    /// Differ in the last two bytes only: nodes short enough to lie inside their parents.
    Tail,
}

impl Keys {
    const ALL: [Self; 3] = [Self::Random, Self::Clustered, Self::Tail];

    fn key(self, random: &mut Random) -> B256 {
        match self {
            Self::Random => B256::from_slice(&random.bytes(32)),
            Self::Clustered => B256::from_slice(&(0..32).map(|at| cluster(at, random)).collect::<Vec<_>>()),
            Self::Tail => {
                let mut key = B256::repeat_byte(7);
                key[30] = random.next() as u8 & 0x13;
                key[31] = random.next() as u8;
                key
            }
        }
    }
}

fn cluster(at: usize, random: &mut Random) -> u8 {
    match (at, random.below(4)) {
        (0 | 5 | 20 | 31, 0) => 0x01,
        (0 | 5 | 20 | 31, 1) => 0x10,
        (5 | 31, 2) => 0x11,
        _ => 0,
    }
}
