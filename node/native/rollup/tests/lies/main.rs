//! A sequencer that lies in one thing and is consistent in all others: every lie meets the check that is there for it.
//!
//! The world is real: blocks and their batch are made as a sequencer makes them, the program runs as in any prover, and
//! L1 is its contracts in the interpreter. A lie is a small function over it ([`lie::Lie`]); the families are systematic
//! (each field of each header, each entry of the diff, each node of the witness ...). What has to refuse it is said by
//! name beside it, so that `make mutations`, which takes one check after the other away, sees which test holds it.
//! `LIES_ONLY` runs those that one name has to refuse.

mod abi;
mod blocks;
mod l1;
mod lie;
mod published;
mod queue;
mod sequencer;
mod settling;
mod statements;
mod states;
mod told;
mod world;

use std::{
    collections::BTreeMap,
    env,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::{
    l1::ATTESTED,
    lie::Lie,
    sequencer::{Hand, make},
    told::Told,
    world::{Kind, World},
};

/// What the project promises.
const AT_LEAST: usize = 2_000;

fn lies(world: &World) -> Vec<Lie> {
    let families = [
        statements::of_the_batch,
        statements::of_the_previous_batch,
        statements::of_the_input,
        statements::of_the_place,
        blocks::of_headers,
        blocks::of_bodies,
        blocks::of_transactions,
        blocks::of_receipts,
        states::of_accounts,
        states::of_the_state_before,
        queue::of_items,
        published::of_the_diff,
        published::of_the_payload,
        published::of_the_witness,
        settling::of_the_data,
        settling::of_the_committer,
        settling::of_the_proofs,
    ];
    families.iter().flat_map(|family| family(world)).collect()
}

/// All lies on all cores; gives what was not refused as it has to be.
fn judge_all(world: &World, lies: &[Lie]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut l1 = world.l1.clone();
        let mut wrong = Vec::new();
        while let Some(lie) = lies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judged = panic::catch_unwind(AssertUnwindSafe(|| lie.judge(world, &mut l1)));
            if let Err(seen) = judged.unwrap_or_else(|_| Err("somebody panics".into())) {
                wrong.push(format!("{:?}, {}, {}: {seen}", world.kind, lie.class, lie.name));
            }
        }
        wrong
    };
    let cores = thread::available_parallelism().map_or(1, |count| count.get());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn a_lying_sequencer_gets_nothing_verified() {
    let only = env::var("LIES_ONLY").ok();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for kind in [Kind::Rollup, Kind::Validium] {
        let world = World::new(kind);
        let lies: Vec<Lie> =
            lies(&world).into_iter().filter(|lie| only.as_ref().is_none_or(|name| lie.by.name() == name)).collect();
        lies.iter().for_each(|lie| *counts.entry(lie.class).or_default() += 1);
        wrong.extend(judge_all(&world, &lies));
    }

    let count: usize = counts.values().sum();
    println!("{count} lies, {} not refused by the check that is there for them: {counts:#?}", wrong.len());
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(only.is_some() || count >= AT_LEAST, "{count} cases");
}

#[test]
fn what_is_no_lie_is_committed_proven_and_verified() {
    for kind in [Kind::Rollup, Kind::Validium] {
        let world = World::new(kind);
        let made = make(&world, &world.plan, &Hand::default());
        let made = Told::for_l1(&world, &made);

        for told in [&world.honest, &made] {
            let mut l1 = world.l1.clone();
            l1.commit(&told.commit).unwrap();
            let proven = told.prove().unwrap();
            assert_eq!(l1::words(&proven), told.commit.words, "the liar's tools and the sequencer's come to the same");
            let proof = vec![(ATTESTED, world.proof(&mut l1, &proven))];
            l1.verify(told.chain_id, std::slice::from_ref(&told.commit.words), &[proof]).unwrap();
        }
    }
}
