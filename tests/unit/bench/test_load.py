"""The load generator against a real node, at a tiny size, and the line that a measurement becomes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load, servers
from bench.measure import Measurement

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed; the load generator needs it")
FIELDS = {"bench", "ours", "peer", "ratio", "bar", "unit", "python"}


@pytest.fixture(scope="module")
def node() -> Iterator[servers.Server]:
    with servers.dev() as server:
        yield server


def test_each_request_is_sent_once_and_in_order(node: servers.Server, tmp_path: Path) -> None:
    asked = [load.call("web3_sha3", f"0x{number:02x}") for number in range(250)]
    requests = load.write(tmp_path, "requests", asked)

    seen = load.run(node.url, requests, 30, connections=1, once=True, every=1)

    assert [line for line, _ in seen.samples] == list(range(250))
    hashes = [json.loads(answer)["result"] for _, answer in seen.samples]
    assert hashes == node.batch("web3_sha3", [json.loads(one)["params"] for one in asked])
    assert seen.answered == 250


def test_random_requests_go_on_until_the_time_is_up(node: servers.Server, tmp_path: Path) -> None:
    requests = load.write(tmp_path, "requests", [load.call("eth_chainId"), load.call("eth_blockNumber")])

    seen = load.run(node.url, requests, 0.3, connections=4)

    assert seen.answered > 200
    assert len(seen.samples) == seen.answered // load.SAMPLE_EVERY
    assert {line for line, _ in seen.samples} <= {0, 1}
    line = json.loads(Measurement("rpc", seen.rate, seen.rate / 2, 1.2, "req/s").line())
    assert set(line) == FIELDS
    assert line["ratio"] == 2


def test_a_refusal_is_no_answer(node: servers.Server, tmp_path: Path) -> None:
    requests = load.write(tmp_path, "requests", ["x" * (6 << 20)])

    with pytest.raises(load.LoadFailed):
        load.run(node.url, requests, 5, connections=1, once=True)
