"""
Before a sequencer starts: whose turn is it in this data folder? A follower's becomes a sequencer's here.

All of it can be done again at any point: the sequencer's data is made beside the old and takes its place when it is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from .. import _native
from ..rollup.committee import kept
from ..rollup.deploy import Deployment
from ..rollup.epochs import term
from ..rollup.follower import confirmations, verdict
from ..rollup.l1 import errors, signers
from ..rollup.l1.client import L1Client
from ..rollup.l1.client import Settings as L1Settings
from ..rollup.recovery import beginning
from ..rollup.recovery.published import RecoveryError
from ..rollup.settings import RollupSettings
from ..rollup.settlement.settler import status_at
from ..rollup.sponsor import past
from ..rollup.sponsor.policy import DAY_SECONDS
from ..rollup.store import Store
from ..rollup.store.environment import DATA_NAME, ONLY_ROW, key
from ..rollup.store.schema import CONFIRMED, LAST_END, NEWEST_HEAD, SEALED, TABLES, TERM, Term, TermState
from ..rollup.takeover import adopted, cutting, plan
from . import following, roles, sequencing
from .assembly import Opened

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0


async def settle(asked: RollupSettings, deployed: Deployment, opened: Opened) -> None:
    """
    Leave a data folder in which the sequencer can start. Raises `plan.CannotTakeOver`, `CannotBegin`, `L1Error`,
    `StoreError`.
    """
    folders = Folders(opened.folder)
    is_recovered = opened.native.canonical_hash(0) is None
    decided = plan.decide(folders.known(), asked.epoch, is_gone=asked.takeover, is_recovered=is_recovered)
    if isinstance(decided, plan.GoOn):
        return
    most = cutting.Most(asked.batch_blobs, asked.batch_gas)
    l1 = L1Settings(urls=asked.eth_rpc_url, needed=asked.eth_agreement, final_depth=asked.eth_final_depth)
    while True:
        try:
            client = await L1Client.open(l1)
            try:
                await roles.check_chain(deployed, opened.genesis, client)
                paying = await _sponsor(asked, client)
                await _take_over(decided, folders, deployed, opened, client, most, paying)
                return
            finally:
                await client.close()
        except (errors.Unreachable, errors.Disagreement, plan.NotYet, RecoveryError) as error:
            log.warning("taking over waits", extra={"reason": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)


class Folders:
    """The data folder's parts that change hands."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / sequencing.FOLDER
        self.part = folder / f"{sequencing.FOLDER}.part"
        self.follower = folder / following.FOLDER

    def known(self) -> plan.Known:
        """Raises `StoreError`."""
        own: Term | None = None
        seen, ended = 0, None
        if _is_there(self.own):
            with _opened(self.own) as store, store.read() as txn:
                own = txn.get(TERM, ONLY_ROW)
                if own is None and txn.last(SEALED) is not None:
                    own = Term(term.FIRST_EPOCH)  # it sealed before epochs were written down
        if _is_there(self.follower):
            with _opened(self.follower) as store, store.read() as txn:
                newest, ended = txn.get(NEWEST_HEAD, ONLY_ROW), txn.get(LAST_END, ONLY_ROW)
                seen = 0 if newest is None else newest.epoch
        return plan.Known(own, seen, ended)

    def put_in_place(self, fresh: Term) -> None:
        """What was made takes the place of what was there, which stays beside it under the epoch that comes after it."""
        if self.own.exists():
            aside = self.own.with_name(f"{self.own.name}.before-{fresh.epoch}")
            if aside.exists():
                shutil.rmtree(aside)
            self.own.replace(aside)
        self.part.replace(self.own)
        _sync(self.own.parent)


async def _take_over(
    begin: plan.Begin,
    folders: Folders,
    deployed: Deployment,
    opened: Opened,
    client: L1Client,
    most: cutting.Most,
    paying: Paying | None,
) -> None:
    """Raises `plan.CannotTakeOver`, `L1Error`, `RecoveryError`."""
    if begin.is_own:
        await _go_on(begin, folders, deployed, client)
        return
    native = opened.native
    head = native.head()
    with _opened(folders.follower) as store:
        begun = beginning.found(store)
        floor = None if begun is None else verdict.mark_of(begun[0].statement)
        wanted = confirmations.Settings(tag="latest")
        l1 = confirmations.Confirmations(store, client, deployed.addresses, wanted, floor=floor)
        await l1.step()
        if l1.unfounded is not None:
            raise plan.CannotTakeOver(l1.unfounded)
        with store.read() as txn:
            above = 0 if floor is None else floor.batch
            confirmed = [row for _, row in txn.scan(CONFIRMED, start=key(above + 1))]
        agreement = l1.agreement(head.number, native.canonical_hash)
    last = verdict.mark(confirmed[-1]) if confirmed else floor
    plan.check(begin, verdict.Mark(0, head.number, head.hash), plan.OnL1(last, agreement))
    state = TermState.SEALING if begin.ended is not None else TermState.FENCING
    base = await _final(client, deployed)
    on_l1 = 0 if last is None else last.batch
    fresh = Term(begin.epoch, state, base=min(base, on_l1))
    first = deployed.statement(opened.genesis) if begun is None else begun[0].statement
    previous = confirmed[-1].statement if confirmed else first
    source = adopted.Source(
        reader := native.reader(),
        head.number,
        confirmed,
        lambda rows: cutting.ends(rows, previous, _make_batch(reader, deployed), most),
        begun,
    )
    await asyncio.to_thread(_make, folders, source, fresh, paying, deployed.chain_id)
    log.warning("this folder's sequencer has taken over", extra={"epoch": fresh.epoch, "block": head.number})


def _make_batch(reader: _native.Reader, deployed: Deployment) -> cutting.Make:
    pointer = None if deployed.data_committee is None else kept.POINTER
    return lambda first, last, previous: reader.batch(first, last, previous, deployed.program_version, pointer)


async def _go_on(begin: plan.Begin, folders: Folders, deployed: Deployment, client: L1Client) -> None:
    """In the same data, which is whole: it handed over, and to nobody else. Raises `plan.CannotTakeOver`, `L1Error`."""
    status = await status_at(client, deployed.addresses, (await client.head()).number)
    plan.check_own(begin, status.last_committed)
    with _opened(folders.own) as store:
        own = term.current(store)
        base = 0 if own is None else own.base
        await store.write(lambda txn: term.put(txn, Term(begin.epoch, base=base)))


async def _final(client: L1Client, deployed: Deployment) -> int:
    """The last batch that a final block of L1 holds."""
    final = await client.final((await client.head()).number)
    if final < deployed.deployed_at_block:
        return 0
    return (await status_at(client, deployed.addresses, final)).last_committed


@dataclass(frozen=True, slots=True)
class Paying:
    """The sponsor of the new sequencer."""

    address: bytes
    targets: frozenset[bytes]


async def _sponsor(asked: RollupSettings, client: L1Client) -> Paying | None:
    """Raises `SignerError`, `CannotSequence`."""
    if asked.sponsor_key is None:
        return None
    targets = roles.addresses_of(asked.sponsor_targets, "sponsor.targets")
    async with aiohttp.ClientSession() as session:
        return Paying((await signers.open_signer(asked.sponsor_key, client.chain_id, session)).address, targets)


def _count_sponsored(store: Store, source: adopted.Source, paying: Paying, chain_id: int) -> None:
    """What its account has paid for already counts within its limits."""
    first = 1 if source.begun is None else source.begun[0].last_block + 1

    def ask(method: str, *given: Any) -> Any:
        return adopted.ask(source.reader, method, *given)

    found = past.payments(ask, paying.address, paying.targets, range(first, source.head + 1), chain_id)
    counted = store.write_now(lambda txn: past.count(txn, found, int(time.time()) // DAY_SECONDS))
    log.info("sponsored transactions of before are counted", extra={"transactions": counted})


def _make(folders: Folders, source: adopted.Source, fresh: Term, paying: Paying | None, chain_id: int) -> None:
    if folders.part.exists():
        shutil.rmtree(folders.part)
    with _opened(folders.part) as store:
        adopted.fill(store, source)
        if paying is not None:
            _count_sponsored(store, source, paying, chain_id)
        store.write_now(lambda txn: term.put(txn, fresh))
    folders.put_in_place(fresh)


def _is_there(folder: Path) -> bool:
    return (folder / DATA_NAME).exists()


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Store]:
    store = Store.open(folder, TABLES)
    try:
        yield store
    finally:
        store.close()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
