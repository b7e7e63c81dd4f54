"""The options of a rollup's follower, beside the node's. Names are the sequencer's where it has the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node.config import options
from ethrex_node.rollup.recovery import start


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerSettings:
    """What a follower was told beside what every node is told."""

    deployment: Path | None = options.option(
        "deployment", None, "file that `ethrex l2 deploy` wrote for this chain: addresses on L1 and the genesis"
    )
    eth_rpc_url: tuple[str, ...] = options.option(
        "eth.rpc-url", ("http://127.0.0.1:8545",), "JSON-RPC URLs of L1 nodes; what is acted upon has to be said by several"
    )  # fmt: skip
    eth_agreement: int | None = options.option(
        "eth.agreement", None, "how many of them have to say the same (default: more than half)", low=1
    )
    eth_final_depth: int = options.option(
        "eth.final-depth", 0, "blocks that must lie on a block besides its being finalized, before it counts as final", low=0
    )  # fmt: skip
    sequencer: str | None = options.option(
        "sequencer", None,
        "JSON-RPC URL of the sequencer, or of another follower: blocks come from there, transactions go there; without one "
        "there are states at the ends of batches",
    )  # fmt: skip
    beacon: str | None = options.option(
        "beacon", None, "without a sequencer: URL of a Beacon API, whose blobs the batches are taken from"
    )
    archive: Path | None = options.option("archive", None, "or a folder that `ethrex l2 archive-blobs` keeps")
    da: tuple[str, ...] = options.option(
        "da", (), "or URLs of members of a validium's data committee; they are asked in turn"
    )
    da_token: Path | None = options.option(
        "da-token", None, "file with the token that they know, where they ask for one"
    )
    reconstructed: Path | None = options.option("reconstructed", None, start.HELP)
    interval: float = options.option(
        "follow.interval", 0.2, "time between two looks at the sequencer while it has nothing new", unit="seconds", low=0.01
    )  # fmt: skip
    max_lag: float = options.option(
        "follow.max-lag", 30.0,
        "the node is ready (/readyz) while it had the sequencer's newest block, or without one L1's newest batch, so lately",
        unit="seconds", low=0.1,
    )  # fmt: skip
    l1_tag: str = options.option(
        "follow.tag", "safe", "head of L1 up to which its batches count", choices=("latest", "safe", "finalized")
    )
    l1_interval: float = options.option(
        "follow.l1-interval", 1.0, "time between two looks at L1", unit="seconds", low=0.05
    )


SECTIONS: Final = (
    ("L1", "deployment"),
    ("Sequencer", "sequencer"),
    ("Without a sequencer", "beacon"),
    ("Following", "reconstructed"),
)
TABLE: Final = options.Table.of(FollowerSettings, SECTIONS)

HEAD: Final = """\
# Options of `ethrex l2 follow`

Made from the table of options (`ethrex_node.rollup.follower.settings`); `make docs` writes it again. They stand beside those
of [`ethrex`](cli.md), and come from flags, environment and config file in the same way. `--l1` is another name of
`--eth.rpc-url`.
"""
