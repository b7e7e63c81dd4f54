"""Ways to prove: one module each, `Backend` is what they have in common."""

from __future__ import annotations

from typing import Protocol


class Backend(Protocol):
    @property
    def kind(self) -> str:
        """As the coordinator and the contracts name it."""
        ...

    async def prove(self, prover_input: bytes, batch_hash: bytes) -> bytes:
        """
        A proof that executing `prover_input` gives `batch_hash`.

        Raises `errors.Unprovable` where it does not, `errors.Failed` where it could not be found out.
        """
        ...
