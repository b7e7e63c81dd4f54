// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {ICommonBridge} from "../interfaces/ICommonBridge.sol";
import {ICommonBridgeL2} from "../interfaces/ICommonBridgeL2.sol";
import {IL1Info} from "../interfaces/IL1Info.sol";
import {IOnChainProposer} from "../interfaces/IOnChainProposer.sol";
import {IPredeployProxy} from "../interfaces/IPredeployProxy.sol";
import {Batch, ChainParameters} from "../interfaces/Types.sol";
import {Batches} from "../libraries/Batches.sol";
import {Books} from "../libraries/Books.sol";
import {DevChain} from "../libraries/DevChain.sol";
import {Escape} from "../libraries/Escape.sol";
import {L2} from "../libraries/L2.sol";
import {Queue} from "../libraries/Queue.sol";

/// @title Deposits, queue, claims and refunds of all chains of a deployment. See {ICommonBridge}.
contract CommonBridge is ICommonBridge, OwnableUpgradeable, UUPSUpgradeable, ReentrancyGuardTransient {
    using Batches for Batch;
    using BitMaps for BitMaps.BitMap;
    using Books for Books.Pairs;
    using Queue for Queue.Items;
    using SafeERC20 for IERC20;

    /// @notice What the L2 bridge may use to credit a deposit, with what it needs to send back a refused one.
    uint256 public constant DEPOSIT_GAS = 300_000;
    uint256 public constant DEPOSIT_ERC20_GAS = 500_000;
    /// @notice What the L2 may use to note a block of L1.
    uint256 public constant L1_INFO_GAS = 150_000;

    struct Chain {
        address nativeToken;
        Queue.Items queue;
        Books.Pairs books;
        BitMaps.BitMap claimed;
        BitMaps.BitMap refunded;
        mapping(address account => bool) escaped;
        mapping(address tokenL2 => mapping(address account => bool)) escapedTokens;
    }

    /// @custom:storage-location erc7201:ethrex.storage.CommonBridge
    struct Storage {
        IOnChainProposer proposer;
        mapping(uint256 chainId => Chain) chains;
    }

    bytes32 private constant STORAGE =
        keccak256(abi.encode(uint256(keccak256("ethrex.storage.CommonBridge")) - 1)) & ~bytes32(uint256(0xff));

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner) external initializer {
        __Ownable_init(owner);
    }

    /// @notice Name the proposer of the deployment, once.
    function connect(IOnChainProposer proposer_) external onlyOwner {
        Storage storage $ = _storage();
        require(address($.proposer) == address(0), AlreadyConnected());
        $.proposer = proposer_;
    }

    /// @inheritdoc ICommonBridge
    function openChain(ChainParameters calldata parameters, address payer) external payable {
        Storage storage $ = _storage();
        require(msg.sender == address($.proposer), NotProposer(msg.sender));
        Chain storage chain = $.chains[parameters.chainId];
        chain.nativeToken = parameters.nativeToken;
        chain.queue.inclusionDelay = parameters.inclusionDelay;
        chain.queue.blockGasLimit = parameters.blockGasLimit;
        uint256 paid = msg.value;
        if (parameters.nativeToken != address(0)) {
            require(msg.value == 0, NativeTokenMismatch(parameters.nativeToken));
            bool funded = parameters.genesisBalance > 0 && !DevChain.isHere();
            if (funded) paid = _pull(parameters.nativeToken, payer, parameters.genesisBalance);
        }
        uint256 owed = DevChain.isHere() ? paid : parameters.genesisBalance;
        require(paid == owed, GenesisBalanceMissing(owed, paid));
        chain.books.add(L2.COIN, L2.COIN, paid);
    }

    // ---- To L2

    /// @inheritdoc ICommonBridge
    function deposit(uint256 chainId, address recipient) external payable nonReentrant returns (uint64 index) {
        Chain storage chain = _open(chainId);
        require(chain.nativeToken == address(0), NativeTokenMismatch(chain.nativeToken));
        return _depositCoin(chain, chainId, recipient, msg.value);
    }

    /// @inheritdoc ICommonBridge
    function depositNative(uint256 chainId, address recipient, uint256 amount)
        external
        nonReentrant
        returns (uint64 index)
    {
        Chain storage chain = _open(chainId);
        require(chain.nativeToken != address(0), NativeTokenMismatch(chain.nativeToken));
        return _depositCoin(chain, chainId, recipient, _pull(chain.nativeToken, msg.sender, amount));
    }

    function _depositCoin(Chain storage chain, uint256 chainId, address recipient, uint256 amount)
        private
        returns (uint64 index)
    {
        require(recipient != address(0), RecipientZero());
        require(amount > 0, AmountZero());
        chain.books.add(L2.COIN, L2.COIN, amount);
        bytes memory data = abi.encodeCall(ICommonBridgeL2.mintETH, (recipient, msg.sender));
        index = _push(chain.queue, chainId, QueueItem(L2.BRIDGE, L2.BRIDGE, 0, amount, DEPOSIT_GAS, data));
        emit Deposited(chainId, index, recipient, L2.COIN, L2.COIN, amount);
    }

    /// @inheritdoc ICommonBridge
    function depositERC20(uint256 chainId, address tokenL1, address tokenL2, address recipient, uint256 amount)
        external
        nonReentrant
        returns (uint64 index)
    {
        Chain storage chain = _open(chainId);
        require(recipient != address(0), RecipientZero());
        require(tokenL1.code.length > 0, TokenInvalid(tokenL1));
        require(tokenL2 != address(0) && tokenL2 != L2.COIN, TokenInvalid(tokenL2));
        uint256 arrived = _pull(tokenL1, msg.sender, amount);
        require(arrived > 0, AmountZero());
        chain.books.add(tokenL1, tokenL2, arrived);
        bytes memory data =
            abi.encodeCall(ICommonBridgeL2.mintERC20, (tokenL1, tokenL2, recipient, msg.sender, arrived));
        index = _push(chain.queue, chainId, QueueItem(L2.BRIDGE, L2.BRIDGE, 0, 0, DEPOSIT_ERC20_GAS, data));
        emit Deposited(chainId, index, recipient, tokenL1, tokenL2, arrived);
    }

    /// @inheritdoc ICommonBridge
    function sendToL2(uint256 chainId, SendValues calldata values)
        external
        payable
        nonReentrant
        returns (uint64 index)
    {
        require(values.to != address(0), RecipientZero());
        address from = _senderOnL2(msg.sender);
        require(from > L2.LAST_SYSTEM_ADDRESS, SystemSender(from));
        return _sell(chainId, QueueItem(from, values.to, 0, values.value, values.gasLimit, values.data));
    }

    /// @inheritdoc ICommonBridge
    function sendL1Info(uint256 chainId) external payable nonReentrant returns (uint64 index) {
        bytes memory data = abi.encodeCall(
            IL1Info.setL1Block,
            (
                uint64(block.number),
                uint64(block.timestamp),
                block.basefee,
                block.blobbasefee,
                blockhash(block.number - 1)
            )
        );
        return _sell(chainId, QueueItem(L2.BRIDGE, L2.L1_INFO, 0, 0, L1_INFO_GAS, data));
    }

    /// An item whose gas the caller pays, out of what a block of L1 may ask for; what they sent beyond comes back.
    function _sell(uint256 chainId, QueueItem memory item) private returns (uint64 index) {
        Queue.Items storage queue = _open(chainId).queue;
        uint256 fee = queueFee(item.gasLimit);
        require(msg.value >= fee, FeeTooLow(fee, msg.value));
        queue.spend(item.gasLimit, item.data.length);
        index = _push(queue, chainId, item);
        if (msg.value > fee) _pay(address(0), msg.sender, msg.value - fee);
    }

    function _push(Queue.Items storage queue, uint256 chainId, QueueItem memory item) private returns (uint64) {
        queue.push(chainId, item);
        return item.index;
    }

    /// Accounts keep their address; a contract gets an alias, since on L2 somebody else may be at its address.
    function _senderOnL2(address sender) private view returns (address) {
        bool isAccount = sender == tx.origin || Escape.isDelegated(sender.code);
        return isAccount ? sender : L2.aliasOf(sender);
    }

    /// @inheritdoc ICommonBridge
    function upgradeL2Contract(
        uint256 chainId,
        address proxy,
        address implementation,
        uint256 gasLimit,
        bytes calldata data
    ) external onlyOwner returns (uint64 index) {
        require(proxy > address(0xff00) && proxy <= L2.BRIDGE, TokenInvalid(proxy));
        bytes memory call = abi.encodeCall(IPredeployProxy.upgradeToAndCall, (implementation, data));
        return _callAsSystem(chainId, L2.PROXY_ADMIN, proxy, gasLimit, call);
    }

    /// @inheritdoc ICommonBridge
    function callAsL2Bridge(uint256 chainId, address to, uint256 gasLimit, bytes calldata data)
        external
        onlyOwner
        returns (uint64 index)
    {
        bool known = to == L2.FEE_TOKEN_REGISTRY || to == L2.FEE_TOKEN_PRICER || to == L2.GAS_PRICE_ORACLE;
        require(known, TokenInvalid(to));
        return _callAsSystem(chainId, L2.BRIDGE, to, gasLimit, data);
    }

    function _callAsSystem(uint256 chainId, address from, address to, uint256 gasLimit, bytes memory data)
        private
        returns (uint64 index)
    {
        Queue.Items storage queue = _open(chainId).queue;
        queue.requireRunnable(gasLimit, data.length);
        return _push(queue, chainId, QueueItem(from, to, 0, 0, gasLimit, data));
    }

    // ---- Back to L1

    /// @inheritdoc ICommonBridge
    function claimWithdrawal(uint256 chainId, Withdrawal calldata withdrawal, bytes32[] calldata proof)
        external
        nonReentrant
    {
        Storage storage $ = _storage();
        Chain storage chain = $.chains[chainId];
        (bytes32 root, uint64 claimableAt) = $.proposer.messagesRoot(chainId, withdrawal.batchNumber);
        require(block.timestamp >= claimableAt, NotYetClaimable(claimableAt));
        require(!chain.claimed.get(withdrawal.messageId), AlreadyClaimed(withdrawal.messageId));
        bytes32 data = L2.withdrawalData(withdrawal.tokenL1, withdrawal.tokenL2, withdrawal.receiver, withdrawal.amount);
        bytes32 leaf = L2.messageLeaf(L2.BRIDGE, data, withdrawal.messageId);
        require(root != 0 && MerkleProof.verifyCalldata(proof, root, leaf), ProofInvalid());

        chain.claimed.set(withdrawal.messageId);
        emit WithdrawalClaimed(
            chainId,
            withdrawal.messageId,
            withdrawal.receiver,
            withdrawal.tokenL1,
            withdrawal.tokenL2,
            withdrawal.amount
        );
        _release(chain, withdrawal.tokenL1, withdrawal.tokenL2, withdrawal.receiver, withdrawal.amount);
    }

    /// @inheritdoc ICommonBridge
    function refundQueueItem(uint256 chainId, QueueItem calldata item) external nonReentrant {
        Storage storage $ = _storage();
        Chain storage chain = $.chains[chainId];
        uint64 verified = _frozenAt(chainId);
        require(item.index >= $.proposer.record(chainId, verified).queueIndex, NothingToRefund(item.index));
        require(chain.queue.holds(chainId, item), ItemMismatch(item.index));
        require(!chain.refunded.get(item.index), AlreadyRefunded(item.index));
        (address tokenL1, address tokenL2, address depositor, uint256 amount) = _deposited(item);

        chain.refunded.set(item.index);
        emit QueueItemRefunded(chainId, item.index, depositor, tokenL1, amount);
        _release(chain, tokenL1, tokenL2, depositor, amount);
    }

    /// What a deposit's item brought, and who brought it; other items brought nothing.
    function _deposited(QueueItem calldata item)
        private
        pure
        returns (address tokenL1, address tokenL2, address depositor, uint256 amount)
    {
        require(item.from == L2.BRIDGE && item.to == L2.BRIDGE, NothingToRefund(item.index));
        if (bytes4(item.data[:4]) == ICommonBridgeL2.mintETH.selector) {
            (, depositor) = abi.decode(item.data[4:], (address, address));
            return (L2.COIN, L2.COIN, depositor, item.value);
        }
        (tokenL1, tokenL2,, depositor, amount) =
            abi.decode(item.data[4:], (address, address, address, address, uint256));
    }

    /// @inheritdoc ICommonBridge
    function escapeCoin(uint256 chainId, Batch calldata last, AccountProof calldata account) external nonReentrant {
        Chain storage chain = _storage().chains[chainId];
        bytes32 stateRoot = _lastState(chainId, last);
        _requireCallerIs(account.account);
        require(!chain.escaped[account.account], AlreadyEscaped(account.account));
        uint256 balance = Escape.balanceOf(stateRoot, account);

        chain.escaped[account.account] = true;
        emit Escaped(chainId, account.account, msg.sender, L2.COIN, L2.COIN, balance);
        _release(chain, L2.COIN, L2.COIN, msg.sender, balance);
    }

    /// @inheritdoc ICommonBridge
    function escapeToken(uint256 chainId, Batch calldata last, AccountProof calldata holder, TokenProof calldata token)
        external
        nonReentrant
    {
        Chain storage chain = _storage().chains[chainId];
        bytes32 stateRoot = _lastState(chainId, last);
        address account = holder.account;
        _requireCallerIs(account);
        if (account != _senderOnL2(msg.sender)) Escape.balanceOf(stateRoot, holder);
        require(!chain.escapedTokens[token.tokenL2][account], AlreadyEscaped(account));
        uint256 balance = Escape.tokenBalanceOf(stateRoot, token, account);

        chain.escapedTokens[token.tokenL2][account] = true;
        emit Escaped(chainId, account, msg.sender, token.tokenL1, token.tokenL2, balance);
        _release(chain, token.tokenL1, token.tokenL2, msg.sender, balance);
    }

    /// Root of the state that counts after a freeze, once nobody can revert it.
    function _lastState(uint256 chainId, Batch calldata last) private view returns (bytes32) {
        IOnChainProposer.Record memory verified = _storage().proposer.record(chainId, _frozenAt(chainId));
        require(last.hash() == verified.batchHash, ProofInvalid());
        require(block.timestamp >= verified.claimableAt, NotYetClaimable(verified.claimableAt));
        return last.newStateRoot;
    }

    function _requireCallerIs(address account) private view {
        require(account == msg.sender || account == L2.aliasOf(msg.sender), NotEscapable(account));
    }

    function _frozenAt(uint256 chainId) private view returns (uint64 lastVerified) {
        IOnChainProposer.ChainStatus memory status = _storage().proposer.chainStatus(chainId);
        require(status.frozen, NotFrozen(chainId));
        return status.lastVerified;
    }

    // ---- Funds

    function _release(Chain storage chain, address tokenL1, address tokenL2, address to, uint256 amount) private {
        chain.books.take(tokenL1, tokenL2, amount);
        bool isCoin = tokenL1 == L2.COIN && tokenL2 == L2.COIN;
        _pay(isCoin ? chain.nativeToken : tokenL1, to, amount);
    }

    /// Token zero is ether.
    function _pay(address token, address to, uint256 amount) private {
        if (token != address(0)) return IERC20(token).safeTransfer(to, amount);
        (bool paid,) = to.call{value: amount}("");
        require(paid, PaymentFailed(to, amount));
    }

    /// What arrived, whatever the token takes for itself.
    function _pull(address token, address from, uint256 amount) private returns (uint256) {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amount);
        return IERC20(token).balanceOf(address(this)) - before;
    }

    // ---- Views

    function proposer() external view returns (IOnChainProposer) {
        return _storage().proposer;
    }

    /// @inheritdoc ICommonBridge
    function queueLength(uint256 chainId) external view returns (uint64) {
        return _storage().chains[chainId].queue.length;
    }

    /// @inheritdoc ICommonBridge
    function queueHash(uint256 chainId, uint64 index) external view returns (bytes32) {
        return _storage().chains[chainId].queue.hashAt(index);
    }

    /// @inheritdoc ICommonBridge
    function queueSlot(uint256 chainId, uint64 index) external view returns (QueueSlot memory) {
        return _storage().chains[chainId].queue.slotOf(index);
    }

    /// @inheritdoc ICommonBridge
    function queueRange(uint256 chainId, uint64 from, uint64 to)
        external
        view
        returns (bytes32 hash, uint64 headDeadline, uint256 gasTaken)
    {
        return _storage().chains[chainId].queue.range(from, to);
    }

    /// @inheritdoc ICommonBridge
    function queuedAt(uint256 chainId, uint64 index) external view returns (uint64) {
        return _storage().chains[chainId].queue.enqueuedAt(index);
    }

    /// @inheritdoc ICommonBridge
    function queueFee(uint256 gasLimit) public view returns (uint256) {
        return gasLimit * Math.max(block.basefee, 1);
    }

    /// @inheritdoc ICommonBridge
    function book(uint256 chainId, address tokenL1, address tokenL2) external view returns (uint256) {
        return _storage().chains[chainId].books.held(tokenL1, tokenL2);
    }

    /// @inheritdoc ICommonBridge
    function nativeToken(uint256 chainId) external view returns (address) {
        return _storage().chains[chainId].nativeToken;
    }

    /// @inheritdoc ICommonBridge
    function isClaimed(uint256 chainId, uint256 messageId) external view returns (bool) {
        return _storage().chains[chainId].claimed.get(messageId);
    }

    function _open(uint256 chainId) private view returns (Chain storage) {
        Storage storage $ = _storage();
        $.proposer.requireOpen(chainId);
        return $.chains[chainId];
    }

    function _storage() private pure returns (Storage storage $) {
        bytes32 slot = STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
