// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IAttestedVerifier} from "../interfaces/IAttestedVerifier.sol";
import {IOnChainProposer} from "../interfaces/IOnChainProposer.sol";
import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {IVerifierRegistry} from "../interfaces/IVerifierRegistry.sol";
import {DevChain} from "../libraries/DevChain.sol";
import {Kinds} from "../libraries/Kinds.sol";

/// @title Signatures of provers. See {IAttestedVerifier}.
contract AttestedVerifier is IAttestedVerifier, OwnableUpgradeable, UUPSUpgradeable, EIP712 {
    bytes32 private constant ATTESTATION = keccak256("Attestation(uint8 kind,bytes32 batchHash)");
    uint64 private constant FOR_EVER = type(uint64).max;

    /// @custom:storage-location erc7201:ethrex.storage.AttestedVerifier
    struct Storage {
        IVerifierRegistry registry;
        IOnChainProposer proposer;
        mapping(
            uint256 chainId => mapping(uint32 programVersion => mapping(uint8 kind => mapping(address => uint64)))
        ) validUntil;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.AttestedVerifier")) - 1)) & ~bytes32(uint256(0xff));

    constructor() EIP712("Ethrex Attested Verifier", "1") {
        _disableInitializers();
    }

    function initialize(address owner) external initializer {
        __Ownable_init(owner);
    }

    /// @notice Name the other contracts of the deployment, once.
    function connect(IOnChainProposer proposer_, IVerifierRegistry registry_) external onlyOwner {
        Storage storage $ = _storage();
        require(address($.proposer) == address(0), AlreadyConnected());
        ($.proposer, $.registry) = (proposer_, registry_);
    }

    /// @inheritdoc IAttestedVerifier
    function registerSigner(
        uint256 chainId,
        uint32 programVersion,
        uint8 kind,
        address signer,
        uint64 expiresAt,
        bool acceptWithoutZk
    ) external onlyOwner {
        Storage storage $ = _storage();
        require(Kinds.bit(kind) & Kinds.SIGNED != 0, KindInvalid(kind));
        require(signer != address(0), SignerInvalid());
        if (!acceptWithoutZk && !DevChain.isHere()) {
            (, IVerifierRegistry.Policy memory policy) = $.registry.currentPolicy(chainId);
            require(policy.requireZk, WithoutZeroKnowledge(chainId));
        }
        $.validUntil[chainId][programVersion][kind][signer] = expiresAt == 0 ? FOR_EVER : expiresAt;
        emit SignerRegistered(chainId, programVersion, kind, signer, expiresAt);
    }

    /// @inheritdoc IAttestedVerifier
    function revokeSigner(uint256 chainId, uint32 programVersion, uint8 kind, address signer) external {
        Storage storage $ = _storage();
        require(msg.sender == owner() || msg.sender == $.proposer.guardian(), NotGuardian(msg.sender));
        delete $.validUntil[chainId][programVersion][kind][signer];
        emit SignerRevoked(chainId, programVersion, kind, signer);
    }

    /// @inheritdoc IProofVerifier
    function verify(
        uint256 chainId,
        uint32 programVersion,
        uint8 kind,
        bytes32,
        bytes32 batchHash,
        bytes calldata proof
    ) external view returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest(kind, batchHash), proof);
        return failure == ECDSA.RecoverError.NoError && isSigner(chainId, programVersion, kind, signer);
    }

    /// @inheritdoc IAttestedVerifier
    function isSigner(uint256 chainId, uint32 programVersion, uint8 kind, address signer) public view returns (bool) {
        return _storage().validUntil[chainId][programVersion][kind][signer] > block.timestamp;
    }

    /// @inheritdoc IAttestedVerifier
    function digest(uint8 kind, bytes32 batchHash) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ATTESTATION, kind, batchHash)));
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
