// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Proof} from "./Types.sol";

/// @title Which proofs a batch needs: kinds, program versions with their keys, policies.
/// @notice Kinds: 1 attested, 2 TEE, 3 SP1, 4 RISC Zero. A policy's mask has bit `1 << kind`.
interface IVerifierRegistry {
    /// @notice What the proofs of a batch have to meet. Policies are only ever added.
    struct Policy {
        /// Kinds that must be there.
        uint16 required;
        /// Number of kinds that must be there.
        uint8 minimum;
        /// At least one of them a zero-knowledge proof.
        bool requireZk;
        /// Seconds from verification to the first claim, where no proof was a zero-knowledge one.
        uint64 executionDelay;
    }

    /// @notice A version of the program, of one chain.
    struct Version {
        /// First batch that may be committed with it.
        uint64 activationBatch;
        /// No commits with it from then on; 0 is never.
        uint64 expiresAt;
        bool known;
        bool revoked;
    }

    /// @notice A batch as its proofs have to show it.
    struct Claim {
        bytes32 batchHash;
        uint32 programVersion;
        uint32 policy;
    }

    event PolicySet(uint256 indexed chainId, uint32 indexed policy, Policy terms);
    event VersionRegistered(
        uint256 indexed chainId, uint32 indexed programVersion, uint64 activationBatch, uint64 expiresAt
    );
    event KeySet(
        uint256 indexed chainId, uint32 indexed programVersion, uint8 indexed kind, address verifier, bytes32 key
    );
    event VersionExpires(uint256 indexed chainId, uint32 indexed programVersion, uint64 expiresAt);
    event VersionRevoked(uint256 indexed chainId, uint32 indexed programVersion);

    error VersionUnknown(uint256 chainId, uint32 programVersion);
    error VersionExists(uint256 chainId, uint32 programVersion);
    error VersionNotActive(uint32 programVersion, uint64 activationBatch, uint64 number);
    error VersionExpired(uint32 programVersion, uint64 expiresAt);
    error VersionIsRevoked(uint32 programVersion);
    error PolicyMissing(uint256 chainId);
    error PolicyInvalid();
    error KindInvalid(uint8 kind);
    error KindWithoutVerifier(uint32 programVersion, uint8 kind);
    error KindsNotRising(uint8 before, uint8 kind);
    error ProofRefused(bytes32 batchHash, uint8 kind);
    error PolicyNotMet(bytes32 batchHash, uint16 kinds);
    error AlreadyConnected();
    error NotGuardian(address caller);
    error LengthMismatch();

    /// @notice Batches that are committed from now on need this. Owner only.
    function setPolicy(uint256 chainId, Policy calldata policy) external returns (uint32 id);

    /// @notice Announce a version with its keys. Owner only.
    function registerVersion(
        uint256 chainId,
        uint32 programVersion,
        uint64 activationBatch,
        uint64 expiresAt,
        uint8[] calldata kinds,
        address[] calldata verifiers,
        bytes32[] calldata keys
    ) external;

    /// @notice Stop new commits with a version from some time on. Owner only.
    function expireVersion(uint256 chainId, uint32 programVersion, uint64 expiresAt) external;

    /// @notice Stop a version at once; its unverified batches are reverted here. Owner or guardian.
    function revokeVersion(uint256 chainId, uint32 programVersion) external;

    /// @notice Reverts unless a batch may be committed with the version now.
    /// @return policy The policy that holds for it.
    function requireActive(uint256 chainId, uint32 programVersion, uint64 number) external view returns (uint32 policy);

    /// @notice Reverts unless every batch's proofs are good and meet its policy.
    /// @return delays Seconds until each batch's messages can be claimed.
    function requireProven(uint256 chainId, Claim[] calldata claims, Proof[][] calldata proofs)
        external
        view
        returns (uint64[] memory delays);

    function currentPolicy(uint256 chainId) external view returns (uint32 id, Policy memory policy);
    function policyOf(uint256 chainId, uint32 id) external view returns (Policy memory);
    function versionOf(uint256 chainId, uint32 programVersion) external view returns (Version memory);
    function keyOf(uint256 chainId, uint32 programVersion, uint8 kind)
        external
        view
        returns (address verifier, bytes32 key);

    /// @notice Whether the policy can be met without a signature of somebody's.
    function openToOutsiders(uint256 chainId) external view returns (bool);
}
