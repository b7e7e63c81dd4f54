"""Networks by name, their fork ids, the genesis of a dev chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ethrex_node.config import dev, errors, networks
from ethrex_node.config.fork_id import fork_id

# head number, head time, hash, next: go-ethereum v1.17.5 core/forkid/forkid_test.go
MAINNET = [
    (0, 0, "fc64ec04", 1150000),
    (1149999, 0, "fc64ec04", 1150000),
    (1150000, 0, "97c2c34c", 1920000),
    (1920000, 0, "91d1f948", 2463000),
    (2463000, 0, "7a64da13", 2675000),
    (2675000, 0, "3edd5b10", 4370000),
    (4370000, 0, "a00bc324", 7280000),
    (7280000, 0, "668db0af", 9069000),
    (9069000, 0, "879d6e30", 9200000),
    (9200000, 0, "e029e991", 12244000),
    (12244000, 0, "0eb440f6", 12965000),
    (12965000, 0, "b715077d", 13773000),
    (13773000, 0, "20c327fc", 15050000),
    (15050000, 0, "f0afd0e3", 1681338455),
    (20000000, 1681338455, "dce96c2d", 1710338135),
    (30000000, 1710338135, "9f3d2254", 1746612311),
    (30000000, 1746612311, "c376cf8b", 1764798551),
    (30000000, 1764798551, "5167e2a6", 1765290071),
    (30000000, 1765290071, "cba2a1c0", 1767747671),
    (30000000, 1767747671, "07c9462e", 0),
]
SEPOLIA = [
    (0, 0, "fe3366e7", 1735371),
    (1735371, 0, "b96cbd13", 1677557088),
    (1735372, 1677557088, "f7f9bc08", 1706655072),
    (1735372, 1706655072, "88cf81d9", 1741159776),
    (1735372, 1741159776, "ed88b5fd", 1760427360),
    (1735372, 1760427360, "e2ae4999", 1761017184),
    (1735372, 1761017184, "56078a1e", 1761607008),
    (1735372, 1761607008, "268956b6", 0),
]
HOODI = [
    (0, 0, "bef71d30", 1742999832),
    (123, 1742999831, "bef71d30", 1742999832),
    (123, 1742999832, "0929e24e", 1761677592),
    (123, 1761677592, "e7e0e7ff", 1762365720),
    (123, 1762365720, "3893353e", 1762955544),
    (123, 1762955544, "23aa1351", 0),
]


@pytest.mark.parametrize(("name", "cases"), [("mainnet", MAINNET), ("sepolia", SEPOLIA), ("hoodi", HOODI)])
def test_fork_ids_are_geths(name: str, cases: list[tuple[int, int, str, int]]) -> None:
    network = networks.load(name)
    assert network.hash is not None

    for number, time, checksum, following in cases:
        got = fork_id(network.hash, network.genesis.config, network.genesis.timestamp, number, time)
        assert (got.hash.hex(), got.next) == (checksum, following), (number, time)


@pytest.mark.parametrize(("name", "count"), [("mainnet", 4), ("sepolia", 5), ("hoodi", 4)])
def test_a_known_network_has_boot_nodes_and_no_warnings(name: str, count: int) -> None:
    network = networks.load(name)

    assert len(network.bootnodes) == count
    assert all(node.startswith("enode://") for node in network.bootnodes)
    assert network.genesis.warnings == ()


def test_a_misspelt_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(errors.UnknownNetwork, match="did you mean sepolia"):
        networks.load("seplia")


def test_a_file_is_a_network_of_its_chain_id(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_bytes(dev.dev_genesis([bytes(20)], chain_id=99).json)

    network = networks.load(str(file))

    assert (network.name, network.hash, network.bootnodes) == ("chain-99", None, ())


def test_the_data_folder_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")

    assert networks.default_datadir("hoodi") == Path("/data/ethrex/hoodi")


def test_a_dev_chain_has_every_fork_of_mainnet_and_its_system_contracts() -> None:
    made = dev.dev_genesis([b"\x01" * 20])

    alloc = json.loads(made.json)["alloc"]
    assert made.config["bpo2Time"] == 0
    assert int(alloc["01" * 20]["balance"], 16) == 10_000 * 10**18
    for ending in ("beac02", "2935", "7002", "7251", "7705fa"):
        assert any(address.endswith(ending) and len(account["code"]) > 100 for address, account in alloc.items())
