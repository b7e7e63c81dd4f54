"""
The guard of the Engine API's door: HS256 tokens over a secret that both clients read from a file.

Of JSON Web Tokens this knows one algorithm and two claims: `iat` must be within 60 s of now, `exp` is honoured if
present. Any other algorithm, "none" above all, is refused by name before a signature is looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeGuard

import orjson

SECRET_BYTES: Final = 32
DRIFT_SECONDS: Final = 60
TOKEN_MOST_BYTES: Final = 4096


class BadSecret(Exception):
    """The secret file cannot be used; the message says why."""


class BadToken(Exception):
    """The message is what the client reads."""


def load_secret(path: Path) -> bytes:
    """Read the secret, or make one, readable by this user alone, where there is no file. Raises BadSecret."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _create(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSecret(f"cannot read the JWT secret {path}: {error}") from error
    digits = text.removeprefix("0x")
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES or len(digits) != 2 * SECRET_BYTES:
        raise BadSecret(f"{path} must hold {2 * SECRET_BYTES} hexadecimal digits, it has {len(digits)} characters")
    return secret


def _create(path: Path) -> bytes:
    """Whole or not at all, and never over one that came meanwhile."""
    secret = secrets.token_bytes(SECRET_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as file:  # this user's alone
            file.write("0x" + secret.hex())
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)
    except FileExistsError:
        return load_secret(path)
    except OSError as error:
        raise BadSecret(f"cannot create the JWT secret {path}: {error}") from error
    return secret


def sign(secret: bytes, issued_at: float, **claims: Any) -> str:
    """A token, as a consensus client makes it."""
    head = _encode(orjson.dumps({"alg": "HS256", "typ": "JWT"}))
    body = _encode(orjson.dumps({"iat": int(issued_at), **claims}))
    signature = hmac.digest(secret, head + b"." + body, hashlib.sha256)
    return b".".join((head, body, _encode(signature))).decode()


def verify(token: str, secret: bytes, now: float) -> None:
    """Raises BadToken."""
    if len(token) > TOKEN_MOST_BYTES:
        raise BadToken("token too long")
    parts = token.encode("utf-8", "replace").split(b".")
    if len(parts) != 3:
        raise BadToken("token contains an invalid number of segments")
    head, body, signature = parts
    algorithm = _claims(head).get("alg")
    if algorithm != "HS256":
        raise BadToken(f"signing method {algorithm} is invalid, want HS256")
    if not hmac.compare_digest(_decode(signature), hmac.digest(secret, head + b"." + body, hashlib.sha256)):
        raise BadToken("signature is invalid")
    claims = _claims(body)
    expires, issued = claims.get("exp"), claims.get("iat")
    if expires is not None and (not _is_number(expires) or expires < now):
        raise BadToken("token is expired")
    if not _is_number(issued):
        raise BadToken("missing issued-at")
    if now - issued > DRIFT_SECONDS:
        raise BadToken("stale token")
    if issued - now > DRIFT_SECONDS:
        raise BadToken("future token")


def guard(secret: bytes, clock: Callable[[], float]) -> Callable[[Sequence[tuple[bytes, bytes]]], str | None]:
    """A ``rpc.server.Authorize``: why a request with these headers is refused, None = welcome."""

    def authorize(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        value = next((value for name, value in headers if name == b"authorization"), b"")
        kind, _, token = value.decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return "missing token"
        try:
            verify(token.strip(), secret, clock())
        except BadToken as error:
            return str(error)
        return None

    return authorize


def _claims(part: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(_decode(part))
    except orjson.JSONDecodeError:
        raise BadToken("token is malformed") from None
    if not isinstance(value, dict):
        raise BadToken("token is malformed")
    return value


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    if b"+" in text or b"/" in text:  # the other alphabet's, which the decoder would take beside this one's
        raise BadToken("token is malformed")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("token is malformed") from None
