"""Generated malformed files, from a seed: genesis, config, chain files, secrets; and blob transactions."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.config import forks, settings
from faults import malform

FORK_TIMES: Final = (None, 0, 1, 7, 2**63, 2**64 - 1, "0x0", -1, 3.5)
ENDLESS: Final = "<endless>"  # becomes a number that Python itself would not read
HUGE: Final[tuple[Any, ...]] = (
    2**63,
    2**64,
    2**256,
    -1,
    10**4000,
    ENDLESS,
    1.5e300,
    "0x" + "f" * 65,
    "9" * 101,
    True,
    [],
    {},
    "seven",
)
NOT_A_SECRET: Final = ("", "0x", "zz" * 32, "0x" + "11" * 31, "11" * 33, "0x0x" + "11" * 31, "é" * 64, "\0" * 64)
# Items where RLP has a block's or a transaction's: too long, too short, of the other kind, not minimal, endless.
ITEMS: Final[tuple[Any, ...]] = (
    b"",
    b"\0",
    b"\0\1",
    b"\xff" * 33,
    bytes(32),
    bytes(20),
    b"\x7f" * 300,
    [],
    [[]],
    [b""] * 5,
    [[b"", []]],
)
BROKEN_RLP: Final = (
    b"\xbf" + b"\xff" * 8,
    b"\xff" + b"\xff" * 8,
    b"\x81\x01",
    b"\xb8\x01\x00",
    b"\xf8\x00",
    b"\xc1" * 5_000,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of everything inside lists and objects."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
        yield from _places(value[key], (*path, key))


def _parent(value: Any, path: Sequence[Any]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def _endless(text: str) -> bytes:
    return text.replace(f'"{ENDLESS}"', "9" * 5_000).encode()


def genesis(dice: random.Random, good: dict[str, Any]) -> bytes:
    """One or two things wrong in it."""
    made = copy.deepcopy(good)
    for _ in range(dice.randint(1, 2)):
        path = dice.choice(list(_places(made)))
        holder, key = _parent(made, path), path[-1]
        match dice.randrange(8):
            case 0:
                del holder[key]
            case 1:
                holder[key] = dice.choice(malform.NASTY)
            case 2:
                holder[key] = dice.choice(HUGE)
            case 3 if isinstance(holder, dict):
                holder[dice.choice([key[1:], key + "x", key.upper(), "0x" + key, ""])] = holder.pop(key)
            case 4 | 5 if isinstance(made.get("config"), dict):
                for fork in dice.sample(sorted(forks.KEYS), 3):
                    made["config"][fork] = dice.choice(FORK_TIMES)
            case 6:
                field = dice.choice(list(made))
                made[field] = dice.choice(HUGE)
            case _ if isinstance(holder, dict):
                holder[str(key) + " "] = holder[key]
    text = _endless(json.dumps(made))
    match dice.randrange(8):
        case 0:
            return malform.mutated(dice, text)
        case 1:  # a key twice: the last counts
            return text[:-1] + b"," + json.dumps({dice.choice(list(good)): dice.choice(HUGE)}).encode()[1:]
        case 2:
            depth = dice.choice([60, 70, 1_000, 200_000])
            return text[:-1] + b',"more":' + b"[" * depth + b"]" * depth + b"}"
        case _:
            return text


def config(dice: random.Random) -> bytes:
    """TOML, mostly of known options with values that are not theirs."""
    names = [option.name for option in settings.TABLE.options]
    lines = []
    for name in dice.sample(names, dice.randint(1, 3)):
        match dice.randrange(6):
            case 0:
                name = dice.choice([name + "x", name[1:], name.upper(), f'"{name}"', "", name.replace(".", "..")])
            case 1:
                lines.append(f"{name} = 1")
            case 2:
                name = f"{name}.{name}"
        values = [1, -1, 2**70, ENDLESS, 1.5, "x", "", "0", "\\u0000", True, [], ["a", 1], {"a": 1}, [[[]]], "é" * 300]
        value = json.dumps(dice.choice(values))
        lines.append(f"{name} = {dice.choice([value] * 6 + ['nan', 'inf', '1979-05-27', '0x', '[' * 3_000, ''])}")
    text = _endless("\n".join(lines))
    return malform.mutated(dice, text) if dice.random() < 0.3 else text


def secret(dice: random.Random) -> bytes:
    """Never 64 hexadecimal digits."""
    if dice.random() < 0.5:
        return dice.choice(NOT_A_SECRET).encode()
    return dice.randbytes(dice.choice([0, 1, 32, 63, 64, 66, 100_000]))


def chain(dice: random.Random, blocks: Sequence[bytes]) -> tuple[bytes, int, bool]:
    """A chain file that is wrong in one place, how many blocks before it are good, and whether it is gzipped."""
    at = dice.randrange(len(blocks))
    before, block, after = b"".join(blocks[:at]), blocks[at], b"".join(blocks[at + 1 :])
    match dice.randrange(7):
        case 0:
            bad = block[: dice.randrange(1, len(block))]
            after = b""
        case 1:
            bad = changed(dice, block)
        case 2:
            bad = changed(dice, block)
        case 3:
            bad = dice.choice(BROKEN_RLP)
        case 4:
            place = dice.randrange(len(block))
            bad = block[:place] + bytes([block[place] ^ 1 << dice.randrange(8)]) + block[place + 1 :]
        case 5:
            bad = dice.randbytes(dice.randint(1, 5_000))
        case _:  # the block is missing; without one after it the file is only shorter
            bad = b"" if after else b"\x80"
    data = before + bad + after
    if dice.random() < 0.25:
        return gzip.compress(data, 1), at, True
    return data, at, False


def cut_gzip(dice: random.Random, blocks: Sequence[bytes]) -> bytes:
    """Cut or damaged within the packed form: what of it can be read is good."""
    packed = gzip.compress(b"".join(blocks), 1)
    if dice.random() < 0.5:
        return packed[: dice.randrange(len(packed))]
    at = dice.randrange(len(packed))
    return packed[:at] + dice.randbytes(8) + packed[at + 8 :]


def changed(dice: random.Random, encoded: bytes) -> bytes:
    """Well-formed RLP with another item somewhere."""
    tree = _native.rlp_decode(encoded)
    path = dice.choice(list(_places(tree)))
    holder, key = _parent(tree, path), path[-1]
    held = holder[key]
    while True:
        match dice.randrange(4):
            case 0:
                del holder[key]
                break
            case 1:
                holder.insert(key, copy.deepcopy(held))
                break
            case _:
                holder[key] = copy.deepcopy(dice.choice(ITEMS))
                if holder[key] != held:
                    break
    return bytes(_native.rlp_encode(tree))


def blobs(dice: random.Random, good: bytes) -> bytes:
    """A blob transaction as it travels, with another sidecar than its own. `good`: of two blobs, with cell proofs."""
    body, version, held, commitments, proofs = _native.rlp_decode(good[1:])
    fields = [body, version, list(held), list(commitments), list(proofs)]
    lists = fields[2:]
    chosen: list[Any] = dice.choice(lists)
    at = dice.randrange(len(chosen))
    match dice.randrange(10):
        case 0:
            del chosen[at]
        case 1:
            chosen.append(chosen[at])
        case 2:
            place = dice.randrange(len(chosen[at]))
            chosen[at] = chosen[at][:place] + bytes([chosen[at][place] ^ 1]) + chosen[at][place + 1 :]
        case 3:
            chosen[at] = chosen[at][: dice.randrange(len(chosen[at]))]
        case 4:
            chosen[at] = dice.choice([b"\xff" * len(chosen[at]), b"\xc0" + bytes(len(chosen[at])), [chosen[at]]])
        case 5:
            lists[0].reverse()
        case 6:
            lists[dice.choice([1, 2])].reverse()
        case 7:
            fields[1] = dice.choice([b"", b"\0", b"\2", b"\xff", b"\1\1", []])
        case 8:
            del fields[dice.randrange(len(fields))]
        case _:
            chosen.clear()
    return b"\3" + bytes(_native.rlp_encode(fields))
