"""
A real consensus client (Lodestar) that makes a chain of its own with our node: beacon node and all validators in one process.

Its release knows the forks up to Shanghai. It begins before the merge's first payload and is told where the proof-of-work chain ended, at
the node's block 0; one epoch later comes Shanghai.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from interop import nodes

CHAIN_ID: Final = 1_234_567
VALIDATORS: Final = 32
SLOT_SECONDS: Final = 4
SLOTS: Final = 8  # of an epoch
AHEAD_SECONDS: Final = 20  # of the beacon chain's first slot, while programs start
STOP_SECONDS: Final = 30
WAIT_SECONDS: Final = 400
FEES_TO: Final = "0x" + "11" * 20
FORKS: Final = (
    *("homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock"),
    *(
        "petersburgBlock",
        "istanbulBlock",
        "berlinBlock",
        "londonBlock",
        "mergeNetsplitBlock",
        "terminalTotalDifficulty",
    ),
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chain:
    """Both clients of it."""

    node: nodes.Running
    beacon: str
    log: Path
    shanghai_time: int

    def block(self, tag: str) -> dict[str, Any]:
        found: dict[str, Any] = self.node.call("eth_getBlockByNumber", tag, False)
        return found

    def height(self, tag: str) -> int:
        """0 before the client has told one."""
        try:
            return int(self.block(tag)["number"], 16)
        except (nodes.Failed, TypeError):
            return 0

    def head(self) -> dict[str, Any]:
        """The beacon block. Raises OSError."""
        with urllib.request.urlopen(f"{self.beacon}/eth/v2/beacon/blocks/head", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)["data"]["message"]
            return found

    def back_to(self, number: int) -> Iterator[dict[str, Any]]:
        """Beacon blocks from the head to the one that holds the node's block of that number. Raises OSError."""
        found = self.head()
        yield found
        while int(payload(found)["block_number"]) > number:
            with urllib.request.urlopen(
                f"{self.beacon}/eth/v2/beacon/blocks/{found['parent_root']}", timeout=30
            ) as answer:
                found = json.load(answer)["data"]["message"]
            yield found

    def wait(self, what: str, found: Callable[[], T | None]) -> T:
        """Until it is something. Nothing as well is a client that does not answer yet."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            with contextlib.suppress(OSError):
                if answer := found():
                    return answer
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {WAIT_SECONDS} s; {self.log.read_text()[-2000:]}")
            time.sleep(1)


@contextmanager
def chain(folder: Path, alloc: dict[str, Any]) -> Iterator[Chain]:
    """Raises `ToolMissing`."""
    client = nodes.packages("consensus") / "node_modules" / ".bin" / "lodestar"
    begins = int(time.time()) + AHEAD_SECONDS
    shanghai = begins + SLOTS * SLOT_SECONDS
    genesis, secret = folder / "genesis.json", folder / "jwt.hex"
    genesis.write_text(json.dumps(_genesis(shanghai, alloc)))
    rest, peers = _free_ports(2)
    flags = ("--network", str(genesis), "--datadir", str(folder / "node"), "--authrpc.jwtsecret", str(secret))
    with nodes.led(*flags) as node:
        first = node.call("eth_getBlockByNumber", "0x0", False)["hash"]
        made = Chain(node, f"http://127.0.0.1:{rest}", folder / "consensus.log", shanghai)
        words = [
            *("node", "-r", str(Path(__file__).parent / "consensus" / "with_resolvers.cjs"), str(client), "dev"),
            *("--dataDir", str(folder / "consensus"), "--genesisTime", str(begins), "--genesisEth1Hash", first),
            *("--genesisValidators", str(VALIDATORS), "--startValidators", f"0..{VALIDATORS - 1}"),
            *("--params.SECONDS_PER_SLOT", str(SLOT_SECONDS), "--params.ALTAIR_FORK_EPOCH", "0"),
            *("--params.BELLATRIX_FORK_EPOCH", "0", "--params.CAPELLA_FORK_EPOCH", "1"),
            *("--terminal-total-difficulty-override", "0", "--terminal-block-hash-override", first),
            *("--terminal-block-hash-epoch-override", "0", "--eth1", "false", "--suggestedFeeRecipient", FEES_TO),
            *("--execution.urls", node.engine_url, "--jwt-secret", str(secret)),
            *("--rest.port", str(rest), "--server", made.beacon, "--port", str(peers), "--mdns", "false"),
        ]
        environment = {**os.environ, "LODESTAR_PRESET": "minimal"}
        with made.log.open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=folder)
        try:
            yield made
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def payload(block: dict[str, Any]) -> dict[str, Any]:
    """What the node is to execute of a beacon block."""
    found: dict[str, Any] = block["body"]["execution_payload"]
    return found


def _genesis(shanghai_time: int, alloc: dict[str, Any]) -> dict[str, Any]:
    return {
        "config": {"chainId": CHAIN_ID, **dict.fromkeys(FORKS, 0), "shanghaiTime": shanghai_time},
        **dict.fromkeys(("nonce", "timestamp", "difficulty"), "0x0"),
        "extraData": "0x",
        "gasLimit": "0x1c9c380",
        "mixHash": "0x" + "00" * 32,
        "coinbase": "0x" + "00" * 20,
        "alloc": alloc,
    }


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return found
