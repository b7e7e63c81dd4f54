//! Lies in the blocks: header fields, bodies, transactions that cannot be there, receipts.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip4844, Typed2718};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, Log, LogData, U256};
use stf::{
    Block, Executed, Header, Receipt, Transaction,
    rollup::{L1Prices, header::Extra},
};

use crate::{
    lie::{By, Lie, Random, other_hashes, other_numbers},
    sequencer::{Hand, make, recount, with_gas},
    told::Told,
    world::{COUNTER, GWEI, PRICES, Sent, World, sign, user},
};

type OfHeader = Box<dyn Fn(&mut Header) + Send + Sync>;

/// Another value of a field, and the check that it has to meet.
struct Field {
    name: String,
    by: String,
    /// Known before execution (which then goes by it), or found out by it.
    is_before: bool,
    change: OfHeader,
}

fn tell(world: &World, hand: &Hand<'_>) -> Told {
    let made = make(world, &world.plan, hand);
    Told::from_made(world, &made, &made.diff.encode())
}

/// Every field of every header.
pub fn of_headers(world: &World) -> Vec<Lie> {
    let mut lies = Vec::new();
    for at in 0..world.plan.len() {
        for field in fields(world, at) {
            let (name, by) = (format!("block {at}, {}", field.name), By::Program(field.by));
            let (change, is_before) = (field.change, field.is_before);
            lies.push(Lie::new("field of a header", name, by, move |world| {
                let of_header = |block: usize, header: &mut Header| {
                    if block == at {
                        change(header);
                    }
                };
                let of_block = |block: usize, sealed: &mut Block| of_header(block, &mut sealed.header);
                if is_before {
                    tell(world, &Hand { template: Some(&of_header), ..Default::default() })
                } else {
                    tell(world, &Hand { sealed: Some(&of_block), ..Default::default() })
                }
            }));
        }
    }
    lies.push(Lie::new("field of a header", "an eleventh block in a second", By::program("SecondFull"), |world| {
        let block = |at: u64| crate::sequencer::Planned {
            timestamp: world.plan[0].timestamp + at / 11,
            prices: PRICES,
            transactions: Vec::new(),
        };
        let plan: Vec<_> = (0..11).map(block).collect();
        let made = make(world, &plan, &Hand::default());
        Told::from_made(world, &made, &made.diff.encode())
    }));
    lies
}

fn fields(world: &World, at: usize) -> Vec<Field> {
    let honest = &world.made.blocks[at].header;
    let mut fields = Vec::new();
    let mut add = |name: String, by: &str, is_before: bool, change: OfHeader| {
        fields.push(Field { name, by: by.into(), is_before, change });
    };
    // Of the first block the witness would have to have the parent.
    let by = if at == 0 { "HeaderMissing" } else { "ParentHashMismatch" };
    for hash in other_hashes(honest.parent_hash, 6) {
        add(format!("parent hash {hash}"), by, true, Box::new(move |header| header.parent_hash = hash));
    }
    for hash in other_hashes(honest.mix_hash, 6) {
        add(format!("random {hash}"), "RollupField(mixHash)", true, Box::new(move |header| header.mix_hash = hash));
    }
    for hash in other_hashes(honest.ommers_hash, 4) {
        let by = "RollupField(sha3Uncles)";
        add(format!("ommers {hash}"), by, true, Box::new(move |header| header.ommers_hash = hash));
    }
    for hash in other_hashes(B256::ZERO, 4) {
        let by = "RollupField(parentBeaconBlockRoot)";
        add(format!("beacon {hash}"), by, true, Box::new(move |header| header.parent_beacon_block_root = Some(hash)));
    }
    for hash in other_hashes(honest.withdrawals_root.unwrap(), 4) {
        let by = "RollupField(withdrawalsRoot)";
        add(format!("withdrawals {hash}"), by, true, Box::new(move |header| header.withdrawals_root = Some(hash)));
    }
    for hash in other_hashes(honest.requests_hash.unwrap(), 4) {
        let by = "RequestsHashMismatch";
        add(format!("requests {hash}"), by, false, Box::new(move |header| header.requests_hash = Some(hash)));
    }
    for hash in other_hashes(honest.state_root, 6) {
        add(format!("state {hash}"), "StateRootMismatch", false, Box::new(move |header| header.state_root = hash));
    }
    for hash in other_hashes(honest.receipts_root, 6) {
        let by = "ReceiptsRootMismatch";
        add(format!("receipts {hash}"), by, false, Box::new(move |header| header.receipts_root = hash));
    }
    for hash in other_hashes(honest.transactions_root, 6) {
        let by = "TransactionsRootMismatch";
        add(format!("transactions {hash}"), by, false, Box::new(move |header| header.transactions_root = hash));
    }
    for place in other_hashes(B256::repeat_byte(1), 4).into_iter().map(Address::from_word) {
        let by = "RollupField(miner)";
        add(format!("miner {place}"), by, true, Box::new(move |header| header.beneficiary = place));
    }
    for number in other_numbers(honest.number, 64, 3) {
        add(format!("number {number}"), "NumberMismatch", true, Box::new(move |header| header.number = number));
    }
    for limit in other_numbers(honest.gas_limit, 64, 2) {
        // A limit below what was used is seen first, as such.
        let by = if limit < honest.gas_used { "GasUsedAboveLimit" } else { "RollupField(gasLimit)" };
        add(format!("gas limit {limit}"), by, false, Box::new(move |header| header.gas_limit = limit));
    }
    for used in other_numbers(honest.gas_used, 64, 2) {
        let by = if used > honest.gas_limit { "GasUsedAboveLimit" } else { "GasUsedMismatch" };
        add(format!("gas used {used}"), by, false, Box::new(move |header| header.gas_used = used));
    }
    for fee in other_numbers(honest.base_fee_per_gas.unwrap(), 64, 3) {
        let by = "BaseFeeMismatch";
        add(format!("base fee {fee}"), by, true, Box::new(move |header| header.base_fee_per_gas = Some(fee)));
    }
    for gas in [1, 1 << 17, u64::MAX] {
        let by = "RollupField(blobGasUsed)";
        add(format!("blob gas {gas}"), by, true, Box::new(move |header| header.blob_gas_used = Some(gas)));
        let by = "RollupField(excessBlobGas)";
        // Within what a blob's price can be reckoned from.
        let excess = gas.min(1 << 20);
        add(format!("excess {gas}"), by, true, Box::new(move |header| header.excess_blob_gas = Some(excess)));
    }
    for value in [1, 7, u64::MAX] {
        // A block with a difficulty goes by a fork before the merge, and has none of the fields that came with later ones.
        let by = if has_delegation(&world.made.blocks[at]) { "TypeInactive" } else { "RollupField(difficulty)" };
        let of_london = move |header: &mut Header| {
            header.difficulty = U256::from(value);
            (header.withdrawals_root, header.blob_gas_used, header.excess_blob_gas) = (None, None, None);
            (header.parent_beacon_block_root, header.requests_hash) = (None, None);
        };
        add(format!("difficulty {value}, as of London"), by, false, Box::new(of_london));
        let by = if by == "TypeInactive" { by } else { "FieldUnexpected(withdrawalsRoot)" };
        add(format!("difficulty {value}"), by, false, Box::new(move |header| header.difficulty = U256::from(value)));
        let by = "RollupField(nonce)";
        add(format!("nonce {value}"), by, true, Box::new(move |header| header.nonce = B64::from(value)));
    }
    for bit in [0, 77, 2_047] {
        let by = "LogsBloomMismatch";
        let flip = move |header: &mut Header| header.logs_bloom = turned(header.logs_bloom, bit);
        add(format!("bloom, bit {bit}"), by, false, Box::new(flip));
    }
    let parent_time = if at == 0 { world.parent.timestamp } else { world.made.blocks[at - 1].header.timestamp };
    for back in [1, 2, 60, parent_time] {
        let by = "TimestampNotAfterParent";
        add(format!("time {back} back"), by, true, Box::new(move |header| header.timestamp = parent_time - back));
    }
    fields.extend(extra_data(honest, at));
    fields.extend(presence());
    fields
}

fn has_delegation(block: &Block) -> bool {
    block.body.transactions.iter().any(|transaction| transaction.ty() == 4)
}

fn turned(bloom: Bloom, bit: usize) -> Bloom {
    let mut other = bloom;
    other.0[bit / 8] ^= 1 << (bit % 8);
    other
}

/// Place in the second, prices, and other forms than the one.
fn extra_data(honest: &Header, at: usize) -> Vec<Field> {
    let extra = Extra::decode(&honest.extra_data).unwrap();
    let mut fields = Vec::new();
    let mut add = |name: String, by: &str, bytes: Bytes| {
        let change: OfHeader = Box::new(move |header| header.extra_data = bytes.clone());
        fields.push(Field { name, by: by.into(), is_before: true, change });
    };
    for length in [0, 1, 16, 18, 32, 33, 100] {
        let mut bytes = extra.encode().to_vec();
        bytes.resize(length, 0);
        add(format!("extra data of {length} bytes"), "RollupField(extraData)", bytes.into());
    }
    for place in [1, 2, 3, 9, 10, 255].into_iter().filter(|place| *place != extra.place) {
        add(format!("place {place}"), "RollupField(extraData)", Extra { place, ..extra }.encode());
    }
    let prices = [
        L1Prices { base_fee: 0, ..PRICES },
        L1Prices { base_fee: PRICES.base_fee + 1, ..PRICES },
        L1Prices { blob_base_fee: 0, ..PRICES },
        L1Prices { blob_base_fee: PRICES.blob_base_fee - 1, ..PRICES },
        L1Prices { base_fee: u64::MAX, blob_base_fee: u64::MAX },
        L1Prices { base_fee: PRICES.blob_base_fee, blob_base_fee: PRICES.base_fee },
    ];
    for (turn, prices) in prices.into_iter().enumerate() {
        add(format!("prices {turn}, block {at} alone"), "Prices", Extra { prices, ..extra }.encode());
    }
    fields
}

/// Fields that every header has, and such as none has.
fn presence() -> Vec<Field> {
    let field =
        |name: &str, by: &str, change: OfHeader| Field { name: name.into(), by: by.into(), is_before: false, change };
    // A header's encoding ends where its first missing field would stand: all after it go with it.
    vec![
        field("no requests hash", "FieldMissing(requestsHash)", Box::new(|header| header.requests_hash = None)),
        field(
            "no beacon root",
            "FieldMissing(parentBeaconBlockRoot)",
            Box::new(|header| (header.parent_beacon_block_root, header.requests_hash) = (None, None)),
        ),
        field(
            "no excess blob gas",
            "FieldMissing(excessBlobGas)",
            Box::new(|header| {
                (header.excess_blob_gas, header.parent_beacon_block_root, header.requests_hash) = (None, None, None);
            }),
        ),
        field(
            "no blob gas",
            "FieldMissing(blobGasUsed)",
            Box::new(|header| {
                (header.blob_gas_used, header.excess_blob_gas) = (None, None);
                (header.parent_beacon_block_root, header.requests_hash) = (None, None);
            }),
        ),
        field(
            "no withdrawals root",
            "FieldMissing(withdrawalsRoot)",
            Box::new(|header| {
                (header.withdrawals_root, header.blob_gas_used, header.excess_blob_gas) = (None, None, None);
                (header.parent_beacon_block_root, header.requests_hash) = (None, None);
            }),
        ),
        field(
            "a hash of an access list",
            "FieldUnexpected(blockAccessListHash)",
            Box::new(|header| header.block_access_list_hash = Some(B256::repeat_byte(1))),
        ),
    ]
}

type OfBody = fn(&mut Block);

/// Bodies that are not those of their headers, and blocks in other forms.
pub fn of_bodies(world: &World) -> Vec<Lie> {
    let class = "body of a block";
    let mut lies = Vec::new();
    let changes: [(&str, &str, OfBody); 8] = [
        ("the last transaction left out", "TransactionsRootMismatch", |block| {
            block.body.transactions.pop();
        }),
        ("the first transaction left out", "TransactionsRootMismatch", |block| {
            block.body.transactions.remove(0);
        }),
        ("the last transaction twice", "TransactionsRootMismatch", |block| {
            let last = block.body.transactions.last().unwrap().clone();
            block.body.transactions.push(last);
        }),
        ("another order", "TransactionsRootMismatch", |block| block.body.transactions.reverse()),
        ("no transactions", "TransactionsRootMismatch", |block| block.body.transactions.clear()),
        ("an ommer", "Ommers", |block| block.body.ommers.push(block.header.clone())),
        ("a withdrawal", "WithdrawalsRootMismatch", |block| {
            let withdrawal = Withdrawal { index: 0, validator_index: 0, address: COUNTER, amount: 1 };
            block.body.withdrawals = Some(Withdrawals::new(vec![withdrawal]));
        }),
        ("no withdrawals", "WithdrawalsMissing", |block| block.body.withdrawals = None),
    ];
    for at in 0..world.plan.len() {
        for (name, by, change) in changes {
            lies.push(Lie::new(class, format!("block {at}: {name}"), By::program(by), move |world| {
                let mut made = world.made.clone();
                change(&mut made.blocks[at]);
                Told::from_made(world, &made, &made.diff.encode())
            }));
        }
        lies.extend(of_bytes(class, at));
    }
    let dropped: [(&str, usize, &str); 3] = [
        ("the first block", 0, "Previous(block number)"),
        ("a block between", 1, "NumberMismatch"),
        ("the last block", 2, "NotPublished"),
    ];
    for (name, at, by) in dropped {
        // The state before the second block is not in the witness: its header is not.
        let by = if at == 0 { "HeaderMissing" } else { by };
        lies.push(Lie::new(class, format!("{name} left out"), By::program(by), move |world| {
            let mut told = world.honest.clone();
            told.input.blocks.remove(at);
            told
        }));
        lies.push(Lie::new(class, format!("{name} twice"), By::program("NumberMismatch"), move |world| {
            let mut told = world.honest.clone();
            told.input.blocks.insert(at, told.input.blocks[at].clone());
            told
        }));
    }
    lies
}

/// Bytes that are no block, or not the one encoding of it.
fn of_bytes(class: &'static str, at: usize) -> Vec<Lie> {
    let mut lies = Vec::new();
    for more in [1, 32] {
        lies.push(Lie::new(
            class,
            format!("block {at}: {more} bytes more"),
            By::program("TrailingBytes"),
            move |world| {
                let mut told = world.honest.clone();
                told.input.blocks[at] = [&told.input.blocks[at][..], &vec![0; more]].concat().into();
                told
            },
        ));
    }
    for less in [1, 2, 20, 200] {
        lies.push(Lie::new(class, format!("block {at}: {less} bytes less"), By::program("Malformed"), move |world| {
            let mut told = world.honest.clone();
            let whole = &told.input.blocks[at];
            told.input.blocks[at] = whole.slice(..whole.len() - less);
            told
        }));
    }
    lies
}

/// Transactions that may not be in a block; the liar gives them a receipt.
pub fn of_transactions(world: &World) -> Vec<Lie> {
    let class = "transaction that cannot be";
    let id = world.spec.chain_id;
    let next = |nonce| Sent::to(id, nonce, COUNTER);
    let mut others: Vec<(String, &'static str, (Transaction, Address))> = Vec::new();
    // After the plan's own: user 4 has delegated and sent nothing, user 1 sent three in the second block.
    for ahead in [1, 2, 100] {
        others.push((format!("nonce {ahead} ahead"), "NonceTooHigh", next(100 + ahead).sign(&user(4))));
    }
    others.push(("a nonce that was used".into(), "NonceTooLow", next(0).sign(&user(1))));
    for tip in [0, 1, 2] {
        others.push((format!("tip {tip}"), "TipBelowOperatorFee", Sent { tip, ..next(9) }.sign(&user(3))));
    }
    others.push((
        "fee below the base fee".into(),
        "FeeBelowBaseFee",
        Sent { max_fee: 7, tip: 7, ..next(9) }.sign(&user(3)),
    ));
    others.push((
        "tip above the fee".into(),
        "PriorityFeeAboveMaxFee",
        Sent { tip: 101 * GWEI, ..next(9) }.sign(&user(3)),
    ));
    others.push((
        "more gas than a block has".into(),
        "BlockGasExceeded",
        Sent { gas_limit: 30_000_001, ..next(9) }.sign(&user(3)),
    ));
    others.push((
        "more gas than is left in its block".into(),
        "BlockGasExceeded",
        Sent { gas_limit: 30_000_000, ..next(9) }.sign(&user(3)),
    ));
    others.push((
        "less gas than it costs".into(),
        "IntrinsicGasTooLow",
        Sent { gas_limit: 20_999, ..next(9) }.sign(&user(3)),
    ));
    let poor = user(9);
    others.push(("no money".into(), "InsufficientFunds", next(0).sign(&poor)));
    for other in other_numbers(id, 64, 3) {
        others.push((format!("chain {other}"), "ChainIdMismatch", Sent { chain_id: other, ..next(9) }.sign(&user(3))));
    }
    let blob = TxEip4844 {
        chain_id: id,
        max_fee_per_gas: GWEI * 100,
        max_fee_per_blob_gas: GWEI,
        gas_limit: 100_000,
        blob_versioned_hashes: vec![B256::repeat_byte(1)],
        ..Default::default()
    };
    let signature = sign(&user(3), blob.signature_hash());
    others.push(("a blob".into(), "TypeInactive", (blob.into_signed(signature).into(), crate::l1::address(&user(3)))));
    others.push(("s in the upper half".into(), "SignatureInvalid", upper_half(id)));
    let mut lies = Vec::new();
    for at in 0..world.plan.len() {
        for (name, by, one) in &others {
            let one = one.clone();
            lies.push(Lie::new(class, format!("block {at}: {name}"), By::program(by), move |world| {
                let mut plan = world.plan.clone();
                plan[at].transactions.push(one.clone());
                let made = make(world, &plan, &Hand::default());
                Told::from_made(world, &made, &made.diff.encode())
            }));
        }
    }
    lies.extend(of_other_senders(world));
    lies
}

fn upper_half(chain_id: u64) -> (Transaction, Address) {
    let order =
        U256::from_be_bytes(alloy_primitives::hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    let one = TxEip1559 { chain_id, gas_limit: 100_000, max_fee_per_gas: GWEI * 100, ..Default::default() };
    let good = sign(&user(3), one.signature_hash());
    let bad = alloy_primitives::Signature::new(good.r(), order - good.s(), !good.v());
    (one.into_signed(bad).into(), crate::l1::address(&user(3)))
}

/// What a user signed, with one thing changed after the signature: somebody else seems to have sent it.
fn of_other_senders(world: &World) -> Vec<Lie> {
    let mut lies = Vec::new();
    for (at, planned) in world.plan.iter().enumerate() {
        for (index, (transaction, sender)) in planned.transactions.iter().enumerate() {
            let Transaction::Signed(signed) = transaction else { continue };
            let Some(signed) = signed.as_eip1559() else { continue };
            let changes: [fn(&mut TxEip1559); 3] =
                [|one| one.value += U256::ONE, |one| one.gas_limit += 1, |one| one.input = vec![7; 64].into()];
            for (turn, change) in changes.into_iter().enumerate() {
                let (mut one, sender) = (signed.tx().clone(), *sender);
                change(&mut one);
                let forged: Transaction = one.into_signed(*signed.signature()).into();
                let name = format!("block {at}: transaction {index}, changed after it was signed, {turn}");
                // Whoever the signature is of now has sent nothing and has nothing.
                let by = By::program(match signed.tx() {
                    one if one.gas_limit == 21_000 && turn == 2 => "IntrinsicGasTooLow",
                    one if one.nonce == 0 => "InsufficientFunds",
                    _ => "NonceTooHigh",
                });
                lies.push(Lie::new("transaction that was changed", name, by, move |world| {
                    let mut plan = world.plan.clone();
                    plan[at].transactions[index] = (forged.clone(), sender);
                    let made = make(world, &plan, &Hand::default());
                    Told::from_made(world, &made, &made.diff.encode())
                }));
            }
        }
    }
    lies
}

type OfExecuted = Box<dyn Fn(&mut Executed) + Send + Sync>;

/// Receipts that say something else than what happened; root, bloom and gas go with them.
pub fn of_receipts(world: &World) -> Vec<Lie> {
    let mut lies = Vec::new();
    for (at, receipts) in world.made.receipts.iter().enumerate() {
        for (index, receipt) in receipts.iter().enumerate() {
            for (name, by, change) in of_receipt(index, receipt) {
                let name = format!("block {at}, receipt {index}: {name}");
                lies.push(Lie::new("receipt", name, By::Program(by), move |world| {
                    let lie = |block: usize, executed: &mut Executed| {
                        if block == at {
                            change(executed);
                            recount(executed);
                        }
                    };
                    tell(world, &Hand { executed: Some(&lie), ..Default::default() })
                }));
            }
        }
    }
    lies
}

fn of_receipt(index: usize, honest: &Receipt) -> Vec<(String, String, OfExecuted)> {
    let root = "ReceiptsRootMismatch".to_string();
    let mut changes: Vec<(String, String, OfExecuted)> = Vec::new();
    let (kind, gas) = (honest.kind, honest.cumulative_gas_used());
    let with_logs = move |receipt: &Receipt, logs| Receipt::new(kind, receipt.outcome(), gas, logs);
    let (success, logs) = (honest.is_success(), honest.logs().to_vec());
    changes.push((
        "status".into(),
        root.clone(),
        Box::new(move |executed| executed.receipts[index] = Receipt::new(kind, (!success).into(), gas, logs.clone())),
    ));
    let other_kind = if kind == 2 { 1 } else { 2 };
    let (outcome, logs) = (honest.outcome(), honest.logs().to_vec());
    changes.push((
        "type".into(),
        root.clone(),
        Box::new(move |executed| executed.receipts[index] = Receipt::new(other_kind, outcome, gas, logs.clone())),
    ));
    changes.push((
        "a log more".into(),
        root.clone(),
        Box::new(move |executed| {
            let receipt = &executed.receipts[index];
            let mut logs = receipt.logs().to_vec();
            logs.push(Log { address: COUNTER, data: LogData::new_unchecked(vec![B256::ZERO], Bytes::new()) });
            executed.receipts[index] = with_logs(receipt, logs);
        }),
    ));
    // A message that nobody sent: it would be claimable on L1.
    changes.push((
        "a message more".into(),
        root.clone(),
        Box::new(move |executed| {
            let receipt = &executed.receipts[index];
            let mut logs = receipt.logs().to_vec();
            let random = &mut Random(index as u64);
            let topics = vec![rollup::messages::L1_MESSAGE, random.word(), random.word(), random.word()];
            logs.push(Log { address: stf::rollup::MESSENGER, data: LogData::new_unchecked(topics, Bytes::new()) });
            executed.receipts[index] = with_logs(receipt, logs);
        }),
    ));
    if !honest.logs().is_empty() {
        changes.push((
            "its logs left out".into(),
            root.clone(),
            Box::new(move |executed| executed.receipts[index] = with_logs(&executed.receipts[index], Vec::new())),
        ));
        for topic in 0..4 {
            changes.push((
                format!("topic {topic}"),
                root.clone(),
                Box::new(move |executed| {
                    let receipt = &executed.receipts[index];
                    let mut logs = receipt.logs().to_vec();
                    logs[0].data.topics_mut_unchecked()[topic].0[31] ^= 1;
                    executed.receipts[index] = with_logs(receipt, logs);
                }),
            ));
        }
    }
    for more in [1, 1_000] {
        changes.push((
            format!("{more} gas more, and so on"),
            "GasUsedMismatch".into(),
            Box::new(move |executed| {
                for receipt in &mut executed.receipts[index..] {
                    *receipt = with_gas(receipt, receipt.cumulative_gas_used() + more);
                }
            }),
        ));
    }
    changes
}
