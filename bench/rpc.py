"""
JSON-RPC under load, against geth and anvil, the server on one core and the client on the other.

All nodes run at once and take a block each second; the load goes to one at a time, in turns. One answer of a hundred is
compared with what geth says, which holds the same chain; anvil has the state of the genesis and the same live transactions.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native

from . import chains, load, peers, servers, shapes
from .measure import Measurement, progress

ROUNDS: Final = 3
BEAT_SECONDS: Final = 1.0
INDEX_SECONDS: Final = 120.0


class WrongAnswer(Exception):
    """What we say is not what the peer says."""


def run(selected: Sequence[shapes.Shape] = shapes.SHAPES, rounds: int = ROUNDS) -> Iterator[Measurement]:
    built = chains.rpc_chain()
    progress(f"server on core {servers.SERVER_CORE}, bench/load.c on core {servers.CLIENT_CORE}, a block each second")
    progress(f"peers: geth {' '.join(servers.GETH_FLAGS)}; anvil --init --no-mining with evm_mine")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        nodes = _start(stack, built, folder)
        with _blocks(nodes, built.live_blocks):
            for shape in selected:
                requests = load.write(folder, "requests", shape.bodies(built.chain))
                rates = _measure(shape, nodes, requests, rounds)
                for peer, bar in shape.bars.items():
                    yield Measurement(f"rpc {shape.name} : {peer}", rates["ours"], rates[peer], bar, "req/s")


def _start(stack: ExitStack, built: chains.Built, folder: Path) -> dict[str, servers.Server]:
    loaded = folder / "ours"
    servers.ethrex("import", "--network", built.genesis, "--datadir", loaded, built.chain)
    theirs = folder / "geth"
    shutil.copytree(_geth_folder(built), theirs)
    return {
        "ours": stack.enter_context(servers.ours(loaded, built.genesis)),
        "geth": stack.enter_context(servers.geth(theirs)),
        "anvil": stack.enter_context(
            servers.anvil("--init", str(built.genesis), "--hardfork", "prague", "--no-mining")
        ),
    }


def _measure(shape: shapes.Shape, nodes: Mapping[str, servers.Server], requests: Path, rounds: int) -> dict[str, float]:
    """Medians of the rates, the nodes taken in turn. Raises `WrongAnswer`."""
    sides = ["ours", *shape.bars]
    rates: dict[str, list[float]] = {side: [] for side in sides}
    lines = requests.read_text().splitlines()
    known: dict[int, Any] = {}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            seen = load.run(
                nodes[side].url, requests, shape.seconds,
                connections=shape.connections, every=shape.every, core=servers.CLIENT_CORE,
            )  # fmt: skip
            rates[side].append(seen.rate)
            if side == "ours":
                _compare(shape, lines, seen, nodes["geth"], known)
    return {side: statistics.median(taken) for side, taken in rates.items()}


def _compare(
    shape: shapes.Shape, lines: Sequence[str], seen: load.Seen, peer: servers.Server, known: dict[int, Any]
) -> None:
    """`known`: what the peer said to a line before."""
    for line, answer in seen.samples:
        ours = json.loads(answer)
        if "result" not in ours:
            raise WrongAnswer(f"{lines[line]} was answered with {answer[:200]!r}")
        if not shape.steady:
            continue
        if line not in known:
            request = json.loads(lines[line])
            known[line] = peer.call(request["method"], *request["params"])
        if ours["result"] != known[line]:
            raise WrongAnswer(f"{lines[line]}: {answer[:300]!r}, the peer says {str(known[line])[:300]}")


@contextmanager
def _blocks(nodes: Mapping[str, servers.Server], blocks: Sequence[bytes]) -> Iterator[None]:
    """A block each second to every node, as long as there are any."""
    stopped = threading.Event()
    failures: list[BaseException] = []

    def feed() -> None:
        for block in blocks:
            if stopped.wait(BEAT_SECONDS):
                return
            nodes["ours"].take(block)
            nodes["geth"].take(block)
            nodes["anvil"].batch("eth_sendRawTransaction", [["0x" + raw.hex()] for raw in _native.rlp_decode(block)[1]])
            nodes["anvil"].call("evm_mine")

    feeder = threading.Thread(target=_noting(feed, failures))
    feeder.start()
    try:
        yield
    finally:
        stopped.set()
        feeder.join()
    if failures:
        raise failures[0]


def _noting(work: Callable[[], None], failures: list[BaseException]) -> Callable[[], None]:
    def noted() -> None:
        try:
            work()
        except Exception as error:
            failures.append(error)

    return noted


def _geth_folder(built: chains.Built) -> Path:
    """A data folder of geth with the chain in it and the log index made, kept in the cache."""

    def make(target: Path) -> None:
        progress("loading geth (half a minute, once)")
        work = target.with_suffix(".new")
        shutil.rmtree(work, ignore_errors=True)
        quiet = ["--datadir", str(work), "--verbosity", "2"]
        peers.run([str(peers.geth()), *quiet, "init", str(built.genesis)])
        peers.run([str(peers.geth()), *quiet, *servers.GETH_FLAGS, "import", str(built.chain)])
        _index(work)
        work.rename(target)

    key = f"geth-{peers.GETH_VERSION}-{built.chain.parent.name}"
    return peers.once(peers.CACHE / "loaded" / key, make)


def _index(folder: Path) -> None:
    """Let it run until it says that the log index reaches the head."""
    command = [str(peers.geth()), "--datadir", str(folder), *servers.GETH_FLAGS, "--authrpc.port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    late = threading.Timer(INDEX_SECONDS, process.kill)
    late.start()
    with contextlib.closing(process.stderr):
        done = any("Log index head rendering finished" in line for line in process.stderr)
        process.terminate()
        process.stderr.read()
    process.wait()
    late.cancel()
    if not done:
        raise peers.PeerMissing("geth did not index the logs")
