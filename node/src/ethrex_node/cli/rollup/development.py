"""
``ethrex l2 dev``: a whole rollup on one machine. An L1, the contracts, the sequencer and provers, each the real process.

All of it lies in one folder. With ``--datadir`` the folder stays, and the next run goes on where the last one ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from ethrex_node.cli import run as running
from ethrex_node.cli.rollup import processes, view
from ethrex_node.cli.rollup.processes import Child, ChildFailed
from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.deploy import plan as plans
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.l1.endpoint import Endpoint

READY_SECONDS: Final = 60.0
DEPOSIT_WEI: Final = 1_000 * 10**18
DEPOSIT: Final = Function("deposit(uint256,address)")
QUEUE_LENGTH: Final = Function("queueLength(uint256)", "(uint64)")
GWEI: Final = 10**9
OWNER, COMMITTER, SETTLER, PROVER = range(4)  # accounts of the dev mnemonic
KEEPER: Final = 19  # the same, without money: it only signs


class DevFailed(Exception):
    """The local rollup could not come up, or a part of it ended."""


@dataclass(frozen=True, slots=True)
class Wish:
    datadir: Path | None
    chain_id: int
    l1_port: int
    port: int
    block_time: float
    batch_time: float
    l1_block_time: float
    provers: int
    validium: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What runs, and where it answers."""

    folder: Path
    children: tuple[Child, ...]
    l1_url: str
    url: str
    coordinator_url: str
    metrics_url: str
    deployed: deploy.Deployment


def run(wish: Wish) -> None:
    try:
        asyncio.run(_run(wish))
    except ChildFailed as error:
        raise DevFailed(str(error)) from None


async def _run(wish: Wish) -> None:
    stop = running.stop_event()
    began = time.monotonic()
    with _folder(wish) as folder:
        children: list[Child] = []
        starting = asyncio.create_task(_start(wish, folder, children))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                standing = starting.result()
                _greet(standing, time.monotonic() - began)
                await _watch(standing, stopped)
        finally:
            for task in (starting, stopped):
                task.cancel()
            await asyncio.gather(starting, stopped, return_exceptions=True)
            for child in reversed(children):
                await child.end()


async def _watch(standing: Standing, stopped: asyncio.Task[Any]) -> None:
    """Until somebody stops it, or a part ends by itself. Raises `ChildFailed`."""
    showing = asyncio.create_task(view.show(standing.metrics_url, standing.l1_url))
    ended = asyncio.create_task(processes.first_to_end(standing.children))
    try:
        await asyncio.wait((showing, ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stopped.done():
            raise ended.result().failure()
        if showing.done():
            showing.result()
    finally:
        for task in (showing, ended):
            task.cancel()
        await asyncio.gather(showing, ended, return_exceptions=True)


@contextlib.contextmanager
def _folder(wish: Wish) -> Any:
    if wish.datadir is not None:
        wish.datadir.mkdir(parents=True, exist_ok=True)
        yield wish.datadir
    else:
        with tempfile.TemporaryDirectory(prefix="ethrex-l2-") as name:
            yield Path(name)


async def _start(wish: Wish, folder: Path, children: list[Child]) -> Standing:
    """`children` holds what has been started, whatever happens then."""
    logs = folder / "logs"
    l1 = await processes.start("l1", _l1(wish, folder), logs / "l1.log")
    children.append(l1)
    l1_url = await l1.said("JSON-RPC", READY_SECONDS)
    deployed, path = await _deploy(wish, folder, l1_url)
    _write_tokens(folder)
    sequencer = await processes.start("sequencer", _sequencer(wish, folder, path, l1_url), logs / "sequencer.log")
    children.append(sequencer)
    deposits = asyncio.create_task(_deposit(l1_url, deployed))
    try:
        url = await sequencer.said("JSON-RPC", READY_SECONDS)
        coordinator = await sequencer.said("provers", READY_SECONDS)
        metrics = (await sequencer.said("metrics", READY_SECONDS)).removesuffix("/metrics")
        for number in range(wish.provers):
            command = _prover(folder, coordinator, deployed, number)
            name = f"prover-{number}"
            children.append(await processes.start(name, command, logs / f"{name}.log"))
    finally:
        await deposits
    await _funded(url)
    return Standing(folder, tuple(children), l1_url, url, coordinator, metrics, deployed)


def _l1(wish: Wish, folder: Path) -> list[str]:
    return [
        *("ethrex", "--dev", "--datadir", str(folder / "l1"), "--http.port", str(wish.l1_port)),
        *("--dev.block-time", str(wish.l1_block_time)),
    ]


def _sequencer(wish: Wish, folder: Path, deployment: Path, l1_url: str) -> list[str]:
    return [
        *("ethrex", "l2", "sequencer", "--deployment", str(deployment), "--datadir", str(folder / "l2")),
        *("--http.port", str(wish.port), "--ws.enabled", "--eth.rpc-url", l1_url, "--watcher.tag", "latest"),
        *("--http.api", "eth,net,web3,debug,txpool,ethrex", "--http.corsdomain", "*"),
        *("--block-producer.block-time", str(wish.block_time), "--committer.commit-time", str(wish.batch_time)),
        *("--committer.key", f"dev:{COMMITTER}", "--settler.key", f"dev:{SETTLER}"),
        *("--proof-coordinator.port", "0", "--proof-coordinator.tokens", str(folder / "tokens")),
        *("--metrics", "--metrics.port", "0"),
        *(
            ("--committee.folder", str(folder / "payloads"), "--committee.key", f"dev:{KEEPER}")
            if wish.validium
            else ()
        ),
    ]


def _prover(folder: Path, coordinator: str, deployed: deploy.Deployment, number: int) -> list[str]:
    return [
        *("ethrex-prover", "run", "--backend", "attested", "--coordinator", coordinator),
        *("--token-file", str(folder / "token"), "--id", f"local.{number}", "--key", f"dev:{PROVER}"),
        *("--l1-chain-id", str(deployed.l1_chain_id), "--verifier", f"0x{deployed.attested_verifier.hex()}"),
        *("--program-version", str(deployed.program_version), "--poll", "0.5"),
    ]


async def _deploy(wish: Wish, folder: Path, l1_url: str) -> tuple[deploy.Deployment, Path]:
    path = folder / "plan.json"
    path.write_text(json.dumps(_plan(wish), indent=2) + "\n")
    wanted = plans.load(path)
    client = await L1Client.open(L1Settings(urls=(l1_url,)))
    try:
        found = await deploy.survey(client, wanted, path)
        if found.pending:
            await deploy.carry_out(client, signers.local(accounts.derive()[OWNER].key), found)
        (written,) = await deploy.record(client, wanted, found, folder / "deployment")
    finally:
        await client.close()
    return deploy.load(written), written


def _plan(wish: Wish) -> dict[str, Any]:
    """Fees go to accounts that nobody else uses, so that what users pay is seen there."""
    text = [f"0x{account.address.hex()}" for account in accounts.derive(count=KEEPER + 1)]
    committee = {"dataCommittee": {"members": [text[KEEPER]], "threshold": 1}} if wish.validium else {}
    vault = {name: "0x" + _vault(number).hex() for number, name in enumerate(("base", "operator", "data"), 1)}
    return {
        "salt": "0x" + bytes(32).hex(),
        "owner": text[OWNER],
        "chains": [
            {
                "chainId": wish.chain_id,
                "committers": [text[COMMITTER]],
                "genesis": {
                    "feeRecipient": vault["operator"],
                    "baseFeeVault": vault["base"],
                    "operatorFeeVault": vault["operator"],
                    "operatorFeePerGasWei": GWEI // 1000,
                    "dataFeeVault": vault["data"],
                },
                "proofs": {"required": ["attested"], "attestedSigners": [text[PROVER]]},
                **committee,
            }
        ],
    }


def _vault(number: int) -> bytes:
    return bytes(18) + b"\xfe" + bytes([number])


def _write_tokens(folder: Path) -> None:
    """A new token a run: provers of an earlier one cannot come."""
    token = secrets.token_hex(32)
    for name, content in (("tokens", f"prover local {token} local\n"), ("token", token + "\n")):
        file = folder / name
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(content)


@contextlib.asynccontextmanager
async def _asking(url: str) -> AsyncIterator[Endpoint]:
    async with aiohttp.ClientSession() as session:
        yield Endpoint(url, session, READY_SECONDS)


async def _deposit(l1_url: str, deployed: deploy.Deployment) -> None:
    """Every dev account begins with ether on L2, deposited as users do it."""
    async with _asking(l1_url) as l1:
        bridge = f"0x{deployed.bridge.hex()}"
        asked = {"to": bridge, "data": f"0x{QUEUE_LENGTH.call(deployed.chain_id).hex()}"}
        if int(await l1.call("eth_call", asked, "latest"), 16):
            return
        for account in accounts.derive():
            me = f"0x{account.address.hex()}"
            data = DEPOSIT.call(deployed.chain_id, me)
            given = {"from": me, "to": bridge, "value": hex(DEPOSIT_WEI), "data": f"0x{data.hex()}"}
            await l1.call("eth_sendTransaction", given)


async def _funded(url: str) -> None:
    """Raises `DevFailed`."""
    last = f"0x{accounts.derive()[-1].address.hex()}"
    async with _asking(url) as l2:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if int(await l2.call("eth_getBalance", last, "latest"), 16):
                return
            await asyncio.sleep(processes.LOOK_SECONDS)
    raise DevFailed("the first deposits did not arrive on L2")


def _greet(standing: Standing, seconds: float) -> None:
    deployed = standing.deployed
    print(f"rollup     {standing.url}   chain {deployed.chain_id}")
    print(f"L1         {standing.l1_url}   chain {deployed.l1_chain_id}")
    print(f"bridge     0x{deployed.bridge.hex()}")
    print(f"proposer   0x{deployed.proposer.hex()}")
    print(f"provers    {standing.coordinator_url}")
    print(f"metrics    {standing.metrics_url}/metrics")
    print(f"data       {standing.folder}  (logs in {standing.folder / 'logs'})")
    for number, account in enumerate(accounts.derive()):
        print(f"account {number:>2} 0x{account.address.hex()}  key 0x{account.key.hex()}")
    print("These keys are public knowledge: never send anything of value to these accounts.")
    print(f"ready after {seconds:.1f} s; ctrl-c ends all of it")
    sys.stdout.flush()
