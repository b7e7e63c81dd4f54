"""``/v1/handover`` at the proof coordinator's door: who may cordon provers may have the sequencer hand over."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import web

from ethrex_node.rollup.coordinator import door
from ethrex_node.rollup.coordinator.errors import BadRequest
from ethrex_node.rollup.coordinator.identities import Identity, Role
from ethrex_node.rollup.coordinator.service import Route
from ethrex_node.rollup.epochs.handover import Tenure

MOST_BYTES: Final = 4096
MOST_BATCH: Final = 2**63


def routes(tenure: Tenure) -> tuple[Route, ...]:
    async def ask(request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.OPERATOR)
        at_batch = _at_batch(await door.body(request, MOST_BYTES))
        await tenure.ask(at_batch)
        return door.json(tenure.facts())

    async def tell(request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.OPERATOR, Role.OBSERVER)
        return door.json(tenure.facts())

    return (("POST", "/v1/handover", ask), ("GET", "/v1/handover", tell))


def _at_batch(given: bytes) -> int | None:
    """Of ``{}`` or ``{"atBatch": 17}``. Raises `BadRequest`."""
    try:
        asked = orjson.loads(given or b"{}")
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(asked, dict) or not asked.keys() <= {"atBatch"}:
        raise BadRequest('{} or {"atBatch": NUMBER} is expected')
    number = asked.get("atBatch")
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < MOST_BATCH:
        raise BadRequest(f"atBatch: {number!r:.40} is not the number of a batch")
    return number
