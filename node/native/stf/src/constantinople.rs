//! Net gas metering as Constantinople had it and Petersburg took it away again (EIP-1283).
//!
//! revm has no such fork. Istanbul's rule (EIP-2200) is the same with other prices and with a floor of gas below which
//! a store fails; here are the older prices, and a store without the floor.

use alloy_primitives::Address;
use revm::{
    context_interface::{
        Host,
        cfg::{GasId, GasParams},
        context::{SStoreResult, StateLoad},
    },
    interpreter::{
        InstructionContext, InstructionExecResult, InstructionResult, InterpreterTypes,
        instructions::host::sstore_with_gas_accounting,
    },
    primitives::hardfork::SpecId,
};

/// A store that changes nothing, or a slot that the transaction changed before.
const NOOP: u64 = 200;
const SET: u64 = 20_000 - NOOP;
const RESET: u64 = 5_000 - NOOP;

/// Petersburg's prices but for those of a store.
pub fn gas_params() -> GasParams {
    let mut params = GasParams::new_spec(SpecId::PETERSBURG);
    params.override_gas([
        (GasId::sstore_static(), NOOP),
        (GasId::sstore_set_without_load_cost(), SET),
        (GasId::sstore_reset_without_cold_load_cost(), RESET),
        (GasId::sstore_set_refund(), SET),
        (GasId::sstore_reset_refund(), RESET),
    ]);
    params
}

/// The SSTORE instruction.
pub fn sstore<H: Host + ?Sized, I: InterpreterTypes>(context: InstructionContext<'_, H, I>) -> InstructionExecResult {
    sstore_with_gas_accounting(context, charge)
}

fn charge<H: Host + ?Sized, I: InterpreterTypes>(
    context: &mut InstructionContext<'_, H, I>,
    _target: Address,
    store: &StateLoad<SStoreResult>,
) -> InstructionExecResult {
    const NET_METERING: bool = true;
    let params = context.host.gas_params();
    let (cost, refund) =
        (params.sstore_dynamic_gas(NET_METERING, store, false), params.sstore_refund(NET_METERING, store));
    if !context.interpreter.gas.record_regular_cost(cost) {
        return Err(InstructionResult::OutOfGas);
    }
    context.interpreter.gas.record_refund(refund);
    Ok(())
}
