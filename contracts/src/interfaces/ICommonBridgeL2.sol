// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title The bridge on L2, at 0x…ffff.
interface ICommonBridgeL2 {
    event DepositProcessed(address indexed recipient, uint256 amount);
    /// @notice The recipient did not take the coin: it goes back to the depositor.
    event DepositReturned(address indexed recipient, address indexed depositor, uint256 amount);
    event ERC20DepositProcessed(
        address indexed tokenL1, address indexed tokenL2, address indexed recipient, uint256 amount
    );
    event ERC20DepositReturned(
        address indexed tokenL1, address indexed tokenL2, address indexed depositor, uint256 amount
    );
    event WithdrawalInitiated(address indexed sender, address indexed receiver, uint256 amount, uint256 messageId);
    event ERC20WithdrawalInitiated(
        address indexed tokenL1, address indexed tokenL2, address indexed receiver, uint256 amount, uint256 messageId
    );

    error NotQueue(address caller);
    error AmountZero();
    error ReceiverZero();
    error TokenInvalid(address token);
    error TokenMismatch(address expected, address got);
    error GasTooLow();

    /// @notice Send the chain's coin to L1: it is burned here and can be claimed there.
    function withdraw(address receiver) external payable returns (uint256 messageId);

    /// @notice Send a token to L1: `tokenL2` burns it.
    function withdrawERC20(address tokenL1, address tokenL2, address receiver, uint256 amount)
        external
        returns (uint256 messageId);

    /// @notice Credit a deposit. Only through the queue of L1.
    function mintETH(address recipient, address depositor) external payable;

    /// @notice Mint a deposit of a token; what cannot be minted goes back to the depositor. Only through the queue.
    function mintERC20(address tokenL1, address tokenL2, address recipient, address depositor, uint256 amount) external;
}
