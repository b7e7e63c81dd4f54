//! Lies in what is published and what the prover gets: the diff, the payload's bytes, the witness.

use alloy_primitives::{Address, B64, B256, Bytes, U256};
use rollup::{
    Diff,
    blob::PAYLOAD_BYTES,
    diff::AccountDiff,
    payload::{Compression, Encoding, frame, pad},
};
use stf::Header;

use crate::{
    lie::{By, Lie, Random, other_hashes},
    states,
    told::Told,
    world::{Kind, World},
};

/// One thing changed in the header that is published.
type ChangeOfHeader = fn(&mut Header);

/// Every account and message of the diff, left out, doubled, changed; its header too.
pub fn of_the_diff(world: &World) -> Vec<Lie> {
    let class = "entry of the diff";
    let honest = &world.made.diff;
    let mut others: Vec<(String, Diff)> = Vec::new();
    let mut with = |name: String, change: &dyn Fn(&mut Diff)| {
        let mut other = honest.clone();
        change(&mut other);
        others.push((name, other));
    };
    for (address, account) in &honest.accounts {
        with(format!("{address} left out"), &|diff| {
            diff.accounts.remove(address);
        });
        with(format!("{address} is another"), &|diff| {
            let account = diff.accounts.remove(address).unwrap();
            let mut other = *address;
            other.0[19] ^= 1;
            diff.accounts.insert(other, account);
        });
        for (what, other) in states::of_a_diff(account) {
            with(format!("{address}, {what}"), &|diff| {
                diff.accounts.insert(*address, other.clone());
            });
        }
    }
    for byte in [0x01, 0x79, 0xee] {
        let account = AccountDiff { balance: Some(U256::from(1_000)), ..Default::default() };
        with(format!("an account more, {byte}"), &|diff| {
            diff.accounts.insert(Address::repeat_byte(byte), account.clone());
        });
    }
    for at in 0..honest.messages.len() {
        with(format!("message {at} left out"), &|diff| {
            diff.messages.remove(at);
        });
        with(format!("message {at} twice"), &|diff| diff.messages.insert(at, diff.messages[at]));
        for (turn, other) in other_hashes(honest.messages[at], 6).into_iter().enumerate() {
            with(format!("message {at} changed, {turn}"), &|diff| diff.messages[at] = other);
        }
    }
    with("messages in another order".into(), &|diff| diff.messages.reverse());
    with("a message more".into(), &|diff| diff.messages.push(B256::repeat_byte(7)));
    let headers: [(&str, ChangeOfHeader); 12] = [
        ("parent hash", |header| header.parent_hash.0[0] ^= 1),
        ("state root", |header| header.state_root.0[0] ^= 1),
        ("number", |header| header.number += 1),
        ("time", |header| header.timestamp += 1),
        ("gas limit", |header| header.gas_limit -= 1),
        ("gas used", |header| header.gas_used += 1),
        ("miner", |header| header.beneficiary.0[0] ^= 1),
        ("base fee", |header| header.base_fee_per_gas = Some(1)),
        ("extra data", |header| header.extra_data = Bytes::new()),
        ("random value", |header| header.mix_hash.0[0] ^= 1),
        ("nonce", |header| header.nonce = B64::repeat_byte(1)),
        ("receipts", |header| header.receipts_root.0[0] ^= 1),
    ];
    for (name, change) in headers {
        with(format!("header, {name}"), &|diff| change(&mut diff.header));
    }
    let lies = others.into_iter().map(|(name, diff)| {
        let bytes = diff.encode();
        Lie::new(class, name, By::program("NotPublished"), move |world| Told::from_made(world, &world.made, &bytes))
    });
    lies.collect()
}

/// Bytes turned over all through the payload, other frames, other lengths.
pub fn of_the_payload(world: &World) -> Vec<Lie> {
    let class = "bytes of the payload";
    let body = world.made.diff.encode();
    let plain = frame(Encoding::StateDiff, Compression::None, &body);
    let length = plain.len();
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, payload: Vec<u8>| {
        lies.push(Lie::new(class, name, By::program(by), move |world| {
            Told::published(world, &world.made, payload.clone(), false)
        }));
    };
    // A length, then encoding and compression, then the body: every third byte of it.
    let is_rollup = world.kind == Kind::Rollup;
    for at in (0..6).chain((6..length).step_by(3)) {
        let random = &mut Random(at as u64);
        let bit = 1 << random.below(8);
        let mut other = plain.clone();
        other[at] ^= bit;
        let by = match at {
            0..4 => {
                let said = u32::from_be_bytes(*other.first_chunk().unwrap()) as usize + 4;
                // Within a blob there are zeros behind the payload; a length that ends in them names other bytes.
                let room = if is_rollup { PAYLOAD_BYTES } else { length };
                match said {
                    said if said > room => "Payload(Truncated)",
                    said if said < length => "Payload(Padding)",
                    _ => "NotPublished",
                }
            }
            4 => "Payload(Encoding)",
            // Deflate is known; what lies there is not deflated.
            5 if other[5] == 1 => continue,
            5 => "Payload(Compression)",
            _ => "NotPublished",
        };
        with(format!("byte {at}, bit {bit}"), by, other);
    }
    for encoding in [0, 2, 3, 255] {
        let mut other = plain.clone();
        other[4] = encoding;
        with(format!("encoding {encoding}"), "Payload(Encoding)", other);
    }
    for compression in [2, 3, 255] {
        let mut other = plain.clone();
        other[5] = compression;
        with(format!("compression {compression}"), "Payload(Compression)", other);
    }
    with("said to be deflated".into(), "Payload(Body)", frame(Encoding::StateDiff, Compression::Deflate, &[0xff; 40]));
    let deflated = miniz_oxide::deflate::compress_to_vec(&body, 6);
    let cut = &deflated[..deflated.len() / 2];
    with("deflated, and cut".into(), "Payload(Truncated)", frame(Encoding::StateDiff, Compression::Deflate, cut));
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![0; rollup::payload::MAX_BODY_BYTES + 1], 1);
    with("unfolds without end".into(), "Payload(Body)", frame(Encoding::StateDiff, Compression::Deflate, &bomb));
    with("no body".into(), "NotPublished", frame(Encoding::StateDiff, Compression::None, &[]));
    for more in [1, 31, 1_000] {
        let longer = [&body[..], &vec![0; more]].concat();
        with(
            format!("{more} bytes more in the body"),
            "NotPublished",
            frame(Encoding::StateDiff, Compression::None, &longer),
        );
        let shorter = &body[..body.len() - more.min(body.len() / 2)];
        with(
            format!("{more} bytes less in the body"),
            "NotPublished",
            frame(Encoding::StateDiff, Compression::None, shorter),
        );
        with(format!("{more} bytes behind it"), "Payload(Padding)", [&plain[..], &vec![1; more]].concat());
    }
    if is_rollup {
        lies.extend(of_blobs(class, &plain));
    }
    lies
}

/// Payloads that do not fill the blobs that are named, or more than they need.
fn of_blobs(class: &'static str, plain: &[u8]) -> Vec<Lie> {
    let whole = pad(plain.to_vec());
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, payload: Vec<u8>| {
        lies.push(Lie::new(class, name, By::program(by), move |world| {
            let mut told = world.honest.clone();
            told.input.payload = payload.clone().into();
            told
        }));
    };
    for less in [1, 31, 4_096] {
        with(format!("{less} bytes less than a blob"), "Payload(Padding)", whole[..whole.len() - less].to_vec());
    }
    for more in [1, PAYLOAD_BYTES, 5 * PAYLOAD_BYTES] {
        with(format!("{more} zeros more"), "Payload(Padding)", [&whole[..], &vec![0; more]].concat());
    }
    for at in [plain.len(), plain.len() + 1, PAYLOAD_BYTES / 2, PAYLOAD_BYTES - 1] {
        let mut other = whole.clone();
        other[at] = 1;
        with(format!("a byte of the padding, {at}"), "Payload(Padding)", other);
    }
    with("nothing".into(), "Payload(Truncated)", Vec::new());
    for (name, hashes) in [("no blob", 0), ("a blob more", 2), ("five more", 6)] {
        lies.push(Lie::new(class, format!("{name} named"), By::program("Blobs"), move |world| {
            let mut told = world.honest.clone();
            let hash = world.honest.commit.carried[0];
            told.input.published = rollup::Published::Blobs(vec![hash; hashes]);
            told
        }));
    }
    lies
}

/// Every node, code and header of the witness left out or changed; lists in other orders and forms.
pub fn of_the_witness(world: &World) -> Vec<Lie> {
    let class = "witness";
    let honest = &world.honest.input.witness;
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, change: Box<dyn Fn(&mut Told) + Send + Sync>| {
        lies.push(Lie::new(class, name, By::program(by), move |world| {
            let mut told = world.honest.clone();
            change(&mut told);
            told
        }));
    };
    type List = fn(&mut Told) -> &mut Vec<Bytes>;
    let lists: [(&str, &str, usize, List); 3] = [
        ("node", "NodeMissing", honest.state.len(), |told| &mut told.input.witness.state),
        ("code", "CodeMissing", honest.codes.len(), |told| &mut told.input.witness.codes),
        ("header", "HeaderMissing", honest.headers.len(), |told| &mut told.input.witness.headers),
    ];
    for (what, by, count, list) in lists {
        for at in 0..count {
            with(
                format!("{what} {at} left out"),
                by,
                Box::new(move |told| {
                    list(told).remove(at);
                }),
            );
            for turn in 0..3 {
                with(
                    format!("{what} {at} changed, {turn}"),
                    by,
                    Box::new(move |told| {
                        let list = list(told);
                        let mut other = list[at].to_vec();
                        let place = Random(turn + at as u64).below(other.len() as u64) as usize;
                        other[place] ^= 1 << turn;
                        list[at] = other.into();
                        list.sort();
                        list.dedup();
                    }),
                );
            }
        }
    }
    for (what, _, count, list) in lists.into_iter().take(2) {
        if count > 1 {
            let by = "Witness(a list out of order)";
            with(format!("{what}s in another order"), by, Box::new(move |told| list(told).reverse()));
        }
        let by = "Witness(a list out of order)";
        with(
            format!("a {what} twice"),
            by,
            Box::new(move |told| {
                let list = list(told);
                list.insert(0, list[0].clone());
            }),
        );
    }
    lies.extend(of_forms(class));
    lies
}

/// Inputs and witnesses in other forms than the one.
fn of_forms(class: &'static str) -> Vec<Lie> {
    let mut lies = Vec::new();
    let mut with = |name: &str, by: &str, raw: fn(&World) -> Vec<u8>| {
        lies.push(Lie::new(class, name, By::program(by), move |world| {
            let mut told = world.honest.clone();
            told.raw = Some(raw(world));
            told
        }));
    };
    with("an input with bytes after it", "Input(bytes after it)", |world| {
        [world.honest.input.encode(), vec![0]].concat()
    });
    with("an input cut short", "Input(not an input)", |world| {
        let whole = world.honest.input.encode();
        whole[..whole.len() - 1].to_vec()
    });
    with("no input", "Input(not an input)", |_| Vec::new());
    with("an input of another version", "Input(of another version)", |world| {
        let mut other = world.honest.input.encode();
        let place = other.len() - length_of(&other);
        assert_eq!(other[place], 1);
        other[place] = 2;
        other
    });
    with("a witness of another version", "WitnessVersion", |world| {
        with_witness(world, |witness| {
            let place = witness.len() - length_of(witness);
            witness[place] = 2;
        })
    });
    with("a witness with bytes after it", "Witness(bytes after the witness)", |world| {
        with_witness(world, |witness| witness.push(0x80))
    });
    with("a witness cut short", "Witness(not a list)", |world| {
        with_witness(world, |witness| {
            witness.pop();
        })
    });
    with("a previous batch cut short", "Input(with a malformed previous batch)", |world| {
        replaced(
            &world.honest.input.encode(),
            &rlp_string(&world.previous.encode()),
            &rlp_string(&world.previous.encode()[1..]),
        )
    });
    lies
}

fn length_of(list: &[u8]) -> usize {
    let mut rest = list;
    alloy_rlp::Header::decode(&mut rest).unwrap().payload_length
}

fn rlp_string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(Bytes::copy_from_slice(bytes))
}

fn with_witness(world: &World, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let honest = world.honest.input.witness.encode();
    let mut other = honest.clone();
    change(&mut other);
    replaced(&world.honest.input.encode(), &rlp_string(&honest), &rlp_string(&other))
}

/// The list with other bytes where `from` stands in it.
fn replaced(list: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let payload = &list[list.len() - length_of(list)..];
    let at = payload.windows(from.len()).position(|window| window == from).unwrap();
    let payload = [&payload[..at], to, &payload[at + from.len()..]].concat();
    let mut out = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    [out, payload].concat()
}
