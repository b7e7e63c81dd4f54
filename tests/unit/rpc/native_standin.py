"""
A stand-in for the native module in worker processes: a "database" that is one JSON file, replaced whole by the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from unit.rpc import standin

keccak256 = standin.keccak


def snapshot_methods() -> list[tuple[str, int]]:
    return standin.NATIVE


class Reader(standin.MemoryReader):
    """Reads the file anew for each request."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def answer(self, request: bytes, allow: bytes | None = None, pending: Any = None, /) -> tuple[int, bytes] | None:
        stored: dict[str, Any] = orjson.loads(self._path.read_bytes())
        self.balances, self.receipts = stored["balances"], stored["receipts"]
        return super().answer(request, allow)


class MiningPool(standin.MemoryPool):
    """Mines at once: a transaction is in the file before `add` answers."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.stored: dict[str, dict[str, Any]] = {"balances": {}, "receipts": {}}
        self.save()

    def save(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(self.stored))
        fresh.replace(self._path)

    async def add(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]:
        results = await super().add(raw)
        for result in results:
            if isinstance(result, bytes):
                self.stored["receipts"]["0x" + result.hex()] = {"status": "0x1"}
        self.save()
        return results
