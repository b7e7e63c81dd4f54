//! Where a request wants its call to run: the state after a block, and that block's environment.

use super::args::{CallArgs, Defaults, Message};
use super::error::CallError;
use super::layer::Layer;
use super::overrides::{self, BlockOverrides, StateOverrides};
use super::run::Environment;
use super::source::Source;
use crate::block_id::BlockId;
use crate::blocks::Found;
use crate::context::Context;
use crate::error::RpcError;
use alloy_primitives::B256;
use stf::Header;

pub struct Place<'a> {
    pub context: &'a Context,
    pub found: Found,
    pub header: Header,
    pub source: Source<'a>,
    pub environment: Environment,
}

impl<'a> Place<'a> {
    /// The state after the block that a request names.
    pub fn find(context: &'a Context, id: BlockId) -> Result<Self, RpcError> {
        let (state, found) = context.state_at(id)?;
        let header = context.header_of(&found)?;
        let source = Source::new(context, state, header.number, context.settings.evm_timeout);
        let environment = Environment::of_block(&context.spec, &header).relaxed();
        Ok(Self { context, found, header, source, environment })
    }

    /// Change what the message sees of the block.
    pub fn override_block(&mut self, block: Option<BlockOverrides>) -> Result<(), CallError> {
        block.map_or(Ok(()), |block| block.apply(&mut self.environment.block))
    }

    /// The state with overrides on top; `environment` loses the precompiles that they replace.
    pub fn layer_in(
        &self,
        environment: &mut Environment,
        state: StateOverrides,
    ) -> Result<Layer<&Source<'a>>, CallError> {
        let mut layer = Layer::new(&self.source, environment.cfg.spec);
        overrides::apply_state(state, &mut layer, &mut environment.precompiles)?;
        Ok(layer)
    }

    /// A call object as a message at this place.
    pub fn message(&self, args: CallArgs) -> Result<Message, CallError> {
        args.into_message(&Defaults {
            gas_cap: self.gas_cap(),
            base_fee: self.environment.base_fee(),
            chain_id: self.context.spec.chain_id,
            spec: self.environment.cfg.spec,
        })
    }

    /// The node's limit; 0 in the settings is none.
    pub fn gas_cap(&self) -> u64 {
        match self.context.settings.gas_cap {
            0 => u64::MAX / 2,
            cap => cap,
        }
    }

    /// Number and hash of the block; a pending one has no hash.
    pub fn hash(&self) -> B256 {
        match &self.found {
            Found::Stored { hash, .. } => *hash,
            Found::Pending(_) => self.header.hash_slow(),
        }
    }
}
