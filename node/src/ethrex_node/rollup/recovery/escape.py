"""
What an account of a frozen rollup shows to L1 to take what it held: its last verified state, by proofs.

The proofs come from any node that has this state, such as one that starts on a reconstructed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ethrex_node import _native
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.settlement import contracts

ACCOUNT: Final = "(address,address,bytes[])"
TOKEN: Final = "(address,address,bytes[],bytes[],bytes[])"
ESCAPE_COIN: Final = Function(f"escapeCoin(uint256,{contracts.BATCH},{ACCOUNT})")
ESCAPE_TOKEN: Final = Function(f"escapeToken(uint256,{contracts.BATCH},{ACCOUNT},{TOKEN})")
DELEGATION: Final = "0xef0100"  # EIP-7702: before the delegate's address
NOBODY: Final = "0x" + "00" * 20
BALANCES: Final = 0  # of `ERC20L2`: the slot of its mapping,
L1_ADDRESS_SLOT: Final = f"0x{5:064x}"  # and of the token of L1 that it stands for


class State(Protocol):
    """A node that has the state; `name` is for messages. Raises `L1Error`."""

    name: str

    async def call(self, method: str, *params: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Escape:
    """A call of the bridge on L1, and what it pays out in the smallest unit of coin or token."""

    data: bytes
    amount: int


async def coin(state: State, chain_id: int, last: Published, owner: bytes) -> Escape:
    """Raises `RecoveryError`, `L1Error`."""
    batch = contracts.batch_tuple(last.statement)
    with _understood(state):
        await _check_state(state, last)
        shown = await _proof(state, owner)
        code = await state.call("eth_getCode", _text(owner), "latest")
        delegate = "0x" + code[len(DELEGATION) :] if code.startswith(DELEGATION) else NOBODY
        data = ESCAPE_COIN.call(chain_id, batch, (_text(owner), delegate, _nodes(shown["accountProof"])))
        found = Escape(data, int(shown["balance"], 16))
    return _held(found, owner, last)


async def token(state: State, chain_id: int, last: Published, owner: bytes, token_l2: bytes) -> Escape:
    """For an owner who has a key. Raises `RecoveryError`, `L1Error`."""
    batch = contracts.batch_tuple(last.statement)
    slot = _native.keccak256(owner.rjust(32, b"\0") + BALANCES.to_bytes(32, "big"))
    with _understood(state):
        await _check_state(state, last)
        shown = await _proof(state, token_l2, L1_ADDRESS_SLOT, _text(slot))
        named, held = shown["storageProof"]
        token_l1 = "0x" + int(named["value"], 16).to_bytes(32, "big")[-20:].hex()
        account, names, holds = (_nodes(one) for one in (shown["accountProof"], named["proof"], held["proof"]))
        proof = (token_l1, _text(token_l2), account, names, holds)
        data = ESCAPE_TOKEN.call(chain_id, batch, (_text(owner), NOBODY, []), proof)
        found = Escape(data, int(held["value"], 16))
    return _held(found, owner, last)


@contextmanager
def _understood(state: State) -> Iterator[None]:
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise RecoveryError(f"{state.name} does not answer as a node does: {error!r:.120}") from error


def _held(found: Escape, owner: bytes, last: Published) -> Escape:
    if not found.amount:
        raise RecoveryError(f"{_text(owner)} held nothing of it in the state after batch {last.number}")
    return found


async def _check_state(state: State, last: Published) -> None:
    head = await state.call("eth_getBlockByNumber", "latest", False)
    if head["stateRoot"] != _text(last.state_root):
        raise RecoveryError(
            f"{state.name} does not have the state after batch {last.number}, the last verified one: "
            "start it on what `ethrex l2 reconstruct --verified` writes"
        )


async def _proof(state: State, account: bytes, *slots: str) -> dict[str, Any]:
    found: dict[str, Any] = await state.call("eth_getProof", _text(account), list(slots), "latest")
    return found


def _nodes(listed: list[str]) -> list[bytes]:
    return [bytes.fromhex(node[2:]) for node in listed]


def _text(data: bytes) -> str:
    return "0x" + data.hex()
