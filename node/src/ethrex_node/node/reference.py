"""The reference page of the JSON-RPC methods, from the tables that serve them, and what is not in them with the reason."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

from .. import _native
from ..config import contradictions
from ..dev import control, unlocked
from ..engine import methods as engine_methods
from ..engine import testing
from ..rollup import methods as rollup
from ..rollup.sponsor import methods as sponsoring
from ..rpc import parts, service, settings, table
from ..rpc.node import Local

HEAD: Final = """\
# JSON-RPC methods

Made from the tables of methods (the native core's and the Python groups); `make docs` writes it again.

*Answered by*: **snapshot** – a database snapshot, in any process (`--http.workers`); **writer** – what lives in the memory of
the writing process, workers forward it; **local** – any process, without the database. *Snapshot, writer*: what the snapshot
does not hold (pooled transactions, the pending block) the writer answers. A parameter with `?` may be left out. *Heavy*
methods may take some milliseconds, *unbounded* ones as long as the request asks for (bounded by `--rpc.timeout` and its like);
both leave the event loop.

Doors: the public one (HTTP, WebSocket) serves the namespaces of `--http.api` and `--ws.api`; the Engine API's
(`--authrpc.*`, behind its secret) serves {auth}; the socket of `--ipc.path` serves every namespace.
"""

WEIGHTS: Final = {table.LIGHT: "", table.HEAVY: "heavy", table.UNBOUNDED: "unbounded"}
DEV_GROUPS: Final = (unlocked.METHODS, control.DEV)

AMSTERDAM: Final = "of Amsterdam, which no network has scheduled"
ABSENT: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        (
            "engine_newPayloadV5", "engine_newPayloadV6", "engine_forkchoiceUpdatedV4", "engine_forkchoiceUpdatedV5",
            "engine_getPayloadV6", "engine_getBlobsV4", "engine_getInclusionListV1", "engine_getPayloadBodiesByHashV2",
            "engine_getPayloadBodiesByRangeV2",
        ),
        AMSTERDAM,
    ),
    (("engine_exchangeTransitionConfigurationV1",), "withdrawn by the Engine API since Cancun; no consensus client calls it"),
    (("eth_coinbase",), "since the merge the fee recipient comes with each payload; geth has withdrawn it too"),
    (("eth_fillTransaction",), "fills in for a signer in the node; `eth_sendTransaction` of a dev chain does so itself"),
    (("eth_getWork", "eth_submitWork", "eth_hashrate", "eth_mining"), "mining ended with the merge"),
    (
        ("ots_searchTransactionsBefore", "ots_searchTransactionsAfter"),
        "need an index of the transactions of each address, which this node does not keep",
    ),
    (("admin_addPeer", "admin_removePeer", "admin_addTrustedPeer"), "the node runs without a peer-to-peer network"),
    (
        ("debug_traceChain", "debug_standardTraceBlockToFile", "debug_preimage", "debug_setHead"),
        "of geth's console; `debug_traceBlockByNumber` and the fork choice cover their use",
    ),
    (
        ('{"tracer": "{step: function() {...}}"}',),
        "tracers in JavaScript would run strangers' programs in the node; the struct log of `debug_trace*` has every step",
    ),
)  # fmt: skip


def page() -> str:
    """Markdown."""
    auth = ", ".join(f"`{one}`" for one in settings.AUTH_NAMESPACES)
    return "\n".join([HEAD.format(auth=auth), *_namespaces(), *_absent()]).rstrip() + "\n"


def methods() -> table.Table:
    """Every method of a dev chain's node and of a rollup's sequencer, bound to nothing."""
    local = Local(parts.Identity("", 0, 0, ""), _native.keccak256, list)
    groups = (engine_methods.METHODS, testing.METHODS, rollup.METHODS, sponsoring.METHODS, *DEV_GROUPS)
    more = [(group, None) for group in groups]
    return service.methods(_native.snapshot_methods(), local, None, more)


def _namespaces() -> Iterator[str]:
    whole = methods()
    native = {name: (parameters, says) for name, parameters, says in _native.snapshot_method_pages()}
    dev_only = {function.name for group in DEV_GROUPS for function in group.functions} - native.keys()
    for namespace in whole.namespaces():
        rows = sorted((row for row in whole.rows if row.namespace == namespace), key=lambda row: row.name)
        yield f"\n## {namespace}\n\n{_door(namespace)}\n"
        yield "| method | parameters | answered by | what it gives |\n|---|---|---|---|"
        for row in rows:
            yield _line(row, native, row.name in dev_only and namespace not in contradictions.DEV_NAMESPACES)


def _door(namespace: str) -> str:
    if namespace == "engine":
        return "Doors: the Engine API's, IPC."
    if namespace in contradictions.DEV_NAMESPACES or namespace == "personal":
        return "Doors: the public one and IPC, on a dev chain only."
    if namespace == "rpc":
        return "Doors: all."
    if namespace == "ethrex":
        return "Doors: the public one and IPC, of a rollup's sequencer or follower."
    auth = ", the Engine API's" if namespace in settings.AUTH_NAMESPACES else ""
    return f"Doors: the public one where `--http.api` names `{namespace}`{auth}, IPC."


def _line(row: table.Method, native: dict[str, tuple[list[str], str]], dev_only: bool) -> str:
    if row.name in native:
        parameters, says = native[row.name]
        kinds = [table.SNAPSHOT] if row.function is None else [table.SNAPSHOT, table.WRITER]
    else:
        assert row.function is not None
        parameters, says, kinds = _parameters(row.function), row.function.summary, [row.function.kind]
    answered = ", ".join(filter(None, [*kinds, WEIGHTS[row.weight], "dev chain only" if dev_only else ""]))
    shown = ", ".join(f"`{one}`" for one in parameters) or "–"
    return f"| `{row.name}` | {shown} | {answered} | {says.replace('|', chr(92) + '|')} |"


def _parameters(function: table.Function) -> list[str]:
    """Those of the caller: behind the group's state and, where it asks for one, the session."""
    told = list(inspect.signature(function.call).parameters.values())[2 if function.session else 1 :]
    return [_camel(one.name) + ("?" if one.default is not inspect.Parameter.empty else "") for one in told]


def _camel(name: str) -> str:
    first, *rest = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _absent() -> Iterator[str]:
    yield "\n## Absent\n\n| method | why |\n|---|---|"
    for names, reason in ABSENT:
        yield f"| {', '.join(f'`{name}`' for name in names)} | {reason} |"
