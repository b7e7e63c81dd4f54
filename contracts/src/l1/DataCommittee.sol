// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IDataAvailability} from "../interfaces/IDataAvailability.sol";
import {DataMode} from "../interfaces/Types.sol";

/// @title k of n members who keep a validium's payloads and say so.
/// @notice A certificate's signatures are 65 bytes each, r ‖ s ‖ v, in rising order of their signers, over the EIP-712
/// digest of `Kept(uint256 chainId,bytes32 dataHash)` with the domain ("Ethrex Data Committee", "1", the L1's chain id,
/// this contract).
contract DataCommittee is IDataAvailability, Ownable, EIP712 {
    bytes32 private constant KEPT = keccak256("Kept(uint256 chainId,bytes32 dataHash)");
    uint256 private constant SIGNATURE_BYTES = 65;

    mapping(address => bool) public isMember;
    uint256 public members;
    /// @notice Signatures that a certificate needs.
    uint256 public threshold;

    event MemberChanged(address indexed member, bool isMember);
    event ThresholdChanged(uint256 threshold);

    error MemberInvalid(address member);
    error ThresholdInvalid(uint256 threshold, uint256 members);

    constructor(address owner, address[] memory members_, uint256 threshold_)
        Ownable(owner)
        EIP712("Ethrex Data Committee", "1")
    {
        for (uint256 i = 0; i < members_.length; ++i) {
            _set(members_[i], true);
        }
        _setThreshold(threshold_);
    }

    /// @notice Take in a member, or let one go; the threshold is set again with it. Owner only.
    function setMember(address member, bool isMember_, uint256 threshold_) external onlyOwner {
        _set(member, isMember_);
        _setThreshold(threshold_);
    }

    /// @inheritdoc IDataAvailability
    function requireAvailable(uint256 chainId, bytes calldata certificate) external view returns (bytes32 dataHash) {
        (bytes32 pointer, bytes32 digest, bytes memory signatures) = abi.decode(certificate, (bytes32, bytes32, bytes));
        dataHash = keccak256(abi.encode(uint8(DataMode.Validium), pointer, digest));
        uint256 count = signatures.length / SIGNATURE_BYTES;
        require(signatures.length == count * SIGNATURE_BYTES && count >= threshold, CertificateInvalid());
        bytes32 signed = kept(chainId, dataHash);
        address before = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address signer = _signer(signed, signatures, i);
            require(signer > before && isMember[signer], CertificateInvalid());
            before = signer;
        }
    }

    /// @notice What a member signs.
    function kept(uint256 chainId, bytes32 dataHash) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(KEPT, chainId, dataHash)));
    }

    function _signer(bytes32 signed, bytes memory signatures, uint256 index) private pure returns (address signer) {
        bytes memory signature = new bytes(SIGNATURE_BYTES);
        for (uint256 i = 0; i < SIGNATURE_BYTES; ++i) {
            signature[i] = signatures[index * SIGNATURE_BYTES + i];
        }
        (signer,,) = ECDSA.tryRecover(signed, signature);
    }

    function _set(address member, bool isMember_) private {
        require(member != address(0) && isMember[member] != isMember_, MemberInvalid(member));
        isMember[member] = isMember_;
        members = isMember_ ? members + 1 : members - 1;
        emit MemberChanged(member, isMember_);
    }

    function _setThreshold(uint256 threshold_) private {
        require(threshold_ > 0 && threshold_ <= members, ThresholdInvalid(threshold_, members));
        threshold = threshold_;
        emit ThresholdChanged(threshold_);
    }
}
