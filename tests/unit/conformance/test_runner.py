"""The runner itself: what it counts, what it prints, and that a wrong answer is red."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
from unit.conformance import deadly

from conformance import __main__ as cli
from conformance import runner, skips
from conformance.case import Case, Mismatch, Outcome, Skip, Suite
from conformance.options import Options
from conformance.runner import Task
from conformance.sources import File

RIGHT = {"dog": {"in": "dog", "out": "0x83646f67"}, "bad": {"in": "INVALID", "out": "0x8100"}}
WRONG = {"dog": {"in": "dog", "out": "0x83646f68"}, "good": {"in": "INVALID", "out": "0x83646f67"}}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def play(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = cli.main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out.splitlines()[-1]


def test_right_answers_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.json", RIGHT)

    assert play(capsys, "rlp", file) == (0, "2 passed, 0 failed, 0 skipped")


def test_wrong_answers_fail_and_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.json", RIGHT | WRONG)
    listed = tmp_path / "failures"

    assert play(capsys, "rlp", file, "--list-failures", listed) == (1, "1 passed, 2 failed, 0 skipped")
    names = [line.split("\t")[0] for line in listed.read_text().splitlines()]
    assert sorted(names) == ["a.json::dog", "a.json::good"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_archives_folders_and_gzip_hold_the_same_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    write(tmp_path / "in" / "deep" / "a.json", RIGHT)
    (tmp_path / "in" / "b.json.gz").write_bytes(gzip.compress(json.dumps(WRONG).encode()))
    with tarfile.open(tmp_path / "all.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "in", "in")

    for path in (tmp_path / "in", tmp_path / "all.tar.xz"):
        assert play(capsys, "rlp", path, "--jobs", jobs) == (1, "2 passed, 2 failed, 0 skipped")


def test_files_of_other_kinds_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "rlp.json", RIGHT)
    write(tmp_path / "trie.json", {"a": {"in": {"A": "b"}, "root": "0x00"}})
    write(tmp_path / "list.json", [1, 2])
    write(tmp_path / "flat.json", {"a": 1})

    assert play(capsys, "rlp", tmp_path) == (0, "2 passed, 0 failed, 0 skipped")


def test_a_run_that_finds_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "flat.json", {"a": 1})

    assert play(capsys, "rlp", tmp_path) == (1, "0 passed, 0 failed, 0 skipped")


def test_a_file_that_is_no_json_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text("{")

    assert play(capsys, "rlp", tmp_path) == (1, "0 passed, 1 failed, 0 skipped")


def test_match_and_sample_choose_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.json", {f"case{i}": {"in": i, "out": f"0x{i:02x}"} for i in range(1, 101)})

    assert play(capsys, "rlp", file, "--match", "case4[0-9]") == (0, "10 passed, 0 failed, 0 skipped")
    _, first = play(capsys, "rlp", file, "--sample", "10")
    assert first == play(capsys, "rlp", file, "--sample", "10")[1]
    assert 0 < int(first.split()[0]) < 30


@pytest.mark.parametrize(
    "arguments", [["nonsense", "."], ["rlp"], ["rlp", ".", "--match", "("], ["rlp", ".", "--jobs", "0"]]
)
def test_a_wrong_call_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2


def test_a_missing_path_ends_with_2(tmp_path: Path) -> None:
    assert cli.main(["rlp", str(tmp_path / "none")]) == 2


def outcomes(check: object) -> list[tuple[Outcome, str]]:
    suite = Suite((".json",), lambda _file, _data: [Case("one", None)], check)  # type: ignore[arg-type]
    return [
        (result.outcome, result.reason) for result in runner.play(suite, Task(File("f.json", b"")), Options()).results
    ]


def test_a_skip_needs_an_entry_in_the_table() -> None:
    def skip(name: str) -> object:
        def check(_case: Case) -> None:
            raise Skip(name)

        return check

    known = next(iter(skips.REASONS))
    assert outcomes(skip(known)) == [(Outcome.SKIPPED, known)]
    assert outcomes(skip("no such"))[0][0] is Outcome.FAILED


def test_any_exception_is_a_failure() -> None:
    def mismatch(_case: Case) -> None:
        raise Mismatch("root")

    def crash(_case: Case) -> None:
        raise RuntimeError("boom")

    assert outcomes(mismatch) == [(Outcome.FAILED, "root")]
    assert outcomes(crash) == [(Outcome.FAILED, "RuntimeError: boom")]


def test_sample_does_not_depend_on_order() -> None:
    options = Options(match=re.compile("x"), sample=3)
    ids = [f"x{i}" for i in range(50)]

    assert [name for name in ids if options.wants(name)] == sorted(
        (name for name in reversed(ids) if options.wants(name)), key=ids.index
    )


def test_tar_members_that_are_gzip_are_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = gzip.compress(json.dumps(RIGHT).encode())
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        header = tarfile.TarInfo("x/a.json.gz")
        header.size = len(packed)
        archive.addfile(header, io.BytesIO(packed))

    assert play(capsys, "rlp", tmp_path / "a.tar.gz") == (0, "2 passed, 0 failed, 0 skipped")


def test_a_task_out_of_time_hands_back_where_it_stopped() -> None:
    suite = Suite((".json",), lambda _file, _data: (Case(str(i), i) for i in range(10)), lambda _case: None)
    file = File("f.json", b"")

    stopped = runner.play(suite, Task(file), Options(), seconds=-1)
    piece = runner.play(suite, Task(file, 3, 5), Options())

    assert (stopped.results, stopped.rest) == ([], (0, 10))
    assert ([result.case_id for result in piece.results], piece.rest) == (["f.json::3", "f.json::4"], None)


def test_a_file_s_rest_is_shared_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SLICE_SECONDS", -1.0)
    cases = json.dumps({f"case{i}": {"in": i, "out": f"0x{i:02x}"} for i in range(1, 101)}).encode()

    results = runner.Parallel("rlp", Options(), 2).run(iter([File("f.json", cases)]))

    assert sorted(result.case_id for result in results) == sorted(f"f.json::case{i}" for i in range(1, 101))


def test_a_worker_that_dies_costs_its_file_only() -> None:
    files = [File(f"{number}.json", json.dumps(RIGHT).encode()) for number in range(8)]
    files.insert(3, File(deadly.NAME, b"{}"))

    results = list(runner.Parallel("rlp", Options(), 2, deadly.play).run(iter(files)))

    assert [(r.case_id, r.outcome) for r in results if r.outcome is not Outcome.PASSED] == [
        (deadly.NAME, Outcome.FAILED)
    ]
    assert len(results) == 8 * len(RIGHT) + 1
