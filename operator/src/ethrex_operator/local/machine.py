"""
This machine as a place: where a workload's folders, files and ports are, and the command line that comes of it.

A token is made once for a service account and an audience and kept in the folder of the run, readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..topology import workload as parts
from ..topology.workload import Workload
from .library import Library
from .ports import LOOPBACK, Ports

TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Command:
    """What is started, and the files it finds."""

    program: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str]
    files: Mapping[Path, bytes]
    folders: tuple[Path, ...]
    result: Path

    @property
    def digest(self) -> str:
        """Another one means that the process has to be started anew."""
        seen = hashlib.sha256()
        for word in (self.program, *self.arguments, "", *(" ".join(one) for one in self.before), ""):
            seen.update(word.encode() + b"\0")
        for name, value in sorted(self.environment.items()):
            seen.update(f"{name}={value}\0".encode())
        for path, content in sorted(self.files.items()):
            seen.update(f"{path}\0".encode() + hashlib.sha256(content).digest())
        return seen.hexdigest()[:32]


class Machine:
    """A `Place`. Lives with the supervisor. Unless `keep`, tokens that it has to make are forgotten."""

    def __init__(self, folder: Path, ports: Ports, library: Library, *, keep: bool = True) -> None:
        self._folder, self._keep = folder, keep
        self._ports = ports
        self._library = library

    def render(self, workload: Workload) -> Command:
        """Raises LookupError, `Missing`."""
        environment = {
            name: parts.filled(value, workload, self)
            for name, value in workload.environment.items()
            if not isinstance(value, parts.Admission)
        }
        return Command(
            program=workload.program.value,
            arguments=parts.command(workload.arguments, workload, self),
            before=tuple(parts.command(one, workload, self) for one in workload.before),
            environment=environment,
            files={Path(self.file(workload, file.name)): self._content(file) for file in workload.files},
            folders=tuple(
                Path(self.volume(workload, name))
                for name in (*workload.scratch, *(volume.name for volume in workload.volumes))
            ),
            result=Path(self.result(workload)),
        )

    # what a place says

    def url(self, part: parts.UrlOf) -> str:
        return f"http://{LOOPBACK}:{self._ports.of(part.workload, part.port)}"

    def own_port(self, workload: Workload, port: parts.Port) -> int:
        return self._ports.of(workload.name, port.name)

    def own_address(self) -> str:
        return LOOPBACK

    def own_name(self, workload: Workload) -> str:
        return workload.name

    def volume(self, workload: Workload, name: str) -> str:
        return str(self._folder / "data" / workload.name / name)

    def file(self, workload: Workload, name: str) -> str:
        return str(self._folder / "files" / workload.name / name)

    def result(self, workload: Workload) -> str:
        return str(self._folder / "results" / f"{workload.name}.json")

    def admission(self, workload: Workload, asked: parts.Admission) -> tuple[str, ...]:
        return (f"{asked.prefix}tokens", self.file(workload, asked.file))

    def token(self, account: str, audience: str) -> str:
        path = self._folder / "files" / "tokens" / f"{account}@{audience}"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            token = secrets.token_hex(TOKEN_BYTES)
            if self._keep:
                write_private(path, token.encode())
            return token

    def _content(self, file: parts.File) -> bytes:
        match file.content:
            case parts.Text(content):
                return content.encode()
            case parts.SecretKey(secret, key):
                return self._library.secret(secret, key)
            case parts.ConfigKey(config_map, key):
                return self._library.config(config_map, key)
            case parts.IdentityToken(audience, account):
                return self.token(account, audience).encode()
            case parts.Guests(audience, guests):
                lines = (
                    f"{guest.role} {guest.name} {self.token(guest.account, audience)} {guest.pool}".rstrip()
                    for guest in guests
                )
                return ("\n".join(lines) + "\n").encode()


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    new.replace(path)
