//! Proofs, checked by alloy's verifier.

use alloy_primitives::B256;
use alloy_trie::{Nibbles, proof::verify_proof};

use super::{Keys, Random, database::ByPath};
use crate::trie::{EMPTY_ROOT_HASH, NoNodes, NodeLog, Trie};

#[test]
fn test_proofs_of_present_and_absent_keys_verify() {
    for keys in Keys::ALL {
        let random = &mut Random(31);
        let mut database = ByPath::default();
        let changes: Vec<_> = (0..200).map(|_| (keys.key(random), Some(random.value()))).collect();
        let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
        trie.update(changes.clone(), &database, &mut log).unwrap();
        let root = trie.root(&mut log);
        database.commit(log, &changes);
        let cold = Trie::from_root(root);

        let absent: Vec<B256> = (0..200).map(|_| keys.key(random)).collect();
        for key in changes.iter().map(|(key, _)| *key).chain(absent).chain([B256::ZERO]) {
            let path = Nibbles::unpack(key);
            let proof = cold.prove(&path, &database).unwrap();
            assert_eq!(proof, trie.prove(&path, &NoNodes).unwrap());
            verify_proof(root, path, database.leaves.get(&key).cloned(), &proof).unwrap();
        }
    }
}

#[test]
fn test_proof_of_changes_not_yet_hashed() {
    let mut trie = Trie::empty();
    let changes = (1..40).map(|byte| (B256::repeat_byte(byte), Some(vec![byte; 40]))).collect();
    trie.update(changes, &NoNodes, &mut NodeLog::off()).unwrap();
    let path = Nibbles::unpack(B256::repeat_byte(17));
    let proof = trie.prove(&path, &NoNodes).unwrap();

    verify_proof(trie.root(&mut NodeLog::off()), path, Some(vec![17; 40]), &proof).unwrap();
}

#[test]
fn test_proof_in_the_empty_trie_has_no_nodes() {
    let proof = Trie::empty().prove(&Nibbles::unpack(B256::ZERO), &NoNodes).unwrap();

    assert!(proof.is_empty());
    assert!(Trie::from_root(EMPTY_ROOT_HASH).is_empty());
}

#[test]
fn test_a_version_in_memory_serves_as_a_source() {
    for keys in Keys::ALL {
        let random = &mut Random(32);
        let mut database = ByPath::default();
        let changes: Vec<_> = (0..200).map(|_| (keys.key(random), Some(random.value()))).collect();
        let (mut trie, mut log) = (Trie::empty(), NodeLog::new());
        trie.update(changes.clone(), &database, &mut log).unwrap();
        let root = trie.root(&mut log);
        database.commit(log, &changes);
        let mut half_loaded = Trie::from_root(root);
        half_loaded.get(&Nibbles::unpack(changes[0].0), &database).unwrap();
        let removals: Vec<_> = changes.iter().step_by(3).map(|(key, _)| (*key, None)).collect();
        half_loaded.update(removals, &database, &mut NodeLog::off()).unwrap();
        let root = half_loaded.root(&mut NodeLog::off());

        let version = half_loaded.version(Box::new(&database));
        let cold = Trie::from_root(root);
        for (key, _) in changes {
            let path = Nibbles::unpack(key);
            assert_eq!(cold.prove(&path, &version).unwrap(), half_loaded.prove(&path, &database).unwrap());
        }
    }
}
