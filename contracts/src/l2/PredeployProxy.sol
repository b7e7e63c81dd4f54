// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Proxy} from "@openzeppelin/contracts/proxy/Proxy.sol";

import {IPredeployProxy} from "../interfaces/IPredeployProxy.sol";
import {L2} from "../libraries/L2.sol";

/// @title What stands at the address of every predeploy. The genesis state sets its implementation (ERC-1967).
/// @notice The admin, which only the queue of L1 can call as, upgrades and does nothing else; all others are passed on,
/// so that no function of an implementation is hidden from them.
contract PredeployProxy is Proxy {
    function _fallback() internal override {
        if (msg.sender != L2.PROXY_ADMIN) return super._fallback();
        require(msg.sig == IPredeployProxy.upgradeToAndCall.selector, IPredeployProxy.OnlyUpgrades());
        (address implementation, bytes memory data) = abi.decode(msg.data[4:], (address, bytes));
        ERC1967Utils.upgradeToAndCall(implementation, data);
    }

    function _implementation() internal view override returns (address) {
        return ERC1967Utils.getImplementation();
    }

    receive() external payable {
        _fallback();
    }
}
