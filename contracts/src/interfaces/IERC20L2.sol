// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title What a token of L2 offers to the bridge.
interface IERC20L2 {
    error NotBridge(address caller);

    /// @notice The token of L1 that it stands for.
    function l1Address() external view returns (address);

    /// @notice Bridge only.
    function crosschainMint(address to, uint256 amount) external;

    /// @notice Bridge only; whoever's tokens are burned has asked the bridge for it.
    function crosschainBurn(address from, uint256 amount) external;
}
