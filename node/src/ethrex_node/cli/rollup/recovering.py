"""``ethrex l2 archive-blobs``, ``reconstruct`` and ``escape``: a rollup without its sequencer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import click

from ethrex_node.cli.rollup import making_room
from ethrex_node.config import genesis
from ethrex_node.rollup import deploy
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.l1.errors import L1Error
from ethrex_node.rollup.recovery import escape as escapes
from ethrex_node.rollup.recovery import published, rebuild, start
from ethrex_node.rollup.recovery.archive import Archive
from ethrex_node.rollup.recovery.blobs import BeaconApi, Source
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.recovery.sources import NotOnePlace, Places
from ethrex_node.rollup.wallet.account import Account

TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What every command takes."""

    deployment: Path
    urls: tuple[str, ...]
    as_json: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """What is open while a command runs."""

    client: L1Client
    deployment: deploy.Deployment
    session: aiohttp.ClientSession


def run(wish: Wish, command: Callable[[Wish, Sources], Awaitable[None]]) -> None:
    async def go() -> None:
        async with _sources(wish) as sources:
            await command(wish, sources)

    asyncio.run(go())


@contextlib.asynccontextmanager
async def _sources(wish: Wish) -> AsyncIterator[Sources]:
    deployment = deploy.load(wish.deployment)
    client = await L1Client.open(L1Settings(urls=wish.urls))
    try:
        if client.chain_id != deployment.l1_chain_id:
            raise click.ClickException(
                f"L1 is chain {client.chain_id}, {wish.deployment} is of one on chain {deployment.l1_chain_id}"
            )
        async with aiohttp.ClientSession() as session:
            yield Sources(client, deployment, session)
    finally:
        await client.close()


async def archive(wish: Wish, sources: Sources, beacon: str, folder: Path, every_seconds: float | None) -> None:
    """Fetch what is missing; with `every_seconds` again and again, whatever fails meanwhile."""
    into, source = Archive(folder), BeaconApi(beacon, sources.session)
    while True:
        try:
            await _fetch_missing(wish, sources, source, into)
        except (RecoveryError, L1Error) as error:
            if every_seconds is None:
                raise
            print(f"{error}; again in {every_seconds:g} s", file=sys.stderr, flush=True)
        if every_seconds is None:
            return
        await asyncio.sleep(every_seconds)


async def _fetch_missing(wish: Wish, sources: Sources, source: Source, into: Archive) -> None:
    addresses = sources.deployment.addresses
    every = await published.committed(sources.client, addresses)
    missing = [one for one in every if not into.has(one.hash)]
    for one in missing:
        await into.take_over(await published.read(sources.client, addresses, one), source)
        _progress(wish, f"batch {one.number} archived")
    if wish.as_json:
        print(json.dumps({"batches": len(every), "fetched": len(missing), "archive": str(into.folder)}), flush=True)
    else:
        print(f"{len(every)} batches in {into.folder}, {len(missing)} of them new", flush=True)


async def reconstruct(wish: Wish, sources: Sources, where: Places, out: Path, *, only_verified: bool) -> None:
    try:
        source = where.open(sources.session, lambda text: _progress(wish, text))
    except NotOnePlace as error:
        raise click.UsageError(str(error)) from error
    addresses = sources.deployment.addresses
    every = await published.committed(sources.client, addresses)
    wanted = [one for one in every if one.is_verified] if only_verified else every
    batches = [await published.read(sources.client, addresses, one) for one in wanted]
    first = genesis.load(sources.deployment.genesis)
    recovered = await rebuild.rebuild(
        first, sources.deployment.statement(first), batches, source, lambda number: _progress(wish, f"batch {number}")
    )
    claims = recovered.claims(batches)
    (out / start.PLACE).unlink(missing_ok=True)
    start.write(out, "claims.json", json.dumps(claims, indent=2).encode())
    if recovered.start is None:
        start.write(out, start.STATE, recovered.state)
    else:
        start.save(out, recovered.start)  # the place last: `--if-missing` takes it for all of them
    _tell(wish, batches, len(claims), out)


def has_blocks(wish: Wish, datadir: Path) -> bool:
    """Whether a chain of this deployment has more than its genesis there."""
    return making_room.has_blocks(datadir, genesis.load(deploy.load(wish.deployment).genesis))


async def escape(wish: Wish, sources: Sources, key: str, state_url: str, token_l2: bytes | None) -> None:
    """Take on L1 what the key's account held in the last verified state of a frozen rollup."""
    addresses = sources.deployment.addresses
    verified = [one for one in await published.committed(sources.client, addresses) if one.is_verified]
    if not verified:
        raise click.ClickException("no batch was verified: what was deposited comes back as a refund")
    last = await published.read(sources.client, addresses, verified[-1])
    signer = await signers.open_signer(key, sources.client.chain_id, sources.session)
    state, owner = Endpoint(state_url, sources.session, TIMEOUT_SECONDS), signer.address
    if token_l2 is None:
        wanted = await escapes.coin(state, addresses.chain_id, last, owner)
    else:
        wanted = await escapes.token(state, addresses.chain_id, last, owner, token_l2)
    receipt = await Account("L1", sources.client.endpoints[0], signer).send(addresses.bridge, wanted.data)
    facts = {"l1_transaction": receipt["transactionHash"], "amount": str(wanted.amount), "batch_number": last.number}
    if wish.as_json:
        print(json.dumps(facts))
    else:
        print(f"{wanted.amount} taken out of the state after batch {last.number}: {facts['l1_transaction']}")


def _tell(wish: Wish, batches: Sequence[Published], claims: int, out: Path) -> None:
    facts = {
        "batches": len(batches),
        "verified": sum(batch.is_verified for batch in batches),
        "lastBatchHash": _text(batches[-1].hash) if batches else None,
        "stateRoot": _text(batches[-1].state_root) if batches else None,
        "lastBlock": batches[-1].last_block if batches else 0,
        "claims": claims,
        "folder": str(out),
    }
    if wish.as_json:
        print(json.dumps(facts))
        return
    print(f"state after batch {len(batches)} (block {facts['lastBlock']}): root {facts['stateRoot']}")
    print(f"wrote it to {out}, and claims.json with {claims} messages that can be claimed")


def _progress(wish: Wish, text: str) -> None:
    if not wish.as_json:
        print(text, file=sys.stderr, flush=True)


def _text(data: bytes) -> str:
    return "0x" + data.hex()
