//! An inspector with limits: what records every step must end when time or room is used up.

use crate::calls::error::CallError;
use alloy_primitives::{Address, Log, U256};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter};
use revm_inspectors::tracing::TracingInspector;
use std::time::{Duration, Instant};

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;

/// How much a trace may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub until: Instant,
    pub time: Duration,
    pub bytes: usize,
}

impl Limits {
    /// From now on.
    pub fn starting_now(time: Duration, bytes: usize) -> Self {
        Self { until: Instant::now() + time, time, bytes }
    }
}

/// Something that grows with the steps it sees.
pub trait Growing {
    /// Bytes that it has recorded.
    fn size(&self) -> usize;
}

impl Growing for TracingInspector {
    fn size(&self) -> usize {
        self.recorded_bytes()
    }
}

/// An inspector with limits.
pub struct Timed<I> {
    pub inner: I,
    limits: Limits,
    steps: u32,
    /// Why the trace was given up.
    stopped: Option<CallError>,
}

impl<I: Growing> Timed<I> {
    pub fn new(inner: I, limits: Limits) -> Self {
        Self { inner, limits, steps: 0, stopped: None }
    }

    /// Say why what was recorded is not whole, if it is not.
    pub fn check(&mut self) -> Result<(), CallError> {
        self.stopped.take().map_or(Ok(()), Err)
    }

    /// Refuse an answer that has grown to so many bytes, where that is too much.
    pub fn check_room(&self, bytes: usize) -> Result<(), CallError> {
        let limit = self.limits.bytes;
        if bytes <= limit {
            return Ok(());
        }
        Err(CallError::Refused(format!("the trace is larger than the response limit of {limit} bytes")))
    }

    /// Give up where time or room is used up: the frame halts, and so does every frame above it.
    fn look(&mut self, interp: &mut Interpreter<EthInterpreter>) {
        self.steps = self.steps.wrapping_add(1);
        if self.stopped.is_none() && self.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.stopped = self.exceeded();
        }
        if self.stopped.is_some() {
            interp.halt(InstructionResult::OutOfGas);
        }
    }

    fn exceeded(&self) -> Option<CallError> {
        if let Err(error) = self.check_room(self.inner.size()) {
            return Some(error);
        }
        (Instant::now() > self.limits.until).then_some(CallError::Timeout(self.limits.time))
    }
}

impl<CTX, I> Inspector<CTX, EthInterpreter> for Timed<I>
where
    I: Inspector<CTX, EthInterpreter> + Growing,
{
    fn initialize_interp(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.inner.initialize_interp(interp, context);
    }

    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.look(interp);
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        self.inner.step_end(interp, context);
    }

    fn log_full(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX, log: Log) {
        self.inner.log_full(interp, context, log);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.inner.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.inner.selfdestruct(contract, target, value);
    }
}
