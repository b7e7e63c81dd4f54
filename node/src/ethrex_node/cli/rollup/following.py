"""``ethrex l2 follow``: run a rollup's follower until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from typing import Any, Final

import click

from ethrex_node import node
from ethrex_node.cli import asked
from ethrex_node.cli import run as running
from ethrex_node.config import settings
from ethrex_node.node import following, sequencing
from ethrex_node.rollup import deploy
from ethrex_node.rollup.follower import settings as follower_settings
from ethrex_node.rollup.recovery import start
from ethrex_node.rollup.recovery.sources import NotOnePlace, Places
from ethrex_node.rpc import loops

HEAD_AGE: Final = "ready.max-head-age"


def run(given: dict[str, Any]) -> None:
    everything = asked.told(given, (follower_settings.TABLE,))
    wanted = everything.of(follower_settings.FollowerSettings)
    if wanted.deployment is None:
        raise click.ClickException("--deployment is missing: the file that `ethrex l2 deploy` wrote for the chain")
    _check_sources(wanted)
    if everything.settings.dev or "network" in everything.given:
        raise click.ClickException("the deployment names the genesis: leave --dev and --network out")
    deployed = deploy.load(wanted.deployment)
    own = sequencing.told_by(everything.settings, everything.given, deployed)
    begun = None if wanted.reconstructed is None else start.found(wanted.reconstructed, own.datadir)
    if wanted.sequencer is None and HEAD_AGE not in everything.given:
        own = dataclasses.replace(own, ready_head_age=0)  # a batch's last block is as old as batches are apart
    with running.logged(own, everything.warnings):
        loops.run(_watched(own, wanted, deployed, begun))


def _check_sources(wanted: follower_settings.FollowerSettings) -> None:
    places = following.places_of(wanted)
    if wanted.sequencer is not None:
        if places != Places():
            raise click.ClickException("--beacon, --archive and --da are for a follower without --sequencer")
        return
    try:
        places.check()
    except NotOnePlace as error:
        raise click.ClickException(f"without --sequencer batches are taken from L1: {error}") from error


async def _watched(
    own: settings.Settings,
    wanted: follower_settings.FollowerSettings,
    deployed: deploy.Deployment,
    begun: start.Start | None,
) -> None:
    stop = running.stop_event()
    watch = node.Watch(own)
    await watch.start()
    try:
        watch.health.phase = "opening the database"
        opened = await asyncio.to_thread(node.open_chain, own, None if begun is None else (begun.header, begun.state))
        follower = following.FollowerNode(own, wanted, deployed, opened, watch, begun)
        if await running.started(follower.start(), stop):
            running.greet(follower.node)
            print(f"follows    {follower.feed.name if follower.feed else 'L1'}")
            print(f"L1         chain {deployed.l1_chain_id}, proposer 0x{deployed.proposer.hex()}")
            sys.stdout.flush()
            await stop.wait()
            await follower.stop()
    finally:
        await watch.stop()
