"""Options: where values come from, which one wins, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.config import contradictions, errors, options, settings, sources


def file(folder: Path, text: str) -> Path:
    path = folder / "ethrex.toml"
    path.write_text(text)
    return path


def test_nothing_given_leaves_the_defaults() -> None:
    told = sources.resolve({}, {})

    assert told.settings == settings.Settings()
    assert told.given == {}


def test_flag_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = file(tmp_path, '[http]\nport = 1\naddr = "file"\napi = ["eth", "debug"]\n')
    environment = {"ETHREX_HTTP_PORT": "2", "ETHREX_HTTP_ADDR": "environment"}

    told = sources.resolve({"http.port": "3"}, environment, path)

    chosen = told.settings
    assert (chosen.http_port, chosen.http_addr, chosen.http_api) == (3, "environment", ("eth", "debug"))
    assert told.given["http.port"] == "--http.port"
    assert told.given["http.addr"] == "ETHREX_HTTP_ADDR"
    assert told.given["http.api"] == f"http.api in {path}"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, "metrics = true\n")

    assert sources.resolve({}, {"ETHREX_CONFIG": str(path)}).settings.metrics


def test_a_table_may_switch_on_the_option_of_its_name(tmp_path: Path) -> None:
    path = file(tmp_path, "[dev]\nenabled = true\nblock-time = 2\n")

    told = sources.resolve({}, {}, path)

    assert (told.settings.dev, told.settings.dev_block_time) == (True, 2.0)


def test_a_dev_chain_has_defaults_of_its_own_and_they_yield() -> None:
    told = sources.resolve({"dev": True, "ws.enabled": False}, {})

    assert told.settings.datadir == settings.MEMORY
    assert "anvil" in told.settings.http_api
    assert not told.settings.ws_enabled


@pytest.mark.parametrize("option", settings.OPTIONS, ids=lambda option: option.name)
def test_every_option_has_a_twin_in_the_environment(option: options.Option) -> None:
    samples: dict[type, str] = {str: "text", int: "7", float: "1", bool: "true", Path: "/x", tuple: "a,b"}
    raw = option.choices[-1] if option.choices else samples[option.kind]
    raw = str(int(max(float(raw), option.low or 0))) if option.kind in (int, float) else raw

    told = sources.resolve({}, {option.variable: raw})

    assert told.given == {option.name: option.variable}
    assert getattr(told.settings, option.dest) == sources.read(option, raw, "")


def test_names_variables_and_fields_are_unique() -> None:
    for names in ([one.name for one in settings.OPTIONS], [one.variable for one in settings.OPTIONS]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("http.port", "abc", "X: 'abc' is not a whole number"),
        ("http.port", "65536", "X: 65536 is not between 0 and 65535"),
        ("http.port", True, "X: True is not a whole number"),
        ("http.port", 1.5, "X: 1.5 is not a whole number"),
        ("http.port", "9" * 5000, "is not a whole number"),
        ("rpc.timeout", "nan", "X: 'nan' is not a number"),
        ("rpc.timeout", "0", "X: 0.0 is not at least 0.001 seconds"),
        ("dev", "maybe", "X: 'maybe' is neither true nor false"),
        ("syncmode", "fulll", "X: 'fulll' is none of full, snap; did you mean full?"),
        ("datadir", "", "X: '' is not a path"),
        ("datadir", "a\0b", "is not a path"),
        ("http.api", [1], "X: [1] is not a list of texts"),
        ("network", 5, "X: 5 is not text"),
    ],
)
def test_a_wrong_value_is_refused_with_its_origin(name: str, raw: Any, message: str) -> None:
    with pytest.raises(errors.SettingsInvalid, match=re.escape(message)):
        sources.read(settings.BY_NAME[name], raw, "X")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[http]\nprt = 1\n", "no option 'http.prt'; did you mean http.port?"),
        ("nonsense\n", "is not TOML"),
        (f"http.port = {'9' * 5000}\n", "is not TOML"),
        ("http = 5\n", "no option 'http'"),
        ('[http]\nport = "x"\n', "http.port in .*: 'x' is not a whole number"),
        ("zzzzzz = 1\n", "no option 'zzzzzz'$"),
    ],
)
def test_a_wrong_config_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(errors.SettingsInvalid, match=message):
        sources.resolve({}, {}, file(tmp_path, text))


def test_a_missing_config_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.SettingsInvalid, match="No such file"):
        sources.resolve({}, {}, tmp_path / "absent.toml")


def test_only_a_likely_slip_in_the_environment_is_warned_of() -> None:
    told = sources.resolve({}, {"ETHREX_HTTP_PROT": "1", "ETHREX_SERVICE_HOST_X_TCP_PROTO": "2", "PATH": "/"})

    assert told.warnings == ("ETHREX_HTTP_PROT in the environment is no option's; did you mean ETHREX_HTTP_PORT?",)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"dev": True, "network": "hoodi"}, "leave out either --network or --dev"),
        ({"dev.block-time": 1}, "--dev.block-time has a meaning only with --dev"),
        ({"fork-url": "http://localhost:1"}, "--fork-url has a meaning only with --dev"),
        ({"dev": True, "fork-block": 1}, "--fork-block has a meaning only with --fork-url"),
        ({"dev": True, "fork-url": "localhost:8545"}, "'localhost:8545' is not the URL of a node"),
        ({"authrpc.port": 8545}, "--authrpc.port and --http.port are both 8545"),
        ({"metrics": True, "metrics.port": 8545, "metrics.addr": "0.0.0.0"}, "are both 8545"),
        ({"metrics.port": 1}, "--metrics.port has a meaning only with --metrics"),
        ({"ws.port": 1}, "--ws.port has a meaning only with --ws.enabled"),
        ({"http.api": "engine"}, "behind its secret"),
        ({"http.api": "ehh"}, "no namespace 'ehh'; did you mean eth?"),
        ({"http.api": "anvil"}, "has a meaning only with --dev"),
        ({"datadir": "memory"}, "only a dev chain can live in memory"),
        ({"builder.extra-data": "x" * 33}, "has 33 bytes, at most 32"),
        ({"builder.extra-data": "0xzz"}, "is not hex"),
        ({"bootnodes": "http://x"}, "neither an enode URL nor a node record"),
    ],
)
def test_what_cannot_hold_together_is_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.SettingsInvalid, match=re.escape(message)):
        contradictions.check(sources.resolve(flags, {}))


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(errors.SettingsInvalid) as refused:
        contradictions.check(sources.resolve({"dev.block-time": 1, "ws.port": 1}, {}))

    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    "flags", [{}, {"dev": True}, {"dev": True, "dev.block-time": 2}, {"http.port": 0, "authrpc.port": 0}]
)
def test_plain_uses_hold_together(flags: dict[str, Any]) -> None:
    contradictions.check(sources.resolve(flags, {}))


def test_all_namespaces_are_those_that_have_a_meaning() -> None:
    assert "debug" in contradictions.namespaces(("all",), dev=False)
    assert not {"engine", "anvil"} & set(contradictions.namespaces(("all",), dev=False))
    assert "anvil" in contradictions.namespaces(("all",), dev=True)
    assert contradictions.namespaces(("eth",), dev=True) == ("eth",)
