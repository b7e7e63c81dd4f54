//! Which opcode made a frame halt, and on what stack: geth says so, revm's halt reason does not.

use revm::bytecode::opcode::OpCode;
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{Jumps, LoopControl};
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter};
use std::collections::BTreeMap;

/// Records the exact faults of a transaction's frames, numbered in the order in which they begin.
#[derive(Debug, Default)]
pub struct Faults {
    begun: usize,
    open: Vec<usize>,
    opcode: u8,
    stack: usize,
    found: BTreeMap<usize, String>,
}

impl Faults {
    /// The fault of the message itself, not of what it called.
    pub fn of_message(&self) -> Option<&str> {
        self.found.get(&0).map(String::as_str)
    }

    /// The faults in the order of their frames.
    pub fn into_ordered(self) -> impl Iterator<Item = String> {
        self.found.into_values()
    }

    fn enter(&mut self) {
        self.open.push(self.begun);
        self.begun += 1;
    }
}

/// The fault in geth's words, where the opcode and its stack belong to them.
pub fn fault_text(result: InstructionResult, opcode: u8, stack: usize) -> Option<String> {
    Some(match result {
        InstructionResult::OpcodeNotFound | InstructionResult::NotActivated | InstructionResult::InvalidFEOpcode => {
            format!("invalid opcode: {}", opcode_text(opcode))
        }
        InstructionResult::StackUnderflow => {
            let wanted = OpCode::new(opcode).map_or(0, |opcode| opcode.inputs());
            format!("stack underflow ({stack} <=> {wanted})")
        }
        InstructionResult::StackOverflow => {
            let growth = OpCode::new(opcode).map_or(1, |opcode| opcode.io_diff().max(0));
            format!("stack limit reached {stack} ({})", 1024 - i32::from(growth))
        }
        _ => return None,
    })
}

/// An opcode's name.
pub fn opcode_text(opcode: u8) -> String {
    match OpCode::new(opcode) {
        Some(known) => known.as_str().to_owned(),
        None => format!("opcode {opcode:#x} not defined"),
    }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Faults {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        self.opcode = interp.bytecode.opcode();
        self.stack = interp.stack.len();
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        let fault = interp.bytecode.instruction_result().and_then(|result| fault_text(result, self.opcode, self.stack));
        if let (Some(fault), Some(frame)) = (fault, self.open.last()) {
            self.found.insert(*frame, fault);
        }
    }

    fn call(&mut self, _context: &mut CTX, _inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, _outcome: &mut CallOutcome) {
        self.open.pop();
    }

    fn create(&mut self, _context: &mut CTX, _inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, _outcome: &mut CreateOutcome) {
        self.open.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use revm::bytecode::opcode;

    #[test]
    fn faults_are_told_as_geth_tells_them() {
        let cases = [
            (InstructionResult::OpcodeNotFound, 0x0c, 0, "invalid opcode: opcode 0xc not defined"),
            (InstructionResult::NotActivated, opcode::PUSH0, 0, "invalid opcode: PUSH0"),
            (InstructionResult::InvalidFEOpcode, opcode::INVALID, 0, "invalid opcode: INVALID"),
            (InstructionResult::StackUnderflow, opcode::ADD, 1, "stack underflow (1 <=> 2)"),
            (InstructionResult::StackOverflow, opcode::PUSH1, 1024, "stack limit reached 1024 (1023)"),
        ];
        for (result, opcode, stack, text) in cases {
            assert_eq!(fault_text(result, opcode, stack).as_deref(), Some(text));
        }
        assert_eq!(fault_text(InstructionResult::Revert, opcode::REVERT, 2), None);
    }
}
