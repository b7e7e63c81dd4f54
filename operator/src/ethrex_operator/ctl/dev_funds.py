"""On a dev L1, every dev account begins with ether on the rollup: deposited as users do it, once for each rollup."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiohttp

from ..api.loading import Manifest
from ..api.rollup import EthrexRollup
from ..chain import rpc
from ..chain.errors import ChainError, Refused
from ..local.run import Seen
from ..topology import dev_accounts

DEPOSIT: Final = "0x6e553f65"  # deposit(uint256,address)
QUEUE_LENGTH: Final = "0x48cae3e2"  # queueLength(uint256)
DEPOSIT_WEI: Final = 1_000 * 10**18
ARRIVAL_SECONDS: Final = 60.0


async def deposit(session: aiohttp.ClientSession, manifest: Manifest, seen: Seen) -> None:
    """Where nobody has deposited yet. Raises `ChainError`."""
    for rollup in _funded(manifest):
        contracts, l1 = seen.contracts.get(rollup.name), _l1(rollup, seen)
        if contracts is None or l1 is None:
            continue
        chain = f"{rollup.spec.chain_id:064x}"
        asked = {"to": contracts.bridge, "data": QUEUE_LENGTH + chain}
        if await rpc.number(session, l1, "eth_call", asked, "latest"):
            continue
        for me in dev_accounts.ADDRESSES:
            data = f"{DEPOSIT}{chain}{me[2:]:0>64}"
            given = {"from": me, "to": contracts.bridge, "value": hex(DEPOSIT_WEI), "data": data}
            await rpc.call(session, l1, "eth_sendTransaction", given)


async def arrived(session: aiohttp.ClientSession, manifest: Manifest, seen: Seen) -> None:
    """Until the last account has its ether. Raises `ChainError`."""
    for rollup in _funded(manifest):
        url = seen.public[f"{rollup.name}-sequencer"]
        end = time.monotonic() + ARRIVAL_SECONDS
        while time.monotonic() < end:
            try:
                if await rpc.number(session, url, "eth_getBalance", dev_accounts.ADDRESSES[-1], "latest"):
                    break
            except ChainError:
                pass
            await asyncio.sleep(0.1)
        else:
            raise Refused(f"{rollup.name}: the first deposits did not arrive within {ARRIVAL_SECONDS:g} s")


def _funded(manifest: Manifest) -> list[EthrexRollup]:
    dev = {node.name for node in manifest.l1_nodes if node.spec.network.dev is not None}
    return [
        one
        for one in manifest.rollups
        if one.spec.l1.ref is not None and one.spec.l1.ref.name in dev and one.spec.native_token is None
    ]


def _l1(rollup: EthrexRollup, seen: Seen) -> str | None:
    return None if rollup.spec.l1.ref is None else seen.public.get(rollup.spec.l1.ref.name)
