"""
Questions to the L1 over several nodes.

What is acted upon (heads, logs, nonces, receipts) is asked of all nodes and has to be said by `needed` of them in the
same words; what only steers (fees, estimates, balances) is taken from the first that answers. A node that failed last is
asked last. Questions that are agreed upon name a block number, so that a node that is merely behind is told from one
that is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp
from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.l1 import agreement, answers, errors
from ethrex_node.rollup.l1.endpoint import Endpoint

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    `needed` nodes have to agree; None: more than half of them. `final_depth`: blocks that must lie on a block besides its
    being finalized, for an L1 whose finality says little.
    """

    urls: tuple[str, ...]
    needed: int | None = None
    timeout_seconds: float = 10.0
    logs_per_request: int = 5000  # blocks that an eth_getLogs spans; providers refuse more
    final_depth: int = 0

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("no L1 URL is given")
        if self.needed is not None and not 1 <= self.needed <= len(self.urls):
            raise ValueError(f"{self.needed} L1 nodes cannot agree where {len(self.urls)} are given")


class L1Client:
    """From `open` to `close`."""

    def __init__(self, settings: Settings, endpoints: Sequence[Endpoint], session: aiohttp.ClientSession) -> None:
        self.endpoints = list(endpoints)
        self.needed = settings.needed or agreement.majority(len(endpoints))
        self.chain_id = 0
        self._settings = settings
        self._session = session

    @classmethod
    async def open(cls, settings: Settings) -> L1Client:
        """Ask every node for its chain. Raises `WrongChain` where they differ, `Disagreement` where too few answer."""
        session = aiohttp.ClientSession()
        endpoints = [Endpoint(url, session, settings.timeout_seconds) for url in settings.urls]
        _tell_apart(endpoints)
        client = cls(settings, endpoints, session)
        try:
            client.chain_id = await client._common_chain()
        except BaseException:
            await session.close()
            raise
        return client

    async def close(self) -> None:
        await self._session.close()

    @property
    def logs_per_request(self) -> int:
        return self._settings.logs_per_request

    async def _common_chain(self) -> int:
        found = await self._ask_all("eth_chainId", (), _quantity)
        if len(found) < self.needed:
            raise errors.Disagreement("chain id", self.needed, len(found), ())
        first = next(iter(found.values()))
        for name, chain_id in found.items():
            if chain_id != first:
                raise errors.WrongChain(name, first, chain_id)
        return first

    # agreed upon

    async def head(self, tag: str = "latest") -> answers.Block:
        """
        The newest block of this kind that enough nodes have, in the same words. Raises `Disagreement`.

        A chain that has no safe or finalized block yet (nodes answer null, or an error) is so up to its block 0.
        """
        outcomes = await self._outcomes(
            "eth_getBlockByNumber", (tag, False), _maybe_block, enough=self._enough_answered
        )
        heights = {}
        for endpoint in self.endpoints:
            found = outcomes[endpoint.name]
            if isinstance(found, answers.Block):
                heights[endpoint.name] = found.number
                endpoint.height = found.number if tag == "latest" else max(found.number, endpoint.height)
            elif tag != "latest" and (found is None or isinstance(found, errors.CallFailed)):
                heights[endpoint.name] = 0
        height = agreement.common_height(heights, self.needed)
        block = await self.block(height)
        if block is None:  # taken back between the two questions
            raise errors.Disagreement(f"block {height}", self.needed, 0, ())
        return block

    async def final(self, head: int) -> int:
        """The last block that is taken as final where `head` is the newest."""
        finalized = await self.head("finalized")
        return max(0, min(finalized.number, head - self._settings.final_depth))

    async def block(self, number: int) -> answers.Block | None:
        return await self._agree(f"block {number}", number, "eth_getBlockByNumber", (hex(number), False), _maybe_block)

    async def nonce(self, address: bytes, number: int) -> int:
        """How many transactions of `address` are mined up to block `number`."""
        question = f"nonce of 0x{address.hex()} at block {number}"
        params = (_hex(address), hex(number))
        return await self._agree(question, number, "eth_getTransactionCount", params, _quantity)

    async def receipt(self, transaction_hash: bytes, number: int) -> answers.Receipt | None:
        """None: not mined on the chain up to block `number`."""
        question = f"receipt of 0x{transaction_hash.hex()}"

        def parse(value: Any) -> answers.Receipt | None:
            found = None if value is None else answers.receipt(value)
            if found is not None and found.transaction_hash != transaction_hash:
                raise errors.Malformed(f"{question}: it is that of 0x{found.transaction_hash.hex()}")
            return None if found is None or found.block_number > number else found

        return await self._agree(question, number, "eth_getTransactionReceipt", (_hex(transaction_hash),), parse)

    async def transaction(self, transaction_hash: bytes, number: int) -> answers.Sent | None:
        """None: not mined on the chain up to block `number`."""
        question = f"transaction 0x{transaction_hash.hex()}"

        def parse(value: Any) -> answers.Sent | None:
            found = None if value is None else answers.sent(value)
            if found is not None and found.hash != transaction_hash:
                raise errors.Malformed(f"{question}: it is 0x{found.hash.hex()}")
            return None if found is None or found.block_number > number else found

        return await self._agree(question, number, "eth_getTransactionByHash", (_hex(transaction_hash),), parse)

    async def transaction_with_nonce(self, address: bytes, nonce: int, low: int, high: int) -> bytes | None:
        """The hash of what `address` sent with `nonce`, mined in a block from `low` to `high`."""
        if await self.nonce(address, high) <= nonce:
            return None
        while low < high:
            middle = (low + high) // 2
            if await self.nonce(address, middle) > nonce:
                high = middle
            else:
                low = middle + 1

        def parse(value: Any) -> bytes | None:
            return answers.transaction_of(value, address, nonce)

        question = f"transaction {nonce} of 0x{address.hex()}"
        return await self._agree(question, high, "eth_getBlockByNumber", (hex(high), True), parse)

    async def logs(self, address: bytes, topics: Sequence[bytes | None], first: int, last: int) -> list[answers.Log]:
        """Logs of blocks `first` to `last`, in order. `topics` by position, None for any."""
        wanted = [None if topic is None else _hex(topic) for topic in topics]

        def parse(value: Any) -> tuple[answers.Log, ...]:
            if not isinstance(value, list):
                raise errors.Malformed(f"logs: {value!r:.80} is not a list")
            found = tuple(answers.log(item) for item in value)
            for one in found:
                if not _fits(one, address, topics, low, high):
                    raise errors.Malformed(f"logs of blocks {low} to {high}: one that was not asked for")
            return found

        collected: list[answers.Log] = []
        for low in range(first, last + 1, self._settings.logs_per_request):
            high = min(low + self._settings.logs_per_request - 1, last)
            given = {"address": _hex(address), "topics": wanted, "fromBlock": hex(low), "toBlock": hex(high)}
            question = f"logs of 0x{address.hex()} in blocks {low} to {high}"
            collected += await self._agree(question, high, "eth_getLogs", (given,), parse)
        return collected

    async def call(
        self, to: bytes, data: bytes, number: int, sender: bytes | None = None, blob_hashes: Sequence[bytes] = ()
    ) -> bytes:
        """eth_call at block `number`. Raises `CallFailed` with the revert's data where all say so."""
        given: dict[str, Any] = {"to": _hex(to), "data": _hex(data)}
        if sender is not None:
            given["from"] = _hex(sender)
        if blob_hashes:
            given["blobVersionedHashes"] = [_hex(one) for one in blob_hashes]
        params = (given, hex(number))
        return await self._agree(f"call of 0x{to.hex()} at block {number}", number, "eth_call", params, _data)

    async def code(self, address: bytes, number: int) -> bytes:
        question = f"code of 0x{address.hex()} at block {number}"
        return await self._agree(question, number, "eth_getCode", (_hex(address), hex(number)), _data)

    async def storage(self, address: bytes, slot: bytes, number: int) -> bytes:
        """The 32 bytes of a slot at block `number`."""
        question = f"storage of 0x{address.hex()} at block {number}"
        found = await self._agree(question, number, "eth_getStorageAt", (_hex(address), _hex(slot), hex(number)), _data)
        return found.rjust(32, b"\0")

    # the first that answers

    async def simulate(self, sender: bytes, calls: Sequence[tuple[bytes, bytes, int]]) -> list[answers.Simulated]:
        """Calls (to, data, value in wei) of one account after each other, each in a block of its own, on the head."""
        blocks = [
            {"calls": [{"from": _hex(sender), "to": _hex(to), "data": _hex(data), "value": hex(value)}]}
            for to, data, value in calls
        ]

        def parse(answer: Any) -> list[answers.Simulated]:
            if not isinstance(answer, list) or len(answer) != len(calls):
                raise errors.Malformed(f"simulation: {answer!r:.80} are not {len(calls)} blocks")
            return [answers.simulated(block) for block in answer]

        return await self._first("eth_simulateV1", ({"blockStateCalls": blocks}, "latest"), parse)

    async def balance(self, address: bytes) -> int:
        return await self._first("eth_getBalance", (_hex(address), "latest"), _quantity)

    async def next_nonce(self, address: bytes) -> int:
        """The nonce that comes after all that any node knows, mined or waiting. Raises `Unreachable` where none answers."""
        found = await self._ask_all("eth_getTransactionCount", (_hex(address), "pending"), _quantity)
        if not found:
            raise errors.Unreachable("all L1 nodes", "no answer to eth_getTransactionCount")
        return max(found.values())

    async def estimate_gas(self, sender: bytes, to: bytes, data: bytes, value_wei: int = 0) -> int:
        """Raises `CallFailed` where the call would revert."""
        call = {"from": _hex(sender), "to": _hex(to), "data": _hex(data), "value": hex(value_wei)}
        return await self._first("eth_estimateGas", (call,), _quantity)

    async def market(self) -> answers.Market:
        """What the next block asks. The tip is the median of what the last blocks' middle transactions paid."""
        return await self._first("eth_feeHistory", ("0xa", "latest", [50]), _market)

    async def is_known(self, transaction_hash: bytes) -> bool:
        """Whether a node has it, mined or waiting. Raises `Unreachable` where none answers."""
        found = await self._ask_all(
            "eth_getTransactionByHash", (_hex(transaction_hash),), lambda value: value is not None
        )
        if not found:
            raise errors.Unreachable("all L1 nodes", "no answer to eth_getTransactionByHash")
        return any(found.values())

    async def send(self, raw: bytes) -> None:
        """
        Hand a transaction to all nodes. Good if one takes it.

        Raises the `CallFailed` of those who refuse it, `Unreachable` where none answers: it may have arrived even so.
        """
        outcomes = await self._outcomes(
            "eth_sendRawTransaction",
            (_hex(raw),),
            lambda value: answers.data(value, "hash", 32),
            enough=lambda found: any(map(_is_taken, found.values())),
        )
        refused = [one for one in outcomes.values() if isinstance(one, errors.CallFailed)]
        if any(map(_is_taken, outcomes.values())):
            return
        raise refused[0] if refused else errors.Unreachable("all L1 nodes", "no answer to eth_sendRawTransaction")

    # how

    async def _outcomes(
        self,
        method: str,
        params: Sequence[Any],
        parse: Callable[[Any], T],
        among: Sequence[Endpoint] | None = None,
        enough: Callable[[Mapping[str, T | errors.L1Error]], bool] = lambda _: False,
    ) -> dict[str, T | errors.L1Error]:
        """
        By the name of the node, for every node that was asked, in their order.

        Once what came is `enough` the others have `GRACE_SECONDS` left: one that hangs shall not slow every question down.
        """
        chosen = self.endpoints if among is None else among
        tasks = {asyncio.create_task(_outcome(endpoint, method, params, parse)): endpoint for endpoint in chosen}
        found: dict[str, T | errors.L1Error] = {}
        left, patience = set(tasks), None
        try:
            while left:
                done, left = await asyncio.wait(left, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                found |= {tasks[one].name: one.result() for one in done}
                patience = GRACE_SECONDS if enough(found) else None
        finally:
            for one in left:
                one.cancel()
        found |= {tasks[one].name: _late(tasks[one], method) for one in left}
        return {endpoint.name: found[endpoint.name] for endpoint in chosen}

    async def _ask_all(self, method: str, params: Sequence[Any], parse: Callable[[Any], T]) -> dict[str, T]:
        outcomes = await self._outcomes(method, params, parse)
        return {name: one for name, one in outcomes.items() if not isinstance(one, errors.L1Error)}

    async def _agree(
        self, question: str, number: int, method: str, params: Sequence[Any], parse: Callable[[Any], T]
    ) -> T:
        """Asked of the nodes that have block `number`."""
        able = [endpoint for endpoint in self.endpoints if endpoint.height >= number]
        outcomes: dict[str, T | errors.L1Error]
        outcomes = await self._outcomes(method, params, parse, able, self._is_decided)
        given = {name: one for name, one in outcomes.items() if not isinstance(one, errors.L1Error)}
        failed = [one for one in outcomes.values() if isinstance(one, errors.CallFailed)]
        if not given and len(failed) >= self.needed:
            raise failed[0]
        try:
            verdict = agreement.decide(question, given, self.needed)
        except errors.Disagreement as error:
            self._note(question, error.dissenting)
            raise
        self._note(question, verdict.dissenting)
        return verdict.value

    def _enough_answered(self, found: Mapping[str, Any]) -> bool:
        return sum(not isinstance(one, errors.Unreachable | errors.Malformed) for one in found.values()) >= self.needed

    def _is_decided(self, found: Mapping[str, Any]) -> bool:
        given = {name: one for name, one in found.items() if not isinstance(one, errors.L1Error)}
        try:
            agreement.decide("", given, self.needed)
        except errors.Disagreement:
            return False
        return True

    def _note(self, question: str, dissenting: Sequence[str]) -> None:
        for endpoint in self.endpoints:
            if endpoint.name in dissenting:
                endpoint.dissents += 1
                log.warning(
                    "an L1 node says something else than the others", extra={"l1": endpoint.name, "on": question}
                )

    async def _first(self, method: str, params: Sequence[Any], parse: Callable[[Any], T]) -> T:
        last: errors.L1Error = errors.Unreachable("L1", "no node is set")
        for endpoint in sorted(self.endpoints, key=lambda one: one.is_failing):
            outcome = await _outcome(endpoint, method, params, parse)
            if not isinstance(outcome, errors.L1Error):
                return outcome
            last = outcome
            if isinstance(outcome, errors.CallFailed) and outcome.data is not None:
                break  # a revert: the others would say the same
        raise last

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        by_name = {endpoint.name: endpoint for endpoint in self.endpoints}
        top = max((endpoint.height for endpoint in self.endpoints), default=0)
        rows: tuple[tuple[str, str, Callable[[Endpoint], float]], ...] = (
            ("l1_requests", "Requests to an L1 node", lambda one: one.requests),
            (
                "l1_failures",
                "Requests that an L1 node did not answer, or not as the method can",
                lambda one: one.failures,
            ),
            ("l1_dissents", "Answers of an L1 node that the others contradict", lambda one: one.dissents),
        )
        for name, help, value in rows:
            yield metrics.counters(name, help, "l1", {key: value(one) for key, one in by_name.items()})
        lags = {key: float(top - one.height) for key, one in by_name.items()}
        yield metrics.gauges("l1_lag_blocks", "How far an L1 node is behind the furthest", "l1", lags)


def _tell_apart(endpoints: Sequence[Endpoint]) -> None:
    """Two URLs of one host differ in their paths, which names do not show: the later ones get a number."""
    seen: Counter[str] = Counter()
    for endpoint in endpoints:
        seen[endpoint.name] += 1
        if seen[endpoint.name] > 1:
            endpoint.name += f"#{seen[endpoint.name]}"


def _is_taken(outcome: bytes | errors.L1Error) -> bool:
    return isinstance(outcome, bytes | errors.AlreadyKnown)


def _late(endpoint: Endpoint, method: str) -> errors.Unreachable:
    endpoint.failures += 1
    endpoint.is_failing = True
    return errors.Unreachable(endpoint.name, f"no answer to {method} in time, others had enough to say")


async def _outcome(
    endpoint: Endpoint, method: str, params: Sequence[Any], parse: Callable[[Any], T]
) -> T | errors.L1Error:
    try:
        value = await endpoint.call(method, *params)
    except errors.L1Error as error:
        return error
    try:
        return parse(value)
    except errors.Malformed as error:
        endpoint.failures += 1
        endpoint.is_failing = True
        log.warning("an L1 node answers what it cannot", extra={"l1": endpoint.name, "reason": str(error)})
        return error


def _quantity(value: Any) -> int:
    return answers.quantity(value, "answer")


def _data(value: Any) -> bytes:
    return answers.data(value, "answer")


def _maybe_block(value: Any) -> answers.Block | None:
    return None if value is None else answers.block(value)


def _market(value: Any) -> answers.Market:
    if not isinstance(value, dict):
        raise errors.Malformed(f"fee history: {value!r:.80} is not an object")
    base_fees = _quantities(value, "baseFeePerGas")
    blob_fees = _quantities(value, "baseFeePerBlobGas") if value.get("baseFeePerBlobGas") else [0]
    rewards = value.get("reward") or []
    if not isinstance(rewards, list) or not all(isinstance(row, list) and row for row in rewards):
        raise errors.Malformed(f"fee history: {rewards!r:.80} are not rewards")
    tips = sorted(answers.quantity(row[0], "reward") for row in rewards)
    return answers.Market(base_fees[-1], tips[len(tips) // 2] if tips else 0, blob_fees[-1])


def _quantities(fields: dict[str, Any], name: str) -> list[int]:
    values = fields.get(name)
    if not isinstance(values, list) or not values:
        raise errors.Malformed(f"fee history: {name} is {values!r:.80}")
    return [answers.quantity(value, name) for value in values]


def _fits(one: answers.Log, address: bytes, topics: Sequence[bytes | None], low: int, high: int) -> bool:
    if one.address != address or not low <= one.block_number <= high or len(one.topics) < len(topics):
        return False
    return all(wanted in (None, got) for wanted, got in zip(topics, one.topics, strict=False))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
