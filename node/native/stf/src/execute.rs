//! Run a block: system calls, transactions, rewards, withdrawals, requests.
//!
//! [`Executor`] is the one path through a block, taken by import (all transactions given) and by payload building
//! (transactions tried one by one; a refused one leaves no trace). It lives as long as the block and borrows the state
//! before it, which it never changes: [`Executed::changes`] says what did.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::{Eip658Value, Transaction as _, Typed2718};
use alloy_eips::{eip2935, eip4788, eip4895::Withdrawal, eip7002::SYSTEM_ADDRESS};
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256};
use revm::{
    ExecuteEvm, MainBuilder,
    bytecode::opcode,
    context::{BlockEnv, CfgEnv, Context, ContextSetters, TxEnv},
    context_interface::{
        ContextTr, JournalTr,
        journaled_state::account::JournaledAccountTr,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{Handler, MainnetEvm, MainnetHandler},
    interpreter::Instruction,
};

use crate::{
    Block, BlockError, ChainSpec, ExecuteError, Fork, Header, Receipt, StateChanges, StateSource, Transaction,
    TransactionError, constantinople, dao, environment,
    journal::BlockJournal,
    overlay::{Ancestors, Overlay},
    requests::{self, Requests},
    rewards,
    rollup::{self, Published, RollupRules, fees::RollupHandler, precompiles::precompiles},
    spec::GAS_PER_BLOB,
};

/// Gas of a system call. It counts towards no limit of the block.
const SYSTEM_CALL_GAS: u64 = 30_000_000;

const GWEI: u64 = 1_000_000_000;

type BlockContext<'a, S> = Context<BlockEnv, TxEnv, CfgEnv, Overlay<'a, S>, BlockJournal<'a, S>>;
type BlockEvm<'a, S> = MainnetEvm<BlockContext<'a, S>>;
type EvmResult<S> = Result<ExecutionResult<HaltReason>, EVMError<<S as revm::Database>::Error, InvalidTransaction>>;

/// What a block did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    pub changes: StateChanges,
    pub receipts: Vec<Receipt>,
    pub gas_used: u64,
    pub blob_gas_used: u64,
    /// From Prague on.
    pub requests: Option<Requests>,
    pub logs_bloom: Bloom,
    pub receipts_root: B256,
}

/// What a transaction did, beside its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionResult {
    pub gas_used: u64,
    pub success: bool,
    /// What the outermost call returned or reverted with; the code of a contract that was created.
    pub output: Bytes,
    pub created: Option<Address>,
    /// Why the interpreter stopped, if it was neither a return nor a revert.
    pub halt: Option<HaltReason>,
}

/// Executes one block, transaction by transaction.
pub struct Executor<'a, S: StateSource> {
    spec: &'a ChainSpec,
    header: &'a Header,
    fork: Fork,
    max_blob_gas: u64,
    evm: BlockEvm<'a, S>,
    published: Published,
    data_limit: u64,
    receipts: Vec<Receipt>,
    gas_used: u64,
    blob_gas_used: u64,
    logs_bloom: Bloom,
}

impl<'a, S: StateSource> Executor<'a, S> {
    /// `header` gives the environment; what execution finds out (roots, gas used, bloom) is not read from it.
    /// `state` is the state of the parent.
    pub fn new(spec: &'a ChainSpec, header: &'a Header, state: &'a mut S) -> Self {
        let fork = spec.fork_of(header);
        let ancestors = match spec.rollup {
            None => Ancestors::Source,
            Some(_) => {
                Ancestors::Contract { parent_number: header.number.saturating_sub(1), parent_hash: header.parent_hash }
            }
        };
        let context: BlockContext<'a, S> = Context::new(Overlay::new(state, ancestors), fork.spec_id());
        let mut evm = context
            .with_block(environment::block_env(spec, header))
            .with_cfg(environment::cfg_env(spec, header))
            .build_mainnet()
            .with_precompiles(precompiles(spec, fork));
        if fork == Fork::Constantinople {
            evm.instruction.insert_instruction(opcode::SSTORE, Instruction::new(constantinople::sstore), 0);
        }
        Self {
            spec,
            header,
            fork,
            max_blob_gas: spec.blob_params(header.timestamp).map_or(0, |blobs| blobs.max_gas()),
            evm,
            published: Published::default(),
            data_limit: u64::MAX,
            receipts: Vec::new(),
            gas_used: 0,
            blob_gas_used: 0,
            logs_bloom: Bloom::ZERO,
        }
    }

    /// Refuse transactions that would make the block publish more bytes than this (for builders; no rule of the chain).
    pub fn limit_data(&mut self, bytes: u64) {
        self.data_limit = bytes;
    }

    /// What comes before the transactions: the DAO fork's change, then the calls that write the beacon root (EIP-4788)
    /// and the parent's hash (EIP-2935). Contracts that are not there, and calls that fail, are passed over. A rollup has
    /// no beacon chain, and its root is not written: it would be published each second.
    pub fn begin(&mut self) -> Result<(), ExecuteError<S::Error>> {
        if self.spec.dao_fork_support && self.spec.dao_fork_block == Some(self.header.number) {
            self.drain_dao().map_err(ExecuteError::Source)?;
        }
        let has_beacon_chain = self.fork >= Fork::Cancun && self.spec.rollup.is_none();
        if let Some(root) = self.header.parent_beacon_block_root.filter(|_| has_beacon_chain) {
            self.system_call(eip4788::BEACON_ROOTS_ADDRESS, root.into())?;
        }
        if self.fork >= Fork::Prague {
            self.system_call(eip2935::HISTORY_STORAGE_ADDRESS, self.header.parent_hash.into())?;
        }
        Ok(())
    }

    /// Execute the next transaction. [`BlockError::Transaction`] means that the block cannot take it: then nothing has
    /// changed, and another one may be tried.
    pub fn transaction(
        &mut self,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<TransactionResult, ExecuteError<S::Error>> {
        let blob_gas = transaction.blob_count().unwrap_or_default() * GAS_PER_BLOB;
        self.check_room(transaction.gas_limit(), blob_gas).map_err(|reason| self.refused(reason))?;
        let (result, data_gas) = match (&self.spec.rollup, transaction) {
            (None, Transaction::Signed(_)) => {
                let outcome = self.evm.transact_one(environment::tx_env(transaction, sender));
                (self.settle(outcome)?, 0)
            }
            (None, Transaction::Privileged(_)) => return Err(self.refused(TransactionError::PrivilegedOutsideRollup)),
            (Some(rules), Transaction::Signed(_)) => {
                self.check_tip(rules, transaction).map_err(|reason| self.refused(reason))?;
                self.run_on_rollup(rules, transaction, sender)?
            }
            (Some(rules), Transaction::Privileged(item)) => self.run_on_rollup(rules, transaction, item.from)?,
        };
        self.blob_gas_used += blob_gas;
        self.record(transaction, result, data_gas)
    }

    /// A fee cap below the base fee is told as on any chain, when it runs.
    fn check_tip(&self, rules: &RollupRules, transaction: &Transaction) -> Result<(), TransactionError> {
        let tip = self.header.base_fee_per_gas.and_then(|base_fee| transaction.effective_tip_per_gas(base_fee));
        tip.map_or(Ok(()), |tip| rules.check_tip(tip))
    }

    fn run_on_rollup(
        &mut self,
        rules: &RollupRules,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<(ExecutionResult<HaltReason>, u64), ExecuteError<S::Error>> {
        let prices = rollup::header::l1_prices(self.header);
        self.evm.ctx.set_tx(environment::tx_env(transaction, sender));
        let mut handler = RollupHandler::new(rules, prices, &mut self.published);
        handler.data_limit = self.data_limit;
        let outcome = handler.transact(&mut self.evm, Handler::run);
        let (data_gas, exceeded) = (handler.data_gas, handler.exceeded);
        if exceeded {
            return Err(self.refused(TransactionError::BlockDataExceeded { limit: self.data_limit }));
        }
        Ok((self.settle(outcome)?, data_gas))
    }

    /// Bytes that the transactions so far have added to what a rollup publishes, at most.
    pub fn published_bytes(&self) -> u64 {
        self.published.bytes()
    }

    /// Whether contracts may send the transactions that follow (EIP-3607 lifted): impersonated ones of a dev chain.
    pub fn let_contracts_send(&mut self, allowed: bool) {
        self.evm.ctx.cfg.disable_eip3607 = allowed;
    }

    /// Gas that transactions have used so far.
    pub fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Blob gas that transactions have used so far.
    pub fn blob_gas_used(&self) -> u64 {
        self.blob_gas_used
    }

    /// The receipts so far, one a transaction.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// What the block has changed so far.
    pub fn changes(&mut self) -> Result<StateChanges, S::Error> {
        let (overlay, present) = self.evm.ctx.journaled_state.db_and_state_mut();
        overlay.changes(present, self.fork.spec_id())
    }

    /// What comes after the transactions: mining rewards or withdrawals, then the requests to the consensus layer.
    pub fn finish(
        mut self,
        ommers: &[Header],
        withdrawals: Option<&[Withdrawal]>,
    ) -> Result<Executed, ExecuteError<S::Error>> {
        let rewards = rewards::mining_rewards(self.fork, self.header.number, self.header.beneficiary, ommers);
        let withdrawn = withdrawals.unwrap_or_default().iter();
        let withdrawn =
            withdrawn.map(|withdrawal| (withdrawal.address, U256::from(withdrawal.amount) * U256::from(GWEI)));
        self.credit(rewards.into_iter().chain(withdrawn)).map_err(ExecuteError::Source)?;
        let requests = if self.fork >= Fork::Prague { Some(self.collect_requests()?) } else { None };
        let changes = self.changes().map_err(ExecuteError::Source)?;
        Ok(Executed {
            changes,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests,
            logs_bloom: self.logs_bloom,
            receipts_root: alloy_consensus::proofs::calculate_receipt_root(&self.receipts),
            receipts: self.receipts,
        })
    }

    fn check_room(&self, gas_limit: u64, blob_gas: u64) -> Result<(), TransactionError> {
        let left = self.header.gas_limit.saturating_sub(self.gas_used);
        if gas_limit > left {
            return Err(TransactionError::BlockGasExceeded { limit: gas_limit, left });
        }
        let blob_gas_left = self.max_blob_gas.saturating_sub(self.blob_gas_used);
        if blob_gas > blob_gas_left {
            let (blobs, left) = (blob_gas / GAS_PER_BLOB, blob_gas_left / GAS_PER_BLOB);
            return Err(TransactionError::BlockBlobsExceeded { blobs, left });
        }
        Ok(())
    }

    fn refused(&self, reason: TransactionError) -> ExecuteError<S::Error> {
        BlockError::Transaction { index: self.receipts.len(), reason }.into()
    }

    /// Sort out what the interpreter says: a result, a refused transaction, a state that could not be read.
    fn settle(&mut self, outcome: EvmResult<S>) -> Result<ExecutionResult<HaltReason>, ExecuteError<S::Error>> {
        if let Some(failure) = self.evm.ctx.db_mut().take_failure() {
            return Err(ExecuteError::Source(failure));
        }
        outcome.map_err(|error| match error {
            EVMError::Transaction(reason) => self.refused(reason.into()),
            EVMError::Database(error) => ExecuteError::Source(error),
            other => ExecuteError::Interpreter(other.to_string()),
        })
    }

    /// Write the receipt of a transaction that was executed.
    fn record(
        &mut self,
        transaction: &Transaction,
        result: ExecutionResult<HaltReason>,
        data_gas: u64,
    ) -> Result<TransactionResult, ExecuteError<S::Error>> {
        let (success, gas_used, created) = (result.is_success(), result.tx_gas_used(), result.created_address());
        let (logs, output, halt) = match result {
            ExecutionResult::Success { logs, output, .. } => (logs, output.into_data(), None),
            ExecutionResult::Revert { output, .. } => (Vec::new(), output, None),
            ExecutionResult::Halt { reason, .. } => (Vec::new(), Bytes::new(), Some(reason)),
        };
        self.gas_used += gas_used;
        let status = self.receipt_status(success).map_err(ExecuteError::Source)?;
        let mut receipt = Receipt::new(transaction.ty(), status, self.gas_used, logs);
        receipt.data_gas = data_gas;
        self.logs_bloom |= *receipt.logs_bloom();
        self.receipts.push(receipt);
        Ok(TransactionResult { gas_used, success, output, created, halt })
    }

    /// From Byzantium on a receipt says whether the transaction went well (EIP-658); before, what the state's root was.
    fn receipt_status(&mut self, success: bool) -> Result<Eip658Value, S::Error> {
        if self.fork >= Fork::Byzantium {
            return Ok(Eip658Value::Eip658(success));
        }
        let (overlay, present) = self.evm.ctx.journaled_state.db_and_state_mut();
        overlay.state_root(present, self.fork.spec_id()).map(Eip658Value::PostState)
    }

    fn drain_dao(&mut self) -> Result<(), S::Error> {
        let journal = &mut self.evm.ctx.journaled_state;
        let mut drained = U256::ZERO;
        for address in dao::DRAINED_ACCOUNTS {
            let mut account = journal.load_account_mut(address)?;
            drained += *account.balance();
            account.set_balance(U256::ZERO);
        }
        self.credit([(dao::REFUND_CONTRACT, drained)])
    }

    /// Add to balances, outside of any transaction. An account that is credited nothing is touched all the same.
    pub fn credit(&mut self, credits: impl IntoIterator<Item = (Address, U256)>) -> Result<(), S::Error> {
        let journal = &mut self.evm.ctx.journaled_state;
        for (address, amount) in credits {
            journal.balance_incr(address, amount)?;
        }
        journal.commit_tx();
        Ok(())
    }

    /// A rollup has no consensus layer to ask anything of.
    fn collect_requests(&mut self) -> Result<Requests, ExecuteError<S::Error>> {
        if self.spec.rollup.is_some() {
            return Ok(Requests::default());
        }
        let deposit_contract = self.spec.deposit_contract_address.unwrap_or(requests::MAINNET_DEPOSIT_CONTRACT);
        let mut collected = Requests::default();
        collected.push_request_with_type(
            requests::DEPOSIT_REQUEST_TYPE,
            requests::deposits(&self.receipts, deposit_contract)?,
        );
        for (kind, address) in [
            (requests::WITHDRAWAL_REQUEST_TYPE, requests::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (requests::CONSOLIDATION_REQUEST_TYPE, requests::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
        ] {
            collected.push_request_with_type(kind, self.ask_system_contract(address)?);
        }
        Ok(collected)
    }

    /// Call a contract that the block cannot do without (EIP-7002, EIP-7251).
    fn ask_system_contract(&mut self, address: Address) -> Result<Bytes, ExecuteError<S::Error>> {
        let account = self.evm.ctx.journaled_state.load_account_with_code(address).map_err(ExecuteError::Source)?;
        if account.info.code.as_ref().is_none_or(|code| code.is_empty()) {
            return Err(BlockError::SystemContractMissing(address).into());
        }
        let failed = |reason: String| Err(BlockError::SystemCallFailed { address, reason }.into());
        match self.system_call(address, Bytes::new())? {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { .. } => failed("reverted".to_string()),
            ExecutionResult::Halt { reason, .. } => failed(reason.to_string()),
        }
    }

    fn system_call(
        &mut self,
        address: Address,
        data: Bytes,
    ) -> Result<ExecutionResult<HaltReason>, ExecuteError<S::Error>> {
        self.evm.ctx.set_tx(TxEnv {
            caller: SYSTEM_ADDRESS,
            kind: TxKind::Call(address),
            data,
            gas_limit: SYSTEM_CALL_GAS,
            ..TxEnv::default()
        });
        let outcome = MainnetHandler::default().run_system_call(&mut self.evm);
        self.settle(outcome)
    }
}

/// Execute a whole block on the state of its parent. `senders` are those of its transactions, in order.
pub fn execute_block<S: StateSource>(
    spec: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &mut S,
) -> Result<Executed, ExecuteError<S::Error>> {
    let mut executor = Executor::new(spec, &block.header, state);
    executor.receipts.reserve_exact(block.body.transactions.len());
    executor.begin()?;
    for (transaction, sender) in block.body.transactions.iter().zip(senders) {
        executor.transaction(transaction, *sender)?;
    }
    executor.finish(&block.body.ommers, block.body.withdrawals.as_ref().map(|withdrawals| withdrawals.as_slice()))
}

/// Compare what a header promises with what execution gave. The state root is left to whoever computes it.
pub fn verify_executed(spec: &ChainSpec, header: &Header, executed: &Executed) -> Result<(), BlockError> {
    if header.gas_used != executed.gas_used {
        return Err(BlockError::GasUsedMismatch { got: header.gas_used, expected: executed.gas_used });
    }
    if header.receipts_root != executed.receipts_root {
        return Err(BlockError::ReceiptsRootMismatch { got: header.receipts_root, expected: executed.receipts_root });
    }
    if header.logs_bloom != executed.logs_bloom {
        return Err(BlockError::LogsBloomMismatch);
    }
    let blob_gas_used = header.blob_gas_used.unwrap_or_default();
    if spec.fork_of(header) >= Fork::Cancun && blob_gas_used != executed.blob_gas_used {
        return Err(BlockError::BlobGasUsedMismatch { got: blob_gas_used, expected: executed.blob_gas_used });
    }
    let requests_hash = executed.requests.as_ref().map(Requests::requests_hash);
    match (header.requests_hash, requests_hash) {
        (Some(got), Some(expected)) if got != expected => Err(BlockError::RequestsHashMismatch { got, expected }),
        (None, Some(_)) => Err(BlockError::FieldMissing("requestsHash")),
        _ => Ok(()),
    }
}
