"""
A new version of the program comes while the chain runs, by processes and the public commands alone: announced on L1 with
the batch that it begins at, proven by provers of its own, and no batch is lost on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from unit.rollup.whole import roles
from unit.rollup.whole.processes import until
from unit.rollup.whole.roles import Part, patiently, text
from unit.rollup.whole.test_frozen import send

CHAIN_ID: Final = 4_353
COMMITTER, SETTLER, OLD_PROVER, NEW_PROVER = accounts.derive()[1:5]
USER: Final = accounts.derive()[6]
REQUIRE_ACTIVE: Final = Function("requireActive(uint256,uint32,uint64)", "(uint32)")
REVOKE_VERSION: Final = Function("revokeVersion(uint256,uint32)")
BEFORE: Final = ("--program-versions", "1,2")
LIMIT_SECONDS: Final = 120


def planned(**more: Any) -> dict[str, Any]:
    proofs = {"attestedSigners": [text(OLD_PROVER.address)]} | more
    return {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {"balancesWei": {text(USER.address): 10**18}},
        "proofs": proofs,
    }


@contextmanager
def prover_of_version_two(folder: Path, chain: roles.Chain) -> Iterator[Part]:
    """Beside the one of version 1, with another key."""
    command = list(chain.prover.command)
    command[command.index("--id") + 1] = "pool.1"
    environment = {"PROVER": NEW_PROVER.key.hex()}
    part = Part("new prover", [*command, "--program-version", "2"], folder / "new-prover.log", environment)
    part.start()
    try:
        yield part
    finally:
        roles.end(part)


def newest(chain: roles.Chain) -> int:
    return int(patiently(chain.url, "ethrex_batchNumber"), 16)


def one_batch(chain: roles.Chain, sent: list[str]) -> None:
    """A payment and the batch that it is in: without one none ends for a while."""
    before = newest(chain)
    sent.append(roles.pay(chain.url, CHAIN_ID, USER, len(sent)))
    until(lambda: newest(chain) > before)


def verified(chain: roles.Chain) -> int:
    return chain.last_committed_and_verified()[1]


def restarted(chain: roles.Chain, *versions: str) -> None:
    """The sequencer again, as one that makes other versions."""
    chain.sequencer.kill()
    told_to_make(chain, *versions)
    chain.sequencer.start()


def told_to_make(chain: roles.Chain, *versions: str) -> None:
    command = chain.sequencer.command
    command[command.index("--program-versions") + 1] = ",".join(versions)


@pytest.mark.timeout(500)
def test_a_new_version_takes_over_at_its_batch_and_none_is_lost(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [planned()])
        keys = roles.Keys(COMMITTER, SETTLER, OLD_PROVER)
        with (
            roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *BEFORE) as chain,
            prover_of_version_two(tmp_path, chain),
        ):
            sent: list[str] = []
            one_batch(chain, sent)
            until(lambda: verified(chain) >= 1)
            said = patiently(chain.url, "ethrex_getProgramVersions")
            assert (said["next_version"], said["trouble"]) == (1, None)
            assert [one["registered"] for one in said["versions"]] == [True, False]

            begins = newest(chain) + 2
            upgrade = {
                "programVersion": 2,
                "activationBatch": begins,
                "attestedSigners": [text(NEW_PROVER.address)],
            }
            roles.deploy(tmp_path, l1_url, [planned(upgrades=[upgrade])])
            while newest(chain) <= begins:
                one_batch(chain, sent)
            until(lambda: verified(chain) > begins)

            for number in range(1, begins + 2):
                batch = patiently(chain.url, "ethrex_getBatchByNumber", hex(number))
                assert batch["program_version"] == (1 if number < begins else 2), number
                until(lambda at=number: is_settled(chain, at))  # type: ignore[misc]

            # What was announced to end ends: no batch of it is committed, and the chain goes on.
            now = int(patiently(l1_url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)
            roles.deploy(tmp_path, l1_url, [planned(upgrades=[upgrade], expiresAt=now)])
            one_batch(chain, sent)
            last = newest(chain)
            until(lambda: verified(chain) >= last)
            for transaction in sent:
                assert patiently(chain.url, "eth_getTransactionReceipt", transaction)["status"] == "0x1"
            with pytest.raises(AssertionError, match=r"VersionExpired|revert"):
                takes(chain, 1, last + 2)
            takes(chain, 2, last + 2)

            # A node of the old version alone says so before it seals, and serves what there is.
            restarted(chain, "1")
            until(lambda: said_trouble(chain) is not None)
            assert f"version 1 ends at {now}" in str(said_trouble(chain))
            head = patiently(chain.url, "eth_blockNumber")
            until(lambda: "nothing is sealed" in chain.sequencer.log.read_text())
            assert patiently(chain.url, "eth_blockNumber") == head

            # One of a version that L1 has never heard of does not start.
            restarted(chain, "7")
            assert chain.sequencer.process is not None
            assert chain.sequencer.process.wait(LIMIT_SECONDS) != 0
            assert "L1 knows no version 7" in chain.sequencer.log.read_text()

            told_to_make(chain, "1", "2")
            chain.sequencer.start()
            one_batch(chain, sent)
            until(lambda: verified(chain) >= newest(chain))


@pytest.mark.timeout(500)
def test_batches_of_a_version_that_is_revoked_are_made_again_of_the_next(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [planned()])
        keys = roles.Keys(COMMITTER, SETTLER, OLD_PROVER)
        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *BEFORE) as chain:
            sent: list[str] = []
            one_batch(chain, sent)
            until(lambda: verified(chain) >= newest(chain))
            chain.prover.kill()
            one_batch(chain, sent)
            one_batch(chain, sent)
            until(lambda: are_unproven(chain, 2))
            settled = verified(chain)

            upgrade = {"programVersion": 2, "activationBatch": 1, "attestedSigners": [text(NEW_PROVER.address)]}
            roles.deploy(tmp_path, l1_url, [planned(upgrades=[upgrade])])
            registry = bytes.fromhex(chain.deployment["registry"][2:])
            send(l1_url, roles.OWNER, registry, REVOKE_VERSION.call(CHAIN_ID, 1))
            with prover_of_version_two(tmp_path, chain):
                until(lambda: verified(chain) >= settled + 2)

            for transaction in sent:
                assert patiently(chain.url, "eth_getTransactionReceipt", transaction)["status"] == "0x1"
            for number in range(1, settled + 3):
                batch = patiently(chain.url, "ethrex_getBatchByNumber", hex(number))
                assert batch["program_version"] == (1 if number <= settled else 2), number
            assert "made again" in chain.sequencer.log.read_text()


def are_unproven(chain: roles.Chain, count: int) -> bool:
    """So many batches are on L1 that nobody has proven."""
    committed, settled = chain.last_committed_and_verified()
    batch = patiently(chain.url, "ethrex_getBatchByNumber", hex(settled + 1))
    return committed >= settled + count and batch["proofs"] == {"attested": "waiting"}


def is_settled(chain: roles.Chain, number: int) -> bool:
    return patiently(chain.url, "ethrex_getBatchByNumber", hex(number))["status"] in ("verified", "final")


def said_trouble(chain: roles.Chain) -> Any:
    try:
        return patiently(chain.url, "ethrex_getProgramVersions")["trouble"]
    except AssertionError:
        return None  # L1 has not answered it yet


def takes(chain: roles.Chain, version: int, batch: int) -> None:
    """Whether L1 would let a batch of the version be committed. Raises AssertionError with its reason."""
    data = REQUIRE_ACTIVE.call(CHAIN_ID, version, batch)
    patiently(chain.l1_url, "eth_call", {"to": chain.deployment["registry"], "data": "0x" + data.hex()}, "latest")
