// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

// What stands at the address of every upgradeable contract of L1: OpenZeppelin's, built with the rest.
// forge-lint: disable-next-line(unused-import)
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
