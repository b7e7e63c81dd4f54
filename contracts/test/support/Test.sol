// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// The cheat codes of forge that the tests use.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function assertEq(uint256 left, uint256 right, string calldata error) external pure;
    function assertEq(uint256 left, uint256 right) external pure;
    function assertEq(bytes32 left, bytes32 right) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata error) external pure;
    function assertEq(address left, address right) external pure;
    function assertEq(bytes calldata left, bytes calldata right) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata error) external pure;
    function assertLe(uint256 left, uint256 right, string calldata error) external pure;
    function assertTrue(bool condition) external pure;
    function assertTrue(bool condition, string calldata error) external pure;
    function assertFalse(bool condition) external pure;
    function assertFalse(bool condition, string calldata error) external pure;
    function assume(bool condition) external pure;
    function blobBaseFee(uint256 fee) external;
    function blobhashes(bytes32[] calldata hashes) external;
    function chainId(uint256 id) external;
    function cool(address target) external;
    function deal(address account, uint256 balance) external;
    function etch(address target, bytes calldata code) external;
    function envOr(string calldata name, string calldata fallback_) external view returns (string memory);
    function expectEmit(address emitter) external;
    function expectRevert() external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 data) external;
    function fee(uint256 baseFee) external;
    function getCode(string calldata artifact) external view returns (bytes memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function mockCall(address target, bytes calldata data, bytes calldata answer) external;
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function pauseGasMetering() external;
    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function startPrank(address sender) external;
    function startPrank(address sender, address origin) external;
    function stopPrank() external;
    function readFile(string calldata path) external view returns (string memory);
    function resumeGasMetering() external;
    function revertToState(uint256 snapshot) external returns (bool);
    function roll(uint256 number) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotState() external returns (uint256);
    function store(address target, bytes32 slot, bytes32 value) external;
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function warp(uint256 timestamp) external;
    function writeFile(string calldata path, string calldata data) external;
}

abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_TEST = true;

    receive() external payable virtual {}
}
