// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";

/// @title What L1 and L2 have to agree on: addresses of predeploys, hashes of queue items and messages.
library L2 {
    address internal constant BRIDGE = 0x000000000000000000000000000000000000FFff;
    address internal constant MESSENGER = 0x000000000000000000000000000000000000FFFE;
    address internal constant FEE_TOKEN_REGISTRY = 0x000000000000000000000000000000000000fFfc;
    address internal constant FEE_TOKEN_PRICER = 0x000000000000000000000000000000000000fFfB;
    address internal constant L1_INFO = 0x000000000000000000000000000000000000fffa;
    address internal constant GAS_PRICE_ORACLE = 0x000000000000000000000000000000000000fff9;
    /// @notice Admin of the predeploys' proxies; acts only through the queue.
    address internal constant PROXY_ADMIN = 0x000000000000000000000000000000000000f000;
    /// @notice Addresses up to here are the system's: nobody else calls L2 with them.
    address internal constant LAST_SYSTEM_ADDRESS = 0x000000000000000000000000000000000001fFFF;

    /// @notice Stands for a chain's own coin, on both sides.
    address internal constant COIN = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE;

    /// @notice Of the code that every {ERC20L2} has.
    bytes32 internal constant TOKEN_CODE_HASH = 0x4d164b24222b1ba165a19b3979f1e3c2254a46e5e79d05f4a12de0b5c1a3ac82;

    uint160 private constant ALIAS_OFFSET = uint160(0xEe110000000000000000000000000000000011Ff);

    /// @notice The sender that a contract of L1 has on L2: nobody can have deployed a contract of its own there.
    function aliasOf(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) + ALIAS_OFFSET);
        }
    }

    function itemHash(uint256 chainId, ICommonBridge.QueueItem memory item) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                chainId, item.from, item.to, uint256(item.index), item.value, item.gasLimit, keccak256(item.data)
            )
        );
    }

    function chained(bytes32 queueHash, bytes32 item) internal pure returns (bytes32) {
        return keccak256(abi.encode(queueHash, item));
    }

    /// @notice Hashed twice, so that no inner node of a tree passes for a leaf.
    function messageLeaf(address sender, bytes32 data, uint256 messageId) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(sender, data, messageId))));
    }

    function withdrawalData(address tokenL1, address tokenL2, address receiver, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(tokenL1, tokenL2, receiver, amount));
    }
}
