"""Log lines with the fields that a reader needs behind the words; text for people, JSON for collectors."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any, Final

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        told = super().format(record)
        words = "".join(f"  {name}={value}" for name, value in _fields(record).items())
        first, newline, rest = told.partition("\n")
        return f"{first}{words}{newline}{rest}"


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def start(level: str, form: str) -> None:
    """Send all logs to standard error. A line on standard output is whole from now on."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Unbuffered, `print` writes a line in two parts, and a log line came between.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN and not name.startswith("k8s_")}
