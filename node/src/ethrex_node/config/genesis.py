"""
Read a genesis file (geth's JSON), check all of it, and give the native core a form that leaves nothing to guess.

Every problem is found in one pass, each with its place, so that a file is mended in one go. What the file says beyond
the known keys is kept out and warned of, with the nearest known key: a misspelt fork must not pass silently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ethrex_node.config import errors, forks, plain_json, values
from ethrex_node.config.nearest import hint

T = TypeVar("T")

OTHER_CONFIG_KEYS: Final = frozenset(
    {
        "chainId", "daoForkSupport", "terminalTotalDifficulty", "depositContractAddress", "blobSchedule", "rollup",
        # known elsewhere, without meaning here: seals are not checked, merged is what the difficulty says
        "eip150Hash", "terminalTotalDifficultyPassed", "ethash", "enableUBTAtGenesis", "enableVerkleAtGenesis",
    }
)  # fmt: skip
CONFIG_KEYS: Final = forks.KEYS | OTHER_CONFIG_KEYS | frozenset(forks.NOT_IMPLEMENTED)
ACCOUNT_KEYS: Final = frozenset({"balance", "nonce", "code", "storage"})
BLOB_KEYS: Final = ("target", "max", "baseFeeUpdateFraction")
MAX_CODE_BYTES: Final = 1 << 20  # genesis code is not held to EIP-170; this only keeps a wrong file out


@dataclass(frozen=True, slots=True)
class Genesis:
    """A checked genesis. `json` is the normal form for the native core; `config` the chain's, as plain numbers."""

    chain_id: int
    timestamp: int
    config: Mapping[str, Any]
    json: bytes
    accounts: int
    warnings: tuple[str, ...] = ()


def load(path: Path) -> Genesis:
    """Raises `GenesisInvalid`, with the reason where the file cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise errors.GenesisInvalid(str(path), [f"cannot be read: {error.strerror}"]) from error
    return parse(raw, str(path))


def parse(raw: bytes, source: str = "the genesis") -> Genesis:
    """Raises `GenesisInvalid` with all problems found."""
    return check(_decode(raw, source), source)


def check(given: Any, source: str = "the genesis") -> Genesis:
    """The same for a file that is decoded already."""
    problems = _Problems()
    if not isinstance(given, dict):
        raise errors.GenesisInvalid(source, [f"holds {values.show(given)}, expected an object"])
    header = _header(given, problems)
    config = _config(given.get("config"), problems)
    accounts = _alloc(given.get("alloc"), problems)
    if problems.found:
        raise errors.GenesisInvalid(source, problems.found)
    normal = json.dumps(header | {"config": _exact(config), "alloc": accounts}, separators=(",", ":")).encode()
    timestamp = int(header["timestamp"], 16)
    return Genesis(config["chainId"], timestamp, config, normal, len(accounts), tuple(problems.warnings))


def _decode(raw: bytes, source: str) -> Any:
    try:
        return plain_json.decode(raw)
    except ValueError as error:
        raise errors.GenesisInvalid(source, [str(error)]) from None


class _Problems:
    """What was found so far."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.warnings: list[str] = []

    def read(self, place: str, value: Any, reader: Callable[[Any], T], default: T) -> T:
        try:
            return reader(value)
        except ValueError as error:
            self.found.append(f"{place}: {error}")
            return default

    def unknown(self, place: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
        for key in given:
            if key not in known:
                self.warnings.append(f"{place}{key} is not known and has no effect{hint(key, known, place)}")


# --- the header of block 0 ---------------------------------------------------------------------------------------


def _quantity(bits: int) -> Callable[[Any], str]:
    return lambda value: hex(values.number(value, bits))


def _hash(size: int) -> Callable[[Any], str]:
    return lambda value: "0x" + values.fixed(value, size).hex()


def _extra(value: Any) -> str:
    return "0x" + values.data(value).hex()


# Field of the header: reader, and what an absent one is; a required one has no default.
REQUIRED: Final = object()
HEADER: Final[dict[str, tuple[Callable[[Any], str], object]]] = {
    "gasLimit": (_quantity(64), REQUIRED),
    "difficulty": (_quantity(256), REQUIRED),
    "nonce": (_quantity(64), "0x0"),
    "timestamp": (_quantity(64), "0x0"),
    "extraData": (_extra, "0x"),
    "mixHash": (_hash(32), "0x" + "00" * 32),
    "coinbase": (_hash(20), "0x" + "00" * 20),
    "parentHash": (_hash(32), "0x" + "00" * 32),
    "number": (_quantity(64), "0x0"),
    "gasUsed": (_quantity(64), "0x0"),
    "baseFeePerGas": (_quantity(64), None),
    "excessBlobGas": (_quantity(64), None),
    "blobGasUsed": (_quantity(64), None),
}
# Rule of a rollup: reader, whether the genesis must say it.
ROLLUP: Final[dict[str, tuple[Callable[[Any], Any], bool]]] = {
    "gasLimit": (lambda value: values.number(value, 64), True),
    "feeRecipient": (_hash(20), True),
    "baseFeeVault": (_hash(20), False),
    "operatorFeePerGas": (lambda value: values.number(value, 64), False),
    "operatorFeeVault": (_hash(20), False),
    "dataFeeVault": (_hash(20), False),
    "nativeToken": (_hash(20), False),
}
OTHER_KEYS: Final = frozenset({"config", "alloc", "slotNumber", "stateRoot", "hash", "mixhash"})


def _header(given: dict[str, Any], problems: _Problems) -> dict[str, Any]:
    problems.unknown("", given, frozenset(HEADER) | OTHER_KEYS)
    if "mixhash" in given:
        given = {"mixHash": given["mixhash"]} | given
    header: dict[str, Any] = {}
    for key, (reader, default) in HEADER.items():
        value = given.get(key)
        if value is not None:
            header[key] = problems.read(key, value, reader, "0x0")
        elif default is REQUIRED:
            problems.found.append(f"{key} is missing")
        elif default is not None:
            header[key] = default
    if header.get("number", "0x0") != "0x0":
        problems.found.append(f"number is {int(header['number'], 16)}: block 0 has the number 0")
    return header


# --- the chain's config ------------------------------------------------------------------------------------------


def _config(given: Any, problems: _Problems) -> dict[str, Any]:
    if not isinstance(given, dict):
        problems.found.append(
            "config is missing" if given is None else f"config is {values.show(given)}, not an object"
        )
        return {}
    problems.unknown("config.", given, CONFIG_KEYS | {"clique"})
    if "clique" in given:
        problems.warnings.append("config.clique: the seals of a proof-of-authority chain are not checked")
    config: dict[str, Any] = {}
    for key in (*sorted(forks.KEYS), *forks.NOT_IMPLEMENTED):
        if given.get(key) is not None:
            config[key] = problems.read(f"config.{key}", given[key], _plain(64), 0)
    _identity(given, config, problems)
    _blob_schedule(given.get("blobSchedule"), config, problems)
    if given.get("rollup") is not None:
        config["rollup"] = _rollup(given["rollup"], problems)
    if not problems.found:
        problems.found += forks.contradictions(config)
        if "rollup" not in config:  # it takes no blobs
            problems.found += forks.missing_blob_schedule(config)
    never = [key for key in forks.NOT_IMPLEMENTED if key in config]
    problems.warnings += [f"config.{key} lies in the far future and is left out" for key in never]
    return {key: value for key, value in config.items() if key not in never}


def _plain(bits: int) -> Callable[[Any], int]:
    return lambda value: values.number(value, bits)


def _identity(given: dict[str, Any], config: dict[str, Any], problems: _Problems) -> None:
    if given.get("chainId") is None:
        problems.found.append("config.chainId is missing")
    else:
        config["chainId"] = problems.read("config.chainId", given["chainId"], _plain(64), 1)
        if config["chainId"] == 0:
            problems.found.append("config.chainId is 0: signatures would not be bound to the chain")
    support = given.get("daoForkSupport", False)
    if not isinstance(support, bool):
        problems.found.append(f"config.daoForkSupport is {values.show(support)}, expected true or false")
    if support:
        config["daoForkSupport"] = support
    if given.get("terminalTotalDifficulty") is not None:
        ttd = given["terminalTotalDifficulty"]
        config["terminalTotalDifficulty"] = problems.read("config.terminalTotalDifficulty", ttd, _plain(256), 0)
    if given.get("depositContractAddress") is not None:
        address = given["depositContractAddress"]
        config["depositContractAddress"] = problems.read("config.depositContractAddress", address, _hash(20), "")


def _blob_schedule(given: Any, config: dict[str, Any], problems: _Problems) -> None:
    if given is None:
        return
    if not isinstance(given, dict):
        problems.found.append(f"config.blobSchedule is {values.show(given)}, not an object")
        return
    problems.unknown("config.blobSchedule.", given, forks.BLOB_NAMES)
    schedule = {}
    for name, entry in given.items():
        if name in forks.BLOB_NAMES and entry is not None:
            schedule[name] = _blob_entry(f"config.blobSchedule.{name}", entry, problems)
    config["blobSchedule"] = schedule


def _blob_entry(place: str, given: Any, problems: _Problems) -> dict[str, int]:
    if not isinstance(given, dict):
        problems.found.append(f"{place} is {values.show(given)}, not an object")
        return {}
    problems.unknown(f"{place}.", given, frozenset(BLOB_KEYS))
    entry = {}
    for key in BLOB_KEYS:
        if key not in given:
            problems.found.append(f"{place}.{key} is missing")
        entry[key] = problems.read(f"{place}.{key}", given.get(key, 1), _plain(64), 1)
    if entry["target"] > entry["max"]:
        problems.found.append(f"{place}: the target {entry['target']} lies above the maximum {entry['max']}")
    if entry["baseFeeUpdateFraction"] == 0:
        problems.found.append(f"{place}.baseFeeUpdateFraction is 0: the blob price would be a division by zero")
    return entry


def _rollup(given: Any, problems: _Problems) -> dict[str, Any]:
    """A rollup's rules. All of them are bound on L1, so that an unknown one is no warning but a problem."""
    if not isinstance(given, dict):
        problems.found.append(f"config.rollup is {values.show(given)}, not an object")
        return {}
    rules: dict[str, Any] = {}
    for key in given:
        if key not in ROLLUP:
            problems.found.append(f"config.rollup.{key} is not known{hint(key, frozenset(ROLLUP), 'config.rollup.')}")
    for key, (reader, required) in ROLLUP.items():
        if given.get(key) is not None:
            rules[key] = problems.read(f"config.rollup.{key}", given[key], reader, 0)
        elif required:
            problems.found.append(f"config.rollup.{key} is missing")
    return rules


def _exact(config: dict[str, Any]) -> dict[str, Any]:
    """Numbers above 64 bits as text: readers of JSON elsewhere may round them."""
    return {key: str(value) if isinstance(value, int) and value >> 64 else value for key, value in config.items()}


# --- the first accounts ------------------------------------------------------------------------------------------


def _alloc(given: Any, problems: _Problems) -> dict[str, Any]:
    if not isinstance(given, dict):
        problems.found.append("alloc is missing" if given is None else f"alloc is {values.show(given)}, not an object")
        return {}
    accounts: dict[str, Any] = {}
    for key, account in given.items():
        place = f"alloc.{key[:50]}"
        address = problems.read(place, key, lambda text: values.fixed(text, 20, prefix=False), b"").hex()
        if address and address in accounts:
            problems.found.append(f"{place}: this address stands twice in alloc")
        accounts[address] = _account(place, account, problems)
    return accounts


def _account(place: str, given: Any, problems: _Problems) -> dict[str, Any]:
    if not isinstance(given, dict):
        problems.found.append(f"{place} is {values.show(given)}, not an object")
        return {}
    problems.unknown(f"{place}.", given, ACCOUNT_KEYS | {"secretKey"})
    if given.get("balance") is None:
        problems.found.append(f"{place}.balance is missing")
    account: dict[str, Any] = {
        "balance": problems.read(f"{place}.balance", given.get("balance") or 0, _quantity(256), "0x0")
    }
    if given.get("nonce") is not None:
        account["nonce"] = problems.read(f"{place}.nonce", given["nonce"], _quantity(64), "0x0")
    if given.get("code") is not None:
        account["code"] = problems.read(f"{place}.code", given["code"], _code, "0x")
    if given.get("storage") is not None:
        account["storage"] = _storage(f"{place}.storage", given["storage"], problems)
    return account


def _code(value: Any) -> str:
    return "0x" + values.data(value, at_most=MAX_CODE_BYTES).hex()


def _word(value: Any) -> str:
    return "0x" + values.word(value).hex()


def _storage(place: str, given: Any, problems: _Problems) -> dict[str, str]:
    if not isinstance(given, dict):
        problems.found.append(f"{place} is {values.show(given)}, not an object")
        return {}
    slots: dict[str, str] = {}
    for key, value in given.items():
        at = f"{place}.{key[:70]}"
        slot = problems.read(at, key, _word, "")
        if slot and slot in slots:
            problems.found.append(f"{at}: this slot stands twice")
        slots[slot] = problems.read(at, value, _word, "")
    return slots
