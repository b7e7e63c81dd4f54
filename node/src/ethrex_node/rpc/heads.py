"""
HTTP request heads: what a server of JSON-RPC must know of one, decided once.

Clients of a node send the same head thousands of times over. So a head is read and judged (`judge`) when it is first
seen, and `HeadCache` gives the verdict again for the same bytes: the judgement is a pure function of them. The order of
the checks and the statuses are geth's: host, cross-origin, health check, method, size, content type.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ethrex_node.rpc import settings

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case

CONTENT_TYPES: Final = (b"application/json", b"application/json-rpc", b"application/jsonrequest")
REASONS: Final = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Request Entity Too Large",
    415: b"Unsupported Media Type",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
PREFLIGHT_SECONDS: Final = 600  # how long a browser may keep the answer to OPTIONS


@dataclass(frozen=True, slots=True)
class Head:
    """A judged head. `ready`: the whole response is already known. `page`: another handler's, by its target.

    `prefix` is the response up to the value of content-length.
    """

    method: bytes
    target: bytes
    length: int | None  # None: chunked
    keep_alive: bool
    gzip: bool
    prefix: bytes
    ready: bytes | None = None
    page: bool = False
    upgrade: bool = False
    expect: bool = False
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """A head as the parser saw it."""

    method: bytes
    target: bytes
    version: str
    keep_alive: bool
    headers: Headers

    def get(self, name: bytes) -> bytes:
        """The first value of a header, b"" where it is absent."""
        return next((value for key, value in self.headers if key == name), b"")

    def has_token(self, name: bytes, token: bytes) -> bool:
        """A comma-separated header that holds `token`, any case, parameters aside."""
        parts = (part for key, value in self.headers if key == name for part in value.lower().split(b","))
        return any(part.partition(b";")[0].strip() == token for part in parts)


def response(
    status: int, body: bytes, *, keep_alive: bool, extra: bytes = b"", kind: bytes = b"text/plain; charset=utf-8"
) -> bytes:
    """A whole response. `extra`: further header lines, each ended."""
    close = b"" if keep_alive else b"connection: close\r\n"
    lines = b"HTTP/1.1 %d %b\r\n%b%b" % (status, REASONS.get(status, b"-"), extra, close)
    if status == 204:
        return lines + b"\r\n"
    return lines + b"content-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(body), body)


def refusal(status: int, reason: str, *, keep_alive: bool = False) -> bytes:
    return response(status, reason.encode() + b"\n", keep_alive=keep_alive)


def judge(raw: Raw, rules: settings.HttpSettings, pages: Sequence[str] = ()) -> Head:
    """Decide what becomes of a request. `pages`: paths (prefixes) that another handler serves."""
    length = _length(raw)
    origin_lines = _cross_origin(raw, rules)
    upgrade = rules.websocket and raw.has_token(b"connection", b"upgrade") and raw.has_token(b"upgrade", b"websocket")
    path = raw.target.partition(b"?")[0].decode("latin-1")
    page = any(path == name or path.startswith(name + "/") for name in pages)
    unread = (
        length is None or length > rules.limits.body_bytes
    )  # a refused body that is not worth reading ends the connection
    keep = raw.keep_alive and not unread
    ready = _refused(raw, rules, length, path, upgrade=upgrade, page=page, keep=keep, extra=origin_lines)
    if ready is not None and raw.method == b"HEAD":
        ready = ready[: ready.index(b"\r\n\r\n") + 4]
    return Head(
        method=raw.method,
        target=raw.target,
        length=length,
        keep_alive=raw.keep_alive if ready is None else keep,
        gzip=raw.has_token(b"accept-encoding", b"gzip"),
        prefix=_prefix(raw, origin_lines),
        ready=ready,
        page=page and ready is None,
        upgrade=upgrade,
        expect=raw.get(b"expect").lower() == b"100-continue",
        headers=raw.headers,
    )


def origin_allowed(origin: str, allowed: frozenset[str]) -> bool:
    """`allowed` holds origins, hosts, or one with a "*" in it."""
    origin = origin.lower()
    for pattern in allowed:
        before, star, after = pattern.lower().partition("*")
        if star and len(origin) >= len(before) + len(after) and origin.startswith(before) and origin.endswith(after):
            return True
        if origin == pattern.lower() or (
            "://" not in pattern and origin.partition("://")[2].rpartition(":")[0] == pattern
        ):
            return True
        if "://" not in pattern and origin.partition("://")[2] == pattern.lower():
            return True
    return False


def _refused(
    raw: Raw,
    rules: settings.HttpSettings,
    length: int | None,
    path: str,
    *,
    upgrade: bool,
    page: bool,
    keep: bool,
    extra: bytes,
) -> bytes | None:
    """The response that needs no body to be read, or None: go on."""

    def answer(status: int, text: str = "", lines: bytes = b"") -> bytes:
        return response(status, text.encode() + (b"\n" if text else b""), keep_alive=keep, extra=extra + lines)

    if not host_allowed(raw.get(b"host"), rules.vhosts):
        return answer(403, "invalid host specified")
    if upgrade:
        return _websocket_refused(raw, rules, keep=keep)
    if page:
        return None
    if path != (rules.prefix or "/") or not rules.http:
        return answer(404, "404 page not found")
    if raw.method == b"OPTIONS" and rules.cors_origins and raw.get(b"access-control-request-method"):
        return answer(204, lines=_preflight(raw) if extra else b"")
    if raw.method == b"GET" and length == 0 and b"?" not in raw.target:
        return answer(200)
    if raw.method in (b"PUT", b"DELETE"):
        return answer(405, "method not allowed")
    if length is not None and length > rules.limits.body_bytes:
        return answer(413, f"content length too large ({length}>{rules.limits.body_bytes})")
    if raw.method == b"OPTIONS":
        return answer(200)
    if raw.get(b"content-type").partition(b";")[0].strip().lower() not in CONTENT_TYPES:
        return answer(415, "invalid content type, only application/json is supported")
    return None


def _websocket_refused(raw: Raw, rules: settings.HttpSettings, *, keep: bool) -> bytes | None:
    origin = raw.get(b"origin").decode("latin-1")
    allowed = rules.websocket_origins or frozenset({"localhost", "127.0.0.1"})
    if origin and not origin_allowed(origin, allowed):
        return response(403, b"origin not allowed\n", keep_alive=keep)
    return None


def host_allowed(host: bytes, vhosts: frozenset[str]) -> bool:
    """geth's rule against DNS rebinding: no host, a literal address, or a name on the list."""
    if not host or "*" in vhosts:
        return True
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name in vhosts:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _length(raw: Raw) -> int | None:
    if raw.get(b"transfer-encoding"):
        return None
    return int(raw.get(b"content-length") or 0)


def _cross_origin(raw: Raw, rules: settings.HttpSettings) -> bytes:
    """Header lines that let a page of an allowed origin read the answer."""
    if not rules.cors_origins:
        return b""
    origin = raw.get(b"origin")
    if not origin or not origin_allowed(origin.decode("latin-1"), rules.cors_origins):
        return b""
    shown = b"*" if "*" in rules.cors_origins else origin
    return b"access-control-allow-origin: %b\r\nvary: origin\r\n" % shown


def _preflight(raw: Raw) -> bytes:
    wanted = raw.get(b"access-control-request-headers")
    headers = b"access-control-allow-headers: %b\r\n" % wanted if wanted else b""
    return b"access-control-allow-methods: POST, GET\r\n%baccess-control-max-age: %d\r\n" % (headers, PREFLIGHT_SECONDS)


def _prefix(raw: Raw, origin_lines: bytes) -> bytes:
    connection = b""
    if not raw.keep_alive:
        connection = b"connection: close\r\n"
    elif raw.version == "1.0":
        connection = b"connection: keep-alive\r\n"
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%b%bcontent-length: " % (origin_lines, connection)


class HeadCache:
    """Judged heads by their bytes. Plain heads only: no upgrade, no chunks, no page, nothing unusual."""

    MOST: Final = 1024
    LONGEST_BYTES: Final = 2048

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self.get = self._heads.get

    def put(self, text: bytes, head: Head) -> None:
        """`text`: from the first letter of the method to the first empty line."""
        plain = not (head.upgrade or head.expect or head.page) and head.length is not None and head.keep_alive
        whole = text[:1].isalpha() and text.count(b"\n") == text.count(b"\r\n")  # no line ended where we did not look
        if not plain or not whole or len(text) > self.LONGEST_BYTES:
            return
        if len(self._heads) >= self.MOST:
            self._heads.clear()
        self._heads[text] = head
