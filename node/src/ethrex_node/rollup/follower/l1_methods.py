"""
The namespace ``ethrex`` of a follower that has L1 alone: batches as L1 has them. What only a sequencer keeps is an error that
says so, and so is a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rollup.follower import methods
from ethrex_node.rollup.follower.confirmations import Confirmations
from ethrex_node.rollup.progress import Stage
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rpc import errors, table
from ethrex_node.rpc.params import Quantity, hex_data


class NoSequencer(errors.RpcError):
    """This follower has no sequencer to ask."""

    default_code = -39002


@dataclass
class Batches:
    """`l1` comes once L1 has answered."""

    l1: Confirmations | None = None


BATCHES: Final = table.Group()


@BATCHES.method("ethrex_batchNumber")
def batch_number(known: Batches) -> str:
    """The newest batch that L1 has."""
    return hex(0 if known.l1 is None else known.l1.newest())


@BATCHES.method("ethrex_getBatchByNumber")
def get_batch_by_number(known: Batches, number: Quantity, full: bool = False) -> dict[str, Any] | None:
    """A batch as L1 has it; null where it has none."""
    row = None if known.l1 is None else known.l1.confirmed(number)
    if row is None or known.l1 is None:
        return None
    statement = row.statement
    return {
        "number": row.number,
        "batch_hash": hex_data(row.batch_hash),
        "status": Stage.FINAL if number <= known.l1.final else Stage.COMMITTED,
        "first_block": contracts.number_of(statement, "firstBlock"),
        "last_block": contracts.number_of(statement, "lastBlock"),
        "state_root": hex_data(contracts.field_of(statement, "newStateRoot")),
        "queue_index": contracts.number_of(statement, "queueIndex"),
        "messages_root": hex_data(contracts.field_of(statement, "messagesRoot")),
        "program_version": contracts.number_of(statement, "programVersion"),
        "l1_block": row.l1_block,
    }


async def refuse(raw: Sequence[bytes]) -> list[bytes | Exception]:
    """Users' transactions (`pool.door.Forward`)."""
    return [NoSequencer("this follower has no sequencer: it takes no transactions") for _ in raw]


class Nobody:
    """Stands where a follower with a sequencer has its `Feed`."""

    async def forward(self, method: str, *params: Any) -> Any:
        raise NoSequencer(f"{method}: this follower has L1 alone, only a sequencer knows")


REFUSED: Final = table.Group()
REFUSED.functions = [
    one for one in methods.FORWARDED.functions if one.name not in {own.name for own in BATCHES.functions}
]
