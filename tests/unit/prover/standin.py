"""
Stands in for the core's execution of a batch, which is a native call of bytes to 32 bytes: an input ends with the hash of
its batch. `Executor` can be held up, as by a long batch, and told to fail.
"""

from __future__ import annotations

import threading


class Executor:
    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.began = threading.Event()
        self.error: BaseException | None = None
        self.lie: bytes | None = None
        self.executed = 0

    def hold(self) -> None:
        self.go_on.clear()
        self.began.clear()

    def __call__(self, prover_input: bytes) -> bytes:
        self.began.set()
        assert self.go_on.wait(60)
        self.executed += 1
        if self.error is not None:
            raise self.error
        return self.lie or prover_input[-32:]
