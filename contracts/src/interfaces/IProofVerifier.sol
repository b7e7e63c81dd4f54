// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title Checks proofs of one kind.
interface IProofVerifier {
    /// @notice Whether `proof` shows the batch. May revert instead of giving false.
    /// @param key What the registry holds for chain, version and kind: a program's key, or zero.
    function verify(
        uint256 chainId,
        uint32 programVersion,
        uint8 kind,
        bytes32 key,
        bytes32 batchHash,
        bytes calldata proof
    ) external view returns (bool);
}
