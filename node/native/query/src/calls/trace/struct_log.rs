//! geth's struct logger: one entry an opcode, written as JSON while the EVM runs.
//!
//! Traces are long (a block of 30 million gas makes millions of entries), so nothing is collected: an entry is written
//! in two strokes, what the machine looked like before the opcode, then what the opcode cost. Shape of geth 1.17.

use crate::calls::faults::{fault_text, opcode_text};
use crate::json;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, U256};
use revm::bytecode::opcode::{self, OpCode};
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::Inspector;
use revm::interpreter::instructions::gas_table_spec;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr, ReturnData};
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, InstructionResult, Interpreter, InterpreterAction,
};
use revm::primitives::hardfork::SpecId;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;

/// What entries hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StructLogOptions {
    pub enable_memory: bool,
    pub disable_stack: bool,
    pub disable_storage: bool,
    pub enable_return_data: bool,
    /// Bytes of output after which entries are left out; 0 is no limit.
    pub limit: usize,
}

#[derive(Debug)]
pub struct StructLogger {
    options: StructLogOptions,
    /// The entries so far, with commas between.
    entries: Vec<u8>,
    /// What each contract has read or written.
    storage: HashMap<Address, BTreeMap<B256, B256>>,
    /// Refunds of the frames that are open.
    refunds: Vec<i64>,
    step: Option<Step>,
}

/// The opcode that runs.
#[derive(Debug)]
struct Step {
    opcode: u8,
    gas: u64,
    /// Words on the stack.
    stack: usize,
    /// Where the entry begins.
    start: usize,
    slot: Option<U256>,
    /// The value that an SSTORE writes.
    value: Option<U256>,
}

impl StructLogger {
    pub fn new(options: StructLogOptions) -> Self {
        Self { options, entries: Vec::new(), storage: HashMap::default(), refunds: Vec::new(), step: None }
    }

    /// Bytes written so far.
    pub fn size(&self) -> usize {
        self.entries.len()
    }

    /// Write the trace of the transaction that just ended, and be ready for the next one.
    pub fn finish(&mut self, gas_used: u64, failed: bool, output: &[u8], out: &mut Vec<u8>) {
        let mut object = json::Object::open(out);
        object.integer("gas", gas_used as i64);
        object.boolean("failed", failed);
        object.data("returnValue", output);
        let entries = object.key("structLogs");
        entries.push(b'[');
        entries.extend_from_slice(&self.entries);
        entries.push(b']');
        object.close();
        *self = Self::new(self.options.clone());
    }

    fn refund(&self) -> i64 {
        self.refunds.iter().sum()
    }

    fn begin(&mut self, interp: &Interpreter<EthInterpreter>, depth: usize) {
        self.step = None;
        if self.options.limit != 0 && self.entries.len() > self.options.limit {
            return;
        }
        let opcode = interp.bytecode.opcode();
        let stack = interp.stack.data();
        let (slot, value) = match opcode {
            opcode::SLOAD => (peek(stack, 0), None),
            opcode::SSTORE => (peek(stack, 0), peek(stack, 1)),
            _ => (None, None),
        };
        self.step = Some(Step {
            opcode,
            gas: interp.gas.remaining(),
            stack: stack.len(),
            start: self.entries.len(),
            slot,
            value,
        });
        self.write_machine(interp, opcode, depth);
    }

    fn write_machine(&mut self, interp: &Interpreter<EthInterpreter>, opcode: u8, depth: usize) {
        let refund = self.refund();
        let out = &mut self.entries;
        if !out.is_empty() {
            out.push(b',');
        }
        // Writing into a vector cannot fail.
        let _ = write!(out, "{{\"pc\":{},\"op\":\"", interp.bytecode.pc());
        match OpCode::new(opcode) {
            Some(known) => out.extend_from_slice(known.as_str().as_bytes()),
            None => out.extend_from_slice(opcode_text(opcode).as_bytes()),
        }
        let _ = write!(out, "\",\"gas\":{},\"depth\":{depth}", interp.gas.remaining());
        if refund > 0 {
            let _ = write!(out, ",\"refund\":{refund}");
        }
        if !self.options.disable_stack {
            out.extend_from_slice(b",\"stack\":");
            json::list(out, interp.stack.data(), json::quantity_256);
        }
        if self.options.enable_memory && interp.memory.size() > 0 {
            out.extend_from_slice(b",\"memory\":");
            json::list(out, interp.memory.slice(0..interp.memory.size()).chunks(32), json::data);
        }
        if self.options.enable_return_data && !interp.return_data.buffer().is_empty() {
            out.extend_from_slice(b",\"returnData\":");
            json::data(out, interp.return_data.buffer());
        }
    }

    fn end(&mut self, interp: &mut Interpreter<EthInterpreter>) {
        if let Some(top) = self.refunds.last_mut() {
            *top = interp.gas.refunded();
        }
        let Some(step) = self.step.take() else { return };
        let result = interp.bytecode.instruction_result();
        let error = result.and_then(|result| refusal(result, step.opcode, step.stack));
        let cost = match &error {
            Some(_) => fixed_cost(interp.runtime_flag.spec_id, step.opcode),
            None => step.gas.saturating_sub(interp.gas.remaining()).saturating_sub(handed_to_creation(interp)),
        };
        let _ = write!(self.entries, ",\"gasCost\":{cost}");
        if let Some(error) = error {
            self.entries.extend_from_slice(b",\"error\":");
            json::string(&mut self.entries, &error);
        } else if !self.options.disable_storage {
            self.write_storage(&step, interp);
        }
        self.entries.push(b'}');
        debug_assert!(self.entries.len() > step.start);
    }

    fn write_storage(&mut self, step: &Step, interp: &Interpreter<EthInterpreter>) {
        let Some(slot) = step.slot else { return };
        let read = || (step.opcode == opcode::SLOAD).then(|| peek(interp.stack.data(), 0)).flatten();
        let Some(value) = step.value.or_else(read) else { return };
        let known = self.storage.entry(interp.input.target_address()).or_default();
        known.insert(slot.into(), value.into());
        self.entries.extend_from_slice(b",\"storage\":{");
        for (index, (slot, value)) in known.iter().enumerate() {
            if index > 0 {
                self.entries.push(b',');
            }
            json::data(&mut self.entries, slot.as_slice());
            self.entries.push(b':');
            json::data(&mut self.entries, value.as_slice());
        }
        self.entries.push(b'}');
    }
}

fn peek(stack: &[U256], depth: usize) -> Option<U256> {
    stack.len().checked_sub(depth + 1).map(|index| stack[index])
}

/// Failures that geth finds before it runs the opcode; the entry says so. Others show in the result alone.
fn refusal(result: InstructionResult, opcode: u8, stack: usize) -> Option<String> {
    Some(match result {
        InstructionResult::OutOfGas
        | InstructionResult::MemoryOOG
        | InstructionResult::MemoryLimitOOG
        | InstructionResult::PrecompileOOG => "out of gas".to_owned(),
        InstructionResult::ReentrancySentryOOG => "out of gas: not enough gas for reentrancy sentry".to_owned(),
        InstructionResult::InvalidOperandOOG => "gas uint64 overflow".to_owned(),
        InstructionResult::StateChangeDuringStaticCall | InstructionResult::CallNotAllowedInsideStatic => {
            "write protection".to_owned()
        }
        InstructionResult::StackUnderflow | InstructionResult::StackOverflow => fault_text(result, opcode, stack)?,
        _ => return None,
    })
}

/// What geth counts for an opcode before it looks at what the opcode works on.
fn fixed_cost(spec: SpecId, opcode: u8) -> u64 {
    match opcode {
        opcode::CREATE | opcode::CREATE2 => 32_000,
        _ => u64::from(gas_table_spec(spec)[usize::from(opcode)]),
    }
}

/// The opcode that just ran did not get to run.
pub fn is_refusal(interp: &mut Interpreter<EthInterpreter>) -> bool {
    interp.bytecode.instruction_result().and_then(|result| refusal(result, 0, 0)).is_some()
}

/// Gas that a CREATE hands to the new frame: geth does not count it as the opcode's cost.
fn handed_to_creation(interp: &mut Interpreter<EthInterpreter>) -> u64 {
    match interp.bytecode.action() {
        Some(InterpreterAction::NewFrame(FrameInput::Create(inputs))) => inputs.gas_limit(),
        _ => 0,
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for StructLogger {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, context: &mut CTX) {
        let depth = context.journal().depth();
        self.begin(interp, depth);
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        self.end(interp);
    }

    fn call(&mut self, _context: &mut CTX, _inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.refunds.push(0);
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, _outcome: &mut CallOutcome) {
        self.refunds.pop();
    }

    fn create(&mut self, _context: &mut CTX, _inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.refunds.push(0);
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, _outcome: &mut CreateOutcome) {
        self.refunds.pop();
    }
}
