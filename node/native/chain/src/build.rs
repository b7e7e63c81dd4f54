//! Build a payload: try the candidates in their order, keep what fits, seal the header.
//!
//! The built block is a candidate of the chain at once: fork choice can take it without executing it again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_WITHDRAWALS};
use alloy_consensus::proofs::{calculate_transaction_root, calculate_withdrawals_root};
use alloy_consensus::{BlockBody, Transaction as _};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::context_interface::result::InvalidTransaction;
use stf::rollup::header::{Extra, prev_randao};
use stf::rollup::{L1Prices, Privileged};
use stf::{Block, BlockError, ExecuteError, Executor, Fork, Header, Transaction, TransactionError};

use crate::error::ChainError;
use crate::intake::PoolTransaction;
use crate::layer::Layer;
use crate::stages::Stages;
use crate::stored;
use crate::view::{ReadError, View};
use crate::writer::Chain;

/// Less gas than this is left: no transaction fits.
const MIN_TRANSACTION_GAS: u64 = 21_000;
/// Kept free below EIP-7934's bound for what is not transactions: header, withdrawals, list headers.
const SIZE_RESERVE: usize = 64 * 1024;

/// What the consensus client and the settings decide.
#[derive(Clone, Debug)]
pub struct Attributes {
    pub timestamp: u64,
    pub fee_recipient: Address,
    pub prev_randao: B256,
    pub withdrawals: Option<Vec<Withdrawal>>,
    pub parent_beacon_root: Option<B256>,
    pub gas_limit: u64,
    /// Take `gas_limit` as it is rather than approach it from the parent's.
    pub exact_gas_limit: bool,
    /// Take this rather than what follows from the parent (EIP-1559): no other node takes the block then.
    pub base_fee: Option<u64>,
    pub extra_data: Bytes,
    pub max_blobs: Option<u64>,
}

/// A built block, and what it says about the candidates.
#[derive(Debug)]
pub struct Built {
    pub header: Header,
    pub hash: B256,
    pub rlp: Bytes,
    /// Tips and blob-free fees that the fee recipient gets.
    pub fees: U256,
    pub requests: Option<Vec<Bytes>>,
    /// The candidates in the block, in order.
    pub included: Vec<Arc<PoolTransaction>>,
    /// Candidates that no later block can take either.
    pub impossible: Vec<B256>,
    /// How many of the queued items are in the block; they stand first.
    pub privileged: usize,
    /// Bytes of a batch's payload that the block takes at most; 0 where nothing is published.
    pub data_bytes: u64,
}

/// What a rollup's sequencer decides about a block. Everything else its rules fix.
#[derive(Clone, Debug)]
pub struct Seal {
    pub timestamp: u64,
    pub prices: L1Prices,
    /// Items of the L1 queue, the next one first.
    pub privileged: Vec<Privileged>,
    pub max_data_bytes: u64,
}

/// A block as far as it is decided before it is executed.
struct Plan {
    /// Without what execution finds out.
    header: Header,
    withdrawals: Option<Vec<Withdrawal>>,
    privileged: Vec<Privileged>,
    max_blobs: u64,
    max_data_bytes: u64,
}

impl Chain {
    /// Build on `parent`; the block is a candidate then. See [`Chain::assemble`].
    pub fn build(
        &mut self,
        parent: B256,
        attributes: &Attributes,
        candidates: &[Arc<PoolTransaction>],
    ) -> Result<Built, ChainError> {
        let (layer, built) = self.assemble(parent, attributes, candidates)?;
        self.keep(layer);
        Ok(built)
    }

    /// Execute a block on `parent`, with what comes after it. Candidates that do not fit, cannot pay or stand behind
    /// such a one are left out.
    pub fn assemble(
        &mut self,
        parent: B256,
        attributes: &Attributes,
        candidates: &[Arc<PoolTransaction>],
    ) -> Result<(Layer, Built), ChainError> {
        if self.spec.rollup.is_some() {
            return Err(ChainError::Unbuildable("a rollup's blocks are sealed by its sequencer"));
        }
        let (above, difficulty) = self.header(&parent)?.ok_or(ChainError::UnknownBlock(parent))?;
        let plan = Plan {
            header: self.template(&parent, &above, attributes)?,
            withdrawals: attributes.withdrawals.clone(),
            privileged: Vec::new(),
            max_blobs: attributes.max_blobs.unwrap_or(u64::MAX),
            max_data_bytes: u64::MAX,
        };
        self.carry_out(plan, difficulty, candidates)
    }

    /// Build a rollup's block on `parent`; the block is a candidate then. See [`Chain::assemble_sealed`].
    pub fn seal(
        &mut self,
        parent: B256,
        seal: &Seal,
        candidates: &[Arc<PoolTransaction>],
    ) -> Result<Built, ChainError> {
        let (layer, built) = self.assemble_sealed(parent, seal, candidates)?;
        self.keep(layer);
        Ok(built)
    }

    /// A rollup's block on `parent`, with what comes after it: what L1 has queued first, in its order, then the candidates.
    pub fn assemble_sealed(
        &mut self,
        parent: B256,
        seal: &Seal,
        candidates: &[Arc<PoolTransaction>],
    ) -> Result<(Layer, Built), ChainError> {
        let (above, difficulty) = self.header(&parent)?.ok_or(ChainError::UnknownBlock(parent))?;
        let plan = Plan {
            header: self.rollup_template(parent, &above, seal)?,
            withdrawals: Some(Vec::new()),
            privileged: seal.privileged.clone(),
            max_blobs: 0,
            max_data_bytes: seal.max_data_bytes,
        };
        self.carry_out(plan, difficulty, candidates)
    }

    fn carry_out(
        &mut self,
        plan: Plan,
        parent_difficulty: U256,
        candidates: &[Arc<PoolTransaction>],
    ) -> Result<(Layer, Built), ChainError> {
        let parent = plan.header.parent_hash;
        let mut view = self.view(&parent)?.ok_or(ChainError::UnknownBlock(parent))?;
        let spec = self.spec.clone();
        let mut header = plan.header.clone();

        let start = Instant::now();
        let mut executor = Executor::new(&spec, &plan.header, &mut view);
        executor.limit_data(plan.max_data_bytes);
        executor.begin().map_err(build_error)?;
        let chosen = choose(&mut executor, &plan, candidates)?;
        let data_bytes = executor.published_bytes();
        let executed = executor.finish(&[], plan.withdrawals.as_deref()).map_err(build_error)?;

        let execute = start.elapsed();

        let start = Instant::now();
        let tries = view.tries_after(&executed.changes)?;
        header.state_root = tries.accounts.clone().root(&mut Default::default());
        let stages = Stages { execute, root: start.elapsed(), ..Default::default() };
        header.transactions_root = calculate_transaction_root(&chosen.transactions);
        header.receipts_root = executed.receipts_root;
        header.logs_bloom = executed.logs_bloom;
        header.gas_used = executed.gas_used;
        header.blob_gas_used = header.blob_gas_used.map(|_| executed.blob_gas_used);
        header.requests_hash = executed.requests.as_ref().map(|requests| requests.requests_hash());
        let requests = executed.requests.as_ref().map(|requests| requests.iter().cloned().collect());

        let Chosen { transactions, senders, included, impossible } = chosen;
        let privileged = transactions.len() - included.len();
        let withdrawals = plan.withdrawals.map(Withdrawals::new);
        let block = Block { header: header.clone(), body: BlockBody { transactions, ommers: Vec::new(), withdrawals } };
        let hash = header.hash_slow();
        let rlp = Bytes::from(alloy_rlp::encode(&block));
        let fees = fees(&header, &executed.receipts, &block.body.transactions);
        let difficulty = parent_difficulty.saturating_add(header.difficulty);
        let layer = stored::layer(block, hash, senders, executed, tries, stages, difficulty, &view, self.generation)?;
        let built = Built { header, hash, rlp, fees, requests, included, impossible, privileged, data_bytes };
        Ok((layer, built))
    }

    /// What a rollup's rules and its sequencer say of the header.
    fn rollup_template(&self, parent: B256, above: &Header, seal: &Seal) -> Result<Header, ChainError> {
        let rules = self.spec.rollup.as_ref().ok_or(ChainError::Unbuildable("this chain is no rollup"))?;
        if seal.timestamp < above.timestamp {
            return Err(ChainError::Unbuildable("the timestamp is before the parent's"));
        }
        let extra = Extra::of_child(above, seal.timestamp, seal.prices)
            .ok_or(ChainError::Unbuildable("ten blocks have this timestamp already"))?;
        let number = above.number + 1;
        Ok(Header {
            parent_hash: parent,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: rules.fee_recipient,
            number,
            gas_limit: rules.gas_limit,
            timestamp: seal.timestamp,
            extra_data: extra.encode(),
            mix_hash: prev_randao(parent, number),
            base_fee_per_gas: stf::header::base_fee(self.spec.fork(number, seal.timestamp, true), above),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Default::default()
        })
    }

    /// The header as far as it is known before execution.
    fn template(&self, parent: &B256, above: &Header, attributes: &Attributes) -> Result<Header, ChainError> {
        let merged = self.spec.terminal_total_difficulty.is_some();
        let fork = self.spec.fork(above.number + 1, attributes.timestamp, merged);
        if fork < Fork::Paris {
            return Err(ChainError::Unbuildable("blocks before the merge are mined, not built"));
        }
        if attributes.timestamp <= above.timestamp {
            return Err(ChainError::Unbuildable("the timestamp is not after the parent's"));
        }
        let cancun = fork >= Fork::Cancun;
        let withdrawals_root =
            attributes.withdrawals.as_deref().filter(|_| fork >= Fork::Shanghai).map(calculate_withdrawals_root);
        Ok(Header {
            parent_hash: *parent,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: attributes.fee_recipient,
            number: above.number + 1,
            gas_limit: next_gas_limit(above.gas_limit, attributes),
            timestamp: attributes.timestamp,
            extra_data: attributes.extra_data.clone(),
            mix_hash: attributes.prev_randao,
            base_fee_per_gas: attributes.base_fee.or_else(|| stf::header::base_fee(fork, above)),
            withdrawals_root,
            blob_gas_used: cancun.then_some(0),
            excess_blob_gas: stf::header::excess_blob_gas(&self.spec, fork, attributes.timestamp, above),
            parent_beacon_block_root: attributes.parent_beacon_root.filter(|_| cancun),
            ..Default::default()
        })
    }
}

/// EIP-1559's bound on the step: less than 1/1024 of the parent's.
fn next_gas_limit(parent: u64, attributes: &Attributes) -> u64 {
    if attributes.exact_gas_limit {
        return attributes.gas_limit;
    }
    let step = (parent / 1024).saturating_sub(1);
    attributes.gas_limit.clamp(parent.saturating_sub(step), parent.saturating_add(step))
}

#[derive(Default)]
struct Chosen {
    /// What L1 has queued, then those of `included`; `senders` is as long.
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    included: Vec<Arc<PoolTransaction>>,
    impossible: Vec<B256>,
}

fn choose(
    executor: &mut Executor<'_, View>,
    plan: &Plan,
    candidates: &[Arc<PoolTransaction>],
) -> Result<Chosen, ChainError> {
    let mut chosen = Chosen::default();
    take_queued(executor, &plan.privileged, &mut chosen)?;
    let mut out = HashSet::new();
    let mut room = stf::block::MAX_BLOCK_SIZE.saturating_sub(SIZE_RESERVE);
    let mut blobs_left = plan.max_blobs;
    for candidate in candidates {
        if plan.header.gas_limit - executor.gas_used() < MIN_TRANSACTION_GAS {
            break;
        }
        let blobs = candidate.transaction.blob_count().unwrap_or_default();
        if out.contains(&candidate.sender) || candidate.size > room || blobs > blobs_left {
            out.insert(candidate.sender);
            continue;
        }
        executor.let_contracts_send(candidate.impersonated);
        match executor.transaction(&candidate.transaction, candidate.sender) {
            Ok(_) => {
                room -= candidate.size;
                blobs_left -= blobs;
                chosen.transactions.push(candidate.transaction.clone());
                chosen.senders.push(candidate.sender);
                chosen.included.push(candidate.clone());
            }
            Err(ExecuteError::Block(BlockError::Transaction { reason, .. })) => {
                out.insert(candidate.sender);
                if is_impossible(&reason) {
                    chosen.impossible.push(candidate.hash);
                }
            }
            Err(error) => return Err(build_error(error)),
        }
    }
    Ok(chosen)
}

/// The queue's order is L1's: at the first item that the block has no gas for, the rest waits for the next one.
fn take_queued(
    executor: &mut Executor<'_, View>,
    queued: &[Privileged],
    chosen: &mut Chosen,
) -> Result<(), ChainError> {
    for item in queued {
        let transaction = Transaction::from(item.clone());
        match executor.transaction(&transaction, item.from) {
            Ok(_) => {
                chosen.transactions.push(transaction);
                chosen.senders.push(item.from);
            }
            Err(ExecuteError::Block(BlockError::Transaction {
                reason: TransactionError::BlockGasExceeded { .. },
                ..
            })) => break,
            Err(error) => return Err(build_error(error)),
        }
    }
    Ok(())
}

/// Whether no later block can take it either. A lack of room, balance or fee may pass.
fn is_impossible(reason: &TransactionError) -> bool {
    match reason {
        TransactionError::BlockGasExceeded { .. }
        | TransactionError::BlockBlobsExceeded { .. }
        | TransactionError::BlockDataExceeded { .. }
        | TransactionError::TipBelowOperatorFee { .. } => false,
        TransactionError::PrivilegedOutsideRollup => true,
        TransactionError::Invalid(reason) => !matches!(
            reason,
            InvalidTransaction::LackOfFundForMaxFee { .. }
                | InvalidTransaction::GasPriceLessThanBasefee
                | InvalidTransaction::BlobGasPriceGreaterThanMax { .. }
                | InvalidTransaction::NonceTooHigh { .. }
        ),
    }
}

fn fees(header: &Header, receipts: &[stf::Receipt], transactions: &[Transaction]) -> U256 {
    let mut before = 0;
    let mut fees = U256::ZERO;
    for (receipt, transaction) in receipts.iter().zip(transactions) {
        let gas = receipt.cumulative_gas_used() - before;
        before = receipt.cumulative_gas_used();
        let tip = transaction.effective_tip_per_gas(header.base_fee_per_gas.unwrap_or_default());
        fees += U256::from(gas) * U256::from(tip.unwrap_or_default());
    }
    fees
}

fn build_error(error: ExecuteError<ReadError>) -> ChainError {
    match error {
        ExecuteError::Source(error) => ChainError::Storage(error.0),
        ExecuteError::Block(reason) => ChainError::Invalid { number: 0, hash: B256::ZERO, reason: Box::new(reason) },
        ExecuteError::Interpreter(message) => ChainError::Interpreter(message),
    }
}
