"""``ethrex l2 handover``: have a sequencer stop for good, so that another one can take over, and wait until it has."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

TIMEOUT_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.5


class HandoverFailed(Exception):
    """The sequencer does not hand over, or not in time. What it has begun goes on: ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`at_batch` None: now. `only_status` asks for nothing."""

    coordinator: str
    token_file: Path
    at_batch: int | None
    only_status: bool
    timeout: float
    as_json: bool


def run(wish: Wish) -> None:
    """Raises `HandoverFailed`."""
    try:
        token = wish.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HandoverFailed(f"the token file {wish.token_file}: {error}") from None
    found = asyncio.run(_handed_over(wish, token))
    if wish.as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(_told(found))
    sys.stdout.flush()


async def _handed_over(wish: Wish, token: str) -> dict[str, Any]:
    url = f"{wish.coordinator.rstrip('/')}/v1/handover"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=timeout) as session:
        if wish.only_status:
            return await _asked(session, "GET", url, None)
        body = {} if wish.at_batch is None else {"atBatch": wish.at_batch}
        found = await _asked(session, "POST", url, body)
        return found if found["done"] else await _waited(session, url, wish.timeout, found)


async def _waited(session: aiohttp.ClientSession, url: str, seconds: float, found: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + seconds
    told, away = "", ""
    while not found["done"]:
        if time.monotonic() >= end:
            raise HandoverFailed(f"not done after {seconds:g} s: {away or _told(found)}; it goes on: ask again")
        if told != (told := _told(found)):
            click.echo(told, err=True)
        await asyncio.sleep(LOOK_SECONDS)
        try:
            found, away = await _asked(session, "GET", url, None), ""
        except HandoverFailed as error:
            away = str(error)
        if found["state"] == "fenced":
            raise HandoverFailed(f"it was replaced by another sequencer: {found['reason']}")
    return found


async def _asked(session: aiohttp.ClientSession, method: str, url: str, body: Any) -> dict[str, Any]:
    try:
        async with session.request(method, url, json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise HandoverFailed(f"{url}: {error or 'no answer'}") from None
    if status != 200:
        raise HandoverFailed(f"{url}: {answer.get('message', status)}")
    return answer


def _told(found: dict[str, Any]) -> str:
    epoch, state = found["epoch"], found["state"]
    if found["done"]:
        return f"handed over: epoch {epoch} ended with batch {found['lastBatch']}, block {found['lastBlock']}"
    if state == "ended":
        return f"epoch {epoch} ended with batch {found['lastBatch']}; L1 has {found['committed']}"
    if found["untilBatch"] is None:
        return f"epoch {epoch}: {state}, batch {found['openBatch']} is open"
    return f"epoch {epoch}: {state}, batch {found['openBatch']} is open, {found['untilBatch']} is the last"
