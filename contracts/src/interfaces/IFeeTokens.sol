// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title Tokens in which fees may be paid, at 0x…fffc. Changed only through the queue of L1.
interface IFeeTokenRegistry {
    event FeeTokenRegistered(address indexed token);
    event FeeTokenUnregistered(address indexed token);

    error NotBridge(address caller);
    error TokenInvalid(address token);

    function registerFeeToken(address token) external;
    function unregisterFeeToken(address token) external;
    function isFeeToken(address token) external view returns (bool);
}

/// @title What a fee token is worth, at 0x…fffb. Changed only through the queue of L1.
interface IFeeTokenPricer {
    event FeeTokenRatioSet(address indexed token, uint256 ratio);
    event FeeTokenRatioUnset(address indexed token);

    error NotBridge(address caller);
    error RatioUnset(address token);
    error RatioZero();

    /// @notice Units of the token for one wei of the chain's coin, times 1e18.
    function setFeeTokenRatio(address token, uint256 ratio) external;
    function unsetFeeTokenRatio(address token) external;
    function getFeeTokenRatio(address token) external view returns (uint256);
}
