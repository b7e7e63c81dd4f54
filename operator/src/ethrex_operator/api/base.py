"""What every kind is made of: a model that refuses what it does not know, rules with two forms, a resource's frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

GROUP: Final = "ethrex.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAME_CHARACTERS: Final = 40  # of an object's: what it is lengthened by for its children has to fit in 63
QUANTITY_PATTERN: Final = r"^[1-9][0-9]{0,14}(\.[0-9]{1,3})?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
FACTORS: Final = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
    "Ti": 1 << 40,
}

Name = Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=NAME_CHARACTERS)]
Namespace = Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=63)]  # as long as Kubernetes lets it be
Text = Annotated[str, Field(max_length=1024)]
Key = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", min_length=42, max_length=42)]
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$", min_length=66, max_length=66)]
Quantity = Annotated[str, Field(pattern=QUANTITY_PATTERN, max_length=24)]
Wei = Annotated[str, Field(pattern=r"^[0-9]+$", max_length=30)]  # more than JSON's numbers hold
Money = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", max_length=16)]
ChainId = Annotated[int, Field(ge=1, le=(1 << 53) - 1)]
Seconds = Annotated[int, Field(ge=0, le=1 << 31)]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A rule over more than one field, once for the API server and once for here.

    `cel` is over ``self``; `path` names the field that a message is about, from the model on. A rule that speaks of
    ``oldSelf`` has no form here: there is no older object on a laptop.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    path: str = ""


class Model(BaseModel):
    """Keys in camel case, nothing unknown, nothing changed once it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            if rule.holds is not None and not rule.holds(self):
                raise PydanticCustomError("rule", "{message}", {"message": rule.message, "path": rule.path})
        return self


class Metadata(BaseModel):
    """As much of an object's metadata as is looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True)

    name: Name
    namespace: Namespace = "default"
    uid: str = ""
    generation: int = 1
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()


class Resource(BaseModel):
    """The frame of every kind. A subclass says `spec`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    api_version: str = Field(default=API_VERSION, pattern=f"^{GROUP}/{VERSION}$")
    kind: str
    metadata: Metadata
    status: dict[str, Any] = Field(default={})

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace


def size_bytes(quantity: str) -> int:
    """Of a quantity of memory or storage. A fraction of a byte is rounded down."""
    digits = quantity.rstrip("kKiMGT")
    return int(float(digits) * FACTORS[quantity[len(digits) :]])
