"""
By which rules of py-evm a block goes.

py-evm knows the forks to Prague with mainnet's parameters; a block that needs others is refused by name rather than
executed wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.verify.errors import Unverifiable


@dataclass(frozen=True, slots=True)
class Rules:
    """A fork: the key that starts it in ``config``, and py-evm's class (module below ``eth.vm.forks``, name)."""

    key: str
    module: str
    vm: str


# Newest first. A chain from whose start a fork holds may leave out the ones before it.
BY_TIME: Final = (
    Rules("pragueTime", "prague", "PragueVM"),
    Rules("cancunTime", "cancun", "CancunVM"),
    Rules("shanghaiTime", "shanghai", "ShanghaiVM"),
)
PARIS: Final = Rules("terminalTotalDifficulty", "paris", "ParisVM")
BY_BLOCK: Final = (
    Rules("grayGlacierBlock", "gray_glacier", "GrayGlacierVM"),
    Rules("arrowGlacierBlock", "arrow_glacier", "ArrowGlacierVM"),
    Rules("londonBlock", "london", "LondonVM"),
    Rules("berlinBlock", "berlin", "BerlinVM"),
    Rules("muirGlacierBlock", "muir_glacier", "MuirGlacierVM"),
    Rules("istanbulBlock", "istanbul", "IstanbulVM"),
    Rules("petersburgBlock", "petersburg", "PetersburgVM"),
    Rules("constantinopleBlock", "constantinople", "ConstantinopleVM"),
    Rules("byzantiumBlock", "byzantium", "ByzantiumVM"),
    Rules("eip158Block", "spurious_dragon", "SpuriousDragonVM"),
    Rules("eip150Block", "tangerine_whistle", "TangerineWhistleVM"),
    Rules("homesteadBlock", "homestead", "HomesteadVM"),
)
FRONTIER: Final = Rules("", "frontier", "FrontierVM")
LATER: Final = ("osakaTime", "bpo1Time", "bpo2Time", "bpo3Time", "bpo4Time", "bpo5Time", "amsterdamTime")

# py-evm's constants. A chain with another schedule is not its business.
BLOBS: Final[Mapping[str, Mapping[str, int]]] = {
    "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477},
    "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716},
}


def rules(config: Mapping[str, Any], number: int, timestamp: int, difficulty: int) -> Rules:
    """Raises Unverifiable for a block of a later fork, or of parameters that py-evm has not."""
    merged = difficulty == 0 and config.get("terminalTotalDifficulty") is not None
    if not merged:
        return next((one for one in BY_BLOCK if _begun(config, one.key, number)), FRONTIER)
    for key in LATER:
        if _begun(config, key, timestamp):
            fork = key.removesuffix("Time").capitalize()
            raise Unverifiable(number, f"it is of {fork}, and py-evm knows the forks to Prague")
    found = next((one for one in BY_TIME if _begun(config, one.key, timestamp)), PARIS)
    schedule = (config.get("blobSchedule") or {}).get(found.module)
    known = BLOBS.get(found.module)
    if known is not None and schedule is not None and any(schedule.get(key) != known[key] for key in known):
        raise Unverifiable(
            number, f"the chain's blob schedule of {found.module} is {schedule}; py-evm knows mainnet's alone"
        )
    return found


def _begun(config: Mapping[str, Any], key: str, at: int) -> bool:
    start = config.get(key)
    return start is not None and start <= at
