"""
Keys that spend L1 money: in a keystore file, in an environment variable, or with a remote signer (Web3Signer).

A signer is named by text that is safe to show: ``keystore:FILE`` (``?password=FILE`` for the file with its password),
``file:FILE`` (32 bytes as hex, such as a mounted secret), ``env:NAME``, ``web3signer:URL#PUBLIC_KEY``. A key in clear is refused: command lines are read by every process. The keys
of dev chains are refused where the chain is not one; where it is, ``dev:N`` names account N of the usual mnemonic.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import coincurve
import orjson
from eth_keyfile import keyfile

from ethrex_node import _native
from ethrex_node.dev import accounts

SIGNATURE_BYTES: Final = 65
REMOTE_SECONDS: Final = 10.0
DEV_CHAINS: Final = frozenset({1337, 31337})
DEV_KEYS_KNOWN: Final = 20  # of the usual mnemonic
FORMS: Final = "keystore:FILE[?password=FILE], file:FILE, env:NAME, web3signer:URL#PUBLIC_KEY or, where the L1 is a dev chain, dev:N"
HALF_ORDER: Final = accounts.CURVE_ORDER // 2


class SignerError(Exception):
    """A key cannot be used.

    SignerError
    + BadReference    the text does not name a key
    + KeyUnusable     the file, variable or password is missing or wrong
    + DevelopmentKey  public knowledge, and this is no dev chain
    + RemoteFailed    the remote signer does not answer, or with another key's signature: come again
    """


class BadReference(SignerError):
    pass


class KeyUnusable(SignerError):
    pass


class DevelopmentKey(SignerError):
    def __init__(self, address: bytes, chain_id: int) -> None:
        super().__init__(
            f"0x{address.hex()} is a dev chain's account, everybody knows its key; chain {chain_id} is none"
        )
        self.address, self.chain_id = address, chain_id


class RemoteFailed(SignerError):
    pass


class Signer(Protocol):
    @property
    def address(self) -> bytes: ...

    async def sign(self, preimage: bytes) -> bytes:
        """Over keccak256 of `preimage`: r, s, parity (65 bytes). Raises `RemoteFailed`."""
        ...


@dataclass(frozen=True)
class LocalSigner:
    """The key is in memory and in no repr."""

    address: bytes
    _key: bytes = field(repr=False)

    async def sign(self, preimage: bytes) -> bytes:
        return _native.sign_hash(self._key, _native.keccak256(preimage))


@dataclass(frozen=True)
class RemoteSigner:
    """Web3Signer's `eth1/sign`: it hashes what it is given."""

    address: bytes
    url: str
    public_key: bytes
    session: aiohttp.ClientSession = field(repr=False)

    async def sign(self, preimage: bytes) -> bytes:
        where = f"{self.url.rstrip('/')}/api/v1/eth1/sign/0x{self.public_key.hex()}"
        timeout = aiohttp.ClientTimeout(total=REMOTE_SECONDS)
        body, headers = orjson.dumps({"data": "0x" + preimage.hex()}), {"Content-Type": "application/json"}
        try:
            async with self.session.post(where, data=body, headers=headers, timeout=timeout) as response:
                text = (await response.content.read(4096)).decode("ascii", "replace").strip().strip('"')
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise RemoteFailed(f"remote signer {self.url}: {error or 'no answer'}") from error
        if status != 200:
            raise RemoteFailed(f"remote signer {self.url}: status {status}, {text[:200]}")
        return self._checked(text, _native.keccak256(preimage))

    def _checked(self, text: str, digest: bytes) -> bytes:
        """The signature with parity 0 or 1, if it is this key's."""
        try:
            signature = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            raise RemoteFailed(f"remote signer {self.url}: {text[:80]!r} is not a signature") from None
        if len(signature) == SIGNATURE_BYTES and signature[64] >= 27:
            signature = signature[:64] + bytes([signature[64] - 27])
        if recover(digest, signature) != self.address:
            raise RemoteFailed(f"remote signer {self.url}: the signature is not that of 0x{self.address.hex()}")
        return signature


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Whose signature (r, s, parity) it is; None for none, also for one with a high s (EIP-2)."""
    if len(signature) != SIGNATURE_BYTES or signature[64] > 1 or int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        public = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception:  # what libsecp256k1 cannot recover is a ValueError or a bare Exception of coincurve's
        return None
    return address_of(public)


def address_of(public: coincurve.PublicKey) -> bytes:
    return _native.keccak256(public.format(compressed=False)[1:])[12:]


def local(key: bytes) -> LocalSigner:
    """Raises `KeyUnusable`."""
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < accounts.CURVE_ORDER:
        raise KeyUnusable("the key is not one of secp256k1 (32 bytes, below the order of the curve)")
    public = coincurve.PrivateKey(key).public_key
    return LocalSigner(address_of(public), key)


async def open_signer(
    reference: str,
    chain_id: int,
    session: aiohttp.ClientSession | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Signer:
    """The signer that `reference` names, for use on L1 `chain_id`. Raises `SignerError`."""
    kind, _, rest = reference.partition(":")
    if re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", reference):
        raise BadReference(f"a key in clear is not taken: name a {FORMS}")
    signer: Signer
    if kind == "keystore":
        signer = await asyncio.to_thread(_from_keystore, rest)
    elif kind == "file":
        signer = await asyncio.to_thread(_from_file, rest)
    elif kind == "env":
        signer = _from_environment(rest, environment)
    elif kind == "web3signer":
        signer = _remote(rest, session)
    elif kind == "dev":
        signer = _of_dev_chain(rest)
    else:
        raise BadReference(f"{reference[:40]!r} names no key: use {FORMS}")
    refuse_development_key(signer.address, chain_id)
    return signer


def refuse_development_key(address: bytes, chain_id: int) -> None:
    """Raises `DevelopmentKey`."""
    if chain_id not in DEV_CHAINS and address in {one.address for one in accounts.derive(count=DEV_KEYS_KNOWN)}:
        raise DevelopmentKey(address, chain_id)


def _from_keystore(text: str) -> LocalSigner:
    """Web3 Secret Storage. Without a password file the password is in ETHREX_KEYSTORE_PASSWORD. Slow by design."""
    name, _, query = text.partition("?password=")
    try:
        content = orjson.loads(Path(name).read_bytes())
        password = Path(query).read_text().rstrip("\r\n") if query else os.environ.get("ETHREX_KEYSTORE_PASSWORD")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"keystore: {error}") from None
    except orjson.JSONDecodeError:
        raise KeyUnusable(f"{name} is not a keystore: it is not JSON") from None
    if password is None:
        raise KeyUnusable(f"{name}: no password; add ?password=FILE or set ETHREX_KEYSTORE_PASSWORD")
    try:
        return local(keyfile.decode_keyfile_json(content, password.encode()))
    except (ValueError, KeyError, TypeError, NotImplementedError, AttributeError) as error:
        raise KeyUnusable(f"{name}: {error}") from None


def _from_file(name: str) -> LocalSigner:
    try:
        text = Path(name).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"the key file {name}: {error}") from None
    return _from_hex(text, f"the key file {name}")


def _from_environment(name: str, environment: Mapping[str, str]) -> LocalSigner:
    text = environment.get(name, "")
    if not text:
        raise KeyUnusable(f"the environment variable {name} is not set")
    return _from_hex(text, f"the environment variable {name}")


def _from_hex(text: str, where: str) -> LocalSigner:
    """Raises `KeyUnusable`, and shows nothing of the text."""
    try:
        return local(bytes.fromhex(text.strip().removeprefix("0x")))
    except ValueError:
        raise KeyUnusable(f"{where} does not hold 32 bytes as hex") from None


def _of_dev_chain(text: str) -> LocalSigner:
    if not (text.isascii() and text.isdecimal() and len(text) < 3 and int(text) < DEV_KEYS_KNOWN):
        raise BadReference(f"dev:{text[:40]}: a dev chain has the accounts dev:0 to dev:{DEV_KEYS_KNOWN - 1}")
    return local(accounts.derive(count=int(text) + 1)[-1].key)


def _remote(text: str, session: aiohttp.ClientSession | None) -> RemoteSigner:
    url, _, identifier = text.partition("#")
    if session is None:
        raise BadReference("a remote signer is not usable here")
    try:
        key = bytes.fromhex(identifier.removeprefix("0x"))
        public = coincurve.PublicKey(b"\x04" + key if len(key) == 64 else key)
    except ValueError:
        raise BadReference(f"web3signer:URL#PUBLIC_KEY: {identifier[:140]!r} is not a public key") from None
    return RemoteSigner(address_of(public), url, public.format(compressed=False)[1:], session)
