//! Lies to L1 alone: blobs and openings, certificates, who commits, what is handed in for verification.

use alloy_primitives::{B256, U256};

use crate::{
    abi::{Value, encode},
    l1::{ATTESTED, GUARDIAN, L1, OWNER, USER, key, members, signed, signer, words},
    lie::{By, Lie, Random, other_hashes},
    told::Told,
    world::{Kind, STRANGER, World},
};

type Change = Box<dyn Fn(&World, &mut Told) + Send + Sync>;

fn lie(class: &'static str, name: String, by: By, change: Change) -> Lie {
    Lie::new(class, name, by, move |world| {
        let mut told = world.honest.clone();
        change(world, &mut told);
        told
    })
}

pub fn of_the_data(world: &World) -> Vec<Lie> {
    match world.kind {
        Kind::Rollup => of_blobs(world),
        Kind::Validium => of_certificates(world),
    }
}

/// Blobs of the transaction, and their openings.
fn of_blobs(world: &World) -> Vec<Lie> {
    let class = "blob or opening";
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, change: Change| lies.push(lie(class, name, By::commit(by), change));
    let opening = world.honest.commit.blobs[0].opening;
    for (turn, other) in other_hashes(opening.versioned_hash, 6).into_iter().enumerate() {
        with(
            format!("versioned hash of the opening {turn}"),
            "BlobMissing",
            Box::new(move |_, told| {
                told.commit.blobs[0].opening.versioned_hash = other;
            }),
        );
        let carried = B256::from_slice(&[&[1], &other[1..]].concat());
        if carried != opening.versioned_hash {
            with(
                format!("versioned hash of the blob {turn}"),
                "BlobMissing",
                Box::new(move |_, told| {
                    told.commit.carried[0] = carried;
                }),
            );
            with(
                format!("another blob, opened as the one, {turn}"),
                "OpeningInvalid",
                Box::new(move |_, told| {
                    told.commit.carried[0] = carried;
                    told.commit.blobs[0].opening.versioned_hash = carried;
                }),
            );
        }
    }
    for (turn, other) in other_hashes(opening.z, 8).into_iter().enumerate() {
        with(format!("z {turn}"), "OpeningInvalid", Box::new(move |_, told| told.commit.blobs[0].opening.z = other));
    }
    for (turn, other) in other_hashes(opening.y, 8).into_iter().enumerate() {
        with(format!("y {turn}"), "OpeningInvalid", Box::new(move |_, told| told.commit.blobs[0].opening.y = other));
    }
    for turn in 0..10 {
        let flip = move |point: &mut [u8; 48]| point[Random(turn).below(48) as usize] ^= 1 << (turn % 8);
        with(
            format!("commitment {turn}"),
            "OpeningInvalid",
            Box::new(move |_, told| {
                flip(&mut told.commit.blobs[0].commitment);
            }),
        );
        with(format!("proof {turn}"), "OpeningInvalid", Box::new(move |_, told| flip(&mut told.commit.blobs[0].proof)));
    }
    with("no blob, an opening".into(), "BlobMissing", Box::new(|_, told| told.commit.carried.clear()));
    with("a blob, no opening".into(), "BlobCount", Box::new(|_, told| told.commit.blobs.clear()));
    with(
        "nothing at all".into(),
        "BlobCount",
        Box::new(|_, told| {
            told.commit.blobs.clear();
            told.commit.carried.clear();
        }),
    );
    for more in 1..=5 {
        with(
            format!("{more} blobs that nobody opens"),
            "BlobUnexpected",
            Box::new(move |_, told| {
                let hash = told.commit.carried[0];
                told.commit.carried.extend(vec![hash; more]);
            }),
        );
        with(
            format!("{more} openings without a blob"),
            "BlobMissing",
            Box::new(move |_, told| {
                let blob = told.commit.blobs[0].clone();
                told.commit.blobs.extend(vec![blob; more]);
            }),
        );
        with(
            format!("{more} blobs more, opened"),
            "DataMismatch",
            Box::new(move |_, told| {
                let (hash, blob) = (told.commit.carried[0], told.commit.blobs[0].clone());
                told.commit.carried.extend(vec![hash; more]);
                told.commit.blobs.extend(vec![blob; more]);
            }),
        );
    }
    with(
        "seven openings".into(),
        "BlobCount",
        Box::new(|_, told| {
            told.commit.blobs = vec![told.commit.blobs[0].clone(); 7];
        }),
    );
    for certificate in [vec![0], vec![1; 32], vec![7; 200]] {
        let name = format!("a certificate of {} bytes", certificate.len());
        with(
            name,
            "BatchMismatch(certificate)",
            Box::new(move |_, told| told.commit.certificate = certificate.clone()),
        );
    }
    with(
        "the blob of the batch before".into(),
        "DataMismatch",
        Box::new(|world, told| {
            // A blob that is really there and really opened, with another payload.
            let mut diff = world.made.clone();
            diff.diff.messages.push(B256::repeat_byte(9));
            let other = Told::for_l1(world, &diff);
            (told.commit.blobs, told.commit.carried) = (other.commit.blobs, other.commit.carried);
        }),
    );
    lies
}

/// Certificates of the data committee.
fn of_certificates(world: &World) -> Vec<Lie> {
    let class = "certificate";
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, change: Change| lies.push(lie(class, name, By::commit(by), change));
    let honest = world.honest.commit.certificate.clone();
    let signatures_at = 32 * 4;
    for turn in 0..60 {
        let mut other = honest.clone();
        let place = signatures_at + Random(turn).below(130) as usize;
        other[place] ^= 1 << (turn % 8);
        let name = format!("byte {place} of the signatures, {turn}");
        with(name, "CertificateInvalid", Box::new(move |_, told| told.commit.certificate = other.clone()));
    }
    for (turn, other) in other_hashes(B256::from_slice(&honest[32..64]), 10).into_iter().enumerate() {
        with(
            format!("digest {turn}"),
            "CertificateInvalid",
            Box::new(move |_, told| {
                told.commit.certificate[32..64].copy_from_slice(&other[..]);
            }),
        );
    }
    for (turn, other) in other_hashes(B256::ZERO, 10).into_iter().enumerate() {
        with(
            format!("pointer {turn}"),
            "CertificateInvalid",
            Box::new(move |_, told| {
                told.commit.certificate[..32].copy_from_slice(&other[..]);
            }),
        );
    }
    type Signers = fn() -> Vec<k256::ecdsa::SigningKey>;
    let signers: [(&str, Signers); 6] = [
        ("nobody", Vec::new),
        ("one member", || members()[..1].to_vec()),
        ("one member, twice", || vec![members()[0].clone(), members()[0].clone()]),
        ("two members in the other order", || vec![members()[1].clone(), members()[0].clone()]),
        ("a member and a stranger", || vec![members()[0].clone(), key(0x99)]),
        ("two strangers", || vec![key(0x98), key(0x99)]),
    ];
    for (who, signers) in signers {
        with(
            format!("signed by {who}"),
            "CertificateInvalid",
            Box::new(move |world, told| {
                told.commit.certificate =
                    certificate(world, &world.honest.input.payload, world.spec.chain_id, &signers());
            }),
        );
    }
    for chain_id in [1, 7_001, u64::MAX] {
        with(
            format!("for chain {chain_id}"),
            "CertificateInvalid",
            Box::new(move |world, told| {
                told.commit.certificate = certificate(world, &world.honest.input.payload, chain_id, &members()[..2]);
            }),
        );
    }
    for turn in 0..6 {
        with(
            format!("another payload is kept, {turn}"),
            "DataMismatch",
            Box::new(move |world, told| {
                let other = [&world.honest.input.payload[..], &vec![0; turn + 1]].concat();
                told.commit.certificate = certificate(world, &other, world.spec.chain_id, &members()[..2]);
            }),
        );
    }
    with(
        "a blob too".into(),
        "BlobUnexpected",
        Box::new(|_, told| {
            told.commit.carried = vec![B256::from_slice(&[&[1; 1][..], &[7; 31]].concat())];
        }),
    );
    with(
        "an opening too".into(),
        "BlobCount",
        Box::new(|world, told| {
            let (opening, point) = (rollup::blob::open(B256::ZERO, &world.honest.input.payload), [0; 48]);
            let blob = world.honest.input.payload.clone();
            told.commit.blobs = vec![rollup::assemble::OpenedBlob { blob, commitment: point, opening, proof: point }];
        }),
    );
    lies
}

fn certificate(world: &World, payload: &[u8], chain_id: u64, signers: &[k256::ecdsa::SigningKey]) -> Vec<u8> {
    let data_hash = rollup::blob::kept_hash(B256::ZERO, payload);
    let digest = world.l1.clone().kept(chain_id, data_hash);
    let signatures = signers.iter().flat_map(|member| signed(member, digest)).collect();
    encode(&[B256::ZERO.into(), alloy_primitives::keccak256(payload).into(), Value::Bytes(signatures)])
}

/// Strangers, and batches that come again or too early.
pub fn of_the_committer(_: &World) -> Vec<Lie> {
    let class = "who commits, and when";
    let mut lies = Vec::new();
    for (who, from) in [("a stranger", STRANGER), ("a user", USER), ("the owner", OWNER), ("the guardian", GUARDIAN)] {
        let by = By::commit("NotCommitter");
        lies.push(lie(class, format!("by {who}"), by, Box::new(move |_, told| told.commit.from = from)));
    }
    lies.push(lie(
        class,
        "the batch before again".into(),
        By::commit("NumberNotNext"),
        Box::new(|world, told| {
            told.commit.words = words(&world.previous);
        }),
    ));
    // L1's clock against that of the blocks.
    for early in [1, 60, 1_000] {
        let change: Change = Box::new(move |world, told| {
            told.commit.at = Some(world.made.diff.header.timestamp - early);
        });
        lies.push(lie(class, format!("{early} s before its last block"), By::commit("TimeAhead"), change));
    }
    lies
}

type Bytes = Vec<u8>;

/// The honest batch is committed; what is handed in to have it verified is not an honest proof of it.
pub fn of_the_proofs(world: &World) -> Vec<Lie> {
    let class = "proof";
    let mut lies = Vec::new();
    let mut with = |name: String, by: &str, change: Change| lies.push(lie(class, name, By::verify(by), change));
    let honest = {
        let mut l1: L1 = world.l1.clone();
        let batch = rollup::Batch::decode(&world.honest.commit.words.iter().flat_map(|word| word.0).collect::<Bytes>())
            .unwrap();
        world.proof(&mut l1, &batch)
    };
    for place in 0..65 {
        let mut other = honest.clone();
        other[place] ^= 1 << (place % 8);
        let proof = vec![vec![(ATTESTED, other)]];
        with(format!("byte {place} of the signature"), "ProofRefused", proofs(proof));
    }
    for length in [0, 1, 64, 66, 130] {
        let mut other = honest.clone();
        other.resize(length, 0);
        with(format!("a signature of {length} bytes"), "ProofRefused", proofs(vec![vec![(ATTESTED, other)]]));
    }
    for seed in [1, 0x50, 0x61, 0x99] {
        with(
            format!("signed by key {seed}"),
            "ProofRefused",
            Box::new(move |world, told| {
                let digest = world.l1.clone().attestation(ATTESTED, hash_of(&told.commit.words));
                told.settling.proofs = Some(vec![vec![(ATTESTED, signed(&key(seed), digest))]]);
            }),
        );
    }
    for (turn, other) in other_hashes(hash_of(&world.honest.commit.words), 8).into_iter().enumerate() {
        with(
            format!("of another batch, {turn}"),
            "ProofRefused",
            Box::new(move |world, told| {
                let digest = world.l1.clone().attestation(ATTESTED, other);
                told.settling.proofs = Some(vec![vec![(ATTESTED, signed(&signer(), digest))]]);
            }),
        );
    }
    with(
        "of another kind, in its place".into(),
        "ProofRefused",
        Box::new(|world, told| {
            let digest = world.l1.clone().attestation(2, hash_of(&told.commit.words));
            told.settling.proofs = Some(vec![vec![(ATTESTED, signed(&signer(), digest))]]);
        }),
    );
    for kind in [2, 3, 4, 5, 200] {
        let proof = vec![vec![(kind, honest.clone())]];
        with(format!("said to be of kind {kind}"), "KindWithoutVerifier", proofs(proof));
    }
    with("of no kind".into(), "KindsNotRising", proofs(vec![vec![(0, honest.clone())]]));
    let twice = vec![vec![(ATTESTED, honest.clone()), (ATTESTED, honest.clone())]];
    with("twice".into(), "KindsNotRising", proofs(twice));
    with("none".into(), "PolicyNotMet", proofs(vec![Vec::new()]));
    with("for no batch".into(), "LengthMismatch", proofs(Vec::new()));
    with(
        "no batch".into(),
        "NothingToVerify",
        Box::new(|_, told| {
            (told.settling.batches, told.settling.proofs) = (Some(Vec::new()), Some(Vec::new()));
        }),
    );
    with("of a chain that nobody knows".into(), "ChainUnknown", Box::new(|_, told| told.chain_id = 4_242));
    let again = honest.clone();
    with(
        "the batch twice".into(),
        "BatchUnknown",
        Box::new(move |_, told| {
            let words = told.commit.words.clone();
            let proof = vec![(ATTESTED, again.clone())];
            (told.settling.batches, told.settling.proofs) =
                (Some(vec![words.clone(), words]), Some(vec![proof.clone(), proof]));
        }),
    );
    with(
        "the batch before again".into(),
        "BatchUnknown",
        Box::new(|world, told| {
            told.settling.batches = Some(vec![words(&world.previous)]);
        }),
    );
    // Another struct than the committed one, with a good proof of it: by a prover that signs whatever it is told.
    for at in 0..20 {
        for (turn, change) in [1_u64, 1 << 63].into_iter().enumerate() {
            with(
                format!("field {at} changed after the commit, {turn}"),
                "BatchUnknown",
                Box::new(move |world, told| {
                    let mut other = told.commit.words.clone();
                    let value = U256::from_be_bytes(other[at].0) ^ U256::from(change);
                    other[at] = value.into();
                    let digest = world.l1.clone().attestation(ATTESTED, hash_of(&other));
                    told.settling.batches = Some(vec![other]);
                    told.settling.proofs = Some(vec![vec![(ATTESTED, signed(&signer(), digest))]]);
                }),
            );
        }
    }
    lies
}

fn proofs(proofs: Vec<Vec<(u64, Bytes)>>) -> Change {
    Box::new(move |_, told| told.settling.proofs = Some(proofs.clone()))
}

fn hash_of(words: &[B256]) -> B256 {
    alloy_primitives::keccak256(words.iter().flat_map(|word| word.0).collect::<Bytes>())
}
