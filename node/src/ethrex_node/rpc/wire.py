"""
The JSON-RPC 2.0 envelope: bytes to requests, results and errors to bytes.

A request keeps its id as JSON text, so that what goes back is what came. orjson reads numbers that are too large for
64 bits as floats; ids of that kind are read a second time, digit by digit (`_exact_id`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson

from ethrex_node.rpc import errors

NULL = b"null"


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `request_id` is JSON text, None for a notification; `raw` is the whole object as JSON."""

    request_id: bytes | None
    method: str
    params: Any
    raw: bytes


class _Digits(str):
    """The text of a number in an id."""


def decode(body: bytes) -> Any:
    """JSON text -> value. Of duplicate keys the last wins. Raises ParseError, also for depth above 1,024."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.ParseError() from error


def request(value: Any, raw: bytes) -> Request:
    """What `decode` gave -> Request. Raises InvalidRequest with the id to echo."""
    if type(value) is not dict:
        raise errors.InvalidRequest()
    request_id = _id_text(value, raw)
    method = value.get("method")
    if value.get("jsonrpc") != "2.0" or type(method) is not str or not method:
        raise errors.InvalidRequest(request_id=request_id or NULL)
    if request_id is None and "id" in value:
        raise errors.InvalidRequest()
    return Request(request_id, method, value.get("params"), raw)


def element(value: Any, body: bytes, position: int) -> Request:
    """The batch element `value` at `position` of `body` -> Request with JSON text of its own."""
    if type(value) is not dict:
        raise errors.InvalidRequest()
    if type(value.get("id")) is float:
        exact = _exact(body)
        request_id = _number_text(exact[position].get("id")) if exact is not None else None
        if request_id is not None:
            rest = {key: item for key, item in value.items() if key != "id"}
            raw = b'{"id":' + request_id + (b"," + orjson.dumps(rest)[1:] if rest else b"}")
            return request(value, raw)
    return request(value, orjson.dumps(value))


def call(method: str, params: Any, request_id: int = 1) -> bytes:
    """A request that the node sends to itself."""
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def success(request_id: bytes, result: Any) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (request_id, orjson.dumps(result))


def failure(request_id: bytes, error: errors.RpcError) -> bytes:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (request_id, orjson.dumps(body))


def notification(subscription: str, result: Any, method: str = "eth_subscription") -> bytes:
    params = {"subscription": subscription, "result": result}
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def result_of(response: bytes) -> Any:
    """The result in a whole response; its error is raised."""
    value = orjson.loads(response)
    if "error" in value:
        error = value["error"]
        raise errors.RpcError(error["message"], code=error["code"], data=error.get("data"))
    return value["result"]


def _id_text(value: dict[str, Any], raw: bytes) -> bytes | None:
    """None: no id, or one of a type (list, object) that cannot be echoed."""
    if "id" not in value:
        return None
    request_id = value["id"]
    if type(request_id) is float:
        exact = _exact(raw)
        found = _number_text(exact.get("id")) if exact is not None else None
        return found or orjson.dumps(request_id)
    if type(request_id) in (list, dict):
        return None
    return orjson.dumps(request_id)


def _exact(body: bytes) -> Any | None:
    """The same JSON with numbers as their text; None where the standard parser gives up (depth)."""
    try:
        return json.loads(body, parse_int=_Digits, parse_float=_Digits)
    except (ValueError, RecursionError):
        return None


def _number_text(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, _Digits) else None
