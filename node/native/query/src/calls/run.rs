//! Run one message on a state: the only place that builds an EVM for calls.

use super::args::Message;
use super::error::{CallError, SourceError, from_evm};
use super::faults::Faults;
use super::precompiles::CallPrecompiles;
use super::revert::halt_message;
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY};
use revm::bytecode::{Bytecode, opcode};
use revm::context::{BlockEnv, CfgEnv, Context, ContextSetters, Evm, FrameStack, TxEnv};
use revm::context_interface::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction, ResultAndState};
use revm::context_interface::{ContextTr, JournalTr};
use revm::handler::instructions::EthInstructions;
use revm::handler::{EthFrame, Handler, MainnetHandler, SystemCallEvm};
use revm::inspector::{Inspector, InspectorHandler};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    CallInput, CallInputs, CallOutcome, CallScheme, CallValue, Gas, Instruction, InstructionResult, InterpreterResult,
};
use revm::state::AccountInfo;
use revm::{Database, DatabaseRef, Journal};
use stf::rollup::fees::RollupHandler;
use stf::rollup::{self, L1Prices, Published, RollupRules};
use stf::{ChainSpec, Fork, Header, constantinople};

/// Frames that are built ahead: a token's balance takes one, few calls go deeper than two.
const FRAMES_AHEAD: usize = 2;

pub type CallContext<D> = Context<BlockEnv, TxEnv, CfgEnv, D, Journal<D>>;
pub type CallEvm<D, I> =
    Evm<CallContext<D>, I, EthInstructions<EthInterpreter, CallContext<D>>, CallPrecompiles, EthFrame<EthInterpreter>>;

/// Where a message runs: block, rules, who answers at the precompiles' addresses.
#[derive(Clone, Debug)]
pub struct Environment {
    pub block: BlockEnv,
    pub cfg: CfgEnv,
    pub precompiles: CallPrecompiles,
    /// The block has a base fee.
    pub is_london: bool,
    /// The one fork whose stores revm does not know (EIP-1283).
    is_constantinople: bool,
    /// What transactions pay beside gas; `None` where the chain is no rollup, or nothing is paid.
    pub rollup: Option<RollupFees>,
}

/// A rollup's fees in one block.
#[derive(Clone, Debug)]
pub struct RollupFees {
    pub rules: RollupRules,
    pub prices: L1Prices,
}

impl Environment {
    pub fn new(block: BlockEnv, cfg: CfgEnv, is_london: bool) -> Self {
        let precompiles = CallPrecompiles::new(cfg.spec);
        Self { block, cfg, precompiles, is_london, is_constantinople: false, rollup: None }
    }

    /// The block with this header, under the rules of its fork.
    pub fn of_block(spec: &ChainSpec, header: &Header) -> Self {
        let block = stf::environment::block_env(spec, header);
        let mut environment =
            Self::new(block, stf::environment::cfg_env(spec, header), header.base_fee_per_gas.is_some());
        let fork = spec.fork_of(header);
        environment.precompiles = CallPrecompiles::of_chain(spec, fork);
        environment.is_constantinople = fork == Fork::Constantinople;
        environment.rollup =
            spec.rollup.clone().map(|rules| RollupFees { rules, prices: rollup::header::l1_prices(header) });
        environment
    }

    pub fn base_fee(&self) -> Option<u64> {
        self.is_london.then_some(self.block.basefee)
    }

    /// Where a rollup's fees go, beside the beneficiary.
    pub fn vaults(&self) -> impl Iterator<Item = Address> {
        let of_rules = |fees: &RollupFees| {
            let rules = &fees.rules;
            [Some(rules.data_fee_vault), Some(rules.operator_fee_vault), rules.base_fee_vault]
        };
        self.rollup.iter().flat_map(of_rules).flatten()
    }

    /// The rules for messages that are no transactions: nonces, sender's code and the fork's gas cap are not checked.
    pub fn relaxed(mut self) -> Self {
        self.cfg.disable_nonce_check = true;
        self.cfg.disable_eip3607 = true;
        self.cfg.disable_block_gas_limit = true;
        self.cfg.tx_gas_limit_cap = Some(u64::MAX);
        self
    }

    /// The rules for what is in a block already: a dev chain's may hold transactions that a contract sent.
    pub fn of_committed(mut self) -> Self {
        self.cfg.disable_eip3607 = true;
        self
    }

    /// A message without a price sees a block without one.
    pub fn for_message(mut self, message: &Message) -> Self {
        if message.is_free() {
            self.block.basefee = 0;
            self.rollup = None;
        }
        self.with_free_blobs(message)
    }

    /// A blob fee cap of zero asks for no blob fee.
    pub fn with_free_blobs(mut self, message: &Message) -> Self {
        if message.blob_hashes.is_some()
            && message.blob_fee_cap.is_zero()
            && let Some(blob) = &mut self.block.blob_excess_gas_and_price
        {
            blob.blob_gasprice = 0;
        }
        self
    }
}

/// A machine that runs transactions and messages by the rules of its chain.
pub struct Machine<D: Database<Error = SourceError>, I> {
    evm: CallEvm<D, I>,
    rollup: Option<RollupFees>,
}

pub type RunResult<T> = Result<T, EVMError<SourceError>>;
type Course<'r, D, I> = RollupHandler<'r, CallEvm<D, I>, EVMError<SourceError>>;

/// Build the machine.
pub fn machine<D: Database<Error = SourceError>, I>(db: D, environment: Environment, inspector: I) -> Machine<D, I> {
    let Environment { block, cfg, precompiles, is_constantinople, rollup, .. } = environment;
    let spec = cfg.spec;
    let ctx = CallContext::new(db, spec).with_block(block).with_cfg(cfg);
    let mut instruction = EthInstructions::new_mainnet_with_spec(spec);
    if is_constantinople {
        instruction.insert_instruction(opcode::SSTORE, Instruction::new(constantinople::sstore), 0);
    }
    let frame_stack = FrameStack::new_prealloc(FRAMES_AHEAD);
    Machine { evm: Evm { ctx, inspector, instruction, precompiles, frame_stack }, rollup }
}

impl<D: Database<Error = SourceError>, I> Machine<D, I> {
    /// Run a transaction that nobody watches. `published` is what its block's have paid for: a rollup's adds to it.
    pub fn run(&mut self, tx: TxEnv, published: &mut Published) -> RunResult<ExecutionResult> {
        self.evm.ctx.set_tx(tx);
        match &self.rollup {
            None => MainnetHandler::default().run(&mut self.evm),
            Some(RollupFees { rules, prices }) => {
                let mut course: Course<'_, D, I> = RollupHandler::new(rules, *prices, published);
                course.transact(&mut self.evm, Handler::run)
            }
        }
    }

    /// The same; the changes come back too.
    pub fn transact(&mut self, tx: TxEnv, published: &mut Published) -> RunResult<ResultAndState> {
        let result = self.run(tx, published);
        self.with_changes(result)
    }

    /// Run what a block runs beside its transactions.
    pub fn system_call(&mut self, contract: Address, data: Bytes) -> RunResult<ResultAndState> {
        self.evm.system_call(contract, data)
    }

    fn with_changes(&mut self, result: RunResult<ExecutionResult>) -> RunResult<ResultAndState> {
        let state = self.evm.ctx.journal_mut().finalize();
        Ok(ResultAndState::new(result?, state))
    }
}

impl<D: Database<Error = SourceError>, I: Inspector<CallContext<D>>> Machine<D, I> {
    /// Run a transaction under the inspector; the changes come back too.
    pub fn inspect(&mut self, tx: TxEnv, published: &mut Published) -> RunResult<ResultAndState> {
        self.evm.ctx.set_tx(tx);
        let result = match &self.rollup {
            None => MainnetHandler::default().inspect_run(&mut self.evm),
            Some(RollupFees { rules, prices }) => {
                let mut course: Course<'_, D, I> = RollupHandler::new(rules, *prices, published);
                let mut has_run = false;
                let result = course.transact(&mut self.evm, |course, evm| {
                    has_run = true;
                    course.inspect_run(evm)
                });
                if !has_run {
                    show_unrun(&mut self.evm);
                }
                result
            }
        };
        self.with_changes(result)
    }
}

/// Show the inspector an item of the queue that could not run: a call that failed before its first instruction.
fn show_unrun<D: Database<Error = SourceError>, I: Inspector<CallContext<D>>>(evm: &mut CallEvm<D, I>) {
    let tx = &evm.ctx.tx;
    let to = tx.kind.to().copied().unwrap_or_default();
    let mut inputs = CallInputs {
        input: CallInput::Bytes(tx.data.clone()),
        return_memory_offset: 0..0,
        gas_limit: tx.gas_limit,
        reservoir: 0,
        bytecode_address: to,
        known_bytecode: (KECCAK256_EMPTY, Bytecode::default()),
        target_address: to,
        caller: tx.caller,
        value: CallValue::Transfer(tx.value),
        scheme: CallScheme::Call,
        is_static: false,
        charged_new_account_state_gas: false,
    };
    let result = InterpreterResult::new(InstructionResult::Revert, Bytes::new(), Gas::new(tx.gas_limit));
    let mut outcome = CallOutcome::new(result, 0..0);
    evm.inspector.call(&mut evm.ctx, &mut inputs);
    evm.inspector.call_end(&mut evm.ctx, &inputs, &mut outcome);
}

/// Run a message and forget what it changed.
pub fn run<D: Database<Error = SourceError>>(
    db: D,
    environment: Environment,
    message: &Message,
) -> Result<ExecutionResult, CallError> {
    let tx = message.to_tx_env()?;
    machine(db, environment, ())
        .run(tx, &mut Published::default())
        .map_err(|error| from_evm(error, |reason| message.refused(reason)))
}

/// Run a message under an inspector; the changes come back too.
pub fn inspect<D: Database<Error = SourceError>, I: Inspector<CallContext<D>>>(
    db: D,
    environment: Environment,
    message: &Message,
    inspector: I,
) -> Result<ResultAndState, CallError> {
    let tx = message.to_tx_env()?;
    machine(db, environment, inspector)
        .inspect(tx, &mut Published::default())
        .map_err(|error| from_evm(error, |reason| message.refused(reason)))
}

/// Why a message halted, in geth's words. Some of them name the opcode or the stack: then the message runs once more,
/// watched.
pub fn halt_text<D: Database<Error = SourceError>>(
    db: D,
    environment: Environment,
    message: &Message,
    reason: &HaltReason,
) -> String {
    let plain = halt_message(reason);
    let is_vague = matches!(
        reason,
        HaltReason::OpcodeNotFound | HaltReason::NotActivated | HaltReason::StackUnderflow | HaltReason::StackOverflow
    );
    if !is_vague {
        return plain;
    }
    let mut faults = Faults::default();
    match inspect(db, environment, message, &mut faults) {
        Ok(_) => faults.of_message().map_or(plain, str::to_owned),
        Err(_) => plain,
    }
}

/// The reason geth would name first. It looks at the nonce, then at fees, then at the balance, then at the gas that
/// the message costs before it runs; revm looks at fees and that gas before it reads the account.
pub fn refused_in_order<D: DatabaseRef<Error = SourceError>>(
    error: EVMError<SourceError>,
    message: &Message,
    state: &D,
    checks_nonce: bool,
) -> CallError {
    let EVMError::Transaction(found) = error else {
        return from_evm(error, |reason| message.refused(reason));
    };
    let account = match state.basic_ref(message.from) {
        Ok(account) => account.unwrap_or_default(),
        Err(error) => return error.into(),
    };
    let reason = match earlier_reason(&found, message, &account, checks_nonce) {
        Some(earlier) => earlier,
        None => found,
    };
    message.refused(reason).into()
}

fn earlier_reason(
    found: &InvalidTransaction,
    message: &Message,
    account: &AccountInfo,
    checks_nonce: bool,
) -> Option<InvalidTransaction> {
    let (tx, state) = (message.nonce, account.nonce);
    if checks_nonce && tx != state {
        return Some(if tx > state {
            InvalidTransaction::NonceTooHigh { tx, state }
        } else {
            InvalidTransaction::NonceTooLow { tx, state }
        });
    }
    let is_about_gas = matches!(
        found,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. } | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
    );
    let cost = message.highest_cost();
    (is_about_gas && cost.is_none_or(|cost| cost > account.balance)).then(|| match cost {
        Some(fee) => InvalidTransaction::LackOfFundForMaxFee { fee: Box::new(fee), balance: Box::new(account.balance) },
        None => InvalidTransaction::OverflowPaymentInTransaction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER, environment, message};
    use alloy_primitives::{U256, hex};
    use revm::database_interface::WrapDatabaseRef;
    use revm::primitives::hardfork::SpecId;

    fn run_on(state: &MemoryState, message: &Message) -> Result<ExecutionResult, CallError> {
        let environment = environment(SpecId::OSAKA).for_message(message);
        run(WrapDatabaseRef(state), environment, message)
    }

    /// Returns GASPRICE and BASEFEE.
    const PRICES: [u8; 14] = hex!("3a5f52486020526040 5ff3 000000");

    #[test]
    fn a_message_without_a_price_sees_no_base_fee() {
        let state = MemoryState::default().with_code(CONTRACT, PRICES);

        let output = run_on(&state, &message("{}")).expect("runs").into_output().expect("output");

        assert_eq!(output.as_ref(), [0; 64]);
    }

    #[test]
    fn a_message_with_a_price_pays_it() {
        let state = MemoryState::default().with_code(CONTRACT, PRICES).with_balance(SENDER, 1_000_000);
        let priced = r#"{"maxFeePerGas":"0x9","maxPriorityFeePerGas":"0x1","gas":"0x186a0"}"#;

        let output = run_on(&state, &message(priced)).expect("runs").into_output().expect("output");

        assert_eq!((output[31], output[63]), (8, 7));
    }

    #[test]
    fn a_price_below_the_base_fee_is_refused() {
        let state = MemoryState::default().with_balance(SENDER, 1_000_000_000);

        let error = run_on(&state, &message(r#"{"gasPrice":"0x6"}"#)).expect_err("too low");

        assert_eq!(error.code(), -32000);
        assert!(error.to_string().starts_with("err: max fee per gas less than block base fee: address 0xaA"));
        assert!(error.to_string().ends_with("maxFeePerGas: 6, baseFee: 7 (supplied gas 50000000)"));
    }

    #[test]
    fn value_that_the_sender_lacks_is_refused() {
        let error = run_on(&MemoryState::default(), &message(r#"{"value":"0x5"}"#)).expect_err("no funds");

        let text = "insufficient funds for gas * price + value";
        assert!(error.to_string().contains(text) && error.to_string().contains("have 0 want 5"), "{error}");
    }

    #[test]
    fn contracts_and_old_nonces_may_send() {
        let state = MemoryState::default().with_code(SENDER, [0x00]);
        assert!(run_on(&state, &message(r#"{"nonce":"0x7"}"#)).expect("runs").is_success());
    }

    #[test]
    fn the_gas_cap_of_a_transaction_does_not_bind_a_message() {
        let done = run_on(&MemoryState::default(), &message(r#"{"gas":"0x2faf080"}"#)).expect("runs");
        assert_eq!(done.tx_gas_used(), 21_000);
    }

    #[test]
    fn geth_names_the_balance_before_the_gas_that_a_message_costs() {
        let message = message(r#"{"gas":"0x1","value":"0x5"}"#);
        let found = InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas: 21_000, gas_limit: 1 };

        let error = refused_in_order(EVMError::Transaction(found), &message, &MemoryState::default(), false);

        let CallError::Transaction(refused) = error else { panic!("{error}") };
        assert_eq!(refused.simulation_code(), -38014);
        assert_eq!(
            refused.reason,
            InvalidTransaction::LackOfFundForMaxFee { fee: Box::new(U256::from(5)), balance: Box::new(U256::ZERO) }
        );
    }
}
