//! Answers from a database, through the same door as the server's.

use crate::support::{CODE, CONTRACT, Chain, EVENT, SENDER, balance_at, raw, slot_at, topic_of, transactions};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_trie::Nibbles;
use alloy_trie::proof::verify_proof;
use query::{Edition, Elsewhere};
use serde_json::{Value, json};

fn quantity(value: u64) -> Value {
    json!(format!("{value:#x}"))
}

fn word(value: u64) -> Value {
    json!(B256::left_padding_from(&value.to_be_bytes()))
}

#[test]
fn accounts_are_told_at_every_block() {
    let chain = Chain::new(9);
    for number in 0..=9 {
        let at = quantity(number);
        assert_eq!(chain.call("eth_getBalance", json!([SENDER, at])), Ok(quantity(balance_at(number))));
        assert_eq!(chain.call("eth_getTransactionCount", json!([SENDER, at])), Ok(quantity(3 * number)));
        assert_eq!(chain.call("eth_getStorageAt", json!([CONTRACT, "0x1", at])), Ok(word(slot_at(number))));
        assert_eq!(chain.call("eth_getCode", json!([CONTRACT, at])), Ok(json!(hex::encode_prefixed(CODE))));
        let by_hash = json!({"blockHash": chain.hash(number as usize), "requireCanonical": true});
        assert_eq!(chain.call("eth_getBalance", json!([SENDER, by_hash])), Ok(quantity(balance_at(number))));
    }
    let nobody = Address::repeat_byte(1);
    assert_eq!(chain.call("eth_getBalance", json!([nobody])), Ok(json!("0x0")));
    assert_eq!(chain.call("eth_getCode", json!([nobody, "latest"])), Ok(json!("0x")));
}

#[test]
fn tags_name_their_blocks() {
    let chain = Chain::new(5);
    let number_of =
        |tag: &str| chain.call("eth_getBlockByNumber", json!([tag, false])).map(|block| block["number"].clone());

    assert_eq!(number_of("latest"), Ok(quantity(5)));
    assert_eq!(number_of("earliest"), Ok(quantity(0)));
    assert_eq!(number_of("safe"), Ok(quantity(2)));
    assert_eq!(number_of("finalized"), Err("-32000: finalized block not found".into()));
    assert_eq!(number_of("pending"), Ok(quantity(5)));
    assert_eq!(chain.call("eth_getBlockByNumber", json!(["0x6", false])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getBalance", json!([SENDER, "0x6"])), Err("-32000: header not found".into()));
    let unknown = chain.call("eth_getBalance", json!([SENDER, B256::ZERO]));
    assert_eq!(unknown, Err("-32000: header for hash not found".into()));
}

#[test]
fn what_lives_in_the_writer_s_memory_is_not_answered_by_a_worker() {
    let mut chain = Chain::new(2);
    chain.settings.elsewhere = Elsewhere::PendingBlock;
    let ask = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        query::answer(&chain.context(), request.as_bytes()).is_some()
    };

    assert!(!ask("eth_getBalance", json!([SENDER, "pending"])));
    assert!(!ask("eth_getTransactionByHash", json!([B256::ZERO])));
    assert!(ask("eth_getTransactionByHash", json!([transactions(1)[0].hash()])));
    assert!(ask("eth_getBalance", json!([SENDER, "latest"])));

    chain.settings.elsewhere = Elsewhere::Pool;
    let ask = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        query::answer(&chain.context(), request.as_bytes()).is_some()
    };
    assert!(ask("eth_getBalance", json!([SENDER, "pending"])));
    assert!(!ask("eth_getTransactionCount", json!([SENDER, "pending"])));
    assert!(!ask("eth_getRawTransactionByHash", json!([B256::ZERO])));
}

#[test]
fn many_slots_are_told_at_once() {
    let chain = Chain::new(3);

    let values = chain.call("eth_getStorageValues", json!([{CONTRACT.to_string(): [topic_of(1), topic_of(39)]}]));
    let too_many = vec![B256::ZERO; 1025];

    assert_eq!(values, Ok(json!({format!("{CONTRACT:#x}"): [word(slot_at(3)), word(39)]})));
    assert_eq!(chain.call("eth_getStorageValues", json!([{}])), Err("-32602: empty request".into()));
    let refused = chain.call("eth_getStorageValues", json!([{CONTRACT.to_string(): too_many}]));
    assert_eq!(refused, Err("-38026: too many slots (max 1024)".into()));
}

#[test]
fn storage_keys_are_read_leniently_and_bad_ones_refused_with_the_edition_s_code() {
    let mut chain = Chain::new(1);
    let value = word(slot_at(1));
    for key in ["0x1", "1", "0x01", "0x0001", &topic_of(1).to_string()] {
        assert_eq!(chain.call("eth_getStorageAt", json!([CONTRACT, key])), Ok(value.clone()), "{key}");
    }

    let bad = |chain: &Chain| chain.call("eth_getStorageAt", json!([CONTRACT, "0xasdf"])).unwrap_err();
    let current = bad(&chain);
    chain.settings.edition = Edition::Y2024;

    assert_eq!(current, "-32602: invalid hex in storage key: \"0xasdf\"");
    assert!(bad(&chain).starts_with("-32000:"));
    let long = format!("0x{}", "0".repeat(65));
    assert!(chain.call("eth_getStorageAt", json!([CONTRACT, long])).unwrap_err().contains("storage key too long"));
}

#[test]
fn transactions_are_found_by_hash_and_by_place() {
    let chain = Chain::new(3);
    for (index, transaction) in transactions(2).iter().enumerate() {
        let by_hash = chain.call("eth_getTransactionByHash", json!([transaction.hash()])).unwrap();
        let by_number = chain.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", quantity(index as u64)]));
        let by_block =
            chain.call("eth_getTransactionByBlockHashAndIndex", json!([chain.hash(2), quantity(index as u64)]));
        let in_block = chain.call("eth_getBlockByNumber", json!(["0x2", true])).unwrap();

        assert_eq!(by_hash["hash"], json!(transaction.hash()));
        assert_eq!((by_hash["from"].clone(), by_hash["blockTimestamp"].clone()), (json!(SENDER), quantity(24)));
        assert_eq!(by_number.as_ref(), Ok(&by_hash));
        assert_eq!(by_block.as_ref(), Ok(&by_hash));
        assert_eq!(in_block["transactions"][index], by_hash);
        let signed = json!(hex::encode_prefixed(raw(transaction)));
        assert_eq!(chain.call("eth_getRawTransactionByHash", json!([transaction.hash()])), Ok(signed.clone()));
        assert_eq!(chain.call("debug_getRawTransaction", json!([transaction.hash()])), Ok(signed.clone()));
        let at = quantity(index as u64);
        assert_eq!(chain.call("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x2", at])), Ok(signed));
    }
    assert_eq!(chain.call("eth_getTransactionByHash", json!([B256::ZERO])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x3"])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getBlockTransactionCountByNumber", json!(["0x2"])), Ok(json!("0x3")));
    assert_eq!(chain.call("eth_getBlockTransactionCountByHash", json!([B256::ZERO])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getUncleCountByBlockNumber", json!(["0x2"])), Ok(json!("0x0")));
    assert_eq!(chain.call("eth_getUncleByBlockNumberAndIndex", json!(["0x2", "0x0"])), Ok(Value::Null));
}

#[test]
fn a_receipt_is_the_same_alone_and_in_its_block() {
    let chain = Chain::new(3);
    let of_block = chain.call("eth_getBlockReceipts", json!(["0x3"])).unwrap();
    let sent = transactions(3);

    for (index, transaction) in sent.iter().enumerate() {
        assert_eq!(chain.call("eth_getTransactionReceipt", json!([transaction.hash()])).as_ref(), Ok(&of_block[index]));
    }
    let created = &of_block[2];
    assert_eq!(created["contractAddress"], json!(SENDER.create(8)));
    assert_eq!(
        (created["gasUsed"].clone(), created["cumulativeGasUsed"].clone()),
        (quantity(21_000), quantity(63_000))
    );
    let tipped = &of_block[1];
    assert_eq!(tipped["effectiveGasPrice"], quantity(1000 + 10 + 3));
    assert_eq!(tipped["logs"][0]["logIndex"], json!("0x1"));
    assert_eq!(chain.call("eth_getTransactionReceipt", json!([B256::ZERO])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getBlockReceipts", json!(["0x9"])), Ok(Value::Null));
}

fn blocks_of(logs: &Value) -> Vec<u64> {
    let number = |log: &Value| u64::from_str_radix(&log["blockNumber"].as_str().unwrap()[2..], 16).unwrap();
    logs.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn logs_are_found_by_address_topics_and_block() {
    let chain = Chain::new(8);
    let logs = |filter: Value| chain.call("eth_getLogs", json!([filter])).map(|logs| blocks_of(&logs));

    assert_eq!(logs(json!({"fromBlock": "0x3", "toBlock": "0x4"})), Ok(vec![3, 3, 4, 4]));
    assert_eq!(logs(json!({})), Ok(vec![8, 8]));
    assert_eq!(logs(json!({"fromBlock": "earliest", "topics": [null, topic_of(5)]})), Ok(vec![5]));
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [[EVENT], [topic_of(2), topic_of(7)]]})), Ok(vec![2, 7]));
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [topic_of(5)]})), Ok(vec![]));
    assert_eq!(logs(json!({"fromBlock": "0x0", "address": SENDER})), Ok(vec![]));
    assert_eq!(logs(json!({"fromBlock": "0x7", "address": [SENDER, CONTRACT]})), Ok(vec![7, 7, 8, 8]));
    assert_eq!(logs(json!({"blockHash": chain.hash(6), "topics": [EVENT, null]})), Ok(vec![6]));
    // A log must have as many topics as there are positions, even where all allow anything.
    assert_eq!(logs(json!({"fromBlock": "0x8", "topics": [null, null]})), Ok(vec![8]));
}

#[test]
fn a_log_tells_its_place() {
    let chain = Chain::new(4);

    let logs = chain.call("eth_getLogs", json!([{"fromBlock": "0x2", "toBlock": "0x2"}])).unwrap();

    let expected = json!({
        "address": CONTRACT, "topics": [EVENT, topic_of(2)], "data": "0x02", "blockNumber": "0x2",
        "transactionHash": transactions(2)[1].hash(), "transactionIndex": "0x1", "blockHash": chain.hash(2),
        "blockTimestamp": "0x18", "logIndex": "0x1", "removed": false,
    });
    assert_eq!(logs[1], expected);
}

#[test]
fn impossible_ranges_and_wide_filters_are_refused() {
    let mut chain = Chain::new(4);
    let logs = |chain: &Chain, filter: Value| chain.call("eth_getLogs", json!([filter])).unwrap_err();

    let refused = [
        (json!({"fromBlock": "0x3", "toBlock": "0x2"}), "-32602: invalid block range params"),
        (json!({"fromBlock": "0x3", "toBlock": "0x5"}), "-32602: block range extends beyond current head block"),
        (json!({"toBlock": "pending"}), "-32602: pending logs are not supported"),
        (json!({"fromBlock": "finalized"}), "-32000: finalized header not found"),
        (json!({"blockHash": B256::ZERO}), "-32000: unknown block"),
    ];
    for (filter, error) in refused {
        assert_eq!(logs(&chain, filter), error);
    }
    chain.settings.log_range = 2;
    chain.settings.log_criteria = 1;
    assert_eq!(logs(&chain, json!({"fromBlock": "0x0", "toBlock": "0x3"})), "-32602: exceed maximum block range 2");
    let wide = logs(&chain, json!({"topics": [[EVENT, B256::ZERO]]}));
    assert_eq!(wide, "-32000: exceed max addresses or topics per search position");
    chain.settings.log_range = 0;
    chain.settings.log_results = 3;
    assert!(logs(&chain, json!({"fromBlock": "0x3"})).starts_with("-38026: there are more than 3 logs"));
    assert_eq!(chain.call("eth_getLogs", json!([{}])).unwrap().as_array().unwrap().len(), 2);
    chain.settings.log_results = 0;
    chain.settings.response_bytes = 1000;
    assert!(logs(&chain, json!({"fromBlock": "0x0"})).starts_with("-38026: the logs take more than 1000 bytes"));
}

#[test]
fn a_side_block_is_shown_by_its_hash_without_its_state() {
    let chain = Chain::new(5);
    chain.database.commit(&state::Commit { unwind_to: Some(3), ..Default::default() }).unwrap();
    let side = chain.hash(5);

    assert_eq!(chain.call("eth_blockNumber", json!([])), Ok(json!("0x3")));
    assert_eq!(chain.call("eth_getBlockByHash", json!([side, false])).unwrap()["number"], json!("0x5"));
    assert_eq!(chain.call("eth_getBlockByNumber", json!(["0x5", false])), Ok(Value::Null));
    assert_eq!(chain.call("eth_getTransactionByHash", json!([transactions(5)[0].hash()])), Ok(Value::Null));
    let state = chain.call("eth_getBalance", json!([SENDER, side])).unwrap_err();
    assert_eq!(state, format!("-32000: the state of side block {side} is not available"));
    let canonical = chain.call("eth_getBalance", json!([SENDER, {"blockHash": side, "requireCanonical": true}]));
    assert_eq!(canonical, Err("-32000: hash is not currently canonical".into()));
    // Logs that a reorg removed can still be asked for by their block.
    let logs = chain.call("eth_getLogs", json!([{"blockHash": side}])).unwrap();
    assert_eq!(blocks_of(&logs), [5, 5]);
}

fn nodes(proof: &Value) -> Vec<Bytes> {
    proof.as_array().unwrap().iter().map(|node| node.as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn proofs_hold_at_every_block() {
    let chain = Chain::new(9);
    for number in 0..=9 {
        let slots = json!(["0x1", topic_of(5), "0x64"]);
        let answer = chain.call("eth_getProof", json!([CONTRACT, slots, quantity(number)])).unwrap();
        let storage_root: B256 = serde_json::from_value(answer["storageHash"].clone()).unwrap();
        let account =
            alloy_trie::TrieAccount { nonce: 1, balance: U256::from(number), storage_root, code_hash: keccak256(CODE) };

        let root = chain.headers[number as usize].state_root;
        let key = Nibbles::unpack(keccak256(CONTRACT));
        verify_proof(root, key, Some(alloy_rlp::encode(account)), &nodes(&answer["accountProof"])).unwrap();
        for (slot, value, proven) in [(1, slot_at(number), 0), (5, 5, 1), (100, 0, 2)] {
            let proven = &answer["storageProof"][proven];
            assert_eq!(proven["value"], quantity(value));
            let leaf = (value != 0).then(|| alloy_rlp::encode(value));
            let key = Nibbles::unpack(crate::support::slot_key(slot));
            verify_proof(storage_root, key, leaf, &nodes(&proven["proof"])).unwrap();
        }
        // A key comes back in full if it was written in full, and as a quantity otherwise.
        assert_eq!(answer["storageProof"][0]["key"], json!("0x1"));
        assert_eq!(answer["storageProof"][1]["key"], json!(topic_of(5)));
    }
}

#[test]
fn proofs_reach_as_far_as_the_setting_says() {
    let mut chain = Chain::new(9);
    chain.settings.proof_blocks = 3;
    let nobody = Address::repeat_byte(1);

    let absent = chain.call("eth_getProof", json!([nobody, ["0x1"], "0x6"])).unwrap();
    let beyond = chain.call("eth_getProof", json!([nobody, [], "0x5"])).unwrap_err();

    verify_proof(
        chain.headers[6].state_root,
        Nibbles::unpack(keccak256(nobody)),
        None,
        &nodes(&absent["accountProof"]),
    )
    .unwrap();
    assert_eq!(absent["storageProof"], json!([{"key": "0x1", "value": "0x0", "proof": []}]));
    assert_eq!(beyond, "-32001: proofs reach 3 blocks below the head, block 5 lies 4 below");
}

#[test]
fn fees_follow_the_blocks() {
    let chain = Chain::new(6);

    let history = chain.call("eth_feeHistory", json!(["0x2", "latest", [0, 50, 100]])).unwrap();

    // Two thirds of a block's gas pay a tip of 1000 (legacy, price 2000), one third the tip that names the block.
    assert_eq!(history["oldestBlock"], json!("0x5"));
    assert_eq!(history["reward"], json!([["0xf", "0x3e8", "0x3e8"], ["0x10", "0x3e8", "0x3e8"]]));
    assert_eq!(history["baseFeePerGas"], json!(["0x3e8", "0x3e8", "0x36c"]));
    assert_eq!(history["gasUsedRatio"], json!([0.0021, 0.0021]));
    assert_eq!(chain.call("eth_baseFee", json!([])), Ok(json!("0x36c")));
    assert_eq!(chain.call("eth_gasPrice", json!([])), Ok(quantity(2000)));
    assert_eq!(chain.call("eth_maxPriorityFeePerGas", json!([])), Ok(quantity(1000)));
    assert_eq!(chain.call("eth_blobBaseFee", json!([])), Ok(Value::Null));
}

#[test]
fn fee_history_refuses_what_makes_no_sense() {
    let chain = Chain::new(2);
    let history = |params| chain.call("eth_feeHistory", params);

    assert_eq!(
        history(json!(["0x1", "0x3", []])),
        Err("-32000: request beyond head block: requested 3, head 2".into())
    );
    let descending = history(json!(["0x1", "latest", [50, 10]]));
    assert_eq!(descending, Err("-32000: invalid reward percentile: #0:50.000000 >= #1:10.000000".into()));
    assert_eq!(history(json!(["0x1", "latest", [101]])), Err("-32000: invalid reward percentile: 101.000000".into()));
    assert_eq!(history(json!(["0x0", "latest", []])), Ok(json!({"oldestBlock": "0x0", "gasUsedRatio": null})));
    let all = history(json!([100, "latest", []])).unwrap();
    assert_eq!((all["oldestBlock"].clone(), all.get("reward")), (json!("0x0"), None));
    assert_eq!(all["baseFeePerGas"].as_array().unwrap().len(), 4);
}

#[test]
fn raw_records_are_what_is_hashed() {
    let chain = Chain::new(2);
    let bytes =
        |method: &str, params| -> Bytes { serde_json::from_value(chain.call(method, params).unwrap()).unwrap() };

    let header = bytes("debug_getRawHeader", json!(["0x1"]));
    let block = bytes("debug_getRawBlock", json!([chain.hash(1)]));

    assert_eq!(keccak256(&header), chain.hash(1));
    let decoded = stf::block::decode_block(&block).unwrap();
    assert_eq!((decoded.header, decoded.body.transactions), (chain.headers[1].clone(), transactions(1)));
    assert_eq!(chain.call("debug_getRawReceipts", json!(["0x1"])).unwrap().as_array().unwrap().len(), 3);
    assert_eq!(chain.call("debug_getRawBlock", json!(["0x9"])), Ok(json!("0x")));
    let unknown = chain.call("debug_getRawHeader", json!([B256::ZERO])).unwrap_err();
    assert_eq!(unknown, format!("-32000: header {} not found", B256::ZERO));
}

#[test]
fn a_block_that_failed_is_shown_with_its_reason() {
    let chain = Chain::new(2);
    let raw: Bytes = serde_json::from_value(chain.call("debug_getRawBlock", json!(["0x1"])).unwrap()).unwrap();
    let bad = state::BadBlock { number: 1, hash: chain.hash(1), rlp: raw.clone(), reason: "wrong root".into() };
    chain.database.add_bad_block(&bad).unwrap();

    let shown = chain.call("debug_getBadBlocks", json!([])).unwrap();

    assert_eq!(shown[0]["hash"], json!(chain.hash(1)));
    assert_eq!((shown[0]["rlp"].clone(), shown[0]["reason"].clone()), (json!(raw), json!("wrong root")));
    assert_eq!(shown[0]["block"]["transactions"][1]["hash"], json!(transactions(1)[1].hash()));
}

#[test]
fn the_chain_tells_what_it_is() {
    let chain = Chain::new(2);

    assert_eq!(chain.call("eth_chainId", json!([])), Ok(json!("0x7")));
    assert_eq!(chain.call("eth_blockNumber", json!([])), Ok(json!("0x2")));
    assert_eq!(chain.call("eth_syncing", json!([])), Ok(json!(false)));
    assert_eq!(chain.call("net_version", json!([])), Ok(json!("1")));
    assert_eq!(chain.call("web3_sha3", json!(["0x68656c6c6f"])), Ok(json!(keccak256("hello"))));
    let capabilities = chain.call("eth_capabilities", json!([])).unwrap();
    assert_eq!(capabilities["head"], json!({"number": "0x2", "hash": chain.hash(2)}));
    assert_eq!(capabilities["stateproofs"]["deleteStrategy"], json!({"type": "window", "retentionBlocks": "0x400"}));
    assert_eq!(chain.call("eth_getHeaderByNumber", json!(["0x1"])).unwrap()["hash"], json!(chain.hash(1)));
    assert_eq!(chain.call("eth_getHeaderByHash", json!([B256::ZERO])), Ok(Value::Null));
    assert_eq!(chain.call("debug_chainConfig", json!([])).unwrap()["chainId"], json!(7));
    assert_eq!(chain.call("eth_getBlockAccessList", json!(["0x9"])), Ok(Value::Null));
    assert!(chain.call("eth_getBlockAccessList", json!(["0x1"])).unwrap_err().starts_with("-32001:"));
}

#[test]
fn an_answer_is_a_whole_response() {
    let chain = Chain::new(1);
    let answer = |request: &str| query::answer(&chain.context(), request.as_bytes()).unwrap();

    let good = answer(r#"{"jsonrpc":"2.0","id":"a\"b","method":"eth_blockNumber"}"#);
    let bad = answer(r#"{"jsonrpc":"2.0","id":null,"method":"eth_getBalance","params":[]}"#);

    assert_eq!(good.body, br#"{"jsonrpc":"2.0","id":"a\"b","result":"0x1"}"#);
    let expected =
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"missing value for required argument 0"}}"#;
    assert_eq!((bad.failed, bad.body), (true, expected.as_bytes().to_vec()));
    assert_eq!(query::METHODS[good.index].name, "eth_blockNumber");
}
