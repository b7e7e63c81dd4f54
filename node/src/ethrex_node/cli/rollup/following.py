"""``ethrex l2 follow``: run a rollup's follower until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from ethrex_node import node
from ethrex_node.cli import asked
from ethrex_node.cli import run as running
from ethrex_node.config import settings
from ethrex_node.node import following, sequencing
from ethrex_node.rollup import deploy
from ethrex_node.rollup.follower import settings as follower_settings
from ethrex_node.rpc import loops


def run(given: dict[str, Any]) -> None:
    everything = asked.told(given, (follower_settings.TABLE,))
    wanted = everything.of(follower_settings.FollowerSettings)
    if wanted.deployment is None:
        raise click.ClickException("--deployment is missing: the file that `ethrex l2 deploy` wrote for the chain")
    if wanted.sequencer is None:
        raise click.ClickException("--sequencer is missing: the URL that blocks come from")
    if everything.settings.dev or "network" in everything.given:
        raise click.ClickException("the deployment names the genesis: leave --dev and --network out")
    deployed = deploy.load(wanted.deployment)
    own = sequencing.told_by(everything.settings, everything.given, deployed)
    with running.logged(own, everything.warnings):
        loops.run(_watched(own, wanted, wanted.sequencer, deployed))


async def _watched(
    own: settings.Settings, wanted: follower_settings.FollowerSettings, url: str, deployed: deploy.Deployment
) -> None:
    stop = running.stop_event()
    watch = node.Watch(own)
    await watch.start()
    try:
        watch.health.phase = "opening the database"
        opened = await asyncio.to_thread(node.open_chain, own)
        follower = following.FollowerNode(own, wanted, url, deployed, opened, watch)
        if await running.started(follower.start(), stop):
            running.greet(follower.node)
            print(f"follows    {follower.feed.name}")
            print(f"L1         chain {deployed.l1_chain_id}, proposer 0x{deployed.proposer.hex()}")
            sys.stdout.flush()
            await stop.wait()
            await follower.stop()
    finally:
        await watch.stop()
