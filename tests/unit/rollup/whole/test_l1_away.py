"""An L1 that is away: blocks go on as far as they may, then users wait, and all of it settles when L1 is back."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ethrex_node.dev import accounts
from unit.rollup.whole import roles
from unit.rollup.whole.roles import LIMIT_SECONDS, patiently, text

CHAIN_ID: Final = 4_344
COMMITTER, SETTLER, PROVER, USER = accounts.derive()[1:5]
MOST_BLOBS: Final = 2


def pay(chain: roles.Chain, nonce: int) -> str:
    return roles.pay(chain.url, CHAIN_ID, USER, nonce)


def pay_again(chain: roles.Chain, nonce: int) -> bool:
    """The restart has lost what was pooled. Always False: it is not sealed yet."""
    with contextlib.suppress(AssertionError):  # it is there already
        pay(chain, nonce)
    return False


def is_sealed(chain: roles.Chain, sent: str) -> bool:
    return patiently(chain.url, "eth_getTransactionReceipt", sent) is not None


def number_made(chain: roles.Chain) -> int:
    return int(patiently(chain.url, "ethrex_batchNumber"), 16)


def waits(chain: roles.Chain) -> bool:
    return "nothing is sealed" in chain.sequencer.log.read_text()


def is_sealed_or_waits(chain: roles.Chain, sent: str) -> bool:
    return is_sealed(chain, sent) or waits(chain)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_building_waits_for_an_l1_that_is_away(tmp_path: Path) -> None:
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {"balancesWei": {text(USER.address): 10**20}},
        "proofs": {"attestedSigners": [text(PROVER.address)]},
    }
    keys = roles.Keys(COMMITTER, SETTLER, PROVER)
    flags = ("--block-producer.most-uncommitted-blobs", str(MOST_BLOBS))
    with roles.l1(tmp_path) as (l1_url, l1):
        roles.deploy(tmp_path, l1_url, [plan])
        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *flags) as chain:
            first, nonce = pay(chain, 0), 0
            until(lambda: is_sealed(chain, first))
            l1.kill()
            while not waits(chain):
                nonce += 1
                until(functools.partial(is_sealed_or_waits, chain, pay(chain, nonce)))
            until(lambda: number_made(chain) > MOST_BLOBS)  # they count from when they are cut
            made = number_made(chain)
            waiting = pay(chain, nonce + 1)  # reads and the pool go on
            assert not is_sealed(chain, waiting)

            # What was sealed is served by a sequencer that starts meanwhile.
            chain.sequencer.kill()
            chain.sequencer.start()
            assert is_sealed(chain, first)
            assert number_made(chain) == made

            l1.start()
            until(lambda: is_sealed(chain, waiting) or pay_again(chain, nonce + 1))
            until(lambda: chain.last_committed_and_verified()[1] >= made)
