"""What can keep a deployment from being done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class DeployError(Exception):
    """The contracts are not as the plan wants them.

    DeployError
    + PlanInvalid      the plan, or the file of a deployment, cannot be read; `problems` has each
    + Preflight        L1 would refuse a step, seen before anything was sent
    + StepFailed       L1 refused a step, or it did not have the effect that it should have
    + NotOwner         the signer is not who owns these contracts
    + Occupied         another chain is registered where the plan wants one
    """


class PlanInvalid(DeployError):
    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = tuple(problems)


class Preflight(DeployError):
    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"L1 would refuse to {step}: {reason}; nothing was sent")
        self.step = step


class StepFailed(DeployError):
    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"could not {step}: {reason}; what was done before it stays, run the plan again")
        self.step = step


class NotOwner(DeployError):
    pass


class Occupied(DeployError):
    pass
