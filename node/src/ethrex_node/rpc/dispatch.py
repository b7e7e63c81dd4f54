"""
Bytes in, bytes out: from a request (or a batch) to its answer, whatever the transport.

The way of a request: the native reader answers most of them in one call (`Dispatcher.answer`). What it does not
answer is parsed here and goes, by the method table, to a function of this process, to the native reader in a thread
(``pace`` says which), or from a worker to the writing process. An answer that is ready comes back as bytes, one that
must be waited for as a coroutine. b"" means: nothing to send (a notification).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final

from ethrex_node.chain import StorageFailed
from ethrex_node.rpc import errors, pace, parts, settings, stats, table, wire

log = logging.getLogger(__name__)

Answer = bytes | Coroutine[Any, Any, bytes]
PENDING_ATTEMPTS: Final = 20  # blocks that may come while one question about the pending block is answered
LOOP_SHARE_SECONDS: Final = 0.004  # a batch lets others in after this; below the 10 ms that the loop may stall


class Dispatcher:
    """One door's view of the table: its namespaces, its limits, its share of the counters."""

    def __init__(
        self,
        methods: table.Table,
        reader: parts.Reader,
        served: frozenset[str],
        limits: settings.Limits,
        *,
        counters: stats.Stats | None = None,
        threads: ThreadPoolExecutor | None = None,
        remote: parts.Remote | None = None,
        tunnel: Callable[[parts.Session], Awaitable[parts.Remote]] | None = None,
        pending: parts.PendingBlock | None = None,
        waits: bool = False,
    ) -> None:
        self._table = methods
        self._native = reader.answer
        self._served = served
        self._limits = limits
        self._remote = remote
        self._tunnel = tunnel
        self._pending = pending
        self.stats = counters if counters is not None else stats.Stats([])
        self.stats.cover([row.name for row in methods.rows])
        self._threads = threads or ThreadPoolExecutor(limits.heavy_threads, "rpc")
        self._waiting = 0
        self._pace = pace.Pace(methods.rows, served, worker=remote is not None, waits=waits)
        self._adaptive = self._pace.adaptive

    def answer(self, body: bytes, session: parts.Session | None = None) -> Answer:
        """A request or a batch, as it came from a client."""
        response = self._at_once(body)
        return self._parsed(body, session) if response is None else response

    def _at_once(self, body: bytes) -> bytes | None:
        """The native reader, here and now; None: it is not for it, or not for the event loop."""
        started = perf_counter()
        found = self._native(body, self._pace.mask)
        if found is None:
            return None
        index, response = found
        seconds = perf_counter() - started
        if index < 0:
            index = ~index
            self.stats.errors[index] += 1
        self.stats.add(index, seconds)
        if self._adaptive[index]:
            self._pace.measured(index, seconds)
        return response

    def _parsed(self, body: bytes, session: parts.Session | None) -> Answer:
        if not body or body.isspace():
            return b""
        try:
            value = wire.decode(body)
            if type(value) is list:
                return self._timed_batch(value, body, session)
            return self._route(wire.request(value, body), session)
        except errors.InvalidRequest as error:
            return wire.failure(error.request_id, error)
        except errors.ParseError as error:
            return wire.failure(wire.NULL, error)

    def _route(self, request: wire.Request, session: parts.Session | None) -> Answer:
        row = self._table.find(request.method)
        if row is None or row.name not in self._served:
            return _reply(request, errors.MethodNotFound(request.method))
        if row.index >= 0:
            if request.request_id is None:
                return b""  # nobody reads the answer, and a read has no effect
            if not self._pace.mask[row.index]:
                return self._limited(request, self._in_thread(row, request, session))
        return self._beyond_snapshot(row, request, session)

    def _beyond_snapshot(self, row: table.Method, request: wire.Request, session: parts.Session | None) -> Answer:
        """The native side has no answer: a function of ours, or the writing process."""
        if self._remote is not None and not (row.function is not None and row.function.kind == table.LOCAL):
            if row.function is not None and row.function.session:
                return self._limited(request, self._tunnelled(request, session))
            return self._limited(request, self._remote.ask(request.raw))
        if row.function is None:
            return self._limited(request, self._on_pending(row, request))
        return self._call(row, request, session)

    async def _tunnelled(self, request: wire.Request, session: parts.Session | None) -> bytes:
        """From a worker, what belongs to this one connection."""
        if session is None or self._tunnel is None:
            raise errors.NotificationsUnsupported
        return await (await self._tunnel(session)).ask(request.raw)

    def _call(self, row: table.Method, request: wire.Request, session: parts.Session | None) -> Answer:
        """Run a Python function."""
        function, decode = row.function, row.decode
        assert function is not None
        assert decode is not None
        started = perf_counter()
        try:
            arguments = decode(request.params)
            if function.session:
                if session is None:
                    raise errors.NotificationsUnsupported()
                arguments = [session, *arguments]
            result = function.call(row.state, *arguments)
            if inspect.iscoroutine(result):
                return self._limited(request, self._awaited(row, request, result, started))
        except Exception as error:
            return self._failed(row, request, error, started)
        self.stats.add(row.number, perf_counter() - started)
        return _reply(request, result)

    async def _awaited(
        self, row: table.Method, request: wire.Request, result: Coroutine[Any, Any, Any], started: float
    ) -> bytes:
        try:
            value = await result
        except Exception as error:
            return self._failed(row, request, error, started)
        self.stats.add(row.number, perf_counter() - started)
        return _reply(request, value)

    def _failed(self, row: table.Method, request: wire.Request, error: Exception, started: float) -> bytes:
        self.stats.add(row.number, perf_counter() - started)
        self.stats.errors[row.number] += 1
        return _reply(request, known(error, request.method))

    async def _in_thread(self, row: table.Method, request: wire.Request, session: parts.Session | None) -> bytes:
        """The native reader, off the loop. At most `heavy_waiting` wait for a thread."""
        if self._waiting >= self._limits.heavy_waiting:
            return _reply(request, errors.Busy())
        self._waiting += 1
        try:
            found, seconds = await asyncio.get_running_loop().run_in_executor(self._threads, self._timed, request.raw)
        finally:
            self._waiting -= 1
        if found is None:
            answer = self._beyond_snapshot(row, request, session)
            return answer if isinstance(answer, bytes) else await answer
        self.stats.add(row.number, seconds)
        if found[0] < 0:
            self.stats.errors[row.number] += 1
        if self._adaptive[row.index]:
            self._pace.measured(row.index, seconds)
        return found[1]

    async def _on_pending(self, row: table.Method, request: wire.Request) -> bytes:
        """The native reader with the block that would be next. The head may move meanwhile: then with another one."""
        if self._pending is None:
            raise errors.InvalidParams("the pending block is not available")
        for _ in range(PENDING_ATTEMPTS):
            pending, started = await self._pending(), perf_counter()
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, self._native, request.raw, None, pending)
            if found is None:
                continue
            self.stats.add(row.number, perf_counter() - started)
            self.stats.errors[row.number] += found[0] < 0
            return found[1]
        raise errors.Busy

    def _timed(self, raw: bytes) -> tuple[tuple[int, bytes] | None, float]:
        started = perf_counter()
        found = self._native(raw)
        return found, perf_counter() - started

    async def _limited(self, request: wire.Request, work: Coroutine[Any, Any, bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                return await work
        except TimeoutError:
            return _reply(request, errors.TimedOut())
        except Exception as error:
            return _reply(request, known(error, request.method))

    async def _timed_batch(self, values: list[Any], body: bytes, session: parts.Session | None) -> bytes:
        if not values:
            return wire.failure(wire.NULL, errors.InvalidRequest("empty batch"))
        if len(values) > self._limits.batch_items:
            return b"[%b]" % wire.failure(_first_id(values), errors.InvalidRequest("batch too large"))
        return await self._batch(values, body, session)

    async def _batch(self, values: list[Any], body: bytes, session: parts.Session | None) -> bytes:
        """Elements in order, one after the other; neighbours that share work go together."""
        answers: list[bytes] = []
        size = 0
        resume = perf_counter() + LOOP_SHARE_SECONDS
        for run in self._runs(values, body):
            if size > self._limits.batch_response_bytes:
                answers += [_reply(item, errors.ResponseTooLarge()) for item in run if isinstance(item, wire.Request)]
                continue
            answer = self._run(run, session)
            answers.append(answer if isinstance(answer, bytes) else await answer)
            size += len(answers[-1])
            if perf_counter() > resume:
                await asyncio.sleep(0)
                resume = perf_counter() + LOOP_SHARE_SECONDS
        joined = b",".join(filter(None, answers))
        return b"[%b]" % joined if joined else b""

    def _runs(self, values: list[Any], body: bytes) -> Iterator[list[wire.Request | bytes]]:
        """Split a batch: calls of one method that has `many`, and calls for the writing process, stay together."""
        run: list[wire.Request | bytes] = []
        last: object = None
        for position, value in enumerate(values):
            try:
                item: wire.Request | bytes = wire.element(value, body, position)
                key = self._together(item)
            except errors.InvalidRequest as error:
                item, key = wire.failure(error.request_id, error), None
            if run and (key is None or key != last):
                yield run
                run = []
            run.append(item)
            last = key
        if run:
            yield run

    def _together(self, request: wire.Request | bytes) -> object:
        row = self._table.find(request.method) if isinstance(request, wire.Request) else None
        if (
            row is None
            or row.function is None
            or row.name not in self._served
            or row.function.session
            or row.index >= 0
        ):
            return None
        if self._remote is not None:
            return self._remote if row.function.kind == table.WRITER else None
        return row.name if row.function.many is not None else None

    def _run(self, run: list[wire.Request | bytes], session: parts.Session | None) -> Answer:
        first = run[0]
        if isinstance(first, bytes):
            return first
        if len(run) == 1:
            return self._at_once(first.raw) or self._route(first, session)
        requests = [item for item in run if isinstance(item, wire.Request)]
        return self._forward(requests) if self._remote is not None else self._many(requests)

    async def _forward(self, requests: list[wire.Request]) -> bytes:
        assert self._remote is not None
        body = b"[%b]" % b",".join(request.raw for request in requests)
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                answer = await self._remote.ask(body)
            return answer[1:-1]
        except TimeoutError:
            error: errors.RpcError = errors.TimedOut()
        except errors.RpcError as gone:
            error = gone
        return b",".join(filter(None, (_reply(request, error) for request in requests)))

    async def _many(self, requests: list[wire.Request]) -> bytes:
        """One call of the method's `many` for all of them."""
        row = self._table.find(requests[0].method)
        assert row is not None
        assert row.decode is not None
        assert row.function is not None
        assert row.function.many is not None
        started = perf_counter()
        results: list[Any] = []
        calls: list[list[Any]] = []
        for request in requests:
            try:
                calls.append(row.decode(request.params))
                results.append(None)
            except errors.RpcError as error:
                results.append(error)
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                done = iter(await row.function.many(row.state, calls))
            results = [next(done) if result is None else result for result in results]
        except TimeoutError:
            results = [errors.TimedOut() if result is None else result for result in results]
        except Exception as error:
            results = [known(error, row.name) if result is None else result for result in results]
        share = (perf_counter() - started) / len(requests)
        for result in results:
            self.stats.add(row.number, share)
            self.stats.errors[row.number] += isinstance(result, errors.RpcError)
        return b",".join(filter(None, map(_reply, requests, results)))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def known(error: Exception, method: str) -> errors.RpcError:
    """
    What the caller is told. Only an RpcError was meant for him, and what the disk refused; anything else is a defect:
    logged, not shown.
    """
    if isinstance(error, errors.RpcError):
        return error
    if isinstance(error, StorageFailed):
        log.error("%s: %s", method, error)
        return errors.Internal(str(error))
    log.error("%s failed", method, exc_info=error)
    return errors.Internal()


def _reply(request: wire.Request, result: Any) -> bytes:
    if request.request_id is None:
        return b""
    if isinstance(result, errors.RpcError):
        return wire.failure(request.request_id, result)
    return wire.success(request.request_id, result)


def _first_id(values: list[Any]) -> bytes:
    for value in values:
        try:
            request_id = wire.request(value, b"").request_id
        except errors.InvalidRequest:
            continue
        if request_id is not None:
            return request_id
    return wire.NULL
