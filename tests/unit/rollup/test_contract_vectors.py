"""The contracts' vectors, counted again from their definitions: nothing here is shared with Solidity but the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ethrex_node._native import keccak256
from ethrex_node.rollup.committee import kept

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
BRIDGE = 0xFFFF
COIN = bytes.fromhex("ee" * 20)


def vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    assert cases
    return cases


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def word(value: int | str | bytes) -> bytes:
    """A number, or hexadecimal, or bytes, as a word."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    return (raw(value) if isinstance(value, str) else value).rjust(32, b"\0")


def test_batches() -> None:
    for case in vectors("batches.json"):
        assert len(raw(case["encoded"])) == 20 * 32
        assert keccak256(raw(case["encoded"])) == raw(case["hash"])


def test_deployments() -> None:
    for case in vectors("deployments.json"):
        parts = (case["l1ChainId"], case["proposer"], case["chainId"], case["salt"])

        assert keccak256(b"".join(map(word, parts))) == raw(case["previousBatchHash"])


def test_the_queue_is_a_chain() -> None:
    queue_hash = bytes(32)
    for index, case in enumerate(vectors("queue.json")):
        item = keccak256(
            word(case["chainId"])
            + raw(case["from"])
            + raw(case["to"])
            + word(index)
            + word(case["value"])
            + word(case["gasLimit"])
            + keccak256(raw(case["data"]))
        )
        queue_hash = keccak256(queue_hash + item)

        assert (item, queue_hash) == (raw(case["itemHash"]), raw(case["queueHash"]))


def test_messages_are_leaves_hashed_twice_in_a_tree_of_sorted_pairs() -> None:
    for case in vectors("messages.json"):
        leaves = []
        for message in case["messages"]:
            data = keccak256(COIN + COIN + raw(message["receiver"]) + word(message["amount"]))
            leaves.append(keccak256(keccak256(word(BRIDGE) + data + word(message["messageId"]))))
        assert leaves == [raw(message["leaf"]) for message in case["messages"]]

        root = raw(case["root"])
        assert tree_root(leaves) == root
        node = leaves[-1] if leaves else bytes(32)
        for sibling in map(raw, case["proof"]):
            node = parent(node, sibling)
        assert node == root


def parent(a: bytes, b: bytes) -> bytes:
    return keccak256(min(a, b) + max(a, b))


def tree_root(level: list[bytes]) -> bytes:
    if len(level) < 2:
        return level[0] if level else bytes(32)
    pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
    return tree_root([parent(*pair) if len(pair) == 2 else pair[0] for pair in pairs])


def test_published_data() -> None:
    for case in vectors("data.json"):
        openings = case["openings"]
        head = [0, len(openings), 3 * 32, len(openings)]
        points = [opening[field] for opening in openings for field in ("versionedHash", "z", "y")]

        assert keccak256(b"".join(map(word, head + points))) == raw(case["dataHash"])


def test_what_a_committee_keeps() -> None:
    for case in vectors("committee.json"):
        assert keccak256(raw(case["payload"])) == raw(case["digest"])
        signed = kept.Kept(case["chainId"], raw(case["pointer"]), raw(case["digest"]))
        contract = kept.Contract(case["l1ChainId"], raw(case["committee"]))

        assert keccak256(word(1) + raw(case["pointer"]) + raw(case["digest"])) == raw(case["dataHash"])
        assert signed.data_hash == raw(case["dataHash"])
        assert keccak256(kept.preimage(contract, signed)) == raw(case["signedHash"])


def test_create2_addresses() -> None:
    for case in vectors("create2.json"):
        made = keccak256(b"\xff" + raw(case["deployer"]) + raw(case["salt"]) + raw(case["creationCodeHash"]))

        assert made[12:] == raw(case["address"])
