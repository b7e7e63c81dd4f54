//! A sequencer that can be made to lie at one place, and is consistent in everything that comes after it.

use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH, Typed2718, constants::EMPTY_WITHDRAWALS, proofs};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bloom};
use rollup::{
    Batch, Diff,
    batch::PROTOCOL_VERSION,
    diff::Merged,
    messages,
    queue::{Position, link},
};
use stf::{
    Block, Executed, Executor, Header, Receipt, StateChanges, Transaction,
    memory::MemoryState,
    rollup::{
        L1Prices, RollupRules,
        header::{Extra, prev_randao},
    },
};

use crate::{l1::VERSION, world::World};

/// A block that a sequencer is about to seal, with who sent its transactions.
#[derive(Clone, Debug)]
pub struct Planned {
    pub timestamp: u64,
    pub prices: L1Prices,
    pub transactions: Vec<(Transaction, Address)>,
}

type AtBlock<'h, T> = Option<&'h dyn Fn(usize, &mut T)>;

/// Where the liar puts its hand in.
#[derive(Default)]
pub struct Hand<'h> {
    /// The rules that it goes by.
    pub rules: Option<RollupRules>,
    /// A header before its block is executed.
    pub template: AtBlock<'h, Header>,
    /// What execution gave, before roots are made of it.
    pub executed: AtBlock<'h, Executed>,
    /// A block before the next one is built on it.
    pub sealed: AtBlock<'h, Block>,
}

/// What came of it.
#[derive(Clone, Default)]
pub struct Made {
    pub blocks: Vec<Block>,
    pub receipts: Vec<Vec<Receipt>>,
    pub changes: Vec<StateChanges>,
    pub diff: Diff,
    pub queue: Position,
    pub state: MemoryState,
}

/// Blocks after the world's first batch.
pub fn make(world: &World, plan: &[Planned], hand: &Hand<'_>) -> Made {
    let rules = hand.rules.clone().or_else(|| world.spec.rollup.clone()).unwrap();
    let spec = rules.clone().chain_spec(world.spec.chain_id, world.spec.osaka_time);
    let mut made = Made { state: world.start.clone(), ..Default::default() };
    made.queue = Position { index: world.previous.queue_index, hash: world.previous.queue_hash };
    let mut parent = world.parent.clone();
    let mut merged = Merged::default();
    for (at, planned) in plan.iter().enumerate() {
        let mut header = template(&rules, &parent, planned, &spec);
        hand.template.inspect(|lie| lie(at, &mut header));
        let mut executed = run(&spec, &header, &mut made.state, &planned.transactions);
        hand.executed.inspect(|lie| lie(at, &mut executed));
        let state_root = made.state.apply(&executed.changes).unwrap();
        let mut block = seal(header, &executed, state_root, planned);
        hand.sealed.inspect(|lie| lie(at, &mut block));
        parent = block.header.clone();
        // What a diff has no form for stays out of it.
        let _ = merged.add(&executed.changes);
        made.diff.messages.extend(messages::leaves(&executed.receipts));
        for (transaction, _) in &planned.transactions {
            if let Transaction::Privileged(item) = transaction {
                made.queue = Position { index: item.nonce + 1, hash: link(made.queue.hash, item.inner()) };
            }
        }
        made.blocks.push(block);
        made.receipts.push(executed.receipts);
        made.changes.push(executed.changes);
    }
    made.diff.header = parent;
    made.diff.accounts = merged.diffs().unwrap_or_default();
    made
}

impl Made {
    /// The statement about it.
    pub fn batch(&self, world: &World, data_hash: B256) -> Batch {
        let previous = &world.previous;
        let header = &self.diff.header;
        let prices = self.blocks.first().map(|block| stf::rollup::header::l1_prices(&block.header)).unwrap_or_default();
        Batch {
            protocol_version: PROTOCOL_VERSION,
            chain_id: world.spec.chain_id,
            number: previous.number + 1,
            program_version: VERSION,
            previous_batch_hash: previous.hash(),
            previous_state_root: previous.new_state_root,
            new_state_root: header.state_root,
            first_block: previous.last_block + 1,
            last_block: header.number,
            last_block_hash: header.hash_slow(),
            last_timestamp: header.timestamp,
            queue_index: self.queue.index,
            queue_hash: self.queue.hash,
            messages_root: messages::root(&self.diff.messages),
            outbound_hash: B256::ZERO,
            inbound_hash: B256::ZERO,
            data_hash,
            config_hash: world.spec.rollup.as_ref().unwrap().hash(&world.spec),
            l1_base_fee: prices.base_fee,
            l1_blob_base_fee: prices.blob_base_fee,
        }
    }
}

fn template(rules: &RollupRules, parent: &Header, planned: &Planned, spec: &stf::ChainSpec) -> Header {
    let parent_hash = parent.hash_slow();
    let number = parent.number.saturating_add(1);
    let place_of_parent = Extra::decode(&parent.extra_data).map_or(0, |extra| extra.place);
    let same_second = planned.timestamp == parent.timestamp;
    let place = if same_second { place_of_parent.wrapping_add(1) } else { 0 };
    Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: rules.fee_recipient,
        number,
        gas_limit: rules.gas_limit,
        timestamp: planned.timestamp,
        extra_data: Extra { place, prices: planned.prices }.encode(),
        mix_hash: prev_randao(parent_hash, number),
        base_fee_per_gas: stf::header::base_fee(spec.fork(number, planned.timestamp, true), parent),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// A transaction that cannot be there gets a receipt as if it had done nothing.
fn run(
    spec: &stf::ChainSpec,
    header: &Header,
    state: &mut MemoryState,
    transactions: &[(Transaction, Address)],
) -> Executed {
    let mut executor = Executor::new(spec, header, state);
    executor.begin().unwrap();
    let taken: Vec<bool> =
        transactions.iter().map(|(one, sender)| executor.transaction(one, *sender).is_ok()).collect();
    let mut executed = executor.finish(&[], Some(&[])).unwrap();
    let mut real = std::mem::take(&mut executed.receipts).into_iter();
    let mut invented = 0;
    for ((transaction, _), taken) in transactions.iter().zip(taken) {
        let before = executed.receipts.last().map_or(0, Receipt::cumulative_gas_used);
        executed.receipts.push(if taken {
            let receipt = real.next().unwrap();
            with_gas(&receipt, receipt.cumulative_gas_used() + invented)
        } else {
            invented += 21_000;
            Receipt::new(transaction.ty(), true.into(), before + 21_000, Vec::new())
        });
    }
    recount(&mut executed);
    executed
}

pub fn with_gas(receipt: &Receipt, cumulative_gas_used: u64) -> Receipt {
    Receipt::new(receipt.kind, receipt.outcome(), cumulative_gas_used, receipt.logs().to_vec())
}

/// Root, bloom and gas of the receipts as they are now.
pub fn recount(executed: &mut Executed) {
    let receipts = &executed.receipts;
    executed.receipts_root = proofs::calculate_receipt_root(receipts);
    executed.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
    executed.gas_used = receipts.last().map_or(0, Receipt::cumulative_gas_used);
}

fn seal(header: Header, executed: &Executed, state_root: B256, planned: &Planned) -> Block {
    let transactions: Vec<Transaction> = planned.transactions.iter().map(|(one, _)| one.clone()).collect();
    let header = Header {
        transactions_root: proofs::calculate_transaction_root(&transactions),
        state_root,
        receipts_root: executed.receipts_root,
        logs_bloom: executed.logs_bloom,
        gas_used: executed.gas_used,
        ..header
    };
    Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals: Some(Default::default()) } }
}
