"""``ethrex l2 da-node``: a member of a validium's data committee, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import click

from ethrex_node.cli import run as running
from ethrex_node.node import admission
from ethrex_node.observe import admin, health, logs, metrics, stall
from ethrex_node.rollup import deploy
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.committee import IS_MEMBER
from ethrex_node.rollup.committee.errors import CommitteeError
from ethrex_node.rollup.committee.keeper import Keeper, Role, Settings
from ethrex_node.rollup.committee.remote import RemoteMember
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.l1.errors import L1Error
from ethrex_node.rollup.recovery.catching_up import CatchingUp
from ethrex_node.rollup.recovery.keepers import Keepers

log = logging.getLogger(__name__)

PAYLOADS: Final = "payloads"  # in the data folder
MARK: Final = "caught-up"  # the same: the next block of L1 to look at
PEER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    deployment: Path
    datadir: Path
    key: str
    tokens: Path | None
    issuer: str | None
    audience: str | None
    subjects: Path | None
    jwks: str | None
    jwks_ca: Path | None
    jwks_token: Path | None
    private: bool
    addr: str
    port: int
    most_bytes: int
    urls: tuple[str, ...]
    peers: tuple[str, ...]
    peer_token: Path | None
    every: float
    audit_every: float
    metrics_addr: str
    metrics_port: int | None
    log_level: str
    log_format: str


def run(wish: Wish) -> None:
    started = logs.start(wish.log_level, wish.log_format)
    try:
        asyncio.run(_run(wish))
    finally:
        started.stop()


async def _run(wish: Wish) -> None:
    deployed = deploy.load(wish.deployment)
    if deployed.data_committee is None:
        raise click.ClickException(f"{wish.deployment}: chain {deployed.chain_id} is no validium, it has no committee")
    if wish.peers and not wish.urls:
        raise click.UsageError("--peer needs --eth-rpc-url: L1 says what there is to be had")
    contract = kept.Contract(deployed.l1_chain_id, deployed.data_committee)
    admitted = admission.opened(_ways(wish), Role)
    async with AsyncExitStack() as lasting:
        session = await lasting.enter_async_context(aiohttp.ClientSession())
        signer = await signers.open_signer(wish.key, deployed.l1_chain_id, session)
        vault = await asyncio.to_thread(Vault.open, wish.datadir / PAYLOADS)
        catching_up = None
        if wish.urls:
            client = await L1Client.open(L1Settings(urls=wish.urls))
            lasting.push_async_callback(client.close)
            await _check_member(client, contract, signer.address)
            catching_up = _catching_up(wish, client, deployed, vault, session)
        asked = Settings(host=wish.addr, port=wish.port, most_bytes=wish.most_bytes, is_private=wish.private)
        keeper = Keeper(deployed.chain_id, contract, vault, signer, admitted.authenticate, asked)
        print(f"chain      {deployed.chain_id}, signer 0x{signer.address.hex()}, {vault.payloads} payloads")
        await _serve(wish, keeper, admitted, catching_up)


def _ways(wish: Wish) -> admission.Ways:
    return admission.Ways(
        prefix="--",
        tokens=wish.tokens,
        issuer=wish.issuer,
        audience=wish.audience,
        subjects=wish.subjects,
        jwks=wish.jwks,
        jwks_ca=wish.jwks_ca,
        jwks_token=wish.jwks_token,
    )


async def _check_member(client: L1Client, contract: kept.Contract, address: bytes) -> None:
    if client.chain_id != contract.l1_chain_id:
        raise click.ClickException(f"L1 is chain {client.chain_id}, the committee is on {contract.l1_chain_id}")
    asked = IS_MEMBER.call("0x" + address.hex())
    answer = await client.call(contract.address, asked, (await client.head()).number)
    if IS_MEMBER.result(answer) != (True,):
        raise click.ClickException(f"0x{address.hex()} is not of the committee at 0x{contract.address.hex()}")


def _catching_up(
    wish: Wish, client: L1Client, deployed: deploy.Deployment, vault: Vault, session: aiohttp.ClientSession
) -> CatchingUp | None:
    if not wish.peers:
        return None
    members = [RemoteMember(url, session, wish.peer_token, PEER_SECONDS) for url in wish.peers]
    others = Keepers(members, lambda text: log.warning("a member fails", extra={"reason": text}))
    return CatchingUp(client, deployed.addresses, vault, others, wish.datadir / MARK, wish.audit_every)


async def _serve(wish: Wish, keeper: Keeper, admitted: admission.Admission, catching_up: CatchingUp | None) -> None:
    stop = running.stop_event()
    door = await _operators_door(wish, keeper, admitted, catching_up)
    beside = [asyncio.create_task(_follow(catching_up, wish.every))]
    if admitted.keys is not None:
        beside.append(asyncio.create_task(admitted.keys.run()))
    try:
        await keeper.start()
        print(f"payloads   {keeper.url}", flush=True)
        await stop.wait()
        await keeper.stop()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if door is not None:
            await door.stop()


async def _follow(catching_up: CatchingUp | None, every_seconds: float) -> None:
    """Until cancelled. What cannot be had now is asked for again."""
    while catching_up is not None:
        try:
            await catching_up.round()
        except (L1Error, CommitteeError, OSError) as error:
            log.warning("what was missed is not known", extra={"reason": str(error)})
        except Exception:
            log.critical("catching up fails", exc_info=True)
        await asyncio.sleep(every_seconds)


async def _operators_door(
    wish: Wish, keeper: Keeper, admitted: admission.Admission, catching_up: CatchingUp | None
) -> admin.AdminServer | None:
    if wish.metrics_port is None:
        return None
    figures, state, gaps = metrics.Metrics(), health.Health(), stall.StallMonitor()
    figures.add("member", keeper.metrics)
    figures.add("admission", admitted.metrics)
    figures.add("loop", gaps.metrics)
    if catching_up is not None:
        figures.add("catching up", catching_up.metrics)
    state.add("disk", lambda: keeper.trouble)
    gaps.start()
    state.phase = None
    door = admin.AdminServer(wish.metrics_addr, wish.metrics_port, figures, state)
    await door.start()
    print(f"metrics    http://{wish.metrics_addr}:{door.port}/metrics", flush=True)
    return door
