//! Run a rollup's transaction: charge for the data that it publishes, and pay those who ran the chain.
//!
//! The data fee is taken as gas, after execution and on top of it, so that gas used times the effective price is what
//! the sender pays to the wei. A transaction whose gas limit does not cover it is undone and costs all of its gas.

use alloc::{string::ToString, vec::Vec};
use core::{cell::Cell, marker::PhantomData};

use alloy_primitives::{Bytes, U256};
use revm::{
    Database,
    context::{Block as _, Cfg as _, ContextTr, Transaction as _},
    context_interface::{
        JournalTr,
        journaled_state::JournalCheckpoint,
        result::{ExecutionResult, HaltReason, ResultGas},
    },
    handler::{EthFrame, EvmTr, EvmTrError, FrameResult, FrameTr, Handler, execution},
    inspector::{Inspector, InspectorEvmTr, InspectorHandler},
    interpreter::{GasTracker, InitialAndFloorGas, interpreter::EthInterpreter, interpreter_action::FrameInit},
    state::EvmState,
};

use super::{
    BRIDGE, L1Prices, PRIVILEGED_TYPE, Published, RollupRules,
    metering::{Addition, Writes},
};

/// Gas of a blob, and the bytes of payload that fit into it (31 of every 32).
const BLOB_GAS: u64 = 1 << 17;
const BLOB_PAYLOAD_BYTES: u64 = 126_976;

/// Wei that L1 charges for this many bytes in blobs, rounded up.
pub fn data_fee(bytes: u64, prices: L1Prices) -> U256 {
    let price = U256::from(bytes) * U256::from(BLOB_GAS) * U256::from(prices.blob_base_fee);
    price.div_ceil(U256::from(BLOB_PAYLOAD_BYTES))
}

/// The same in gas at a gas price, rounded up.
pub fn data_gas(bytes: u64, prices: L1Prices, gas_price: u128) -> u64 {
    data_fee(bytes, prices).div_ceil(U256::from(gas_price.max(1))).saturating_to()
}

/// Who pays for a transaction.
#[derive(Clone, Copy, Debug)]
enum Payer {
    Sender,
    /// L1 has been paid already. The gas that it takes before and whatever it does.
    Queue {
        intrinsic: u64,
        floor: u64,
    },
}

/// A machine that can run a rollup's transactions: the executor's, or one that is watched.
pub trait Machine:
    EvmTr<
        Context: ContextTr<Journal: JournalTr<State = EvmState> + Writes>,
        Frame: FrameTr<FrameInit = FrameInit, FrameResult = FrameResult>,
    >
{
}

impl<EVM> Machine for EVM where
    EVM: EvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState> + Writes>,
            Frame: FrameTr<FrameInit = FrameInit, FrameResult = FrameResult>,
        >
{
}

type SourceError<EVM> = <<<EVM as EvmTr>::Context as ContextTr>::Db as Database>::Error;

/// revm's course of a transaction with a rollup's fees.
pub struct RollupHandler<'r, EVM, ERROR> {
    rules: &'r RollupRules,
    prices: L1Prices,
    published: &'r mut Published,
    payer: Payer,
    /// Bytes that the block may publish. What L1 has queued is not held to it.
    pub data_limit: u64,
    /// What the transaction paid for its data, once it has run.
    pub data_gas: u64,
    /// It would have taken the block over its limit, and has left no trace.
    pub exceeded: bool,
    uncovered: bool,
    floor: Cell<u64>,
    machine: PhantomData<(EVM, ERROR)>,
}

impl<'r, EVM: Machine, ERROR: EvmTrError<EVM>> RollupHandler<'r, EVM, ERROR> {
    pub fn new(rules: &'r RollupRules, prices: L1Prices, published: &'r mut Published) -> Self {
        Self {
            rules,
            prices,
            published,
            payer: Payer::Sender,
            data_limit: u64::MAX,
            data_gas: 0,
            exceeded: false,
            uncovered: false,
            floor: Cell::new(0),
            machine: PhantomData,
        }
    }

    /// Run the transaction that `evm` has been given; `drive` is [`Handler::run`] or, watched,
    /// [`InspectorHandler::inspect_run`]. What L1 has queued is part of the block whatever comes of it: what could not
    /// run is a failed transaction, and `drive` never sees it.
    pub fn transact(
        &mut self,
        evm: &mut EVM,
        drive: impl FnOnce(&mut Self, &mut EVM) -> Result<ExecutionResult<HaltReason>, ERROR>,
    ) -> Result<ExecutionResult<HaltReason>, ERROR> {
        if evm.ctx_ref().tx().tx_type() != PRIVILEGED_TYPE {
            return drive(self, evm);
        }
        let (tx, params) = (evm.ctx_ref().tx(), evm.ctx_ref().cfg().gas_params());
        let (from, value, gas_limit) = (tx.caller(), tx.value(), tx.gas_limit());
        let gas = params.initial_tx_gas(tx.input(), false, 0, 0, 0, None);
        let (intrinsic, floor) = (gas.initial_total_gas(), gas.floor_gas);
        let journal = evm.ctx().journal_mut();
        if from == BRIDGE {
            journal.balance_incr(from, value)?;
        }
        let balance = journal.load_account(from)?.info.balance;
        if gas_limit >= intrinsic.max(floor) && balance >= value {
            self.payer = Payer::Queue { intrinsic, floor };
            return drive(self, evm);
        }
        let addition = self.published.weigh(journal.written(), &[]);
        self.published.settle(addition);
        journal.commit_tx();
        let gas = ResultGas::default().with_total_gas_spent(gas_limit.min(intrinsic.max(floor)));
        Ok(ExecutionResult::Revert { gas, logs: Vec::new(), output: Bytes::new() })
    }

    fn fits(&self, addition: &Addition) -> bool {
        matches!(self.payer, Payer::Queue { .. })
            || self.published.bytes().saturating_add(addition.bytes) <= self.data_limit
    }

    fn charge(&self, evm: &EVM, bytes: u64) -> u64 {
        match self.payer {
            Payer::Queue { .. } => 0,
            Payer::Sender => data_gas(bytes, self.prices, gas_price(evm)),
        }
    }

    /// Charge for what the outermost call wrote, or undo it: a checkpoint that was committed can still be gone back to.
    fn meter(
        &mut self,
        evm: &mut EVM,
        checkpoint: JournalCheckpoint,
        result: FrameResult,
    ) -> Result<Option<FrameResult>, ERROR> {
        let addition = self.weigh(evm);
        if !self.fits(&addition) {
            self.exceeded = true;
            return Err(ERROR::from_string("the block's data is full".to_string()));
        }
        let (data_gas, limit) = (self.charge(evm, addition.bytes), evm.ctx_ref().tx().gas_limit());
        let executed = limit.saturating_sub(result.gas().remaining()).max(self.floor.get());
        if data_gas > limit.saturating_sub(executed) {
            execution::runtime_oog_unwind(evm.ctx(), checkpoint)?;
            let addition = self.weigh(evm);
            self.published.settle(addition);
            self.uncovered = true;
            return Ok(None);
        }
        self.published.settle(addition);
        self.data_gas = data_gas;
        Ok(Some(result))
    }

    fn weigh(&self, evm: &EVM) -> Addition {
        let journal = evm.ctx_ref().journal();
        self.published.weigh(journal.written(), journal.logs())
    }

    /// Split gas used times the gas price: what data cost, base fee, operator fee, tip.
    fn pay(&self, evm: &mut EVM, executed: u64) -> Result<(), SourceError<EVM>> {
        let block = evm.ctx_ref().block();
        let (base_fee, beneficiary) = (block.basefee(), block.beneficiary());
        let (price, operator_fee) = (gas_price(evm), self.rules.operator_fee_per_gas);
        let tip = price.saturating_sub(u128::from(base_fee) + u128::from(operator_fee));
        let shares = [
            (Some(self.rules.data_fee_vault), self.data_gas, price),
            (self.rules.base_fee_vault, executed, u128::from(base_fee)),
            (Some(self.rules.operator_fee_vault), executed, u128::from(operator_fee)),
            (Some(beneficiary), executed, tip),
        ];
        for (account, gas, price) in shares {
            let amount = U256::from(gas) * U256::from(price);
            if let Some(account) = account.filter(|_| !amount.is_zero()) {
                evm.ctx().journal_mut().balance_incr(account, amount)?;
            }
        }
        Ok(())
    }
}

fn gas_price<EVM: EvmTr>(evm: &EVM) -> u128 {
    let context = evm.ctx_ref();
    context.tx().effective_gas_price(u128::from(context.block().basefee()))
}

impl<EVM: Machine, ERROR: EvmTrError<EVM>> Handler for RollupHandler<'_, EVM, ERROR> {
    type Evm = EVM;
    type Error = ERROR;
    type HaltReason = HaltReason;

    /// What L1 has queued is checked before it comes here.
    fn validate(&self, evm: &mut EVM) -> Result<InitialAndFloorGas, ERROR> {
        if let Payer::Queue { intrinsic, floor } = self.payer {
            return Ok(InitialAndFloorGas::new(intrinsic, floor));
        }
        self.validate_env(evm)?;
        let mut gas = self.validate_initial_tx_gas(evm)?;
        self.floor.set(gas.floor_gas());
        self.validate_against_state_and_deduct_caller(evm, &mut gas)?;
        Ok(gas)
    }

    fn execution(
        &mut self,
        evm: &mut EVM,
        checkpoint: JournalCheckpoint,
        gas: &mut GasTracker,
    ) -> Result<Option<FrameResult>, ERROR> {
        let Some(first_frame) = self.first_frame_input(evm, gas)? else {
            execution::runtime_oog_unwind(evm.ctx(), checkpoint)?;
            return Ok(None);
        };
        evm.ctx().journal_mut().checkpoint_commit();
        let mut result = self.run_exec_loop(evm, first_frame)?;
        self.last_frame_result(evm, &mut result, gas)?;
        self.meter(evm, checkpoint, result)
    }

    fn post_execution(
        &self,
        evm: &mut EVM,
        result: &mut FrameResult,
        init_and_floor_gas: InitialAndFloorGas,
        eip7702_refund: i64,
    ) -> Result<ResultGas, ERROR> {
        self.refund(evm, result, if self.uncovered { 0 } else { eip7702_refund })?;
        self.eip7623_check_gas_floor(evm, result, init_and_floor_gas);
        let gas = result.gas_mut();
        let executed = gas.used();
        let used = executed + self.data_gas;
        gas.set_spent(used);
        gas.set_refund(0);
        if let Payer::Sender = self.payer {
            self.reimburse_caller(evm, result)?;
            self.pay(evm, executed)?;
        }
        Ok(ResultGas::default().with_total_gas_spent(used))
    }
}

impl<EVM, ERROR> InspectorHandler for RollupHandler<'_, EVM, ERROR>
where
    EVM: Machine
        + InspectorEvmTr<Frame = EthFrame<EthInterpreter>, Inspector: Inspector<<EVM as EvmTr>::Context, EthInterpreter>>,
    ERROR: EvmTrError<EVM>,
{
    type IT = EthInterpreter;

    fn inspect_execution(
        &mut self,
        evm: &mut EVM,
        checkpoint: JournalCheckpoint,
        gas: &mut GasTracker,
    ) -> Result<Option<FrameResult>, ERROR> {
        let Some(first_frame) = self.first_frame_input(evm, gas)? else {
            execution::runtime_oog_unwind(evm.ctx(), checkpoint)?;
            return Ok(None);
        };
        evm.ctx().journal_mut().checkpoint_commit();
        let mut result = self.inspect_run_exec_loop(evm, first_frame)?;
        self.last_frame_result(evm, &mut result, gas)?;
        self.meter(evm, checkpoint, result)
    }
}
