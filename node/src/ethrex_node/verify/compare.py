"""What py-evm came to against what this node stores: gas, receipts, requests, state root; then the first thing that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ethrex_node.verify import material
from ethrex_node.verify.errors import Unavailable

if TYPE_CHECKING:
    from ethrex_node.verify import engine

# Field of py-evm's header, what it is called in a report. The earlier one explains the later ones.
FIELDS: Final = (
    ("gas_used", "gas used"),
    ("blob_gas_used", "blob gas used"),
    ("receipt_root", "receipts root"),
    ("bloom", "logs bloom"),
    ("requests_hash", "requests hash"),
    ("state_root", "state root"),
)
ADDRESS_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` differs in block `number`: what this node has, and what py-evm came to."""

    number: int
    what: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"block {self.number}: {self.what}: this node has {_show(self.ours)}, py-evm {_show(self.theirs)}"


def verify(source: material.Source, number: int, config: Mapping[str, Any]) -> list[Difference]:
    """Execute a block again. Nothing: both agree. Raises Unverifiable, Unavailable."""
    try:
        from ethrex_node.verify import engine, rollup
    except ImportError as error:
        raise Unavailable(str(error)) from error
    given = source.material(number)
    if config.get("rollup"):
        try:
            rollup.check_block(config, given)
        except rollup.Differs as error:
            return [Difference(number, "the block", "valid", f"not: {error}")]
        return []
    try:
        outcome = engine.execute(given, config)
    except engine.Refused as error:
        return [Difference(number, "the block", "valid", f"invalid: {error}")]
    except engine.Insufficient as error:
        return [Difference(number, "the witness", "enough", f"without {error}")]
    stored = engine.header_of(given.block)
    found = list(_headers(number, stored, outcome.header))
    if found:
        found += next(([one] for one in _receipts(given, outcome)), [])
        found += next(([one] for one in _state(source, given, outcome)), [])
    return found


def _headers(number: int, ours: Any, theirs: Any) -> Iterator[Difference]:
    for field, name in FIELDS:
        one, other = getattr(ours, field, None), getattr(theirs, field, None)
        if one != other:
            yield Difference(number, name, one, other)


def _receipts(given: material.Material, outcome: engine.Outcome) -> Iterator[Difference]:
    for index, (ours, theirs) in enumerate(zip(given.receipts, outcome.receipts, strict=False)):
        if ours != theirs:
            yield Difference(given.number, f"receipt {index}", ours, theirs)


def _state(source: material.Source, given: material.Material, outcome: engine.Outcome) -> Iterator[Difference]:
    """Accounts by address, each before its slots: whatever either engine looked at or wrote."""
    touched = outcome.accounts.touched
    looked_at = {key for key in given.keys if len(key) == ADDRESS_BYTES}
    slots = {int.from_bytes(key, "big") for key in given.keys if len(key) > ADDRESS_BYTES}
    for address in sorted(looked_at | touched.keys()):
        yield from _account(source, given.number, outcome, address, slots | touched.get(address, set()))


def _account(
    source: material.Source, number: int, outcome: engine.Outcome, address: bytes, slots: set[int]
) -> Iterator[Difference]:
    ours, theirs = source.account(address, number), outcome.accounts.account(address)
    name = f"account 0x{address.hex()}"
    for field in ("nonce", "balance", "code_hash"):
        one, other = getattr(ours, field), getattr(theirs, field)
        if one != other:
            yield Difference(number, f"{name}, {field.replace('_', ' ')}", one, other)
    if ours.storage_root == theirs.storage_root:
        return
    for slot in sorted(slots):
        stored, computed = source.slot(address, slot, number), outcome.accounts.slot(address, slot)
        if stored != computed:
            yield Difference(number, f"{name}, slot {slot:#x}", hex(stored), hex(computed))
    yield Difference(number, f"{name}, storage root", ours.storage_root, theirs.storage_root)


def _show(value: object, limit: int = 160) -> str:
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
