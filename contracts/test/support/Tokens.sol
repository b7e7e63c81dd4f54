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

/// Whoever is paid may call the bridge from inside of the payment.
interface IReentrant {
    function reenter() external;
}

/// Calls the bridge again from inside of each of the bridge's transfers, and goes on when it is refused.
contract ReentrantToken is Token {
    CommonBridge private immutable _bridge;
    uint256 private immutable _chainId;
    bool private _inside;

    /// @notice Deposits that went through from inside of a transfer.
    uint256 public entered;

    constructor(CommonBridge bridge, uint256 chainId) {
        (_bridge, _chainId) = (bridge, chainId);
        _mint(address(this), 1e18);
        _approve(address(this), address(bridge), type(uint256).max);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (msg.sender != address(_bridge) || _inside) return;
        _inside = true;
        try _bridge.depositERC20(_chainId, address(this), address(1), address(this), 1) {
            ++entered;
        } catch {}
        if (to.code.length > 0) try IReentrant(to).reenter() {} catch {}
        _inside = false;
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

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount * 100 / _percent);
    }
}
