// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title Says for a validium that a batch's payload is kept.
interface IDataAvailability {
    error CertificateInvalid();

    /// @notice Reverts unless the certificate is good.
    /// @param certificate `abi.encode(bytes32 pointer, bytes32 digest, bytes signatures)`.
    /// @return dataHash `keccak256(abi.encode(uint8 1, pointer, digest))`: what the batch names.
    function requireAvailable(uint256 chainId, bytes calldata certificate) external view returns (bytes32 dataHash);
}
