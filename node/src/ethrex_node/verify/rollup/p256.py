"""The precompile of EIP-7951: an ECDSA signature over the curve P-256, checked in plain numbers."""

from __future__ import annotations

from typing import Final

P: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A: Final = P - 3
B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
GAS: Final = 6_900
INPUT_BYTES: Final = 160

Point = tuple[int, int] | None  # None: the point at infinity


def verify(data: bytes) -> bool:
    """Of hash ‖ r ‖ s ‖ x ‖ y."""
    if len(data) != INPUT_BYTES:
        return False
    digest, r, s, x, y = (int.from_bytes(data[at : at + 32], "big") for at in range(0, INPUT_BYTES, 32))
    if not (0 < r < N and 0 < s < N and x < P and y < P and _is_on_curve(x, y)):
        return False
    inverse = pow(s, -1, N)
    point = _add(_times(digest * inverse % N, G), _times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


def _is_on_curve(x: int, y: int) -> bool:
    return (x, y) != (0, 0) and (y * y - (x * x * x + A * x + B)) % P == 0


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if (y1 + y2) % P == 0:
            return None
        slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def _times(factor: int, point: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total
