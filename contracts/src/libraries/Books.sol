// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";

/// @title What a chain may pay out, by pair of tokens: a pair can spend what came in for it and nothing else.
library Books {
    struct Pairs {
        mapping(address tokenL1 => mapping(address tokenL2 => uint256)) amounts;
    }

    function add(Pairs storage self, address tokenL1, address tokenL2, uint256 amount) internal {
        if (amount > 0) self.amounts[tokenL1][tokenL2] += amount;
    }

    function take(Pairs storage self, address tokenL1, address tokenL2, uint256 amount) internal {
        uint256 left = self.amounts[tokenL1][tokenL2];
        require(left >= amount, ICommonBridge.BookExceeded(left, amount));
        unchecked {
            self.amounts[tokenL1][tokenL2] = left - amount;
        }
    }

    function held(Pairs storage self, address tokenL1, address tokenL2) internal view returns (uint256) {
        return self.amounts[tokenL1][tokenL2];
    }
}
