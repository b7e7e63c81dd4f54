// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ICommonBridgeL2} from "../interfaces/ICommonBridgeL2.sol";
import {IERC20L2} from "../interfaces/IERC20L2.sol";
import {IMessenger} from "../interfaces/IMessenger.sol";
import {L2} from "../libraries/L2.sol";

/// @title The bridge on L2. See {ICommonBridgeL2}.
/// @dev It keeps nothing: what it is asked to do is a message to L1, or a call out of L1's queue, whose items come with
/// the bridge itself as the sender and with gas that L1 fixes.
contract CommonBridgeL2 is ICommonBridgeL2 {
    /// @notice Gas that is kept back from whoever receives a deposit, to send it back if they refuse it.
    uint256 public constant RETURN_GAS = 120_000;

    /// @dev Coin that leaves the chain goes where nobody can use it.
    address private constant BURNED = address(0);

    /// Calls of the queue, and the bridge's own.
    modifier onlyQueue() {
        require(msg.sender == address(this), NotQueue(msg.sender));
        _;
    }

    /// @inheritdoc ICommonBridgeL2
    function withdraw(address receiver) external payable returns (uint256 messageId) {
        messageId = _withdraw(receiver, msg.value);
        emit WithdrawalInitiated(msg.sender, receiver, msg.value, messageId);
    }

    /// @inheritdoc ICommonBridgeL2
    function withdrawERC20(address tokenL1, address tokenL2, address receiver, uint256 amount)
        external
        returns (uint256 messageId)
    {
        require(tokenL1 != L2.COIN, TokenInvalid(tokenL1));
        require(receiver != address(0), ReceiverZero());
        require(amount > 0, AmountZero());
        address expected = IERC20L2(tokenL2).l1Address();
        require(tokenL1 == expected, TokenMismatch(expected, tokenL1));
        IERC20L2(tokenL2).crosschainBurn(msg.sender, amount);
        messageId = _send(tokenL1, tokenL2, receiver, amount);
        emit ERC20WithdrawalInitiated(tokenL1, tokenL2, receiver, amount, messageId);
    }

    /// @inheritdoc ICommonBridgeL2
    function mintETH(address recipient, address depositor) external payable onlyQueue {
        (bool taken,) = recipient.call{value: msg.value, gas: _spareGas()}("");
        if (taken) {
            emit DepositProcessed(recipient, msg.value);
        } else {
            _withdraw(depositor, msg.value);
            emit DepositReturned(recipient, depositor, msg.value);
        }
    }

    /// @inheritdoc ICommonBridgeL2
    function mintERC20(address tokenL1, address tokenL2, address recipient, address depositor, uint256 amount)
        external
        onlyQueue
    {
        try this.tryMint{gas: _spareGas()}(tokenL1, tokenL2, recipient, amount) {
            emit ERC20DepositProcessed(tokenL1, tokenL2, recipient, amount);
        } catch {
            _send(tokenL1, tokenL2, depositor, amount);
            emit ERC20DepositReturned(tokenL1, tokenL2, depositor, amount);
        }
    }

    /// @notice The part of {mintERC20} that a token can make fail: everything that it does, its answers included.
    function tryMint(address tokenL1, address tokenL2, address recipient, uint256 amount) external onlyQueue {
        address expected = IERC20L2(tokenL2).l1Address();
        require(tokenL1 == expected, TokenMismatch(expected, tokenL1));
        IERC20L2(tokenL2).crosschainMint(recipient, amount);
    }

    function _spareGas() private view returns (uint256) {
        uint256 left = gasleft();
        require(left > RETURN_GAS, GasTooLow());
        return left - RETURN_GAS;
    }

    function _withdraw(address receiver, uint256 amount) private returns (uint256 messageId) {
        require(receiver != address(0), ReceiverZero());
        require(amount > 0, AmountZero());
        (bool burned,) = BURNED.call{value: amount}("");
        assert(burned);
        return _send(L2.COIN, L2.COIN, receiver, amount);
    }

    function _send(address tokenL1, address tokenL2, address receiver, uint256 amount) private returns (uint256) {
        return IMessenger(L2.MESSENGER).sendMessageToL1(L2.withdrawalData(tokenL1, tokenL2, receiver, amount));
    }
}
