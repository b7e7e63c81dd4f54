// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title Kinds of proofs, and sets of them as masks.
library Kinds {
    uint8 internal constant ATTESTED = 1;
    uint8 internal constant TEE = 2;
    uint8 internal constant SP1 = 3;
    uint8 internal constant RISC0 = 4;
    uint8 internal constant LAST = RISC0;

    /// @notice Somebody has to sign.
    uint16 internal constant SIGNED = uint16((1 << ATTESTED) | (1 << TEE));
    uint16 internal constant ZERO_KNOWLEDGE = uint16((1 << SP1) | (1 << RISC0));
    uint8 internal constant ZERO_KNOWLEDGE_COUNT = 2;
    uint16 internal constant ALL = SIGNED | ZERO_KNOWLEDGE;

    function bit(uint8 kind) internal pure returns (uint16) {
        return kind > LAST ? 0 : uint16(1) << kind;
    }
}
