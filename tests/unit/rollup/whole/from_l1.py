"""Roles of a rollup that stand on what L1 and its blobs hold: followers without a sequencer, sequencers that begin again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unit.rollup.whole import roles
from unit.rollup.whole.processes import COMMAND, ask
from unit.rollup.whole.roles import LIMIT_SECONDS, Away, patiently

PRUNED = 4444


def until(is_so: Callable[[], object], *parts: roles.Part) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not _is(is_so):
        assert time.monotonic() < end, "\n".join(part.log.read_text()[-3000:] for part in parts)
        time.sleep(0.1)


def _is(is_so: Callable[[], object]) -> bool:
    with contextlib.suppress(Away, OSError):
        return bool(is_so())
    return False


@contextmanager
def alone(
    folder: Path, chain: roles.Chain, *flags: str | Path, blobs: tuple[str | Path, ...] = ()
) -> Iterator[roles.Follower]:
    """A follower that has L1 alone. `blobs`: where from, if not from the L1 node's Beacon API."""
    port, admin = roles.free_port(), roles.free_port()
    home = folder / f"alone-{port}"
    home.mkdir()
    part = roles.Part(
        "follower",
        [
            *("ethrex", "l2", "follow", "--deployment", str(folder / "deployment" / f"{chain.chain_id}.json")),
            *("--datadir", str(home / "data"), "--http.port", str(port), "--metrics", "--metrics.port", str(admin)),
            *("--http.api", "eth,ethrex,debug", "--l1", chain.l1_url),
            *map(str, blobs or ("--beacon", chain.l1_url)),
            *("--follow.tag", "latest", "--follow.l1-interval", "0.2", "--follow.interval", "0.1"),
            *map(str, flags),
        ],
        home / "follower.log",
    )
    try:
        part.start()
        url = f"http://127.0.0.1:{port}"
        patiently(url, "eth_chainId")
        yield roles.Follower(url, f"http://127.0.0.1:{admin}", part)
    finally:
        roles.end(part)


def header(url: str, which: str = "latest") -> dict[str, Any]:
    found: dict[str, Any] = patiently(url, "eth_getHeaderByNumber", which)
    return found


def height(url: str, which: str = "latest") -> int:
    """0 where nothing is safe or final yet."""
    try:
        found = patiently(url, "eth_getHeaderByNumber", which)
    except AssertionError as error:
        if "block not found" not in str(error):
            raise
        return 0
    return 0 if found is None else int(found["number"], 16)


def refused(url: str, method: str, *params: Any) -> dict[str, Any]:
    """The error that an answer is."""
    try:
        found = ask(url, method, *params)
    except AssertionError as error:
        told: dict[str, Any] = error.args[0]
        return told
    raise AssertionError(f"{method} is answered: {found}")


def recover(folder: Path, chain: roles.Chain, command: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """`ethrex l2 reconstruct` and the like."""
    deployment = folder / "deployment" / f"{chain.chain_id}.json"
    given = (COMMAND, "l2", command, "--deployment", deployment, "--eth-rpc-url", chain.l1_url, "--json", *words)
    return subprocess.run(list(map(str, given)), capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)


def reconstructed(folder: Path, chain: roles.Chain, out: Path, *words: str) -> dict[str, Any]:
    done = recover(folder, chain, "reconstruct", "--beacon", chain.l1_url, "--out", out, *words)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
