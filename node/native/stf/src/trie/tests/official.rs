//! Cases of the official TrieTests that fit in a page; the whole set is run by the suites.

use alloy_primitives::{B256, b256, keccak256};

use crate::trie::{EMPTY_ROOT_HASH, TrieError, root_of};

type Pair = (&'static str, Option<&'static str>);

const EMPTY_VALUES: [Pair; 8] = [
    ("do", Some("verb")),
    ("ether", Some("wookiedoo")),
    ("horse", Some("stallion")),
    ("shaman", Some("horse")),
    ("doge", Some("coin")),
    ("ether", None),
    ("dog", Some("puppy")),
    ("shaman", None),
];

#[test]
fn test_plain_keys() {
    let cases: [(&[Pair], B256); 5] = [
        (&[], EMPTY_ROOT_HASH),
        (&EMPTY_VALUES, b256!("0x5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84")),
        (
            &[("abc", Some("123")), ("abcd", Some("abcd")), ("abc", Some("abc"))],
            b256!("0x7a320748f780ad9ad5b0837302075ce0eeba6c26e3d8562c67ccc0f1b273298a"),
        ),
        (
            &[("be", Some("e")), ("dog", Some("puppy")), ("bed", Some("d"))],
            b256!("0x3f67c7a47520f79faa29255d2d3c084a7a6df0453116ed7232ff10277a8be68b"),
        ),
        (
            &[("doe", Some("reindeer")), ("dog", Some("puppy")), ("dogglesworth", Some("cat"))],
            b256!("0x8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"),
        ),
    ];
    for (pairs, root) in cases {
        assert_eq!(root_of(pairs.iter().copied()), Ok(root));
    }
}

#[test]
fn test_hashed_keys() {
    let hashed = EMPTY_VALUES.map(|(key, value)| (keccak256(key), value));

    let root = b256!("0x29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d");
    assert_eq!(root_of(hashed), Ok(root));
}

#[test]
fn test_a_key_beyond_32_bytes_is_refused() {
    assert_eq!(root_of([([0; 33], Some("value"))]), Err(TrieError::KeyTooLong { bytes: 33 }));
}
