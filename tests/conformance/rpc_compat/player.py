"""Send one recorded request and judge the answer."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from conformance.case import Mismatch, show
from conformance.rpc_compat import compare, revision
from conformance.rpc_compat.exchange import Exchange
from conformance.rpc_compat.openrpc import Schemas
from conformance.rpc_compat.revision import Revision

TIMEOUT_SECONDS: Final = 5.0  # the suite's limit for a request


@dataclass(frozen=True, slots=True)
class Desk:
    """What a set's answers are judged by."""

    schemas: Schemas
    revision: Revision


def play(recorded: Exchange, url: str, desk: Desk) -> None:
    got = post(url, recorded.request)
    expected = compare.load(recorded.answer)
    if recorded.schema_only and "result" in expected:
        if not isinstance(got, dict) or "result" not in got:
            raise Mismatch(f"no result: {show(json.dumps(got, default=str))}")
        desk.schemas.check(json.loads(recorded.request)["method"], _as_json(got["result"]))
        return
    if desk.revision is Revision.OLDER:
        got = revision.as_recorded(got, expected)
    if found := compare.difference(got, expected):
        raise Mismatch(found)


def post(url: str, body: str, headers: dict[str, str] | None = None) -> Any:
    """The answer as JSON; anything else is a mismatch."""
    target = urlsplit(url)
    if target.hostname is None:
        raise Mismatch(f"not an address to send to: {url}")
    connection = http.client.HTTPConnection(target.hostname, target.port or 80, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST", target.path or "/", body.encode(), {"Content-Type": "application/json"} | (headers or {})
        )
        response = connection.getresponse()
        data = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Mismatch(f"{type(error).__name__} from {url}: {error}") from error
    finally:
        connection.close()
    try:
        return compare.load(data)
    except ValueError as error:
        raise Mismatch(f"HTTP {response.status} with no JSON: {show(data.decode(errors='replace'))}") from error


def _as_json(value: Any) -> Any:
    """Plain floats instead of decimals, which a schema does not take for numbers."""
    return json.loads(json.dumps(value, default=float))
