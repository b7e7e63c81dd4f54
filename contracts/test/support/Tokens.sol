// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {CommonBridge} from "../../src/l1/CommonBridge.sol";

/// Anyone mints.
contract Token is ERC20 {
    constructor() ERC20("Token", "TOK") {}

    function mint(address to, uint256 amount) external virtual {
        _mint(to, amount);
    }
}

/// Keeps a tenth of every transfer for itself.
contract FeeToken is Token {
    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        super._update(from, address(this), amount / 10);
        super._update(from, to, amount - amount / 10);
    }
}

/// Deposits again from inside of a transfer.
contract ReentrantToken is Token {
    CommonBridge private immutable _bridge;
    uint256 private immutable _chainId;

    constructor(CommonBridge bridge, uint256 chainId) {
        (_bridge, _chainId) = (bridge, chainId);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (msg.sender == address(_bridge)) {
            _bridge.depositERC20(_chainId, address(this), address(1), from, amount);
        }
        return super.transferFrom(from, to, amount);
    }
}

/// Grows every holder's balance by what is asked: holders own shares.
contract RebasingToken is Token {
    uint256 private _percent = 100;

    function rebase(uint256 percent) external {
        _percent += percent;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * _percent / 100;
    }
}
