"""Addresses, hashes and amounts as they stand in plan and deployment files."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel


def _hex(size: int) -> Any:
    def read(value: Any) -> bytes:
        if isinstance(value, bytes) and len(value) == size:
            return value
        if not isinstance(value, str) or not re.fullmatch(rf"0x[0-9a-fA-F]{{{2 * size}}}", value):
            raise ValueError(f"expected 0x and {2 * size} hexadecimal digits")
        return bytes.fromhex(value[2:])

    return read


def _not_zero(value: bytes) -> bytes:
    if not any(value):
        raise ValueError("the zero address owns nothing and signs nothing")
    return value


_written = PlainSerializer(lambda value: f"0x{value.hex()}", when_used="json")
Address = Annotated[bytes, BeforeValidator(_hex(20)), _written]
Party = Annotated[Address, AfterValidator(_not_zero)]
Hash = Annotated[bytes, BeforeValidator(_hex(32)), _written]
ChainId = Annotated[int, Field(ge=1, lt=1 << 64)]
Seconds = Annotated[int, Field(ge=0, lt=1 << 40)]


class File(BaseModel):
    """Keys in camel case; an unknown one is refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )
