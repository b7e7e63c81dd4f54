"""Read ``.io`` files: ``//`` a comment, ``>>`` a request, ``<<`` the recorded answer."""

from __future__ import annotations

from dataclasses import dataclass


class FormatError(Exception):
    """The file is not a list of requests with an answer each."""


@dataclass(frozen=True, slots=True)
class Exchange:
    request: str
    answer: str
    schema_only: bool  # the recorded answer is one client's; only its form is prescribed


def parse(text: str) -> list[Exchange]:
    exchanges: list[Exchange] = []
    request: str | None = None
    lines = text.splitlines()
    schema_only = any(line.startswith("//") and "speconly" in line for line in lines)
    for line in lines:
        if line.startswith(">>"):
            if request is not None:
                raise FormatError("a request without an answer")
            request = line[2:].strip()
        elif line.startswith("<<"):
            if request is None:
                raise FormatError("an answer without a request")
            exchanges.append(Exchange(request, line[2:].strip(), schema_only))
            request = None
        elif line.strip() and not line.startswith("//"):
            raise FormatError(f"line {line[:40]!r}")
    if request is not None or not exchanges:
        raise FormatError("no answer at the end")
    return exchanges
