"""Readers of a node that is under fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from faults import process, story


class Readers:
    """RPC load from a thread of its own, until the process is gone."""

    def __init__(self, node: process.Process) -> None:
        self.answers = 0
        self.wrong: list[Exception] = []
        self._node = node
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            for block in self._turns():
                self._node.ask("eth_getBalance", "0x" + story.FEES_TO.hex(), block)
                self._node.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
                self.answers += 2
        except process.Gone:
            pass
        except process.Refused as error:
            self.wrong.append(error)

    @staticmethod
    def _turns() -> Iterator[str]:
        while True:
            yield "latest"
            yield "0x0"
