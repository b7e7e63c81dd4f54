"""
The one table of methods.

A method that Python answers is a function registered once, with its kind and its errors:

    TXPOOL = table.Group()

    @TXPOOL.method("txpool_status", kind=table.WRITER)
    def status(node: Node) -> dict[str, str]: ...

Its first parameter is the state that the group is bound to; the others are the caller's, decoded by annotation
(``params``). A function that also wants the caller's connection (subscriptions) says ``session=True`` and takes it
second. Methods that need a database snapshot and nothing else are native: they enter the table by name and weight.

Kinds
    LOCAL     constants and pure functions: any process answers
    SNAPSHOT  native, from a snapshot: any process answers
    WRITER    needs what lives in memory of the writing process: workers forward it

A name may be both SNAPSHOT and WRITER: the native side is asked first and the function answers what is not in the
snapshot (a pooled transaction, the pending block).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from ethrex_node.rpc import errors, params

Call = TypeVar("Call", bound=Callable[..., Any])
Kind = Literal["local", "snapshot", "writer"]
LOCAL: Final[Kind] = "local"
SNAPSHOT: Final[Kind] = "snapshot"
WRITER: Final[Kind] = "writer"

LIGHT: Final = 0  # always below a millisecond
HEAVY: Final = 1  # may be above: calls, estimates, proofs
UNBOUNDED: Final = 2  # traces, logs, simulations


@dataclass(frozen=True, slots=True)
class Function:
    """What Python knows of one method. `many`: a list of argument lists in, a result or an error for each out."""

    name: str
    kind: Kind
    call: Callable[..., Any]
    many: Callable[..., Any] | None
    session: bool
    raises: tuple[type[errors.RpcError], ...]

    @property
    def summary(self) -> str:
        return (self.call.__doc__ or "").strip().partition("\n")[0]


class Group:
    """The methods of one module, in the order in which they are written."""

    def __init__(self) -> None:
        self.functions: list[Function] = []

    def method(
        self,
        name: str,
        *,
        kind: Kind = WRITER,
        many: Callable[..., Any] | None = None,
        session: bool = False,
        raises: Sequence[type[errors.RpcError]] = (),
    ) -> Callable[[Call], Call]:
        def register(function: Call) -> Call:
            self.functions.append(Function(name, kind, function, many, session, tuple(raises)))
            return function

        return register


@dataclass(slots=True)
class Method:
    """A row of the table. `index` is the native position, -1 where the native side has no such method."""

    name: str
    number: int
    index: int = -1
    weight: int = LIGHT
    function: Function | None = None
    state: Any = None
    decode: Callable[[Any], list[Any]] | None = None

    @property
    def kind(self) -> Kind:
        return SNAPSHOT if self.function is None or self.index >= 0 else self.function.kind

    @property
    def namespace(self) -> str:
        return self.name.partition("_")[0]


class Table:
    """All methods of a process, in a fixed order: native ones first, so that a native index is a row number."""

    def __init__(self, native: Iterable[tuple[str, int]] = ()) -> None:
        self.rows: list[Method] = []
        self._by_name: dict[str, Method] = {}
        for index, (name, weight) in enumerate(native):
            self._add(Method(name, index, index, weight))

    def add(self, group: Group, state: Any) -> None:
        """Bind a group to its state. A second function for one name is a mistake."""
        for function in group.functions:
            row = self._by_name.get(function.name) or self._add(Method(function.name, len(self.rows)))
            if row.function is not None:
                raise ValueError(f"{function.name} is registered twice")
            row.function, row.state = function, state
            row.decode = params.decoder_of(function.call, 2 if function.session else 1)

    def find(self, name: str) -> Method | None:
        return self._by_name.get(name)

    def namespaces(self) -> list[str]:
        return sorted({row.namespace for row in self.rows})

    def served(self, namespaces: Collection[str], extra: Collection[str] = ()) -> frozenset[str]:
        """Names of the methods in `namespaces`; `extra` are single methods beside them."""
        return frozenset(row.name for row in self.rows if row.namespace in namespaces or row.name in extra)

    def _add(self, row: Method) -> Method:
        self.rows.append(row)
        self._by_name[row.name] = row
        return row
