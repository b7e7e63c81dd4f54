"""
Executing a batch from its input, by the native core: the one place that knows how.

The call runs in a thread of its own with the GIL released. The thread is a daemon: nothing can stop it, and it must not
keep a process from leaving that has given its job back.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable

from ethrex_node import _native
from ethrex_prover import errors

Execute = Callable[[bytes], bytes]  # prover input -> batch hash


def execute_batch(prover_input: bytes) -> bytes:
    """The hash of the batch that an input proves. Raises `_native.ProgramRefused` for one that proves none."""
    return _native.batch_hash(_native.execute_batch(prover_input))


def cross_checked(prover_input: bytes) -> bytes:
    """
    `execute_batch`, where py-evm and the rules that Python has of its own come to the same.

    Raises `verify.rollup.Differs`, a ValueError, where they do not: one of the two is wrong, and nothing is signed.
    """
    from ethrex_node.verify import rollup

    statement = _native.execute_batch(prover_input)
    rollup.check(prover_input, statement)
    return _native.batch_hash(statement)


def require_second_engine() -> None:
    """Raises `errors.NotAble` where py-evm is not installed."""
    try:
        importlib.import_module("ethrex_node.verify.rollup")
    except ImportError as error:
        raise errors.NotAble(f"--cross-check py-evm needs the extra `ethrex-node[verify]`: {error}") from error


async def in_thread(execute: Execute, prover_input: bytes) -> bytes:
    """Raises `Unprovable` for a batch that the core refuses, `Failed` for what else goes wrong in it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def settle(result: bytes | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(_named(error))
        else:
            done.set_result(result or b"")

    def work() -> None:
        result: bytes | None = None
        failure: BaseException | None = None
        try:
            result = execute(prover_input)
        except BaseException as error:  # a panic of the core is no Exception
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=work, name="execute-batch", daemon=True).start()
    return await done


def _named(error: BaseException) -> errors.ProverError:
    """A batch that breaks a rule breaks it everywhere; memory, disks and panics are this machine's."""
    if isinstance(error, _native.StorageError) or not isinstance(error, _native.NativeError | ValueError):
        return errors.Failed(f"{type(error).__name__}: {error}")
    return errors.Unprovable(f"{type(error).__name__}: {error}")
