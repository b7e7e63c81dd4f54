// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title What a transaction costs on this chain, for contracts, at 0x…fff9. `eth_estimateGas` is exact; this is an
/// estimate, since the data fee goes by the fees of L1 that the block names, and L2 knows those that {IL1Info} has.
interface IGasPriceOracle {
    event OperatorFeePerGasSet(uint256 operatorFeePerGas);

    error NotBridge(address caller);

    /// @notice Queue only, when the chain's rules change; the genesis has the first one.
    function setOperatorFeePerGas(uint256 newOperatorFeePerGas) external;

    /// @notice Least gas price, in wei, that this block takes.
    function gasPrice() external view returns (uint256);

    /// @notice Wei per gas, of this block.
    function baseFee() external view returns (uint256);

    /// @notice Wei per gas: the least tip.
    function operatorFeePerGas() external view returns (uint256);
    function l1BaseFee() external view returns (uint256);
    function l1BlobBaseFee() external view returns (uint256);

    /// @notice Wei for what a transaction adds to the published data: 38 bytes an account, 66 a slot, 4 and its length
    /// a code, 60 a message.
    function dataFee(uint256 publishedBytes) external view returns (uint256);
}
