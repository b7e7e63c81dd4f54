"""Generated malformed input, from a seed: requests, frames, tokens, payloads, transactions."""

from __future__ import annotations

import base64
import copy
import gzip
import hashlib
import hmac
import json
import random
import struct
from typing import Any, Final

from faults import story

NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1e308, 2**64, 2**256, -(2**300), 10**400, "", "0x", "0x0x", "latest", "0x" + "f" * 64, "0x" + "f" * 65,
    "0X1", "-0x1", "0x00", "😀", "\0", "a" * 10_000, "0x" + "00" * 5_000, [], {}, [[]], [{}], {"": ""}, [None] * 300,
    {"fromBlock": "0xffffffffffffffff", "toBlock": "0x0"}, {"to": "0x" + "11" * 20, "gas": "0x" + "f" * 64},
    {"blockHash": "0x" + "00" * 32, "fromBlock": "0x1"}, {"topics": [[["0x"]]]}, "0x" + "11" * 20, "0x" + "22" * 32,
)  # fmt: skip
TYPES: Final = ("none", "HS512", "RS256", "hs256", "", None, 7)
NO_CLAIMS: Final = (
    b"",
    b"[]",
    b"{}",
    b"null",
    b"1",
    b"{" * 900,
    b'{"iat":1e999}',
    b'{"iat":NaN}',
    b"\xff",
    b'{"iat":9' + b"9" * 900,
)


def mutated(dice: random.Random, data: bytes) -> bytes:
    """A few bytes changed, cut, doubled, dropped."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(5):
            case 0 if out:
                out[at % len(out)] ^= 1 << dice.randrange(8)
            case 1:
                del out[at:]
            case 2:
                out[at:at] = dice.randbytes(dice.randint(1, 9))
            case 3:
                del out[at : at + dice.randint(1, 9)]
            case _:
                out[at:at] = out[max(0, at - 40) : at]
    return bytes(out)


def call(dice: random.Random, methods: list[str]) -> bytes:
    """A JSON-RPC request that is wrong somewhere."""
    params = [dice.choice(NASTY) for _ in range(dice.randint(0, 4))]
    request: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": dice.choice(methods), "params": params}
    if dice.random() < 0.2:
        request[dice.choice(["jsonrpc", "id", "method", "params", "more"])] = dice.choice(NASTY)
    text = json.dumps(request).encode()
    match dice.randrange(12):
        case 0:
            return mutated(dice, text)
        case 1:
            depth = dice.choice([10, 200, 2_000, 100_000])
            return b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":' + b"[" * depth + b"]" * depth + b"}"
        case 2:
            return text[:-1] + b',"method":"web3_clientVersion","params":[]}'  # the last of two counts
        case 3:
            return b"[" + b",".join([text] * dice.choice([0, 1, 30, 1001])) + b"]"
        case 4:
            return text.replace(b"1", b"9" * dice.choice([30, 3_000]), 1)
        case 5:
            return text.decode().encode(dice.choice(["utf-16", "utf-32"]))
        case _:
            return text


def http(dice: random.Random, host: str, body: bytes) -> bytes:
    """A request on the wire; more often than not it breaks HTTP itself."""
    head = [b"POST / HTTP/1.1", b"Host: " + host.encode(), b"Content-Type: application/json"]
    length = b"Content-Length: %d"
    match dice.randrange(12):
        case 0:
            head.append(length % (len(body) + dice.randint(-5, -1) if len(body) > 5 else 1))
        case 1:
            head += [length % len(body), length % (len(body) + 1)]
        case 2:
            head.append(b"Content-Length: " + dice.choice([b"-1", b"abc", b"1e3", b"9" * 30, b"+5", b"0x10", b""]))
        case 3:
            head += [b"Transfer-Encoding: chunked", length % len(body)]
        case 4:
            size = dice.choice([b"zz", b"-1", b"f" * 20, b"", b"%x" % len(body)])
            head.append(b"Transfer-Encoding: chunked")
            body = size + b"\r\n" + body + dice.choice([b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n"])
        case 5:
            body = dice.choice([gzip.compress(body)[:-9], b"\x1f\x8b" + body, gzip.compress(bytes(1 << 23))])
            head += [b"Content-Encoding: " + dice.choice([b"gzip", b"br", b"deflate, gzip"]), length % len(body)]
        case 6:
            head[0] = dice.choice(
                [
                    b"GET / HTTP/1.1",
                    b"POST / HTTP/9.9",
                    b"\0\0\0",
                    b"POST /" + b"a" * 70_000 + b" HTTP/1.1",
                    b"PRI * HTTP/2.0",
                ]
            )
            head.append(length % len(body))
        case 7:
            head += [b"X-%d: %s" % (at, b"y" * 200) for at in range(dice.choice([3, 500]))]
            head.append(length % len(body))
        case 8:
            head += [dice.choice([b"no colon", b" folded", b"Bad\0Name: 1", b"Host: evil.example"]), length % len(body)]
        case 9:
            return b"\r\n".join([*head, length % len(body), b"", body]) * dice.randint(2, 6)
        case 10:
            return mutated(dice, b"\r\n".join([*head, length % len(body), b"", body]))
        case _:
            head.append(length % len(body))
    return b"\r\n".join([*head, b"", body])


def frames(dice: random.Random, methods: list[str]) -> bytes:
    """What a WebSocket client may send after the handshake."""
    out = b""
    for _ in range(dice.randint(1, 4)):
        body = call(dice, methods) if dice.random() < 0.6 else dice.randbytes(dice.randint(0, 200))
        first = dice.choice([0x81, 0x81, 0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0x8A, 0x83, 0xC1, 0xFF])
        mask = dice.randbytes(4) if dice.random() < 0.9 else b""
        told = dice.choice([len(body)] * 8 + [len(body) + 5, 2**62])
        flag = 0x80 if mask else 0
        if told < 126:
            head = bytes([first, flag | told])
        elif told < 1 << 16:
            head = bytes([first, flag | 126]) + struct.pack(">H", told)
        else:
            head = bytes([first, flag | 127]) + struct.pack(">Q", told)
        out += head + mask + (bytes(one ^ mask[at % 4] for at, one in enumerate(body)) if mask else body)
    return out


def token(dice: random.Random, secret: bytes, now: int) -> str:
    """A JSON Web Token that must not open the door."""
    header: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
    claims: dict[str, Any] = {"iat": now}
    match dice.randrange(9):
        case 0:
            header["alg"] = dice.choice(TYPES)
        case 1:
            claims["iat"] = now + dice.choice([-3600, -120, 120, 3600, 2**40, -(2**70)])
        case 2:
            claims["iat"] = dice.choice([None, "now", [], {}, True, "1" * 30])
        case 3:
            secret = dice.randbytes(dice.choice([0, 31, 32, 64]))
        case 4:
            del claims["iat"]
        case 5:
            claims["exp"] = dice.choice([now - 61, 0, -1, "soon", [], -(2**70)])
        case 6:
            return _signed(secret, b'{"alg":"HS256"}', dice.choice(NO_CLAIMS))
        case 7:
            head = dice.choice([b"", b"[]", b"null", b'{"alg":"none","alg":"HS256"', b"{" * 900, b'"HS256"', b"\xff"])
            return _signed(secret, head, json.dumps(claims).encode())
        case _:
            good = ".".join([_base64(b"{}"), _base64(b"{}"), _base64(dice.randbytes(32))])
            return dice.choice(["", ".", "..", "a.b.c", good, good + ".x", "é".encode().decode("latin-1"), "=" * 500])
    parts = [json.dumps(part).encode() for part in (header, claims)]
    if header["alg"] in ("none", "", None):
        return ".".join([*map(_base64, parts), ""])
    return _signed(secret, *parts)


def _signed(secret: bytes, header: bytes, claims: bytes) -> str:
    body = f"{_base64(header)}.{_base64(claims)}"
    return f"{body}.{_base64(hmac.digest(secret, body.encode(), hashlib.sha256))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def payload(dice: random.Random, good: dict[str, Any]) -> list[Any]:
    """Parameters of engine_newPayloadV4 with something wrong in them."""
    made = copy.deepcopy(good)
    params: list[Any] = [made, [], story.ZERO, []]
    field = dice.choice(list(made))
    match dice.randrange(6):
        case 0:
            del made[field]
        case 1:
            made[field] = dice.choice(NASTY)
        case 2:
            made["transactions"] = ["0x" + mutated(dice, bytes.fromhex(one[2:])).hex() for one in made["transactions"]]
        case 3 if isinstance(made[field], str) and len(made[field]) > 4:
            at = dice.randrange(2, len(made[field]))
            made[field] = made[field][:at] + dice.choice("0123456789abcdefxyz") + made[field][at + 1 :]
        case 4:
            params[dice.randrange(1, 4)] = dice.choice(NASTY)
        case _:
            del params[dice.randrange(4) :]
    return params
