"""The options of a rollup's sequencer, beside the node's. Names are the reference system's where it has the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node.config import options
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.recovery import start

GWEI: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupSettings:
    """What a sequencer was told beside what every node is told."""

    # L1
    deployment: Path | None = options.option(
        "deployment", None, "file that `ethrex l2 deploy` wrote for this chain: addresses on L1 and the genesis"
    )
    reconstructed: Path | None = options.option("reconstructed", None, start.HELP)
    eth_rpc_url: tuple[str, ...] = options.option(
        "eth.rpc-url", ("http://127.0.0.1:8545",), "JSON-RPC URLs of L1 nodes; what is acted upon has to be said by several"
    )  # fmt: skip
    eth_agreement: int | None = options.option(
        "eth.agreement", None, "how many of them have to say the same (default: more than half)", low=1
    )
    eth_final_depth: int = options.option(
        "eth.final-depth", 0, "blocks that must lie on a block besides its being finalized, before it counts as final", low=0
    )  # fmt: skip
    eth_max_fee: int = options.option(
        "eth.max-fee-per-gas", 500 * GWEI, "most that a transaction on L1 offers", unit="wei per gas", low=1
    )
    eth_max_blob_fee: int = options.option(
        "eth.max-fee-per-blob-gas", 500 * GWEI, "the same for blobs", unit="wei per gas", low=1
    )
    eth_patience: float = options.option(
        "eth.patience", 60.0, "a transaction that L1 has not taken is replaced by a better one after", unit="seconds", low=1
    )  # fmt: skip
    eth_low_balance: int = options.option(
        "eth.low-balance",
        10**17,
        "an account on L1 with less is warned of, or with less than 50 of its dearest actions of late cost",
        unit="wei",
        low=0,
    )

    # Queue of L1
    watcher_tag: str = options.option(
        "watcher.tag", "safe", "head of L1 up to which its queue is taken", choices=("latest", "safe", "finalized")
    )
    watcher_depth: int = options.option("watcher.block-delay", 0, "blocks below that head", low=0)
    watcher_interval: float = options.option(
        "watcher.watch-interval", 1.0, "time between two looks at L1", unit="seconds", low=0.05
    )

    # Blocks
    block_time: float = options.option("block-producer.block-time", 1.0, "time between blocks", unit="seconds", low=0.1)
    most_uncommitted_blobs: int = options.option(
        "block-producer.most-uncommitted-blobs", 600, "building waits while more than these are not on L1", low=1
    )
    most_unproven_gas: int = options.option(
        "block-producer.most-unproven-gas", 50_000_000_000, "building waits while more is without a proof", unit="gas", low=1
    )  # fmt: skip

    # Who seals
    epoch: int | None = options.option(
        "epoch", None, "seal in this epoch, which no sequencer of the chain has had; a follower's data folder, or that of a "
        "sequencer that has handed over, takes over with it (default: the one that the folder is in, or the next)", low=1,
    )  # fmt: skip
    takeover: bool = options.option(
        "takeover",
        False,
        "take over from a sequencer that has not handed over: it is gone for good, or has to be replaced",
    )

    # Batches
    committer_key: str | None = options.option("committer.key", None, f"signs commits: {signers.FORMS}")
    commit_time: float = options.option(
        "committer.commit-time", 60.0, "a batch with transactions ends after", unit="seconds", low=0.1
    )
    idle_time: float = options.option(
        "committer.idle-time", 600.0, "a batch without one ends after", unit="seconds", low=0.1
    )
    batch_gas: int = options.option(
        "committer.batch-gas-limit", 500_000_000, "a batch ends at", unit="gas", low=1_000_000
    )
    batch_blobs: int = options.option("committer.blobs", 6, "blobs that a batch may fill", low=1, high=6)
    commit_wait: float = options.option(
        "committer.wait", 0.0, "how long a batch may wait for blobs to become cheap", unit="seconds", low=0
    )
    cheap_blob_fee: int = options.option("committer.cheap-blob-fee", GWEI, "what is cheap", unit="wei per gas", low=0)
    most_uncommitted: int = options.option(
        "committer.in-flight", 8, "commits that are on their way to L1 at a time", low=1, high=16
    )

    # Data committee
    committee_members: tuple[str, ...] = options.option(
        "committee.members", (), "URLs of the members (`ethrex l2 da-node`) that keep this validium's payloads"
    )
    committee_token: Path | None = options.option("committee.token", None, "file with the token that members know")
    committee_timeout: float = options.option(
        "committee.timeout", 10.0, "how long a member may take to keep a payload", unit="seconds", low=0.1
    )
    committee_folder: Path | None = options.option(
        "committee.folder", None, "keep payloads in this folder, and nowhere else, as the committee's only member: on a "
        "dev L1",
    )  # fmt: skip
    committee_key: str | None = options.option(
        "committee.key", None, "signs that they are there; named like the committer's"
    )

    # Proofs
    coordinator_addr: str = options.option("proof-coordinator.addr", "127.0.0.1", "address that provers ask for work")
    coordinator_port: int = options.port("proof-coordinator.port", 3900, "its port; 0 takes a free one")
    coordinator_tokens: Path | None = options.option(
        "proof-coordinator.tokens", None, "file with who may come: lines of `role name token [pool]`"
    )
    coordinator_issuer: str | None = options.option(
        "proof-coordinator.issuer", None, "URL of who signs service accounts' tokens (OIDC), as the tokens name it"
    )
    coordinator_audience: str | None = options.option(
        "proof-coordinator.audience", None, "what such tokens have to be made for: this rollup"
    )
    coordinator_subjects: Path | None = options.option(
        "proof-coordinator.subjects", None, "file with who may come with one: lines of `role subject name [pool]`, `*` "
        "in a subject for anything",
    )  # fmt: skip
    coordinator_jwks: str | None = options.option(
        "proof-coordinator.jwks", None, "URL or file of the issuer's keys (default: openid/v1/jwks at the issuer)"
    )
    coordinator_jwks_ca: Path | None = options.option(
        "proof-coordinator.jwks-ca", None, "file with the certificates to believe there (default: the system's)"
    )
    coordinator_jwks_token: Path | None = options.option(
        "proof-coordinator.jwks-token", None, "file with the token to show there"
    )
    proof_kinds: tuple[str, ...] = options.option(
        "proof-coordinator.kinds",
        (),
        "proofs to ask for (default: those of the deployment, which its policy on L1 asks for)",
    )
    program_versions: tuple[str, ...] = options.option(
        "program-versions",
        (),
        "versions of the program that batches are made of, each once L1 takes it (default: the deployment's)",
    )
    prove_within: float = options.option(
        "proof-coordinator.prove-within", 600.0, "when a proof is due after its batch was sealed", unit="seconds", low=1
    )
    decoy_rate: float = options.option(
        "proof-coordinator.decoy-rate", 0.02, "part of leases that are of a batch which nobody can prove: who signs it did "
        "not execute it", low=0, high=1,
    )  # fmt: skip
    settler_key: str | None = options.option(
        "settler.key", None, "signs verifications, named like the committer's (default: that one)"
    )
    settle_batches: int = options.option("settler.batches", 10, "batches that a transaction verifies", low=1, high=32)

    # Sponsor
    sponsor_key: str | None = options.option(
        "sponsor.key", None, "pays on L2 for what users give to ethrex_sendTransaction; named like the committer's"
    )
    sponsor_targets: tuple[str, ...] = options.option(
        "sponsor.targets", (), "addresses of contracts whose calls are paid for"
    )
    sponsor_delegates: tuple[str, ...] = options.option(
        "sponsor.delegates", (), "addresses of contracts that accounts may be delegated to (EIP-7702), to be called at its cost"
    )  # fmt: skip
    sponsor_gas: int = options.option(
        "sponsor.gas-limit", 500_000, "most that a transaction may take", unit="gas", low=21_000
    )
    sponsor_account_transactions: int = options.option(
        "sponsor.account-transactions", 20, "transactions of an account a day (UTC)", low=0
    )
    sponsor_account_wei: int = options.option(
        "sponsor.account-wei", 10**16, "most that those of an account cost a day", unit="wei", low=0
    )
    sponsor_day_transactions: int = options.option(
        "sponsor.day-transactions", 10_000, "transactions of all accounts a day", low=0
    )
    sponsor_day_wei: int = options.option("sponsor.day-wei", 10**18, "most that they cost a day", unit="wei", low=0)
    sponsor_all_transactions: int | None = options.option(
        "sponsor.all-transactions", None, "transactions for good (default: no limit)", low=0
    )
    sponsor_all_wei: int | None = options.option(
        "sponsor.all-wei", 10**19, "most that is spent for good", unit="wei", low=0
    )
    sponsor_low_balance: int = options.option(
        "sponsor.low-balance", 10**17, "a sponsor with less is warned of", unit="wei", low=0
    )


SECTIONS: Final = (
    ("L1", "deployment"),
    ("Queue of L1", "watcher_tag"),
    ("Blocks", "block_time"),
    ("Who seals", "epoch"),
    ("Batches", "committer_key"),
    ("Data committee", "committee_members"),
    ("Proofs", "coordinator_addr"),
    ("Sponsor", "sponsor_key"),
)
TABLE: Final = options.Table.of(RollupSettings, SECTIONS)

HEAD: Final = """\
# Options of `ethrex l2 sequencer`

Made from the table of options (`ethrex_node.rollup.settings`); `make docs` writes it again. They stand beside those of
[`ethrex`](cli.md), and come from flags, environment and config file in the same way.
"""
