"""Log lines in both forms, and that a reader who does not read costs the node nothing."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ethrex_node.observe import logs

log = logging.getLogger("ethrex_node.chain")


@pytest.fixture(autouse=True)
def quiet_root() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    logging.captureWarnings(False)


def written(form: str, level: str = "info", color: str = "never") -> tuple[logs.Logging, io.StringIO]:
    stream = io.StringIO()
    return logs.start(level, form, color, stream), stream


def test_a_text_line_has_time_level_part_message_and_ids() -> None:
    started, stream = written("text")

    log.info("sealed %s", "block", extra={"block": 7, "hash": b"\x01\x02", "why": "a b"})
    started.stop()

    line = stream.getvalue()
    assert re.fullmatch(
        r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    chain      sealed block  block=7  hash=0x0102  why="a b"\n',
        line,
    )


def test_a_json_line_has_the_ids_as_fields() -> None:
    started, stream = written("json")

    log.warning("late", extra={"block": 7, "peer": None, "hash": b"\xff"})
    started.stop()

    line = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "warning", "logger": "chain", "message": "late", "block": 7, "peer": None, "hash": "0xff"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_message_from_outside_cannot_forge_a_line(form: str) -> None:
    started, stream = written(form)

    log.info("peer says %s", "x\n2026-01-01 ERROR forged", extra={"name_of": "a\nb"})
    started.stop()

    assert stream.getvalue().count("\n") == 1


def test_an_exception_follows_its_line() -> None:
    started, stream = written("json")

    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("no block")
    started.stop()

    line = json.loads(stream.getvalue())
    assert line["message"] == "no block"
    assert line["error"].endswith("ValueError: broken")


def test_below_the_level_nothing_is_written() -> None:
    started, stream = written("text", level="warning")

    log.info("no")
    log.warning("yes")
    started.stop()

    assert "yes" in stream.getvalue()
    assert "no " not in stream.getvalue()


def test_colours_are_for_terminals() -> None:
    plain, first = written("text", color="auto")
    log.info("x")
    plain.stop()
    colored, second = written("text", color="always")
    log.info("x")
    colored.stop()

    assert "\033[" not in first.getvalue()
    assert "\033[32m" in second.getvalue()


def test_arguments_are_read_when_the_line_is_logged() -> None:
    started, stream = written("text")
    changing = [1]

    log.info("%s", changing)
    changing.append(2)
    started.stop()

    assert "[1]" in stream.getvalue()


def test_a_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUED", 2)
    started, stream = written("text")
    started.listener.stop()  # nobody reads now

    for number in range(5):
        log.info("line %d", number)

    assert started.dropped == 3
    assert stream.getvalue() == ""
    logging.getLogger().removeHandler(started.handler)


@pytest.mark.parametrize("where", ["ethrex_node.observe", "ethrex_operator"])
def test_a_line_on_standard_output_leaves_in_one_write_though_python_is_unbuffered(where: str) -> None:
    code = f"from {where} import logs; logs.start('info', 'text'); print('JSON-RPC', 'here')"
    told, output = os.pipe2(os.O_DIRECT)  # a read gives one write
    try:
        command, unbuffered = [sys.executable, "-c", code], {**os.environ, "PYTHONUNBUFFERED": "1"}
        subprocess.run(command, env=unbuffered, stdout=output, timeout=60, check=True)

        assert os.read(told, 1000) == b"JSON-RPC here\n"
    finally:
        os.close(told)
        os.close(output)
