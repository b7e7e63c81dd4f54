// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

import {IOnChainProposer} from "../interfaces/IOnChainProposer.sol";
import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {IVerifierRegistry} from "../interfaces/IVerifierRegistry.sol";
import {Proof} from "../interfaces/Types.sol";
import {Kinds} from "../libraries/Kinds.sol";

/// @title Which proofs settle a batch. See {IVerifierRegistry}.
contract VerifierRegistry is IVerifierRegistry, OwnableUpgradeable, UUPSUpgradeable {
    struct Key {
        address verifier;
        bytes32 key;
    }

    struct Chain {
        Policy[] policies;
        mapping(uint32 programVersion => Version) versions;
        mapping(uint32 programVersion => mapping(uint8 kind => Key)) keys;
    }

    /// @custom:storage-location erc7201:ethrex.storage.VerifierRegistry
    struct Storage {
        IOnChainProposer proposer;
        mapping(uint256 chainId => Chain) chains;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.VerifierRegistry")) - 1)) & ~bytes32(uint256(0xff));

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner) external initializer {
        __Ownable_init(owner);
    }

    /// @notice Name the proposer of the deployment, once.
    function connect(IOnChainProposer proposer_) external onlyOwner {
        Storage storage $ = _storage();
        require(address($.proposer) == address(0), AlreadyConnected());
        $.proposer = proposer_;
    }

    /// @inheritdoc IVerifierRegistry
    function setPolicy(uint256 chainId, Policy calldata policy) external onlyOwner returns (uint32 id) {
        require(policy.required & ~Kinds.ALL == 0, PolicyInvalid());
        require(policy.required != 0 || policy.minimum > 0, PolicyInvalid());
        require(policy.minimum <= Kinds.LAST, PolicyInvalid());
        Policy[] storage policies = _storage().chains[chainId].policies;
        id = uint32(policies.length);
        policies.push(policy);
        emit PolicySet(chainId, id, policy);
    }

    /// @inheritdoc IVerifierRegistry
    function registerVersion(
        uint256 chainId,
        uint32 programVersion,
        uint64 activationBatch,
        uint64 expiresAt,
        uint8[] calldata kinds,
        address[] calldata verifiers,
        bytes32[] calldata keys
    ) external onlyOwner {
        require(kinds.length == verifiers.length && kinds.length == keys.length, LengthMismatch());
        Chain storage chain = _storage().chains[chainId];
        require(!chain.versions[programVersion].known, VersionExists(chainId, programVersion));
        chain.versions[programVersion] = Version(activationBatch, expiresAt, true, false);
        emit VersionRegistered(chainId, programVersion, activationBatch, expiresAt);
        for (uint256 i = 0; i < kinds.length; ++i) {
            require(Kinds.bit(kinds[i]) & Kinds.ALL != 0, KindInvalid(kinds[i]));
            require(verifiers[i].code.length > 0, KindWithoutVerifier(programVersion, kinds[i]));
            chain.keys[programVersion][kinds[i]] = Key(verifiers[i], keys[i]);
            emit KeySet(chainId, programVersion, kinds[i], verifiers[i], keys[i]);
        }
    }

    /// @inheritdoc IVerifierRegistry
    function expireVersion(uint256 chainId, uint32 programVersion, uint64 expiresAt) external onlyOwner {
        _known(chainId, programVersion).expiresAt = expiresAt;
        emit VersionExpires(chainId, programVersion, expiresAt);
    }

    /// @inheritdoc IVerifierRegistry
    function revokeVersion(uint256 chainId, uint32 programVersion) external {
        IOnChainProposer proposer_ = _storage().proposer;
        require(msg.sender == owner() || msg.sender == proposer_.guardian(), NotGuardian(msg.sender));
        _known(chainId, programVersion).revoked = true;
        emit VersionRevoked(chainId, programVersion);
        proposer_.revertRevoked(chainId);
    }

    /// @inheritdoc IVerifierRegistry
    function requireActive(uint256 chainId, uint32 programVersion, uint64 number)
        external
        view
        returns (uint32 policy)
    {
        Version storage version = _known(chainId, programVersion);
        require(!version.revoked, VersionIsRevoked(programVersion));
        require(number >= version.activationBatch, VersionNotActive(programVersion, version.activationBatch, number));
        bool expired = version.expiresAt != 0 && block.timestamp >= version.expiresAt;
        require(!expired, VersionExpired(programVersion, version.expiresAt));
        return _currentPolicy(chainId);
    }

    /// @inheritdoc IVerifierRegistry
    function requireProven(uint256 chainId, Claim[] calldata claims, Proof[][] calldata proofs)
        external
        view
        returns (uint64[] memory delays)
    {
        require(claims.length == proofs.length, LengthMismatch());
        Chain storage chain = _storage().chains[chainId];
        delays = new uint64[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            uint16 kinds = _provenBy(chain, chainId, claims[i], proofs[i]);
            Policy storage policy = chain.policies[claims[i].policy];
            bool zk = kinds & Kinds.ZERO_KNOWLEDGE != 0;
            bool met = kinds & policy.required == policy.required && proofs[i].length >= policy.minimum
                && (zk || !policy.requireZk);
            require(met, PolicyNotMet(claims[i].batchHash, kinds));
            if (!zk) delays[i] = policy.executionDelay;
        }
    }

    /// The kinds whose proofs are good. A bad one is refused even where the others would do.
    function _provenBy(Chain storage chain, uint256 chainId, Claim calldata claim, Proof[] calldata proofs)
        private
        view
        returns (uint16 kinds)
    {
        uint8 before = 0;
        for (uint256 i = 0; i < proofs.length; ++i) {
            uint8 kind = proofs[i].kind;
            require(kind > before, KindsNotRising(before, kind));
            Key storage key = chain.keys[claim.programVersion][kind];
            address verifier = key.verifier;
            require(verifier != address(0), KindWithoutVerifier(claim.programVersion, kind));
            bool good = IProofVerifier(verifier)
                .verify(chainId, claim.programVersion, kind, key.key, claim.batchHash, proofs[i].data);
            require(good, ProofRefused(claim.batchHash, kind));
            kinds |= Kinds.bit(kind);
            before = kind;
        }
    }

    function proposer() external view returns (IOnChainProposer) {
        return _storage().proposer;
    }

    /// @inheritdoc IVerifierRegistry
    function currentPolicy(uint256 chainId) external view returns (uint32 id, Policy memory policy) {
        id = _currentPolicy(chainId);
        policy = _storage().chains[chainId].policies[id];
    }

    /// @inheritdoc IVerifierRegistry
    function policyOf(uint256 chainId, uint32 id) external view returns (Policy memory) {
        return _storage().chains[chainId].policies[id];
    }

    /// @inheritdoc IVerifierRegistry
    function versionOf(uint256 chainId, uint32 programVersion) external view returns (Version memory) {
        return _storage().chains[chainId].versions[programVersion];
    }

    /// @inheritdoc IVerifierRegistry
    function keyOf(uint256 chainId, uint32 programVersion, uint8 kind)
        external
        view
        returns (address verifier, bytes32 key)
    {
        Key storage found = _storage().chains[chainId].keys[programVersion][kind];
        return (found.verifier, found.key);
    }

    /// @inheritdoc IVerifierRegistry
    function openToOutsiders(uint256 chainId) external view returns (bool) {
        Policy[] storage policies = _storage().chains[chainId].policies;
        if (policies.length == 0) return false;
        Policy storage policy = policies[policies.length - 1];
        return policy.required & Kinds.SIGNED == 0 && policy.minimum <= Kinds.ZERO_KNOWLEDGE_COUNT;
    }

    function _currentPolicy(uint256 chainId) private view returns (uint32) {
        uint256 count = _storage().chains[chainId].policies.length;
        require(count > 0, PolicyMissing(chainId));
        return uint32(count - 1);
    }

    function _known(uint256 chainId, uint32 programVersion) private view returns (Version storage version) {
        version = _storage().chains[chainId].versions[programVersion];
        require(version.known, VersionUnknown(chainId, programVersion));
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
