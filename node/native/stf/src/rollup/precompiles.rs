//! A rollup has the P-256 precompile of Osaka (EIP-7951) from its first block on.

use revm::{
    handler::EthPrecompiles,
    precompile::{PrecompileSpecId, Precompiles, secp256r1},
    primitives::{OnceLock, hardfork::SpecId},
};

use crate::{ChainSpec, Fork};

/// The precompiles of a chain at a fork.
pub fn precompiles(spec: &ChainSpec, fork: Fork) -> EthPrecompiles {
    let spec_id = fork.spec_id();
    if spec.rollup.is_some() && fork < Fork::Osaka {
        return EthPrecompiles { precompiles: before_osaka(), spec: spec_id };
    }
    EthPrecompiles::new(spec_id)
}

/// Every rollup starts on Prague.
fn before_osaka() -> &'static Precompiles {
    static PRECOMPILES: OnceLock<Precompiles> = OnceLock::new();
    PRECOMPILES.get_or_init(|| {
        let mut precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(SpecId::PRAGUE)).clone();
        precompiles.extend([secp256r1::P256VERIFY_OSAKA]);
        precompiles
    })
}
