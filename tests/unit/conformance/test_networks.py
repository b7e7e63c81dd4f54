"""Names of networks become genesis configs with each fork where the name says."""

from __future__ import annotations

import pytest

from conformance import networks


def test_a_fork_has_all_before_it_and_none_after() -> None:
    berlin = networks.config("Berlin")

    assert berlin["berlinBlock"] == berlin["homesteadBlock"] == berlin["eip155Block"] == 0
    assert "londonBlock" not in berlin
    assert "terminalTotalDifficulty" not in berlin


@pytest.mark.parametrize(
    ("name", "key", "at", "before"),
    [
        ("FrontierToHomesteadAt5", "homesteadBlock", 5, None),
        ("HomesteadToDaoAt5", "daoForkBlock", 5, "homesteadBlock"),
        ("HomesteadToEIP150At5", "eip150Block", 5, "homesteadBlock"),
        ("EIP158ToByzantiumAt5", "byzantiumBlock", 5, "eip158Block"),
        ("ByzantiumToConstantinopleFixAt5", "petersburgBlock", 5, "byzantiumBlock"),
        ("ByzantiumToConstantinopleFixAt5", "constantinopleBlock", 5, "byzantiumBlock"),
        ("BerlinToLondonAt5", "londonBlock", 5, "berlinBlock"),
        ("ArrowGlacierToParisAtDiffC0000", "terminalTotalDifficulty", 0xC0000, "arrowGlacierBlock"),
        ("ParisToShanghaiAtTime15k", "shanghaiTime", 15000, "terminalTotalDifficulty"),
        ("PragueToOsakaAtTime15k", "osakaTime", 15000, "pragueTime"),
        ("OsakaToBPO1AtTime15k", "bpo1Time", 15000, "osakaTime"),
        ("BPO1ToBPO2AtTime15k", "bpo2Time", 15000, "bpo1Time"),
    ],
)
def test_a_transition_takes_the_last_fork_late(name: str, key: str, at: int, before: str | None) -> None:
    config = networks.config(name)

    assert config[key] == at
    assert before is None or config[before] == 0


def test_constantinople_without_its_fix_does_not_get_the_fix() -> None:
    assert networks.config("Constantinople")["petersburgBlock"] == networks.FAR_BLOCK
    assert networks.config("ConstantinopleFix")["petersburgBlock"] == 0


def test_only_forks_in_the_table_are_unscheduled() -> None:
    assert networks.is_unscheduled("Amsterdam")
    assert networks.is_unscheduled("BPO2ToAmsterdamAtTime15k")
    assert not networks.is_unscheduled("Osaka")
    assert not networks.is_unscheduled("Atlantis")


@pytest.mark.parametrize("name", ["Amsterdam", "OsakaToAmsterdamAtTime15k", "", "LondonToDawnAt5", "Paris "])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(networks.UnknownNetwork):
        networks.config(name)


def test_a_fixture_brings_its_blob_parameters_and_chain_id() -> None:
    entry = {"target": "0x0a", "max": "0x0f", "baseFeeUpdateFraction": "0x7f5a51"}
    fixture = {"network": "BPO1", "config": {"chainid": "0x07", "blobSchedule": {"BPO1": entry}}}

    config = networks.from_fixture(fixture)

    assert config["chainId"] == 7
    assert config["blobSchedule"] == {"bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 0x7F5A51}}
