// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title What the admin of the predeploys, and nobody else, finds at their addresses.
interface IPredeployProxy {
    error OnlyUpgrades();

    /// @notice Put other code behind the address, then call it with `data` unless that is empty.
    function upgradeToAndCall(address implementation, bytes calldata data) external;
}
