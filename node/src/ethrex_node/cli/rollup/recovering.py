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

from ethrex_node.config import genesis
from ethrex_node.rollup import deploy
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.recovery import escape as escapes
from ethrex_node.rollup.recovery import published, rebuild
from ethrex_node.rollup.recovery.archive import Archive
from ethrex_node.rollup.recovery.blobs import BeaconApi, Source
from ethrex_node.rollup.recovery.published import Published
from ethrex_node.rollup.wallet.account import Account

TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`beacon` or `archive`: where the blobs are, for commands that need them."""

    deployment: Path
    urls: tuple[str, ...]
    as_json: bool
    beacon: str | None = None
    archive: Path | None = None


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


async def archive(wish: Wish, sources: Sources, every_seconds: float | None) -> None:
    """Fetch what is missing; with `every_seconds` again and again."""
    if wish.beacon is None or wish.archive is None:
        raise click.UsageError("--beacon says where the blobs are, --archive where they go")
    into, beacon = Archive(wish.archive), BeaconApi(wish.beacon, sources.session)
    while True:
        batches = await published.find(sources.client, sources.deployment.addresses)
        missing = [batch for batch in batches if not into.has(batch)]
        for batch in missing:
            await rebuild.keep(batch, beacon, into)
            _progress(wish, f"batch {batch.number} archived")
        _say_archived(wish, len(batches), len(missing))
        if every_seconds is None:
            return
        await asyncio.sleep(every_seconds)


async def reconstruct(wish: Wish, sources: Sources, out: Path, *, only_verified: bool) -> None:
    source = _source(wish, sources)
    batches = await published.find(sources.client, sources.deployment.addresses)
    wanted = [batch for batch in batches if batch.is_verified] if only_verified else batches
    first = genesis.load(sources.deployment.genesis)
    recovered = await rebuild.rebuild(
        first, sources.deployment.statement(first), wanted, source, lambda number: _progress(wish, f"batch {number}")
    )
    claims = recovered.claims(wanted)
    _write(out, "state.json", recovered.state)
    _write(out, "claims.json", json.dumps(claims, indent=2).encode())
    _tell(wish, wanted, len(claims), out)


async def escape(wish: Wish, sources: Sources, key: str, state_url: str, token_l2: bytes | None) -> None:
    """Take on L1 what the key's account held in the last verified state of a frozen rollup."""
    addresses = sources.deployment.addresses
    verified = [one for one in await published.find(sources.client, addresses) if one.is_verified]
    if not verified:
        raise click.ClickException("no batch was verified: what was deposited comes back as a refund")
    signer = await signers.open_signer(key, sources.client.chain_id, sources.session)
    state = Endpoint(state_url, sources.session, TIMEOUT_SECONDS)
    last, owner = verified[-1], signer.address
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


def _source(wish: Wish, sources: Sources) -> Source:
    if (wish.beacon is None) == (wish.archive is None):
        raise click.UsageError("either --beacon or --archive says where the blobs are")
    return Archive(wish.archive) if wish.archive is not None else BeaconApi(str(wish.beacon), sources.session)


def _tell(wish: Wish, batches: Sequence[Published], claims: int, out: Path) -> None:
    facts = {
        "batches": len(batches),
        "verified": sum(batch.is_verified for batch in batches),
        "lastBatchHash": "0x" + batches[-1].hash.hex() if batches else None,
        "stateRoot": rebuild.root_of(batches[-1]) if batches else None,
        "lastBlock": rebuild.block_of(batches[-1]) if batches else 0,
        "claims": claims,
        "folder": str(out),
    }
    if wish.as_json:
        print(json.dumps(facts))
        return
    print(f"state after batch {len(batches)} (block {facts['lastBlock']}): root {facts['stateRoot']}")
    print(f"wrote {out / 'state.json'} and {out / 'claims.json'} with {claims} messages that can be claimed")


def _say_archived(wish: Wish, known: int, fetched: int) -> None:
    if wish.as_json:
        print(json.dumps({"batches": known, "fetched": fetched, "archive": str(wish.archive)}), flush=True)
    else:
        print(f"{known} batches in {wish.archive}, {fetched} of them new", flush=True)


def _progress(wish: Wish, text: str) -> None:
    if not wish.as_json:
        print(text, file=sys.stderr, flush=True)


def _write(folder: Path, name: str, content: bytes) -> None:
    """The whole file or what was there before."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    part.write_bytes(content)
    part.replace(folder / name)
