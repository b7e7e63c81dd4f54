//! Run a block's transactions again on the state of its parent, up to any of them.

use crate::calls::error::{CallError, SourceError};
use crate::calls::layer::Layer;
use crate::calls::run::{CallContext, Environment, machine};
use crate::calls::system;
use alloy_primitives::Address;
use revm::context::TxEnv;
use revm::context_interface::result::{EVMError, ResultAndState};
use revm::inspector::Inspector;
use revm::{DatabaseCommit, DatabaseRef};
use stf::rollup::Published;
use stf::{ChainSpec, Header, Transaction};

/// A block that is being run again.
pub struct Replay<D> {
    pub layer: Layer<D>,
    pub environment: Environment,
    /// Logs of the transactions so far.
    pub logs: u64,
    published: Published,
}

impl<D: DatabaseRef<Error = SourceError>> Replay<D> {
    /// Stand before the first transaction of the block with this header; `state` is that of its parent.
    pub fn new(spec: &ChainSpec, header: &Header, state: D) -> Result<Self, CallError> {
        let environment = Environment::of_block(spec, header).of_committed();
        let mut layer = Layer::new(state, environment.cfg.spec);
        layer.set_block_hash(header.number.saturating_sub(1), header.parent_hash);
        system::begin(&mut layer, &environment, spec, header)?;
        Ok(Self { layer, environment, logs: 0, published: Published::default() })
    }

    /// Run a transaction that nobody looks at.
    pub fn skip(&mut self, transaction: &Transaction, sender: Address) -> Result<(), CallError> {
        let tx = stf::environment::tx_env(transaction, sender);
        let done =
            machine(&mut self.layer, self.environment.clone(), ()).transact(tx, &mut self.published).map_err(failed)?;
        self.commit(done);
        Ok(())
    }

    /// Run a transaction under an inspector. Its changes are not written yet: see [`Self::commit`].
    pub fn inspect<'a, I>(
        &'a mut self,
        transaction: &Transaction,
        sender: Address,
        inspector: I,
    ) -> Result<(TxEnv, ResultAndState), CallError>
    where
        I: Inspector<CallContext<&'a mut Layer<D>>>,
    {
        let tx = stf::environment::tx_env(transaction, sender);
        let done = machine(&mut self.layer, self.environment.clone(), inspector)
            .inspect(tx.clone(), &mut self.published)
            .map_err(failed)?;
        Ok((tx, done))
    }

    /// Write what a transaction changed, for the next one.
    pub fn commit(&mut self, done: ResultAndState) {
        if done.result.is_success() {
            self.logs += done.result.logs().len() as u64;
        }
        self.layer.commit(done.state);
    }
}

fn failed(error: EVMError<SourceError>) -> CallError {
    match error {
        EVMError::Database(error) => error.into(),
        other => CallError::Refused(format!("tracing failed: {other}")),
    }
}
