"""
Log lines, as text for people or JSON for machines, written by a thread of their own.

A terminal or a pipe that does not take what is written would stop the event loop; so a record goes into a queue, and
the listener's thread formats and writes it. Ids travel in `extra` (``log.info("sealed", extra={"block": 7})``) and come
out as ``block=7`` or as a field of the object.
"""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import queue
import sys
import time
from dataclasses import dataclass
from typing import Any, Final, TextIO

LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
PACKAGE: Final = "ethrex_node."
QUIET: Final = ("aiohttp.access", "asyncio", "urllib3", "opentelemetry")  # libraries: warnings and errors only
QUEUED: Final = 100_000  # records that may wait; beyond that they are dropped and counted
COLORS: Final = {"ERROR": "\033[31m", "WARNING": "\033[33m", "INFO": "\033[32m", "DEBUG": "\033[36m"}
PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What `extra` brought."""
    return {key: value for key, value in vars(record).items() if key not in PLAIN}


def show(value: Any) -> Any:
    """A value as a log has it: bytes as hex, what JSON knows as it is, anything else as text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "0x" + bytes(value).hex()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class Text(logging.Formatter):
    """``08:05:01.123 INFO  chain  sealed block  block=7``; lines of a traceback follow."""

    def __init__(self, *, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = f"{record.levelname:<7}"
        if self._color:
            level = f"{COLORS.get(record.levelname, '')}{level}\033[0m"
        name = record.name.removeprefix(PACKAGE)
        ids = "".join(f"  {key}={_word(show(value))}" for key, value in fields(record).items())
        line = f"{clock}.{int(record.msecs):03d} {level} {name:<10} {_one_line(record.getMessage())}{ids}"
        return line + _trouble(self, record)


class Json(logging.Formatter):
    """One object a line: time (UTC, RFC 3339), level, logger, message, the ids, and the traceback as `error`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{clock}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix(PACKAGE),
            "message": record.getMessage(),
        }
        for key, value in fields(record).items():
            line.setdefault(key, show(value))
        trouble = _trouble(self, record).lstrip("\n")
        if trouble:
            line["error"] = trouble
        return json.dumps(line, ensure_ascii=False)


def _trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and the stack, each line below the record's."""
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "".join(f"\n{part}" for part in parts)


def _word(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\r\t') else text


def _one_line(text: str) -> str:
    """What others sent must not look like lines of ours."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


class _Queue(logging.handlers.QueueHandler):
    """Never waits: a record that finds the queue full is counted and gone."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.getMessage()  # arguments are read now: they may change before the thread formats them
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


@dataclass(slots=True)
class Logging:
    """Logging in force, from `start` to `stop`."""

    handler: _Queue
    listener: logging.handlers.QueueListener

    @property
    def dropped(self) -> int:
        return self.handler.dropped

    def stop(self) -> None:
        """Write what waits, then fall silent."""
        logging.getLogger().removeHandler(self.handler)
        self.listener.stop()


def start(level: str = "info", form: str = "text", color: str = "auto", stream: TextIO | None = None) -> Logging:
    """Send all logs to `stream` (standard error). A line on standard output is whole from now on."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Unbuffered, `print` writes a line in two parts, and a log line came between.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)
    target = stream or sys.stderr
    colored = color == "always" or (color == "auto" and target.isatty())
    output = logging.StreamHandler(target)
    output.setFormatter(Json() if form == "json" else Text(color=colored))
    handler = _Queue(queue.Queue(QUEUED))
    listener = logging.handlers.QueueListener(handler.queue, output)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    listener.start()
    return Logging(handler, listener)
