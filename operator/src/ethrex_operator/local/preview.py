"""What a supervisor would do with a manifest, found without touching anything."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from ..api.loading import Manifest
from ..api.rollup import EthrexRollup
from ..topology import settlement, whole
from ..topology.facts import BadResult, Contracts
from ..topology.workload import Workload
from . import process, supervisor
from .library import Library
from .machine import Machine
from .ports import Ports
from .run import numbers

UNKNOWN = "CONTRACT"  # stands for an address that the deployer will say


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    action: str  # start, keep, replace, end
    command: tuple[str, ...] = ()


def preview(folder: Path, manifest: Manifest, library: Library) -> list[Step]:
    """Raises `Unmet`, `Missing`."""
    ports = Ports(folder / "state" / "ports.json", keep=False)
    machine = Machine(folder, ports, library, keep=False)
    contracts = {rollup.name: _contracts(folder, rollup) for rollup in manifest.rollups}
    found = whole.resolve(manifest, contracts, numbers, frozenset(one.name for one in manifest.settlements))
    for error in found.unmet.values():
        raise error
    for one in found.workloads:
        running = process.adopt(supervisor.record_of(folder, one.name)) is not None
        for port in one.ports:
            ports.settle(one.name, port.name, port.number, running=running)
    wanted = {one.name for one in found.workloads}
    ended = [name for name, record in supervisor.recorded(folder).items() if name not in wanted and record.alive]
    return [*(_step(folder, machine, one) for one in found.workloads), *(Step(name, "end") for name in ended)]


def _step(folder: Path, machine: Machine, workload: Workload) -> Step:
    command = machine.render(workload)
    running = process.adopt(supervisor.record_of(folder, workload.name))
    action = "start"
    if running is not None:
        action = "keep" if running.record.digest == command.digest else "replace"
    elif supervisor.is_done(command):
        action = "keep"
    return Step(workload.name, action, (command.program, *command.arguments))


def _contracts(folder: Path, rollup: EthrexRollup) -> Contracts:
    """Those that an earlier run has deployed, or names that stand for them."""
    with contextlib.suppress(OSError, BadResult):
        result = (folder / "results" / f"{settlement.registrar_name(rollup)}.json").read_bytes()
        return Contracts.read(result, rollup.spec.chain_id)
    return Contracts(0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, None, 0, rollup.spec.proving.program_version)
