"""How one object names another, and where what is secret lies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import Address, Key, Model, Name, Namespace, Rule, Url


class ObjectRef(Model):
    """An object, in this namespace unless another is named."""

    name: Name
    namespace: Namespace | None = None


class ConfigMapKey(Model):
    """One key of a ConfigMap of the same namespace."""

    name: Name
    key: Key


class SecretKey(Model):
    """One key of a Secret of the same namespace. Only the pods that need it see it; the operator reads no Secret."""

    name: Name
    key: Key
    password_key: Key | None = None
    """Key of the same Secret with the password, where the first one holds a keystore (Web3 Secret Storage)."""


class RemoteSigner(Model):
    """A Web3Signer that holds the key."""

    url: Url
    public_key: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{66,130}$", max_length=132)]
    """Compressed or not, as the signer knows it."""


class SigningKey(Model):
    """Who signs. Exactly one of the three; the address that is named is the one that L1 learns."""

    address: Address | None = None
    """Whose key it is. Needed with everything but a dev account; a node that finds another key refuses to start."""
    secret: SecretKey | None = None
    web3signer: RemoteSigner | None = None
    dev_account: Annotated[int, Field(ge=0, le=9)] | None = None
    """An account of the dev mnemonic, whose keys everybody knows: only on a dev L1."""

    rules = (
        Rule(
            "[has(self.secret), has(self.web3Signer), has(self.devAccount)].filter(x, x).size() == 1",
            "exactly one of secret, web3Signer, devAccount",
            lambda key: sum(one is not None for one in (key.secret, key.web3signer, key.dev_account)) == 1,
        ),
        Rule(
            "has(self.devAccount) != has(self.address)",
            "address is needed, but for a devAccount, whose address is known",
            lambda key: (key.dev_account is None) != (key.address is None),
            "address",
        ),
    )
