//! Writes past the blocks: seen by what is built next, taken back with their block or by their undo.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use chain::Chain;
use chain::build::Attributes;
use chain::genesis::Genesis;
use chain::patch::{Patch, stored_root};
use state::{Database, FlatAccount, Options};

const RICH: Address = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
const FRESH: Address = address!("00000000000000000000000000000000000000aa");
const GENESIS: &str = r#"{
    "config": {"chainId": 1337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
               "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
               "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0},
    "difficulty": "0x0", "gasLimit": "0x1c9c380", "timestamp": "0x1",
    "alloc": {"f39fd6e51aad88f6f4ce6ab8827279cfffb92266": {"balance": "0x3635c9adc5dea00000"},
              "00000000000000000000000000000000000000bb": {"balance": "0x1", "code": "0x6001",
                  "storage": {"0x01": "0x02", "0x03": "0x04"}}}
}"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("chain-patch-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Chain {
        let database = Database::open(&self.0, &Options { durable: false, ..Options::default() }).unwrap();
        Chain::open(database, &Genesis::from_json(GENESIS.as_bytes()).unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Seal a block that pays a withdrawal of one gwei to RICH, so that each changes the state.
fn mine(chain: &mut Chain) -> B256 {
    let withdrawal = alloy_eips::eip4895::Withdrawal { address: RICH, amount: 1, ..Default::default() };
    let attributes = Attributes {
        timestamp: chain.tip.header.timestamp + 1,
        fee_recipient: Address::ZERO,
        prev_randao: B256::ZERO,
        withdrawals: Some(vec![withdrawal]),
        parent_beacon_root: None,
        gas_limit: 30_000_000,
        exact_gas_limit: false,
        base_fee: None,
        extra_data: Bytes::new(),
        max_blobs: None,
    };
    let built = chain.build(chain.tip.hash, &attributes, &[]).unwrap();
    chain.set_head(built.hash, built.hash, built.hash).unwrap();
    built.hash
}

fn root(chain: &Chain) -> B256 {
    stored_root(&chain.database.snapshot().unwrap()).unwrap()
}

fn account(chain: &Chain, address: Address) -> Option<FlatAccount> {
    chain.database.snapshot().unwrap().account(&keccak256(address), None).unwrap()
}

fn all_of(address: Address) -> Patch {
    Patch {
        address,
        balance: Some(U256::from(5)),
        nonce: Some(7),
        code: Some(Bytes::from_static(&[0x60, 0x02])),
        storage: vec![(U256::from(1), U256::from(9)), (U256::from(2), U256::from(8)), (U256::from(3), U256::ZERO)],
    }
}

#[test]
fn a_patch_and_its_undo_give_the_old_root_at_every_head() {
    let folder = Folder::new("undo");
    let mut chain = folder.open();
    for address in [FRESH, RICH, address!("00000000000000000000000000000000000000bb")] {
        let (old, before) = (root(&chain), account(&chain, address));
        let undo = chain.patch(&all_of(address)).unwrap();
        let after = account(&chain, address).unwrap();
        assert_ne!(root(&chain), old);
        assert_eq!((after.balance, after.nonce, after.code_hash), (U256::from(5), 7, keccak256([0x60, 0x02])));
        chain.patch(&undo).unwrap();
        assert_eq!((root(&chain), account(&chain, address)), (old, before));
        mine(&mut chain);
        assert_eq!(root(&chain), chain.tip.header.state_root);
    }
    assert!(chain.is_marked().unwrap());
}

#[test]
fn a_block_over_a_patch_has_the_root_of_both_and_leaves_with_its_patch() {
    let folder = Folder::new("over");
    let mut chain = folder.open();
    let first = mine(&mut chain);
    let old = root(&chain);
    mine(&mut chain);
    chain.patch(&all_of(FRESH)).unwrap();
    chain.patch(&Patch { address: RICH, balance: Some(U256::from(1)), ..Patch::default() }).unwrap();
    mine(&mut chain);
    assert_eq!(root(&chain), chain.tip.header.state_root);
    assert_eq!(account(&chain, RICH).unwrap().balance, U256::from(1_000_000_001u64));

    chain.set_head(first, first, first).unwrap();
    assert_eq!(root(&chain), old);
    assert_eq!(account(&chain, FRESH), None);
    mine(&mut chain);
    assert_eq!(root(&chain), chain.tip.header.state_root);
}

#[test]
fn going_back_to_a_patched_head_keeps_the_patch_until_its_undo() {
    for height in 0..2 {
        let folder = Folder::new(&format!("back-{height}"));
        let mut chain = folder.open();
        for _ in 0..height {
            mine(&mut chain);
        }
        let (head, old) = (chain.tip.hash, root(&chain));
        let undo = chain.patch(&all_of(FRESH)).unwrap();
        let patched = root(&chain);
        mine(&mut chain);
        chain.set_head(head, head, head).unwrap();
        assert_eq!(root(&chain), patched);
        assert_eq!(account(&chain, FRESH).unwrap().nonce, 7);
        chain.patch(&undo).unwrap();
        assert_eq!(root(&chain), old);
        mine(&mut chain);
        assert_eq!(root(&chain), chain.tip.header.state_root);
    }
}

#[test]
fn a_patched_chain_opens_with_the_root_that_is_stored() {
    let folder = Folder::new("open");
    let mut chain = folder.open();
    assert!(!chain.is_marked().unwrap());
    chain.patch(&all_of(FRESH)).unwrap();
    let patched = root(&chain);
    drop(chain);

    let mut chain = folder.open();
    assert!(chain.is_marked().unwrap());
    assert_eq!(root(&chain), patched);
    mine(&mut chain);
    assert_eq!(root(&chain), chain.tip.header.state_root);
    assert_eq!(account(&chain, FRESH).unwrap().nonce, 7);
}
