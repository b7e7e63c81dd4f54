"""
The networks that fixtures name, as the ``config`` object of a genesis file.

``Prague`` is a chain on which every fork up to Prague is active from the start; ``PragueToOsakaAtTime15k`` takes the
last one at that time, ``BerlinToLondonAt5`` at that block, ``ArrowGlacierToParisAtDiffC0000`` at that total difficulty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from conformance.fixture import number

DEPOSIT_CONTRACT: Final = "0x00000000219ab540356cbb839cbe05303d7705fa"
FAR_BLOCK: Final = 10_000_000

# each fork with the keys that it sets, oldest first; forks of one name are aliases
LADDER: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("Frontier",), ()),
    (("Homestead",), ("homesteadBlock",)),
    (("EIP150", "TangerineWhistle"), ("eip150Block",)),
    (("EIP158", "SpuriousDragon"), ("eip155Block", "eip158Block")),
    (("Byzantium",), ("byzantiumBlock",)),
    (("Constantinople",), ("constantinopleBlock",)),
    (("ConstantinopleFix", "Petersburg"), ("petersburgBlock",)),
    (("Istanbul",), ("istanbulBlock",)),
    (("MuirGlacier",), ("muirGlacierBlock",)),
    (("Berlin",), ("berlinBlock",)),
    (("London",), ("londonBlock",)),
    (("ArrowGlacier",), ("arrowGlacierBlock",)),
    (("GrayGlacier",), ("grayGlacierBlock",)),
    (("Paris", "Merge"), ("terminalTotalDifficulty",)),
    (("Shanghai",), ("shanghaiTime",)),
    (("Cancun",), ("cancunTime",)),
    (("Prague",), ("pragueTime",)),
    (("Osaka",), ("osakaTime",)),
    (("BPO1",), ("bpo1Time",)),
    (("BPO2",), ("bpo2Time",)),
    (("BPO3",), ("bpo3Time",)),
    (("BPO4",), ("bpo4Time",)),
    (("BPO5",), ("bpo5Time",)),
)
RUNG: Final = {alias: index for index, (aliases, _) in enumerate(LADDER) for alias in aliases}
TRANSITION: Final = re.compile(
    r"(?P<before>\w+?)To(?P<after>[A-Z]\w*?)At(?P<kind>Time|Diff)?(?P<at>[0-9A-F]+)(?P<kilo>k?)"
)


# forks that fixtures already name and that no network has a date for
UNSCHEDULED: Final = ("Amsterdam",)


class UnknownNetwork(Exception):
    """The name is that of no fork or transition that this client implements."""


def config(network: str, chain_id: int = 1, blob_schedule: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """geth's ``config`` for a network's name. `blob_schedule` as fixtures write it: fork name to hex quantities."""
    result: dict[str, Any] = {"chainId": chain_id}
    if network in RUNG:
        _activate(result, 0, RUNG[network], 0)
    elif match := TRANSITION.fullmatch(network):
        _transition(result, network, match)
    else:
        raise UnknownNetwork(f"unknown network {network!r}")
    if "constantinopleBlock" in result:
        result.setdefault("petersburgBlock", FAR_BLOCK)  # left out, it would come with Constantinople
    if "pragueTime" in result:
        result["depositContractAddress"] = DEPOSIT_CONTRACT
    if blob_schedule:
        result["blobSchedule"] = {fork.lower(): _blob_parameters(entry) for fork, entry in blob_schedule.items()}
    return result


def from_fixture(fixture: Mapping[str, Any], network: str | None = None) -> dict[str, Any]:
    """The config of a fixture's network, with the chain id and blob parameters of its own ``config``."""
    own = fixture.get("config", {})
    return config(network or fixture["network"], number(own.get("chainid", 1)), own.get("blobSchedule"))


def is_unscheduled(network: str) -> bool:
    """Whether the name is, or leads to, a fork beyond the ladder on purpose. A name that is merely unknown is not."""
    return any(network == fork or f"To{fork}At" in network for fork in UNSCHEDULED)


def _transition(result: dict[str, Any], network: str, match: re.Match[str]) -> None:
    before, after = match["before"], match["after"]
    if before not in RUNG or (after not in RUNG and after != "Dao"):
        raise UnknownNetwork(f"unknown fork in network {network!r}")
    at = int(match["at"], 16 if match["kind"] == "Diff" else 10) * (1000 if match["kilo"] else 1)
    _activate(result, 0, RUNG[before], 0)
    if after == "Dao":
        result |= {"daoForkBlock": at, "daoForkSupport": True}
    else:
        _activate(result, RUNG[before] + 1, RUNG[after], at)


def _activate(result: dict[str, Any], first: int, last: int, at: int) -> None:
    for _, keys in LADDER[first : last + 1]:
        result |= dict.fromkeys(keys, at)


def _blob_parameters(entry: Mapping[str, Any]) -> dict[str, int]:
    return {key: number(entry[key]) for key in ("target", "max", "baseFeeUpdateFraction")}
