// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {DevChain} from "../libraries/DevChain.sol";

/// @title Owner of a deployment: what it changes is announced for at least the exit window, so that whoever disagrees
/// can leave before. The delay only ever grows.
contract Timelock is TimelockController {
    /// @notice A week to leave, and a day for the longest proof of what has left.
    uint256 public constant EXIT_WINDOW = 8 days;

    error DelayTooShort(uint256 minimum, uint256 got);

    constructor(uint256 delay, address[] memory proposers, address[] memory executors)
        TimelockController(delay, proposers, executors, address(0))
    {
        require(delay >= EXIT_WINDOW || DevChain.isHere(), DelayTooShort(EXIT_WINDOW, delay));
    }

    function updateDelay(uint256 newDelay) public override {
        require(newDelay >= getMinDelay(), DelayTooShort(getMinDelay(), newDelay));
        super.updateDelay(newDelay);
    }
}
