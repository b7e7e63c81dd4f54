"""
A manifest kept running on this machine: what it asks for is resolved again whenever more is known, and supervised.

What stands in `state/status.json` is for those who look from outside; it is written when something changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ..api.loading import Manifest
from ..api.pool import ProverPool
from ..topology import settlement, whole
from ..topology.errors import Unmet
from ..topology.facts import Contracts
from ..topology.whole import Whole
from ..topology.workload import Reach, Workload
from .library import Library
from .machine import write_private
from .ports import LOOPBACK
from .supervisor import Phase, State, Supervisor

LOOK_SECONDS: Final = 0.1  # while things come up
STEADY_SECONDS: Final = 1.0
STATUS: Final = Path("state") / "status.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """How a run stands."""

    pid: int
    ready: bool
    workloads: Mapping[str, State]
    roles: Mapping[str, str]
    urls: Mapping[str, Mapping[str, str]]  # of each workload, by port
    contracts: Mapping[str, Contracts]  # by rollup
    unmet: Mapping[str, str]  # why something of Kind/name cannot run
    public: Mapping[str, str] = field(default_factory=dict)  # what users come to, by workload


class Run:
    """From `open` to `close`. Raises `InUse`."""

    def __init__(self, folder: Path, manifest: Manifest, library: Library) -> None:
        self.supervisor = Supervisor(folder, library)
        self._folder, self._manifest = folder, manifest
        self._contracts: dict[str, Contracts] = {}
        self._settled: set[str] = set()  # settlements whose contracts are there
        self._whole = Whole((), complete=False)
        self._written: dict[str, Any] = {}

    async def keep(self) -> None:
        """Until cancelled. Raises LookupError, `Missing`, `NoPort`, `BadResult`."""
        while True:
            await self.step()
            await asyncio.sleep(STEADY_SECONDS if self.seen().ready else LOOK_SECONDS)

    async def step(self) -> None:
        """One look, and what follows from it."""
        self._read_results()
        self._whole = whole.resolve(self._manifest, self._contracts, numbers, frozenset(self._settled))
        await self.supervisor.ensure(self._startable(), only=self._whole.complete)
        self._tell()

    def seen(self) -> Seen:
        states = dict(self.supervisor.states())
        wanted = {one.name: one for one in self._whole.workloads}
        good = (Phase.READY, Phase.DONE)
        ports = {name: self._urls(one) for name, one in wanted.items() if name in states}
        return Seen(
            pid=os.getpid(),
            ready=self._whole.complete and all(name in states and states[name].phase in good for name in wanted),
            workloads=states,
            roles={name: one.role for name, one in wanted.items()},
            urls=ports,
            contracts=dict(self._contracts),
            unmet={name: f"{error.reason}: {error}" for name, error in self._whole.unmet.items()},
            public={
                name: ports[name][port.name]
                for name, one in wanted.items()
                if name in ports
                for port in one.ports
                if port.reach is Reach.PUBLIC
            },
        )

    @property
    def unmet(self) -> Mapping[str, Unmet]:
        return self._whole.unmet

    async def end(self) -> None:
        await self.supervisor.end()
        self._tell()

    async def close(self) -> None:
        await self.supervisor.close()

    def _startable(self) -> list[Workload]:
        """
        Deployers run one after the other, since they may sign with one account; the first one waits for its L1, so that its
        log does not begin with failures.
        """
        states, wanted = self.supervisor.states(), self._whole.workloads
        deployers = [one for one in wanted if one.role == settlement.ROLE]
        waits = any(one.role == "l1" and _phase(states, one.name) is not Phase.READY for one in wanted)
        begun = [one for one in deployers if one.name in states]
        if all(_phase(states, one.name) is Phase.DONE for one in begun) and (begun or not waits):
            begun += [one for one in deployers if one not in begun][:1]
        return [one for one in wanted if one.role != settlement.ROLE or one in begun]

    def _read_results(self) -> None:
        for rollup in self._manifest.rollups:
            result = self.supervisor.result(settlement.registrar_name(rollup))
            if result is not None:
                self._contracts[rollup.name] = Contracts.read(result, rollup.spec.chain_id)
        for one in self._manifest.settlements:
            if self.supervisor.result(settlement.deployer_name(one)) is not None:
                self._settled.add(one.name)

    def _urls(self, workload: Workload) -> dict[str, str]:
        ports = self.supervisor.ports
        return {port.name: f"http://{LOOPBACK}:{ports.of(workload.name, port.name)}" for port in workload.ports}

    def _tell(self) -> None:
        told = asdict(self.seen())
        if told != self._written:
            write_private(self._folder / STATUS, json.dumps(told, indent=1).encode())
            self._written = told


def numbers(pool: ProverPool) -> tuple[int, ...]:
    """Which provers run here: as many as a fixed pool says; of a pool that is scaled, its least, and one to begin with."""
    spec = pool.spec
    if spec.replicas is not None:
        return tuple(range(spec.replicas))
    return tuple(range(min(spec.scaling.max, max(spec.scaling.min, spec.scaling.warm_floor, 1))))


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the last supervisor of a folder wrote."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads((folder / STATUS).read_text())
        return found
    return None


def _phase(states: Mapping[str, State], name: str) -> Phase | None:
    return states[name].phase if name in states else None
