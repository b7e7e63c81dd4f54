// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What the sessions deploy: storage, an event, each way a call can fail, blob hashes.
contract Probe {
    event Stored(address indexed who, uint256 indexed number, string text);

    error TooSmall(uint256 given, uint256 least);

    uint256 public number;
    mapping(address => string) public texts;

    constructor(uint256 first) payable {
        number = first;
    }

    receive() external payable {}

    function store(uint256 value, string calldata text) external payable returns (uint256 before) {
        if (value < 10) revert TooSmall(value, 10);
        before = number;
        number = value;
        texts[msg.sender] = text;
        emit Stored(msg.sender, value, text);
    }

    function burst(uint256 count) external {
        for (uint256 i = 0; i < count; i++) emit Stored(msg.sender, i, "");
    }

    function refuse(string calldata reason) external pure {
        revert(reason);
    }

    function overflow(uint256 value) external pure returns (uint256) {
        return value + type(uint256).max;
    }

    function blob(uint256 index) external view returns (bytes32) {
        return blobhash(index);
    }
}
