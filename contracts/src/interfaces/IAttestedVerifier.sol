// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IProofVerifier} from "./IProofVerifier.sol";

/// @title Proofs that are signatures of a batch hash, by provers that executed the batch.
/// @notice A proof is 65 bytes, r ‖ s ‖ v, over the EIP-712 digest of `Attestation(uint8 kind,bytes32 batchHash)` with
/// the domain (name "Ethrex Attested Verifier", version "1", the L1's chain id, this contract).
interface IAttestedVerifier is IProofVerifier {
    event SignerRegistered(
        uint256 indexed chainId, uint32 indexed programVersion, uint8 indexed kind, address signer, uint64 expiresAt
    );
    event SignerRevoked(uint256 indexed chainId, uint32 indexed programVersion, uint8 indexed kind, address signer);

    error SignerInvalid();
    error KindInvalid(uint8 kind);
    /// @notice Signatures alone would move value on an L1 that is no dev chain: it has to be said that this is meant.
    error WithoutZeroKnowledge(uint256 chainId);
    error NotGuardian(address caller);
    error AlreadyConnected();

    /// @notice Accept a signer's proofs. Owner only.
    /// @param expiresAt Its signatures count until then; 0 is for ever.
    /// @param acceptWithoutZk Has to be true where the chain's policy asks for no zero-knowledge proof, but on a dev L1.
    function registerSigner(
        uint256 chainId,
        uint32 programVersion,
        uint8 kind,
        address signer,
        uint64 expiresAt,
        bool acceptWithoutZk
    ) external;

    /// @notice Owner or guardian.
    function revokeSigner(uint256 chainId, uint32 programVersion, uint8 kind, address signer) external;

    function isSigner(uint256 chainId, uint32 programVersion, uint8 kind, address signer) external view returns (bool);

    /// @notice What a prover signs.
    function digest(uint8 kind, bytes32 batchHash) external view returns (bytes32);
}
