//! One simulated block: system calls, overrides, calls, requests, withdrawals, and the header over all that.

use super::super::args::{CallArgs, Defaults, Message};
use super::super::error::{CallError, REVERTED, SourceError, TransactionRefused, VM_ERROR};
use super::super::fields::{Object, Quantity64};
use super::super::layer::Layer;
use super::super::overrides;
use super::super::revert::{halt_message, revert_message};
use super::super::run::{Environment, machine, refused_in_order};
use super::super::system;
use super::answer::{BlockAnswer, CallAnswer, CallFailure, Sealed};
use super::logs::{LogCollector, NumberedLog};
use super::plan::PlannedBlock;
use super::transaction::Unsigned;
use super::{Ground, changes};
use alloy_consensus::{Eip658Value, TxType, proofs};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, B256, Bloom, U256};
use alloy_rlp::BufMut;
use revm::context_interface::result::ExecutionResult;
use revm::primitives::eip4844::GAS_PER_BLOB;
use revm::primitives::hardfork::SpecId;
use revm::state::EvmState;
use revm::{DatabaseCommit, DatabaseRef};
use stf::rewards::mining_rewards;
use stf::rollup::Published;
use stf::rollup::header::{Extra, l1_prices, prev_randao};
use stf::{Fork, Header, Receipt};

const FEE_TOO_LOW: i64 = -38012;
const BLOCK_GAS_LIMIT_REACHED: i64 = -38015;

/// What the request asks of every block.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Check nonces and fees as for real transactions.
    pub validation: bool,
    pub trace_transfers: bool,
    pub full_transactions: bool,
}

/// The chain that grows on the base.
pub struct Simulation<'a, D> {
    ground: &'a Ground<'a>,
    rules: Rules,
    layer: Layer<D>,
    /// Gas that the whole request may still use.
    budget: u64,
}

/// What the calls of a block leave behind.
#[derive(Default)]
struct Outcome {
    transactions: Vec<Unsigned>,
    receipts: Vec<Receipt>,
    calls: Vec<CallAnswer>,
    gas_used: u64,
    blob_gas_used: u64,
}

impl<'a, D: DatabaseRef<Error = SourceError>> Simulation<'a, D> {
    pub fn new(ground: &'a Ground<'a>, rules: Rules, mut layer: Layer<D>) -> Self {
        layer.set_block_hash(ground.base.number, ground.base_hash);
        Self { ground, rules, layer, budget: ground.gas_cap }
    }

    /// Run one block; gives the answer, and header and hash for the next block.
    pub fn run(
        &mut self,
        block: PlannedBlock,
        mut header: Header,
        parent: &Header,
        parent_hash: B256,
    ) -> Result<(BlockAnswer, Header, B256), CallError> {
        header.parent_hash = parent_hash;
        self.set_fees(&mut header, parent);
        if self.ground.spec.rollup.is_some() {
            self.be_a_child(&mut header, parent, block.overrides.prev_randao);
        }
        let mut environment = self.environment(&header);
        block.overrides.apply_blob_base_fee(&mut environment.block)?;
        overrides::apply_state(block.state_overrides, &mut self.layer, &mut environment.precompiles)?;
        system::begin(&mut self.layer, &environment, self.ground.spec, &header)?;

        let outcome = self.calls(block.calls, &header, &environment)?;
        let withdrawals = self.finish(&mut header, &environment, &outcome, block.overrides.withdrawals)?;
        header.state_root = self.state_root()?;

        let hash = header.hash_slow();
        self.layer.set_block_hash(header.number, hash);
        let sealed = Sealed { header: &header, hash, withdrawals, transactions: outcome.transactions };
        let answer = BlockAnswer::new(sealed, outcome.calls, self.rules.full_transactions);
        Ok((answer, header, hash))
    }

    /// The fees that follow from the parent. Without validation the base fee is zero unless it is overridden.
    fn set_fees(&self, header: &mut Header, parent: &Header) {
        let spec = self.ground.spec;
        let fork = spec.fork_of(header);
        if fork < Fork::London {
            header.base_fee_per_gas = None;
        } else if header.base_fee_per_gas.is_none() {
            header.base_fee_per_gas = if self.rules.validation { stf::header::base_fee(fork, parent) } else { Some(0) };
        }
        header.excess_blob_gas = stf::header::excess_blob_gas(spec, fork, header.timestamp, parent);
    }

    /// What a rollup's header says beside the usual. The prices of L1 stay as the base has them.
    fn be_a_child(&self, header: &mut Header, parent: &Header, random: Option<B256>) {
        let prices = l1_prices(self.ground.base);
        // Times rise from block to block here, so that every one is the first of its second.
        header.extra_data = Extra { place: 0, prices }.encode();
        header.mix_hash = random.unwrap_or_else(|| prev_randao(header.parent_hash, header.number));
        header.excess_blob_gas = parent.excess_blob_gas;
    }

    fn environment(&self, header: &Header) -> Environment {
        let mut environment = Environment::of_block(self.ground.spec, header).relaxed();
        environment.cfg.disable_nonce_check = !self.rules.validation;
        environment
    }

    /// The tip of a rollup's transaction covers the operator's fee. A fee cap below the base fee is told when it runs.
    fn check_tip(&self, message: &Message, base_fee: u64) -> Result<(), CallError> {
        let Some(rules) = &self.ground.spec.rollup else { return Ok(()) };
        let Some(room) = message.fee_cap.checked_sub(U256::from(base_fee)) else { return Ok(()) };
        rules
            .check_tip(room.min(message.tip_cap).saturating_to())
            .map_err(|refused| CallError::Coded { code: FEE_TOO_LOW, message: refused.to_string() })
    }

    fn calls(
        &mut self,
        calls: Vec<Object<CallArgs>>,
        header: &Header,
        environment: &Environment,
    ) -> Result<Outcome, CallError> {
        let mut outcome = Outcome::default();
        let mut collector = LogCollector::new(self.rules.trace_transfers);
        let mut published = Published::default();
        for Object(args) in calls {
            let (message, was_capped) = self.message(args, header, header.gas_limit - outcome.gas_used)?;
            let transaction = Unsigned::new(&message);
            let result = self.call(&message, environment, &mut collector, &mut published)?;
            let logs = collector.take();
            outcome.gas_used += result.tx_gas_used();
            self.consume(result.tx_gas_used())?;
            outcome.blob_gas_used += message.blob_hashes.as_ref().map_or(0, |blobs| blobs.len() as u64 * GAS_PER_BLOB);
            outcome.receipts.push(self.receipt(&result, transaction.tx_type, outcome.gas_used, environment)?);
            outcome.calls.push(call_answer(result, logs, was_capped));
            outcome.transactions.push(transaction);
        }
        Ok(outcome)
    }

    /// Fill the gaps of a call from the state and what is left of the block's gas; says whether the budget capped it.
    fn message(&self, mut args: CallArgs, header: &Header, remaining: u64) -> Result<(Message, bool), CallError> {
        if args.nonce.is_none() {
            let account = self.layer.basic_ref(args.from())?.unwrap_or_default();
            args.nonce = Some(Quantity64(account.nonce));
        }
        let wanted = args.gas.map_or(remaining, |gas| gas.0);
        if wanted > remaining {
            let message = format!("block gas limit reached: remaining: {remaining}, required: {wanted}");
            return Err(CallError::Coded { code: BLOCK_GAS_LIMIT_REACHED, message });
        }
        args.gas = Some(Quantity64(wanted));
        let defaults = Defaults {
            gas_cap: self.budget,
            base_fee: header.base_fee_per_gas,
            chain_id: self.ground.spec.chain_id,
            spec: self.ground.spec.fork_of(header).spec_id(),
        };
        Ok((args.into_message(&defaults)?, wanted > self.budget))
    }

    fn call(
        &mut self,
        message: &Message,
        environment: &Environment,
        collector: &mut LogCollector,
        published: &mut Published,
    ) -> Result<ExecutionResult, CallError> {
        let coinbase = environment.block.beneficiary;
        let mut environment = environment.clone();
        if self.rules.validation {
            self.check_tip(message, environment.block.basefee)?;
        } else {
            environment.cfg.disable_base_fee = message.is_free();
            environment.rollup = environment.rollup.filter(|_| !message.is_free());
            environment = environment.with_free_blobs(message);
        }
        let checks_nonce = self.rules.validation;
        let tx = message.to_tx_env().map_err(simulation_error)?;
        let done = machine(&mut self.layer, environment, collector).inspect(tx, published);
        match done {
            Ok(mut done) => {
                if message.is_free() && !self.rules.validation {
                    leave_out_untipped(&mut done.state, coinbase);
                }
                self.layer.commit(done.state);
                Ok(done.result)
            }
            Err(error) => Err(match refused_in_order(error, message, &self.layer, checks_nonce) {
                CallError::Transaction(refused) => simulation_error(refused),
                other => other,
            }),
        }
    }

    fn consume(&mut self, gas: u64) -> Result<(), CallError> {
        let remaining = self.budget;
        self.budget = remaining
            .checked_sub(gas)
            .ok_or_else(|| CallError::Refused(format!("RPC gas cap exhausted: need {gas}, remaining {remaining}")))?;
        Ok(())
    }

    fn receipt(
        &self,
        result: &ExecutionResult,
        tx_type: TxType,
        cumulative_gas_used: u64,
        environment: &Environment,
    ) -> Result<Receipt, CallError> {
        let status = if environment.cfg.spec.is_enabled_in(SpecId::BYZANTIUM) {
            Eip658Value::Eip658(result.is_success())
        } else {
            Eip658Value::PostState(self.state_root()?)
        };
        let logs = if result.is_success() { result.logs().to_vec() } else { Vec::new() };
        Ok(Receipt::new(tx_type.into(), status, cumulative_gas_used, logs))
    }

    /// Requests and withdrawals, and the header fields that stand for what the block did.
    fn finish(
        &mut self,
        header: &mut Header,
        environment: &Environment,
        outcome: &Outcome,
        withdrawals: Option<Vec<Withdrawal>>,
    ) -> Result<Option<Withdrawals>, CallError> {
        let fork = self.ground.spec.fork_of(header);
        header.gas_used = outcome.gas_used;
        header.blob_gas_used = (fork >= Fork::Cancun).then_some(outcome.blob_gas_used);
        header.requests_hash = system::requests(&mut self.layer, environment, self.ground.spec, &outcome.receipts)?
            .map(|requests| requests.requests_hash());
        let withdrawals = (fork >= Fork::Shanghai).then(|| Withdrawals::new(withdrawals.unwrap_or_default()));
        for withdrawal in withdrawals.iter().flat_map(|list| list.iter()) {
            self.layer.add_balance(withdrawal.address, withdrawal.amount_wei())?;
        }
        if !header.difficulty.is_zero() {
            for (address, reward) in mining_rewards(fork, header.number, header.beneficiary, &[]) {
                self.layer.add_balance(address, reward)?;
            }
        }
        header.withdrawals_root = withdrawals.as_ref().map(|list| proofs::calculate_withdrawals_root(list));
        header.transactions_root = transactions_root(&outcome.transactions);
        header.receipts_root = proofs::calculate_receipt_root(&outcome.receipts);
        header.logs_bloom = outcome.receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        Ok(withdrawals)
    }
}

impl<D: DatabaseRef<Error = SourceError>> Simulation<'_, D> {
    fn state_root(&self) -> Result<B256, CallError> {
        (self.ground.root)(&changes::of_layer(&self.layer)?)
    }
}

/// A miner whom nobody pays is not touched: before EIP-161 that would leave an empty account behind.
fn leave_out_untipped(state: &mut EvmState, coinbase: Address) {
    if state.get(&coinbase).is_some_and(|account| account.is_loaded_as_not_existing() && account.is_empty()) {
        state.remove(&coinbase);
    }
}

fn simulation_error(refused: Box<TransactionRefused>) -> CallError {
    CallError::Coded { code: refused.simulation_code(), message: refused.to_string() }
}

fn transactions_root(transactions: &[Unsigned]) -> B256 {
    alloy_trie::root::ordered_trie_root_with_encoder(transactions, |transaction, out| {
        out.put_slice(&transaction.encoded)
    })
}

fn call_answer(result: ExecutionResult, logs: Vec<NumberedLog>, was_capped: bool) -> CallAnswer {
    let gas = *result.gas();
    let error = match &result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => {
            Some(CallFailure { code: REVERTED, message: revert_message(output), data: Some(output.clone()) })
        }
        ExecutionResult::Halt { reason, .. } => {
            let mut message = halt_message(reason);
            if was_capped {
                message.push_str(" (gas limit was capped by the RPC server's global gas cap)");
            }
            Some(CallFailure { code: VM_ERROR, message, data: None })
        }
    };
    CallAnswer {
        return_data: if error.is_none() { result.into_output().unwrap_or_default() } else { Default::default() },
        logs: if error.is_none() { logs } else { Vec::new() },
        gas_used: gas.tx_gas_used(),
        max_used_gas: gas.total_gas_spent().max(gas.floor_gas()),
        error,
    }
}
