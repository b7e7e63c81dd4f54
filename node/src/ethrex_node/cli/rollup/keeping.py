"""``ethrex l2 da-node``: a member of a validium's data committee, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import click

from ethrex_node.cli import run as running
from ethrex_node.observe import admin, health, logs, metrics, stall
from ethrex_node.rollup import deploy
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.committee import IS_MEMBER
from ethrex_node.rollup.committee.keeper import Keeper, Role, Settings
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.coordinator import identities
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings

PAYLOADS: Final = "payloads"  # in the data folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    deployment: Path
    datadir: Path
    key: str
    tokens: Path
    private: bool
    addr: str
    port: int
    most_bytes: int
    eth_rpc_url: str | None
    metrics_addr: str
    metrics_port: int | None
    log_level: str
    log_format: str


def run(wish: Wish) -> None:
    logging = logs.start(wish.log_level, wish.log_format)
    try:
        asyncio.run(_run(wish))
    finally:
        logging.stop()


async def _run(wish: Wish) -> None:
    deployed = deploy.load(wish.deployment)
    if deployed.data_committee is None:
        raise click.ClickException(f"{wish.deployment}: chain {deployed.chain_id} is no validium, it has no committee")
    contract = kept.Contract(deployed.l1_chain_id, deployed.data_committee)
    authenticate = identities.from_file(wish.tokens, Role)
    async with aiohttp.ClientSession() as session:
        signer = await signers.open_signer(wish.key, deployed.l1_chain_id, session)
        if wish.eth_rpc_url is not None:
            await _check_member(wish.eth_rpc_url, contract, signer.address)
        vault = await asyncio.to_thread(Vault.open, wish.datadir / PAYLOADS)
        asked = Settings(host=wish.addr, port=wish.port, most_bytes=wish.most_bytes, is_private=wish.private)
        keeper = Keeper(deployed.chain_id, contract, vault, signer, authenticate, asked)
        await _serve(wish, keeper, f"{deployed.chain_id}, signer 0x{signer.address.hex()}, {vault.payloads} payloads")


async def _check_member(url: str, contract: kept.Contract, address: bytes) -> None:
    client = await L1Client.open(L1Settings(urls=(url,)))
    try:
        if client.chain_id != contract.l1_chain_id:
            raise click.ClickException(f"{url} is chain {client.chain_id}, the committee is on {contract.l1_chain_id}")
        asked = IS_MEMBER.call("0x" + address.hex())
        answer = await client.call(contract.address, asked, (await client.head()).number)
    finally:
        await client.close()
    if IS_MEMBER.result(answer) != (True,):
        raise click.ClickException(f"0x{address.hex()} is not of the committee at 0x{contract.address.hex()}")


async def _serve(wish: Wish, keeper: Keeper, what: str) -> None:
    stop = running.stop_event()
    door = await _operators_door(wish, keeper)
    try:
        await keeper.start()
        print(f"chain      {what}")
        print(f"payloads   {keeper.url}", flush=True)
        await stop.wait()
        await keeper.stop()
    finally:
        if door is not None:
            await door.stop()


async def _operators_door(wish: Wish, keeper: Keeper) -> admin.AdminServer | None:
    if wish.metrics_port is None:
        return None
    figures, state, gaps = metrics.Metrics(), health.Health(), stall.StallMonitor()
    figures.add("member", keeper.metrics)
    figures.add("loop", gaps.metrics)
    state.add("disk", lambda: keeper.trouble)
    gaps.start()
    state.phase = None
    door = admin.AdminServer(wish.metrics_addr, wish.metrics_port, figures, state)
    await door.start()
    print(f"metrics    http://{wish.metrics_addr}:{door.port}/metrics", flush=True)
    return door
