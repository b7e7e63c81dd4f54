"""``ethrex l2 sequencer``: run a rollup's sequencer until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from ethrex_node import node
from ethrex_node.cli import asked
from ethrex_node.cli import run as running
from ethrex_node.config import settings
from ethrex_node.node import sequencing, taking_over
from ethrex_node.rollup import deploy
from ethrex_node.rollup import settings as rollup_settings
from ethrex_node.rollup.recovery import start
from ethrex_node.rpc import loops


def run(given: dict[str, Any]) -> None:
    everything = asked.told(given, (rollup_settings.TABLE,))
    wanted = everything.of(rollup_settings.RollupSettings)
    if wanted.deployment is None:
        raise click.ClickException("--deployment is missing: the file that `ethrex l2 deploy` wrote for the chain")
    if everything.settings.dev or "network" in everything.given:
        raise click.ClickException("the deployment names the genesis: leave --dev and --network out")
    deployed = deploy.load(wanted.deployment)
    own = sequencing.told_by(everything.settings, everything.given, deployed)
    begun = None if wanted.reconstructed is None else start.found(wanted.reconstructed, own.datadir)
    with running.logged(own, everything.warnings):
        loops.run(_watched(own, wanted, deployed, begun))


async def _watched(
    own: settings.Settings,
    wanted: rollup_settings.RollupSettings,
    deployed: deploy.Deployment,
    begun: start.Start | None,
) -> None:
    stop = running.stop_event()
    watch = node.Watch(own)
    await watch.start()
    try:
        watch.health.phase = "opening the database"
        opened = await asyncio.to_thread(node.open_chain, own, None if begun is None else (begun.header, begun.state))
        watch.health.phase = "settling whose turn it is"
        if not await running.started(taking_over.settle(wanted, deployed, opened), stop):
            return
        sequencer = sequencing.SequencerNode(own, wanted, deployed, opened, watch, begun)
        if await running.started(sequencer.start(), stop):
            _greet(sequencer)
            await stop.wait()
            await sequencer.stop()
    finally:
        await watch.stop()


def _greet(sequencer: sequencing.SequencerNode) -> None:
    running.greet(sequencer.node)
    print(f"provers    {sequencer.coordinator_url}")
    print(f"L1         chain {sequencer.deployed.l1_chain_id}, proposer 0x{sequencer.deployed.proposer.hex()}")
    sys.stdout.flush()
