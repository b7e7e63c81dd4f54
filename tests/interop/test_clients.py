"""web3.py, ethers, viem, cast and bare calls meet the same answers at our dev chain as at anvil."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interop import clients, compare, nodes

SESSIONS = ("web3_session.py", "ethers_session.mjs", "viem_session.mjs", "cast_session.py", "raw_session.py")
LEAST_STEPS = 30


@pytest.mark.timeout(2 * clients.SESSION_SECONDS)
@pytest.mark.parametrize("session", SESSIONS)
def test_a_session_goes_as_with_anvil(session: str, tmp_path: Path) -> None:
    try:
        nodes.foundry("cast")
        command = clients.command(session, tmp_path)
        with nodes.both() as pair, ThreadPoolExecutor(len(pair)) as threads:
            ours, theirs = threads.map(lambda running: clients.play(command, running, tmp_path, cast=True), pair)
    except nodes.ToolMissing as missing:
        pytest.skip(str(missing))

    assert len(ours) >= LEAST_STEPS
    assert compare.compare(ours, theirs) == []


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"status": 1}, {"status": 0}),
        ({"status": 1}, {}),
        ({"blockHash": None}, {"blockHash": "0x" + "ab" * 32}),
        ({"blockHash": "0x12"}, {"blockHash": "0x" + "ab" * 32}),
        ([1, 2], [1]),
        ({"timestamp": "0x1"}, {"timestamp": "soon"}),
    ],
)
def test_a_difference_is_seen(ours: object, theirs: object) -> None:
    assert compare.compare([("step", ours)], [("step", theirs)])
    assert compare.compare([("step", ours)], [("step", ours)]) == []
