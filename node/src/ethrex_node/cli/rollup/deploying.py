"""``ethrex l2 deploy``: say what a plan still asks of L1, and do it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click

from ethrex_node.rollup import deploy
from ethrex_node.rollup.deploy import plan as plans
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings


@dataclass(frozen=True, slots=True)
class Wish:
    plan: Path
    urls: tuple[str, ...]
    key: str | None
    out: Path
    dry_run: bool
    as_json: bool
    verify: bool = False
    result: Path | None = None


def run(wish: Wish) -> None:
    asyncio.run(_run(wish))


async def _run(wish: Wish) -> None:
    wanted = plans.load(wish.plan)
    client = await L1Client.open(L1Settings(urls=wish.urls))
    try:
        makes_none = wish.key is None and not wish.dry_run
        verified = await _verified(wish, client, wanted, whole=makes_none)
        found = await deploy.survey(client, wanted, wish.plan)
        if wish.dry_run:
            _tell(wish, client, found, ())
            return
        if found.pending:
            await _carry_out(wish, client, wanted, found)
            verified = await _verified(wish, client, wanted, whole=True)
        written = await deploy.record(client, wanted, found, wish.out)
        if wish.result is not None:
            _write_result(wish.result, client, found, written, verified)
        _tell(wish, client, found, written)
    finally:
        await client.close()


async def _verified(wish: Wish, client: L1Client, wanted: plans.Plan, *, whole: bool) -> deploy.Verified | None:
    """What stands there is looked at before anything is sent to it."""
    if not wish.verify:
        return None
    return await deploy.compare(client, deploy.contracts_of(wanted), whole=whole)


async def _carry_out(wish: Wish, client: L1Client, wanted: plans.Plan, found: deploy.Survey) -> None:
    if wish.key is None:
        raise click.ClickException(f"{len(found.pending)} steps are left and --key names nobody who could sign them")
    async with aiohttp.ClientSession() as session:
        signer = await signers.open_signer(wish.key, client.chain_id, session)
        if signer.address != wanted.owner:
            raise click.ClickException(
                f"--key is that of 0x{signer.address.hex()}, the plan's owner is 0x{wanted.owner.hex()}"
            )
        balance = await client.balance(signer.address)
        if balance < found.cost_wei:
            raise click.ClickException(
                f"0x{signer.address.hex()} has {_ether(balance)}, the deployment takes {_ether(found.cost_wei)}"
            )
        await deploy.carry_out(client, signer, found, _progress(quiet=wish.as_json))


def _progress(*, quiet: bool) -> Any:
    def told(done: int, of: int, name: str) -> None:
        if not quiet:
            print(f"[{done:>2}/{of}] {name}", file=sys.stderr, flush=True)

    return told


def _tell(wish: Wish, client: L1Client, found: deploy.Survey, written: Any) -> None:
    made = found.contracts
    addresses = {one.name: f"0x{one.address.hex()}" for one in made.every}
    if wish.as_json:
        left = [{"step": one.step.name, "gas": one.gas} for one in found.pending]
        answer = {
            "l1ChainId": client.chain_id,
            "contracts": addresses,
            "steps": found.steps,
            "pending" if wish.dry_run else "done": left,
            "gas": found.gas,
            "costWei": found.cost_wei,
            "files": [str(path) for path in written],
        }
        print(json.dumps(answer, indent=2))
        return
    for name, address in addresses.items():
        print(f"{address}  {name}")
    said = "left" if wish.dry_run else "done now"
    print(
        f"{len(found.pending)} of {found.steps} steps {said}, {found.gas:,} gas, about {_ether(found.cost_wei)} "
        f"on chain {client.chain_id}"
    )
    if wish.dry_run:
        for one in found.pending:
            print(f"  {one.gas:>10,} gas  {one.step.name}")
    for path in written:
        print(f"wrote {path}")


def _write_result(
    path: Path, client: L1Client, found: deploy.Survey, written: Sequence[Path], verified: deploy.Verified | None
) -> None:
    """Small enough for the last words of a container (4 KB), which is where an operator reads it."""
    contracts = {name: f"0x{one.address.hex()}" for name, one in found.contracts.entries.items()}
    chains = [json.loads(file.read_text()) for file in written]
    told: dict[str, Any] = {"l1ChainId": client.chain_id, "contracts": contracts, "chains": chains}
    if verified is not None:
        told["implementations"] = {name: f"0x{one.hex()}" for name, one in verified.implementations.items()}
    path.write_text(json.dumps(told, separators=(",", ":")))


def _ether(wei: int) -> str:
    return f"{wei / 10**18:.6f} ether"
