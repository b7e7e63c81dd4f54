"""What can keep a deployment from being done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class DeployError(Exception):
    """The contracts are not as the plan wants them.

    DeployError
    + Preflight        L1 would refuse a step, seen before anything was sent
    + StepFailed       L1 refused a step, or it did not have the effect that it should have
    + Settled          the same plan by the same signer comes to the same end, whoever asks again
      + PlanInvalid    the plan, or the file of a deployment, cannot be read; `problems` has each
      + NotOwner       the signer is not who owns these contracts
      + Occupied       another chain is registered where the plan wants one
      + Absent         a contract is not there, and nobody is to make it
      + ForeignCode    what stands there is other code than that of this version
    """


class Settled(DeployError):
    pass


class PlanInvalid(Settled):
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


class NotOwner(Settled):
    """`calls` are those that `owner` has to make, in order: what it is for, the contract, the data."""

    def __init__(self, owner: str, calls: Sequence[tuple[str, bytes, bytes]]) -> None:
        every = [f"to {name}: call 0x{to.hex()} with 0x{data.hex()}" for name, to, data in calls]
        said = f"{len(calls)} steps are up to {owner}, the owner of these contracts: to {', '.join(one[0] for one in calls)}"
        super().__init__("\n".join([*every, said]))
        self.owner, self.calls = owner, tuple(calls)


class Occupied(Settled):
    pass


class Absent(Settled):
    pass


class ForeignCode(Settled):
    def __init__(self, differs: Sequence[str]) -> None:
        super().__init__("\n".join(differs))
        self.differs = tuple(differs)
