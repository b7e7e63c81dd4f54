//! The precompiles of a call: those of the fork, or a table of its own once an override moved or removed one.
//!
//! Access costs stay those of the fork: the addresses that start warm are the fork's, wherever the code went.

use alloy_primitives::Address;
use alloy_primitives::map::{AddressMap, AddressSet};
use revm::context::Cfg;
use revm::context_interface::{ContextTr, JournalTr, LocalContextTr};
use revm::handler::{EthPrecompiles, PrecompileProvider, precompile_output_to_interpreter_result};
use revm::interpreter::{CallInputs, InterpreterResult};
use revm::precompile::Precompile;
use revm::primitives::hardfork::SpecId;
use stf::rollup::precompiles::precompiles;
use stf::{ChainSpec, Fork};

#[derive(Clone, Debug)]
pub struct CallPrecompiles {
    fork: EthPrecompiles,
    /// Who answers where; `None` while nothing was moved or removed.
    table: Option<AddressMap<Precompile>>,
}

impl CallPrecompiles {
    pub fn new(spec: SpecId) -> Self {
        Self { fork: EthPrecompiles::new(spec), table: None }
    }

    /// Those of the chain at a fork.
    pub fn of_chain(spec: &ChainSpec, fork: Fork) -> Self {
        Self { fork: precompiles(spec, fork), table: None }
    }

    pub fn has(&self, address: &Address) -> bool {
        self.get(address).is_some()
    }

    pub fn remove(&mut self, address: &Address) {
        if self.has(address) {
            self.own_table().remove(address);
        }
    }

    /// Let the precompile at `from` answer at `to` as well.
    pub fn copy(&mut self, from: &Address, to: Address) {
        if let Some(precompile) = self.get(from).cloned() {
            self.own_table().insert(to, precompile);
        }
    }

    fn get(&self, address: &Address) -> Option<&Precompile> {
        match &self.table {
            Some(table) => table.get(address),
            None => self.fork.precompiles.get(address),
        }
    }

    fn own_table(&mut self) -> &mut AddressMap<Precompile> {
        self.table.get_or_insert_with(|| {
            self.fork.precompiles.inner().iter().map(|(address, precompile)| (*address, precompile.clone())).collect()
        })
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for CallPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        <EthPrecompiles as PrecompileProvider<CTX>>::set_spec(&mut self.fork, spec)
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        if self.table.is_none() {
            return self.fork.run(context, inputs);
        }
        let Some(precompile) = self.get(&inputs.bytecode_address) else {
            return Ok(None);
        };
        let output = precompile
            .execute(&inputs.input.as_bytes(context), inputs.gas_limit, inputs.reservoir)
            .map_err(|error| error.to_string())?;
        if let Some(reason) = output.halt_reason()
            && !reason.is_oog()
            && context.journal().depth() == 1
        {
            context.local_mut().set_precompile_error_context(reason.to_string());
        }
        Ok(Some(precompile_output_to_interpreter_result(output, inputs.gas_limit)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.fork.warm_addresses()
    }

    fn contains(&self, address: &Address) -> bool {
        self.has(address)
    }
}
