// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {IERC20L2} from "../interfaces/IERC20L2.sol";
import {L2} from "../libraries/L2.sol";

/// @title A token of L1 on L2, minted and burned by the bridge. See {IERC20L2}.
contract ERC20L2 is ERC20, IERC20L2 {
    /// @inheritdoc IERC20L2
    /// @dev In storage, so that every token of the bridge has the same code: a proof of an account shows it, and the
    /// escape hatch of L1 reads balances and this slot by proofs ({Escape}).
    address public l1Address;
    uint8 private _decimals;

    modifier onlyBridge() {
        require(msg.sender == L2.BRIDGE, NotBridge(msg.sender));
        _;
    }

    constructor(string memory name, string memory symbol, uint8 decimals_, address tokenL1) ERC20(name, symbol) {
        (l1Address, _decimals) = (tokenL1, decimals_);
    }

    /// @inheritdoc IERC20L2
    function crosschainMint(address to, uint256 amount) external onlyBridge {
        _mint(to, amount);
    }

    /// @inheritdoc IERC20L2
    function crosschainBurn(address from, uint256 amount) external onlyBridge {
        _burn(from, amount);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
