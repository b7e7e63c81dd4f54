//! Traces in geth's forms: of transactions that were, by running their block again, and of calls.

mod options;
mod prestate;
mod replay;
mod struct_log;
mod timed;
mod tracer;

pub use options::TraceOptions;
pub use replay::Replay;
pub use timed::{Limits, Timed};
pub use tracer::{Ran, Tracer};

use super::args::Message;
use super::error::{Attempt, CallError, SourceError};
use super::layer::Layer;
use super::run::{Environment, inspect};
use crate::json;
use alloy_primitives::{Address, B256};
use revm::DatabaseRef;
use revm_inspectors::tracing::TransactionContext;
use stf::{Block, ChainSpec};

/// A block to trace: `hash` is given with it, senders are known.
pub struct Subject<'a> {
    pub spec: &'a ChainSpec,
    pub block: &'a Block,
    pub hash: B256,
    pub senders: &'a [Address],
}

/// Every transaction of a block: `[{"txHash":..,"result":..}]`. `state` is that of the block's parent.
pub fn block<D: DatabaseRef<Error = SourceError>>(
    subject: &Subject<'_>,
    state: D,
    tracer: &mut Tracer,
    out: &mut Vec<u8>,
) -> Result<(), CallError> {
    let mut replay = Replay::new(subject.spec, &subject.block.header, state)?;
    json::try_list(out, 0..subject.block.body.transactions.len(), |out, index| {
        let mut entry = json::Object::open(out);
        entry.data("txHash", subject.block.body.transactions[index].hash().as_slice());
        transaction_on(subject, index, &mut replay, tracer, entry.key("result"))?;
        entry.close();
        tracer.check_room(out.len())
    })
}

/// One transaction of a block, after those before it.
pub fn transaction<D: DatabaseRef<Error = SourceError>>(
    subject: &Subject<'_>,
    index: usize,
    state: D,
    tracer: &mut Tracer,
    out: &mut Vec<u8>,
) -> Result<(), CallError> {
    let mut replay = after(subject, index, state)?;
    transaction_on(subject, index, &mut replay, tracer, out)
}

/// Stand in a block after its first `count` transactions.
pub fn after<D: DatabaseRef<Error = SourceError>>(
    subject: &Subject<'_>,
    count: usize,
    state: D,
) -> Result<Replay<D>, CallError> {
    let mut replay = Replay::new(subject.spec, &subject.block.header, state)?;
    for (transaction, sender) in subject.block.body.transactions.iter().zip(subject.senders).take(count) {
        replay.skip(transaction, *sender)?;
    }
    Ok(replay)
}

fn transaction_on<D: DatabaseRef<Error = SourceError>>(
    subject: &Subject<'_>,
    index: usize,
    replay: &mut Replay<D>,
    tracer: &mut Tracer,
    out: &mut Vec<u8>,
) -> Result<(), CallError> {
    let transaction = &subject.block.body.transactions[index];
    let (tx, done) = replay.inspect(transaction, subject.senders[index], &mut *tracer)?;
    let context = TransactionContext {
        block_hash: Some(subject.hash),
        tx_index: Some(index),
        tx_hash: Some(*transaction.hash()),
    };
    let ran = Ran { context, tx: &tx, environment: &replay.environment, done: &done, logs_before: replay.logs };
    tracer.finish(&ran, &mut replay.layer, out)?;
    replay.commit(done);
    Ok(())
}

/// A call on `layer`.
pub fn call<D: DatabaseRef<Error = SourceError>>(
    layer: &mut Layer<D>,
    environment: Environment,
    message: &Message,
    tracer: &mut Tracer,
    out: &mut Vec<u8>,
) -> Result<(), CallError> {
    let environment = environment.for_message(message);
    let failed = |error: CallError| error.during(Attempt::Trace);
    let tx = message.to_tx_env().map_err(|refused| failed(refused.into()))?;
    let done = inspect(&mut *layer, environment.clone(), message, &mut *tracer).map_err(failed)?;
    let context = TransactionContext::default();
    let ran = Ran { context, tx: &tx, environment: &environment, done: &done, logs_before: 0 };
    tracer.finish(&ran, layer, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::testing::{CONTRACT, MemoryState, SENDER, environment, message};
    use alloy_primitives::{Address, hex};
    use revm::primitives::hardfork::SpecId;
    use serde_json::{Value, json};
    use std::time::Duration;

    const CALLEE: Address = Address::repeat_byte(0xdd);

    /// Calls [`CALLEE`] with 1 wei and all gas, stores the result at slot 3; the callee logs and reverts.
    fn state() -> MemoryState {
        let mut code = hex!("5f5f5f5f600173").to_vec();
        code.extend_from_slice(CALLEE.as_slice());
        code.extend_from_slice(&hex!("5af160035500"));
        MemoryState::default()
            .with_code(CONTRACT, code)
            .with_code(CALLEE, hex!("5f5fa05f5ffd"))
            .with_balance(CONTRACT, 9)
            .with_balance(SENDER, 9)
            .with_slot(CONTRACT, 3, 8)
    }

    fn traced(options: &str, limits: Limits, state: &MemoryState) -> Result<Value, CallError> {
        let options: TraceOptions = serde_json::from_str(options).expect("options");
        let mut tracer = Tracer::select(&options.selected()?, limits)?;
        let mut layer = Layer::new(state, SpecId::OSAKA);
        let mut out = Vec::new();
        call(&mut layer, environment(SpecId::OSAKA), &message(r#"{"gas":"0x30d40"}"#), &mut tracer, &mut out)?;
        Ok(serde_json::from_slice(&out).expect("JSON"))
    }

    fn trace(options: &str) -> Value {
        traced(options, Limits::starting_now(Duration::from_secs(60), 1 << 20), &state()).expect("traced")
    }

    #[test]
    fn the_struct_logger_tells_every_opcode() {
        let trace = trace("{}");

        let entries = trace["structLogs"].as_array().expect("entries");
        assert_eq!(entries.len(), 17);
        assert_eq!(entries[0], json!({"pc": 0, "op": "PUSH0", "gas": 179_000, "gasCost": 2, "depth": 1, "stack": []}));
        let call = &entries[7];
        assert_eq!((&call["op"], &call["depth"]), (&json!("CALL"), &json!(1)));
        assert_eq!(entries[8]["depth"], json!(2));
        assert_eq!(entries[10]["op"], json!("LOG0"));
        let store = &entries[15];
        let (slot, zero) = (format!("0x{:064x}", 3), format!("0x{:064x}", 0));
        assert_eq!(store["storage"], json!({slot: zero}));
        assert_eq!(entries[16]["refund"], json!(4_800));
        assert_eq!((&trace["failed"], &trace["returnValue"]), (&json!(false), &json!("0x")));
    }

    #[test]
    fn the_struct_logger_leaves_out_what_nobody_wants() {
        let trace = trace(r#"{"disableStack":true,"disableStorage":true,"limit":200}"#);

        let entries = trace["structLogs"].as_array().expect("entries");
        assert!(entries.iter().all(|entry| entry.get("stack").is_none() && entry.get("storage").is_none()));
        assert!((3..6).contains(&entries.len()), "{}", entries.len());
    }

    #[test]
    fn the_call_tracer_tells_frames_and_their_failures() {
        let trace = trace(r#"{"tracer":"callTracer","tracerConfig":{"withLog":true}}"#);

        assert_eq!(
            (&trace["type"], &trace["to"], &trace["gas"]),
            (&json!("CALL"), &json!(CONTRACT), &json!("0x30d40"))
        );
        let inner = &trace["calls"][0];
        assert_eq!((&inner["to"], &inner["value"]), (&json!(CALLEE), &json!("0x1")));
        assert_eq!(inner["error"], json!("execution reverted"));
        assert!(inner.get("logs").is_none());
    }

    #[test]
    fn the_prestate_tracer_tells_what_was_and_what_changed() {
        let whole = trace(r#"{"tracer":"prestateTracer"}"#);
        let diff = trace(r#"{"tracer":"prestateTracer","tracerConfig":{"diffMode":true}}"#);

        let contract = CONTRACT.to_string().to_lowercase();
        let slot = format!("0x{:064x}", 3);
        assert_eq!(whole[&contract]["balance"], json!("0x9"));
        assert_eq!(whole[&contract]["storage"], json!({&slot: format!("0x{:064x}", 8)}));
        assert_eq!(whole[CALLEE.to_string().to_lowercase()]["code"], json!("0x5f5fa05f5ffd"));
        assert_eq!(diff["post"][SENDER.to_string().to_lowercase()], json!({"nonce": 1}));
        assert_eq!(diff["pre"][&contract]["storage"], json!({&slot: format!("0x{:064x}", 8)}));
        assert_eq!(diff["post"][&contract], json!({}));
    }

    #[test]
    fn several_tracers_run_at_once() {
        let trace =
            trace(r#"{"tracer":"muxTracer","tracerConfig":{"callTracer":null,"4byteTracer":null,"noopTracer":null}}"#);

        assert_eq!(trace["callTracer"]["calls"][0]["to"], json!(CALLEE));
        assert_eq!((&trace["4byteTracer"], &trace["noopTracer"]), (&json!({}), &json!({})));
    }

    #[test]
    fn contradictory_options_are_refused() {
        let limits = Limits::starting_now(Duration::from_secs(60), 1 << 20);
        for options in [
            r#"{"tracer":"prestateTracer","tracerConfig":{"diffMode":true,"includeEmpty":true}}"#,
            r#"{"tracer":"prestateTracer","tracerConfig":{"diffMode":7}}"#,
            r#"{"tracer":"noSuchTracer"}"#,
        ] {
            assert_eq!(traced(options, limits, &state()).expect_err(options).code(), -32000);
        }
    }

    #[test]
    fn a_trace_ends_with_its_time_and_with_its_room() {
        // JUMPDEST PUSH0 JUMP, for 59,000 rounds.
        let endless = MemoryState::default().with_code(CONTRACT, hex!("5b5f56"));
        let no_time = Limits::starting_now(Duration::ZERO, 1 << 30);
        let no_room = Limits::starting_now(Duration::from_secs(60), 10_000);

        assert!(matches!(traced("{}", no_time, &endless), Err(CallError::Timeout(_))));
        let error = traced("{}", no_room, &endless).expect_err("too large");
        assert!(error.to_string().contains("response limit of 10000 bytes"), "{error}");
    }
}
