//! What a failed execution says, in the words users of geth know.
//!
//! A revert with `Error(string)` or `Panic(uint256)` data is decoded into a sentence; every other halt has a fixed
//! name. The raw revert data travels beside the sentence, as the `data` of the error.

use alloy_primitives::U256;
use revm::context_interface::result::{HaltReason, OutOfGasError};

/// `Error(string)`, what Solidity's `require` and `revert("...")` return.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`, what Solidity's checks return.
const PANIC_SELECTOR: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// "execution reverted", with the reason when the data holds one.
pub fn revert_message(data: &[u8]) -> String {
    match revert_reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

fn revert_reason(data: &[u8]) -> Option<String> {
    let (selector, payload) = data.split_first_chunk::<4>()?;
    match *selector {
        ERROR_SELECTOR => error_string(payload),
        PANIC_SELECTOR => panic_reason(payload),
        _ => None,
    }
}

/// The one string of an ABI-encoded argument list: offset, length, bytes.
fn error_string(payload: &[u8]) -> Option<String> {
    let offset = word(payload, 0)?;
    let length = word(payload, offset)?;
    let start = offset.checked_add(32)?;
    let text = payload.get(start..start.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn word(payload: &[u8], at: usize) -> Option<usize> {
    let bytes = payload.get(at..at.checked_add(32)?)?;
    usize::try_from(U256::from_be_slice(bytes)).ok()
}

fn panic_reason(payload: &[u8]) -> Option<String> {
    let code = U256::from_be_slice(payload.get(..32)?);
    let reason = match u64::try_from(code).unwrap_or(u64::MAX) {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return Some(format!("unknown panic code: {code:#x}")),
    };
    Some(reason.to_owned())
}

/// A halt's name. Where geth also names the opcode, [`super::faults`] knows more.
pub fn halt_message(reason: &HaltReason) -> String {
    let text = match reason {
        HaltReason::OutOfGas(OutOfGasError::InvalidOperand) => "gas uint64 overflow",
        HaltReason::OutOfGas(OutOfGasError::ReentrancySentry) => "out of gas: not enough gas for reentrancy sentry",
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::PrecompileError => "precompile failed",
        HaltReason::PrecompileErrorWithContext(text) => text,
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "write protection",
        HaltReason::OutOfFunds | HaltReason::OverflowPayment => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn a_require_message_is_read() {
        let data = hex!(
            "08c379a0"
            "0000000000000000000000000000000000000000000000000000000000000020"
            "000000000000000000000000000000000000000000000000000000000000000a"
            "75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_message(&data), "execution reverted: user error");
    }

    #[test]
    fn a_panic_code_is_named() {
        let assertion = hex!("4e487b710000000000000000000000000000000000000000000000000000000000000001");
        let unknown = hex!("4e487b7100000000000000000000000000000000000000000000000000000000000000ff");
        assert_eq!(revert_message(&assertion), "execution reverted: assert(false)");
        assert_eq!(revert_message(&unknown), "execution reverted: unknown panic code: 0xff");
    }

    #[test]
    fn broken_or_foreign_data_gives_the_bare_sentence() {
        let too_long = hex!(
            "08c379a0"
            "0000000000000000000000000000000000000000000000000000000000000020"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        );
        for data in [&too_long[..], b"wrong-calldata", b"", b"\x08\xc3\x79\xa0"] {
            assert_eq!(revert_message(data), "execution reverted");
        }
    }
}
