"""Keys of a resource as options of a node: the reference that is passed, the files it needs, the address it has."""

from __future__ import annotations

from dataclasses import dataclass

from ..api.references import SigningKey
from . import dev_accounts
from .errors import Unmet
from .workload import Argument, File, FileOf, Joined, SecretKey


@dataclass(frozen=True, slots=True)
class Signer:
    address: str  # 0x and lower case
    reference: Argument
    files: tuple[File, ...] = ()


def signer(key: SigningKey | None, role: str, *, dev: bool, default: int, path: str) -> Signer:
    """The key of `role`, or dev account `default` where the L1 is a dev chain and none is named. Raises `Unmet`."""
    if key is None:
        if not dev:
            raise Unmet("KeyMissing", f"{path} is needed: only a dev L1 has accounts that everybody may sign with")
        key = SigningKey(dev_account=default)
    if key.dev_account is not None:
        if not dev:
            raise Unmet("DevelopmentKey", f"{path}.devAccount: everybody knows its key, and the L1 is no dev chain")
        return Signer(dev_accounts.ADDRESSES[key.dev_account], f"dev:{key.dev_account}")
    assert key.address is not None, "the model asks for it"
    address = key.address.lower()
    if address in dev_accounts.ADDRESSES and not dev:
        raise Unmet("DevelopmentKey", f"{path}.address: everybody knows its key, and the L1 is no dev chain")
    if key.web3signer is not None:
        return Signer(address, f"web3signer:{key.web3signer.url}#{key.web3signer.public_key}")
    assert key.secret is not None, "the model asks for one of them"
    main, password = f"{role}.key", f"{role}.password"
    file = File(main, SecretKey(key.secret.name, key.secret.key))
    if key.secret.password_key is None:
        return Signer(address, Joined(("file:", FileOf(main))), (file,))
    more = File(password, SecretKey(key.secret.name, key.secret.password_key))
    return Signer(address, Joined(("keystore:", FileOf(main), "?password=", FileOf(password))), (file, more))
