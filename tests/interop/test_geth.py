"""geth imports a chain of our dev mode that holds every type of transaction; we import one of go-ethereum's making."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import peers
from ethrex_node.config import dev
from ethrex_node.dev import accounts
from interop import clients, nodes

INSTALL_SECONDS = 600  # geth is compiled on first use
QUIET = ["--nodiscover", "--maxpeers", "0", "--verbosity", "2"]
DOORS_SHUT = ["--ipcdisable", "--port", "0", "--authrpc.port", "0"]


def peer(install: Callable[[], Path]) -> Path:
    try:
        return install()
    except peers.PeerMissing as missing:
        pytest.skip(str(missing))


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout


def kinds(answer: Any) -> Iterator[int]:
    """Types of the transactions whose receipts a step shows."""
    if isinstance(answer, dict) and "cumulativeGasUsed" in answer:
        yield answer["type"]
    elif isinstance(answer, list):
        for one in answer:
            yield from kinds(one)


def head_of(said: str) -> str:
    return [found.group() for found in re.finditer(r"0x[0-9a-f]{64}", said)][-1]


@pytest.mark.long
@pytest.mark.timeout(INSTALL_SECONDS)
def test_geth_takes_a_chain_of_our_dev_mode(tmp_path: Path) -> None:
    geth = peer(peers.geth)
    ours, theirs, exported = tmp_path / "ours", tmp_path / "theirs", tmp_path / "chain.rlp"
    with nodes.ours("--datadir", str(ours)) as running:
        session = clients.play(clients.command("web3_session.py", tmp_path), running, tmp_path)
    assert {kind for _, answer in session for kind in kinds(answer)} == {0, 1, 2, 3, 4}
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(dev.dev_genesis([one.address for one in accounts.derive()]).json)

    run(nodes.COMMAND, "export", "--dev", "--datadir", ours, exported)
    run(geth, "--datadir", theirs, "--verbosity", "2", "init", genesis)
    run(geth, "--datadir", theirs, *QUIET, "import", exported)
    head = run(geth, "--datadir", theirs, *QUIET, *DOORS_SHUT, "--exec", "eth.getBlock('latest').hash", "console")

    assert head_of(head) == head_of(run(nodes.COMMAND, "init", "--dev", "--datadir", ours))


@pytest.mark.long
@pytest.mark.timeout(INSTALL_SECONDS)
def test_we_take_a_chain_of_go_ethereum(tmp_path: Path) -> None:
    chain = peer(lambda: peers.chain("mix", 20, 100))
    where: list[str | Path] = ["--network", chain / "genesis.json", "--datadir", tmp_path / "ours"]

    run(nodes.COMMAND, "import", *where, chain / "chain.rlp")

    assert head_of(run(nodes.COMMAND, "init", *where)) == head_of(
        (chain / "info.txt").read_text().partition(" root ")[0]
    )
