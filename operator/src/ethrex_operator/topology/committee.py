"""
The data committee of a validium: members that keep its payloads, and what the sequencer knows of them.

The sequencer shows each member the same token, of its service account, made for this validium's members and nobody else. Reading
needs none: what a committee keeps is what everybody needs who rebuilds the state.
"""

from __future__ import annotations

from typing import Any, Final

from ..api.rollup import Committee, EthrexRollup
from . import dev_accounts, running, settlement, signing
from .errors import Unmet
from .facts import L1
from .signing import Signer
from .workload import (
    Admission,
    Argument,
    File,
    FileOf,
    Guest,
    Guests,
    IdentityToken,
    InVolume,
    Joined,
    Lifetime,
    OwnAddress,
    OwnPort,
    Part,
    Port,
    Probes,
    Program,
    Reach,
    Text,
    UrlOf,
    Workload,
)

ROLE: Final = "committee"
PORT: Final = Port("payloads", 3950, Reach.PUBLIC)
METRICS: Final = running.METRICS
DATA: Final = "data"
WRITERS: Final = "writers"
TOKEN: Final = "committee.token"
STOP_SECONDS: Final = 30


def workloads(rollup: EthrexRollup, l1: L1, planned: str, sequencer: str) -> tuple[Workload, ...]:
    """A member each; none for a rollup that publishes its data. `sequencer` is the account that writes. Raises `Unmet`."""
    committee = rollup.spec.committee
    if committee is None:
        return ()
    writers = Guests(audience(rollup), (Guest("writer", "sequencer", sequencer, rollup.namespace),))
    return tuple(
        _member(rollup, committee, number, signer, l1, planned, writers)
        for number, signer in enumerate(_signers(committee, l1))
    )


def planned(rollup: EthrexRollup, l1: L1) -> dict[str, Any] | None:
    """As a plan has it. Raises `Unmet`."""
    committee = rollup.spec.committee
    if committee is None:
        return None
    members = [one.address for one in _signers(committee, l1)]
    twice = sorted({one for one in members if members.count(one) > 1})
    if twice:
        raise Unmet("MemberTwice", f"spec.committee.members: two sign with {twice[0]}, and L1 counts them as one")
    return {"members": members, "threshold": committee.threshold}


def token(rollup: EthrexRollup, sequencer: str) -> tuple[File, ...]:
    """What the sequencer shows."""
    if rollup.spec.committee is None:
        return ()
    return (File(TOKEN, IdentityToken(audience(rollup), sequencer)),)


def arguments(rollup: EthrexRollup) -> tuple[Argument, ...]:
    """The sequencer's."""
    committee = rollup.spec.committee
    if committee is None:
        return ()
    members: list[Part] = []
    for number in range(len(committee.members)):
        members += [*([","] if members else []), UrlOf(name(rollup, number), PORT.name)]
    return ("--committee.members", Joined(tuple(members)), "--committee.token", FileOf(TOKEN))


def name(rollup: EthrexRollup, number: int) -> str:
    return f"{rollup.name}-da-{number}"


def audience(rollup: EthrexRollup) -> str:
    """Other than the coordinator's: a member that shows around what it was shown opens nothing else."""
    return f"data.{rollup.namespace}.{rollup.name}.ethrex.dev"


def _signers(committee: Committee, l1: L1) -> list[Signer]:
    """Raises `Unmet`."""
    found = []
    for number, member in enumerate(committee.members):
        path = f"spec.committee.members[{number}].key"
        if member.key is None and number >= len(dev_accounts.COMMITTEE):
            raise Unmet("KeyMissing", f"{path} is needed: the dev accounts are enough for the first four members")
        default = dev_accounts.COMMITTEE[min(number, len(dev_accounts.COMMITTEE) - 1)]
        found.append(signing.signer(member.key, "member", dev=l1.dev, default=default, path=path))
    return found


def _member(
    rollup: EthrexRollup, committee: Committee, number: int, signer: Signer, l1: L1, planned: str, writers: Guests
) -> Workload:
    others = (one for one in range(len(committee.members)) if one != number)
    peers = tuple(word for one in others for word in ("--peer", UrlOf(name(rollup, one), PORT.name)))
    return Workload(
        name=name(rollup, number),
        role=ROLE,
        account=f"{rollup.name}-da",
        program=Program.NODE,
        image=running.image(rollup.spec.image),
        lifetime=Lifetime.SERVICE,
        arguments=(
            *("l2", "da-node", "--deployment", settlement.recorded(rollup, DATA), "--datadir", InVolume(DATA, "kept")),
            *("--key", signer.reference, "--addr", OwnAddress(), "--port", OwnPort(PORT.name)),
            *(Admission(WRITERS, "--"), *settlement.urls("--eth-rpc-url", l1), *peers),
            *("--metrics-addr", OwnAddress(), "--metrics-port", OwnPort(METRICS.name)),
        ),
        before=(settlement.record(l1, DATA),),
        ports=(PORT, METRICS),
        files=(File(settlement.PLAN, Text(planned)), File(WRITERS, writers), *signer.files),
        volumes=(running.volume(DATA, committee.storage),),
        probes=Probes(METRICS.name),
        resources=running.resources(committee.resources),
        placement=running.placement(committee.placement),
        labels=running.labels(committee.placement, rollup.spec.metrics),
        annotations=committee.placement.annotations,
        stop_seconds=STOP_SECONDS,
    )
