//! The tracer of one request: the struct logger written here, or one of the inspectors' library, with limits.

use super::options::Selected;
use super::prestate::PrestateTracer;
use super::struct_log::StructLogger;
use super::timed::{Growing, Limits, Timed};
use crate::calls::error::{CallError, SourceError};
use crate::calls::faults::Faults;
use crate::calls::revert::halt_message;
use crate::calls::run::Environment;
use crate::json;
use alloy_primitives::{Address, Log, U256};
use alloy_rpc_types_trace::geth::{CallFrame, GethTrace};
use alloy_rpc_types_trace::parity::{CallOutput, CreateOutput, LocalizedTransactionTrace, TraceOutput};
use revm::DatabaseRef;
use revm::context::TxEnv;
use revm::context_interface::ContextTr;
use revm::context_interface::result::{ExecutionResult, ResultAndState};
use revm::inspector::{Inspector, JournalExt};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};

/// A tracer with its limits.
pub type Tracer = Timed<Kind>;

pub enum Kind {
    StructLog(StructLogger),
    Prestate(PrestateTracer),
    Mux(Vec<(String, Kind)>),
    BuiltIn(Box<BuiltIn>),
}

/// A tracer of the library, and what it cannot tell about faults.
pub struct BuiltIn {
    inspector: DebugInspector,
    faults: Faults,
    /// `convertParityErrors` of the flat call tracer.
    keeps_parity_words: bool,
}

/// The transaction that just ran.
pub struct Ran<'a> {
    pub context: TransactionContext,
    pub tx: &'a TxEnv,
    pub environment: &'a Environment,
    pub done: &'a ResultAndState,
    /// Logs of the block before it.
    pub logs_before: u64,
}

impl Tracer {
    pub fn select(selected: &Selected, limits: Limits) -> Result<Self, CallError> {
        Ok(Self::new(Kind::new(selected)?, limits))
    }

    /// Write the trace of the transaction that just ran on `before`, and be ready for the next one.
    pub fn finish<D: DatabaseRef<Error = SourceError>>(
        &mut self,
        ran: &Ran<'_>,
        before: &mut D,
        out: &mut Vec<u8>,
    ) -> Result<(), CallError> {
        self.check()?;
        self.inner.finish(ran, before, out)
    }
}

impl Kind {
    fn new(selected: &Selected) -> Result<Self, CallError> {
        Ok(match selected {
            Selected::StructLog(options) => Self::StructLog(StructLogger::new(options.clone())),
            Selected::Prestate(options) => Self::Prestate(PrestateTracer::new(options.clone())?),
            Selected::Mux(parts) => {
                let part = |(name, selected): &(String, Selected)| Ok((name.clone(), Self::new(selected)?));
                Self::Mux(parts.iter().map(part).collect::<Result<_, CallError>>()?)
            }
            Selected::BuiltIn(options) => {
                let keeps = options.tracer_config.0.get("convertParityErrors").and_then(|flag| flag.as_bool());
                Self::BuiltIn(Box::new(BuiltIn {
                    inspector: DebugInspector::new(options.clone()).map_err(refused)?,
                    faults: Faults::default(),
                    keeps_parity_words: keeps.unwrap_or(false),
                }))
            }
        })
    }

    fn finish<D: DatabaseRef<Error = SourceError>>(
        &mut self,
        ran: &Ran<'_>,
        before: &mut D,
        out: &mut Vec<u8>,
    ) -> Result<(), CallError> {
        let result = &ran.done.result;
        match self {
            Self::StructLog(logger) => {
                let output = result.output().cloned().unwrap_or_default();
                logger.finish(result.tx_gas_used(), !result.is_success(), &output, out);
            }
            Self::Prestate(tracer) => {
                tracer.finish(ran.tx, ran.environment, ran.done, before, out)?;
            }
            Self::Mux(parts) => {
                let mut object = json::Object::open(out);
                for (name, kind) in parts {
                    kind.finish(ran, before, object.key(name))?;
                }
                object.close();
            }
            Self::BuiltIn(built_in) => {
                let trace = built_in
                    .inspector
                    .get_result(Some(ran.context), ran.tx, &ran.environment.block, ran.done, before)
                    .map_err(source_failed)?;
                built_in.write(trace, ran, out)?;
                built_in.inspector.fuse().map_err(refused)?;
            }
        }
        Ok(())
    }
}

impl Growing for Kind {
    fn size(&self) -> usize {
        match self {
            Self::StructLog(logger) => logger.size(),
            Self::Mux(parts) => parts.iter().map(|(_, kind)| kind.size()).sum(),
            Self::Prestate(_) | Self::BuiltIn(_) => 0,
        }
    }
}

impl BuiltIn {
    /// Where the library counts from the transaction and geth from the block, and the like, geth is right.
    fn write(&mut self, mut trace: GethTrace, ran: &Ran<'_>, out: &mut Vec<u8>) -> Result<(), CallError> {
        let failed = |error: serde_json::Error| CallError::State(error.to_string());
        let mut faults = std::mem::take(&mut self.faults).into_ordered();
        match &mut trace {
            GethTrace::CallTracer(frame) => {
                number_logs(frame, ran.logs_before);
                tell_undone(frame, &ran.done.result);
                tell_faults(frame, &mut faults);
            }
            GethTrace::FlatCallTracer(frames) => {
                set_gas_used(frames, ran.done.result.tx_gas_used());
                let mut frames = serde_json::to_value(frames).map_err(failed)?;
                let in_block = ran.context.tx_hash.is_some();
                for frame in frames.as_array_mut().into_iter().flatten() {
                    as_geth_flat(frame, &mut faults, self.keeps_parity_words, in_block);
                }
                return serde_json::to_writer(out, &frames).map_err(failed);
            }
            _ => {}
        }
        serde_json::to_writer(out, &trace).map_err(failed)
    }
}

/// A rollup undoes a transaction whose gas does not cover its data: after its outermost call went well.
fn tell_undone(frame: &mut CallFrame, result: &ExecutionResult) {
    if let ExecutionResult::Halt { reason, .. } = result
        && frame.error.is_none()
    {
        frame.error = Some(halt_message(reason));
        frame.output = None;
        frame.logs.clear();
    }
}

/// The outermost call of a transaction used what the transaction used.
fn set_gas_used(frames: &mut [LocalizedTransactionTrace], used: u64) {
    if let Some(TraceOutput::Call(CallOutput { gas_used, .. }) | TraceOutput::Create(CreateOutput { gas_used, .. })) =
        frames.first_mut().and_then(|frame| frame.trace.result.as_mut())
    {
        *gas_used = used;
    }
}

/// Words of the library for faults that geth tells in full, in geth's style and in Parity's.
fn is_vague(error: &str) -> bool {
    matches!(
        error,
        "invalid opcode"
            | "invalid opcode: INVALID"
            | "stack underflow"
            | "Out of stack"
            | "Bad instruction"
            | "Stack underflow"
    )
}

/// Frames come in the order in which they began, and so do the faults.
fn tell_faults(frame: &mut CallFrame, faults: &mut impl Iterator<Item = String>) {
    if let Some(error) = frame.error.as_mut().filter(|error| is_vague(error)) {
        *error = faults.next().unwrap_or_else(|| error.clone());
    }
    for call in &mut frame.calls {
        tell_faults(call, faults);
    }
}

/// geth leaves the result of a failed call out, names failures in its own words unless it is told otherwise, and has
/// no block for a call that is not in one.
fn as_geth_flat(
    frame: &mut serde_json::Value,
    faults: &mut impl Iterator<Item = String>,
    keeps_parity_words: bool,
    in_block: bool,
) {
    let Some(frame) = frame.as_object_mut() else { return };
    if frame.get("result").is_some_and(serde_json::Value::is_null) {
        frame.remove("result");
    }
    if !in_block {
        frame.insert("blockHash".to_owned(), serde_json::Value::Null);
        frame.insert("blockNumber".to_owned(), 0.into());
        frame.insert("transactionHash".to_owned(), serde_json::Value::Null);
        frame.insert("transactionPosition".to_owned(), 0.into());
    }
    let Some(serde_json::Value::String(error)) = frame.get_mut("error") else { return };
    let fault = if is_vague(error) { faults.next() } else { None };
    if keeps_parity_words {
        return;
    }
    let word = GETH_WORDS.iter().find(|(parity, _)| parity == error).map(|(_, geth)| (*geth).to_owned());
    if let Some(word) = fault.or(word) {
        *error = word;
    }
}

/// Failures in the words of Parity and in those of geth.
const GETH_WORDS: [(&str, &str); 13] = [
    ("Reverted", "execution reverted"),
    ("Out of gas", "out of gas"),
    ("Insufficient balance for transfer", "insufficient balance for transfer"),
    ("Bad instruction", "invalid opcode"),
    ("Bad jump destination", "invalid jump destination"),
    ("Stack underflow", "stack underflow"),
    ("Out of stack", "stack limit reached 1024 (1023)"),
    ("Mutable Call In Static Context", "write protection"),
    ("Out of bounds", "return data out of bounds"),
    ("Invalid code", "invalid code: must not begin with 0xef"),
    ("Contract address collision", "contract address collision"),
    ("Max call depth exceeded", "max call depth exceeded"),
    ("Nonce overflow", "nonce uint64 overflow"),
];

fn number_logs(frame: &mut CallFrame, before: u64) {
    for log in &mut frame.logs {
        log.index = log.index.map(|index| index + before);
    }
    for call in &mut frame.calls {
        number_logs(call, before);
    }
}

fn refused(error: DebugInspectorError) -> CallError {
    CallError::Refused(error.to_string())
}

fn source_failed(error: DebugInspectorError<SourceError>) -> CallError {
    match error {
        DebugInspectorError::Database(error) => error.into(),
        other => CallError::Refused(other.to_string()),
    }
}

/// Hand an event on to whoever traces.
macro_rules! each {
    ($kind:expr, $inner:ident => $run:expr) => {
        match $kind {
            Kind::StructLog($inner) => $run,
            Kind::Prestate($inner) => $run,
            Kind::Mux(parts) => {
                for (_, $inner) in parts {
                    $run
                }
            }
            Kind::BuiltIn(boxed) => {
                {
                    let $inner = &mut boxed.inspector;
                    $run
                }
                let $inner = &mut boxed.faults;
                $run
            }
        }
    };
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX, EthInterpreter> for Kind {
    fn initialize_interp(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        each!(self, inner => inner.initialize_interp(interp, context));
    }

    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        each!(self, inner => inner.step(interp, context));
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        each!(self, inner => inner.step_end(interp, context));
    }

    fn log_full(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX, log: Log) {
        each!(self, inner => inner.log_full(interp, context, log.clone()));
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        each!(self, inner => drop(inner.call(context, inputs)));
        None
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        each!(self, inner => inner.call_end(context, inputs, outcome));
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        each!(self, inner => drop(inner.create(context, inputs)));
        None
    }

    fn create_end(&mut self, context: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        each!(self, inner => inner.create_end(context, inputs, outcome));
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        each!(self, inner => Inspector::<CTX, EthInterpreter>::selfdestruct(inner, contract, target, value));
    }
}
