//! Logs of a simulated call, and transfers of ether told as logs where the request wants that.
//!
//! Logs of a frame that fails are dropped with it, but the numbers they took stay taken.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address, b256};
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome};

/// The pseudo address of ether (ERC-7528).
const ETHER: Address = address!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// keccak256("Transfer(address,address,uint256)")
const TRANSFER: B256 = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// A log and its number in the block.
#[derive(Clone, Debug)]
pub struct NumberedLog {
    pub index: u64,
    pub log: Log,
}

/// The logs of one call after the other.
#[derive(Debug, Default)]
pub struct LogCollector {
    /// Tell transfers of ether as logs.
    with_transfers: bool,
    /// One list a frame that is open.
    frames: Vec<Vec<NumberedLog>>,
    done: Vec<NumberedLog>,
    next_index: u64,
}

impl LogCollector {
    pub fn new(with_transfers: bool) -> Self {
        Self { with_transfers, ..Self::default() }
    }

    /// The logs of the call that just ended.
    pub fn take(&mut self) -> Vec<NumberedLog> {
        self.frames.clear();
        std::mem::take(&mut self.done)
    }

    fn push(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push(NumberedLog { index: self.next_index, log });
            self.next_index += 1;
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.with_transfers && !value.is_zero() {
            let topics = vec![TRANSFER, from.into_word(), to.into_word()];
            let data = LogData::new_unchecked(topics, Bytes::from(value.to_be_bytes_vec()));
            self.push(Log { address: ETHER, data });
        }
    }

    fn leave(&mut self, succeeded: bool) {
        let Some(logs) = self.frames.pop() else { return };
        if succeeded {
            self.frames.last_mut().unwrap_or(&mut self.done).extend(logs);
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for LogCollector {
    fn log(&mut self, _context: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(Vec::new());
        if matches!(inputs.scheme, CallScheme::Call | CallScheme::StaticCall) {
            self.transfer(inputs.caller, inputs.target_address, inputs.value.get());
        }
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.frames.push(Vec::new());
        if self.with_transfers
            && let Ok(caller) = context.journal_mut().load_account(inputs.caller())
        {
            let nonce = caller.data.info.nonce;
            self.transfer(inputs.caller(), inputs.created_address(nonce), inputs.value());
        }
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
