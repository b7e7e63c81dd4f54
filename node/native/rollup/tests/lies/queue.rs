//! Lies about the queue of L1: items left out, doubled, in another order, changed, made up, put off.

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, U256};
use stf::{Transaction, rollup::Privileged};

use crate::{
    l1::{BEFORE, INCLUSION_DELAY},
    lie::{By, Lie},
    sequencer::{Hand, Planned, make},
    told::Told,
    world::{ETHER, STRANGER, World, taken},
};

/// The struct's field.
const QUEUE_HASH: usize = 12;

/// Where in the plan items stand: block, transaction.
fn places(world: &World) -> Vec<(usize, usize, Privileged)> {
    let mut places = Vec::new();
    for (at, planned) in world.plan.iter().enumerate() {
        for (index, (transaction, _)) in planned.transactions.iter().enumerate() {
            if let Transaction::Privileged(item) = transaction {
                places.push((at, index, item.inner().clone()));
            }
        }
    }
    places
}

type OfItem = Box<dyn Fn(&mut Privileged) + Send + Sync>;

/// Values, receivers, senders, gas and data that nobody sent to L1's bridge.
fn changes() -> Vec<(String, OfItem)> {
    let mut all: Vec<(String, OfItem)> = Vec::new();
    for wei in [1, ETHER, 1_000_000 * ETHER] {
        all.push((format!("{wei} wei more"), Box::new(move |item| item.value += U256::from(wei))));
    }
    all.push((
        "no value or seven".into(),
        Box::new(|item| {
            item.value = if item.value.is_zero() { U256::from(7) } else { U256::ZERO };
        }),
    ));
    for byte in [0x00, 0x77, 0xee, 0xff] {
        all.push((format!("to {byte}"), Box::new(move |item| item.to = Address::repeat_byte(byte))));
        all.push((format!("from {byte}"), Box::new(move |item| item.from = Address::repeat_byte(byte))));
    }
    all.push((
        "from the bridge or a stranger".into(),
        Box::new(|item| {
            item.from = if item.from == stf::rollup::BRIDGE { STRANGER } else { stf::rollup::BRIDGE };
        }),
    ));
    for gas in [0, 21_000, 1_000_000] {
        all.push((format!("{gas} gas more"), Box::new(move |item| item.gas_limit += gas + 1)));
    }
    for data in [vec![1], vec![0; 64], vec![7; 200]] {
        all.push((
            format!("{} bytes of data", data.len()),
            Box::new(move |item| {
                item.data = [&item.data[..], &data].concat().into();
            }),
        ));
    }
    all.push((
        "a bit of its data".into(),
        Box::new(|item| {
            let mut data = item.data.to_vec();
            match data.last_mut() {
                Some(last) => *last ^= 1,
                None => data.push(9),
            }
            item.data = data.into();
        }),
    ));
    all
}

fn told(world: &World, plan: &[Planned]) -> Told {
    let made = make(world, plan, &Hand::default());
    Told::from_made(world, &made, &made.diff.encode())
}

pub fn of_items(world: &World) -> Vec<Lie> {
    let class = "item of the queue";
    let mut lies = Vec::new();
    for (at, index, item) in places(world) {
        let number = item.nonce;
        for (what, change) in changes() {
            let mut other = item.clone();
            change(&mut other);
            if other == item {
                continue;
            }
            let with = move |world: &World| {
                let mut plan = world.plan.clone();
                plan[at].transactions[index] = taken(&other);
                plan
            };
            let hidden = with.clone();
            let by = By::commit("QueueMismatch");
            lies.push(Lie::new(class, format!("{number}, {what}, stated"), by, move |world| told(world, &with(world))));
            lies.push(Lie::new(class, format!("{number}, {what}, hidden"), By::verify("ProofRefused"), move |world| {
                // L1 sees its own queue in the struct; all else goes with the lie.
                let mut told = Told::for_l1(world, &make(world, &hidden(world), &Hand::default()));
                told.commit.words[QUEUE_HASH] = world.made.queue.hash;
                told
            }));
        }
        for (what, nonce) in [("again", number.wrapping_sub(1)), ("two on", number + 2), ("far on", number + 1_000)] {
            let mut other = item.clone();
            other.nonce = nonce;
            lies.push(Lie::new(class, format!("{number} as the one {what}"), By::program("Queue"), move |world| {
                let mut plan = world.plan.clone();
                plan[at].transactions[index] = taken(&other);
                told(world, &plan)
            }));
        }
        for chain_id in [1, item.chain_id + 1, u64::MAX] {
            let other = Privileged { chain_id, ..item.clone() };
            let name = format!("{number}, of chain {chain_id}");
            lies.push(Lie::new(class, name, By::program("ChainIdMismatch"), move |world| {
                let mut plan = world.plan.clone();
                plan[at].transactions[index] = taken(&other);
                told(world, &plan)
            }));
        }
        lies.push(Lie::new(class, format!("{number} twice"), By::program("Queue"), move |world| {
            let mut plan = world.plan.clone();
            let again = plan[at].transactions[index].clone();
            plan[at].transactions.insert(index, again);
            told(world, &plan)
        }));
        lies.extend(of_encodings(class, &item, at));
    }
    lies.extend(of_places(world, class));
    lies.extend(of_inclusion(class));
    lies
}

/// Left out with others after it, in another order, made up.
fn of_places(world: &World, class: &'static str) -> Vec<Lie> {
    let places = places(world);
    let last = places.len() - 1;
    let mut lies = Vec::new();
    for (skipped, (at, index, item)) in places.iter().enumerate() {
        let (at, index) = (*at, *index);
        if skipped < last {
            lies.push(Lie::new(class, format!("{} left out", item.nonce), By::program("Queue"), move |world| {
                let mut plan = world.plan.clone();
                plan[at].transactions.remove(index);
                told(world, &plan)
            }));
        }
    }
    for first in 0..last {
        let name = format!("{} and the next in the other order", places[first].2.nonce);
        let ((a, i, one), (b, j, two)) = (places[first].clone(), places[first + 1].clone());
        lies.push(Lie::new(class, name, By::program("Queue"), move |world| {
            let mut plan = world.plan.clone();
            plan[a].transactions[i] = taken(&two);
            plan[b].transactions[j] = taken(&one);
            told(world, &plan)
        }));
    }
    let made_up = Privileged { nonce: places[last].2.nonce + 1, ..places[0].2.clone() };
    for at in 0..world.plan.len() {
        let item = made_up.clone();
        let by = if at + 1 == world.plan.len() { By::commit("QueueIndexUnknown") } else { By::program("Queue") };
        lies.push(Lie::new(class, format!("one that nobody sent, in block {at}"), by, move |world| {
            let mut plan = world.plan.clone();
            plan[at].transactions.push(taken(&item));
            told(world, &plan)
        }));
    }
    lies
}

/// What is due is put off: the batch says that it ends after the deadline and has not the item.
fn of_inclusion(class: &'static str) -> Vec<Lie> {
    let taken_items = |world: &World, count: usize| {
        let mut plan = world.plan.clone();
        let mut seen = 0;
        for planned in &mut plan {
            planned.transactions.retain(|(transaction, _)| {
                seen += usize::from(transaction.is_privileged());
                !transaction.is_privileged() || seen <= count
            });
        }
        plan
    };
    let mut lies = Vec::new();
    for count in 0..3 {
        for late in [0, 1, INCLUSION_DELAY / 4] {
            let deadline = BEFORE + INCLUSION_DELAY;
            let name = format!("{count} of 3 taken, {late} s after the deadline");
            lies.push(Lie::new(class, name, By::commit("InclusionOverdue"), move |world| {
                let mut plan = taken_items(world, count);
                plan.iter_mut().for_each(|planned| planned.timestamp = deadline + late);
                let mut told = told(world, &plan);
                told.commit.at = Some(deadline + late + 10);
                told
            }));
        }
    }
    lies
}

/// An item has one encoding; fees, an access list or more fields are others.
fn of_encodings(class: &'static str, item: &Privileged, at: usize) -> Vec<Lie> {
    let whole = item.encoded_2718();
    let fee_at = {
        let chain_id = alloy_rlp::encode(item.chain_id).len();
        let nonce = alloy_rlp::encode(item.nonce).len();
        chain_id + nonce
    };
    let mut lies = Vec::new();
    for (what, place) in [("priority fee", fee_at), ("fee", fee_at + 1)] {
        let whole = whole.clone();
        lies.push(Lie::new(class, format!("{} with a {what}", item.nonce), By::program("Malformed"), move |world| {
            let mut other = whole.clone();
            let head = other.len() - payload_length(&whole);
            assert_eq!(other[head + place], 0x80);
            other[head + place] = 1;
            in_block(world, at, &whole, &other)
        }));
    }
    let from = whole.len() - 21;
    lies.push(Lie::new(class, format!("{} with an access list", item.nonce), By::program("Malformed"), move |world| {
        let mut other = whole.clone();
        assert_eq!(other[from - 1], 0xc0);
        other[from - 1] = 0xc1;
        in_block(world, at, &whole, &other)
    }));
    lies
}

fn payload_length(item: &[u8]) -> usize {
    let mut rest = &item[1..];
    alloy_rlp::Header::decode(&mut rest).unwrap().payload_length
}

/// The block's bytes with other ones where an item's stand.
fn in_block(world: &World, at: usize, item: &[u8], other: &[u8]) -> Told {
    let mut told = world.honest.clone();
    let block = told.input.blocks[at].to_vec();
    let place = block.windows(item.len()).position(|window| window == item).unwrap();
    told.input.blocks[at] = [&block[..place], other, &block[place + item.len()..]].concat().into();
    told
}
