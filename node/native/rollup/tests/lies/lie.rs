//! A lie, and who has to see it.

use alloy_primitives::B256;

use crate::{
    l1::{ATTESTED, L1},
    told::Told,
    world::World,
};

/// The check that a lie has to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The program proves nothing from the input, for the reason of this name.
    Program(String),
    /// L1 refuses the commit with the error of this name.
    Commit(String),
    /// L1 takes the commit, and refuses what an honest prover signs with the error of this name.
    Verify(String),
}

impl By {
    pub fn program(name: &str) -> Self {
        Self::Program(name.into())
    }

    pub fn commit(name: &str) -> Self {
        Self::Commit(name.into())
    }

    pub fn verify(name: &str) -> Self {
        Self::Verify(name.into())
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Program(name) | Self::Commit(name) | Self::Verify(name) => name,
        }
    }
}

type Tell = Box<dyn Fn(&World) -> Told + Send + Sync>;

pub struct Lie {
    /// What kind of thing is changed.
    pub class: &'static str,
    pub name: String,
    pub by: By,
    pub tell: Tell,
}

impl Lie {
    pub fn new(
        class: &'static str,
        name: impl Into<String>,
        by: By,
        tell: impl Fn(&World) -> Told + Send + Sync + 'static,
    ) -> Self {
        Self { class, name: name.into(), by, tell: Box::new(tell) }
    }

    /// Tell it, and see that it is refused where it has to be.
    pub fn judge(&self, world: &World, l1: &mut L1) -> Result<(), String> {
        let told = (self.tell)(world);
        let (seen, who) = match &self.by {
            By::Program(_) => (told.prove().map(|_| ()), "the program"),
            By::Commit(_) => (l1.try_commit(&told.commit), "L1, at the commit,"),
            By::Verify(_) => (settle(world, l1, &told)?, "L1, at the verification,"),
        };
        match seen {
            Err(name) if name == self.by.name() => Ok(()),
            Err(name) => Err(format!("{who} says {name}, not {}", self.by.name())),
            Ok(()) => Err(format!("{who} takes it; {} was expected", self.by.name())),
        }
    }
}

/// Commit it, and hand in what an honest prover signs.
fn settle(world: &World, l1: &mut L1, told: &Told) -> Result<Result<(), String>, String> {
    let mut after = l1.clone();
    after.commit(&told.commit).map_err(|name| format!("L1 refuses the commit: {name}"))?;
    let proven = told.prove().map_err(|name| format!("the program refuses: {name}"))?;
    let signature = world.proof(&mut after, &proven);
    let batches = told.settling.batches.clone().unwrap_or_else(|| vec![told.commit.words.clone()]);
    let proofs = told.settling.proofs.clone().unwrap_or_else(|| vec![vec![(ATTESTED, signature)]]);
    Ok(after.verify(told.chain_id, &batches, &proofs))
}

/// The same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 16) ^ self.0.rotate_left(23)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn word(&mut self) -> B256 {
        B256::from_slice(&[0; 4].map(|_| self.next().to_be_bytes()).concat())
    }
}

/// Other hashes than this one: bits turned over, none, all, random ones.
pub fn other_hashes(value: B256, count: u64) -> Vec<B256> {
    let random = &mut Random(u64::from(value[31]) + 7);
    let bit = |at: u64| {
        let mut other = value;
        other[(at / 8) as usize % 32] ^= 1 << (at % 8);
        other
    };
    let bits = (0..count / 2).map(|at| bit(at * 97 + 5));
    let random: Vec<_> = (0..count - count / 2).map(|_| random.word()).collect();
    let all = bits.chain([B256::ZERO, B256::repeat_byte(0xff)]).chain(random);
    all.filter(|other| *other != value).collect()
}

/// Other numbers of the width (in bits) than this one: its neighbours, the ends, twice it, random ones.
pub fn other_numbers(value: u64, width: u32, random_ones: u64) -> Vec<u64> {
    let largest = u64::MAX >> (64 - width.min(64));
    let random = &mut Random(value + 3);
    let near = [value.wrapping_add(1), value.wrapping_sub(1), value.wrapping_mul(2), 0, largest];
    let mut all: Vec<u64> = near.into_iter().chain((0..random_ones).map(|_| random.next())).collect();
    all.retain(|other| *other != value && *other <= largest);
    all.sort_unstable();
    all.dedup();
    all
}
