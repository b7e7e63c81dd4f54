"""Processes are kept as workloads say, over failures, changes and a supervisor that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ethrex_operator.local import library, process, supervisor
from ethrex_operator.local.supervisor import Phase, State, Supervisor
from ethrex_operator.topology.workload import (
    Argument,
    FileOf,
    Image,
    InVolume,
    Joined,
    Lifetime,
    OwnPort,
    Port,
    Probes,
    Program,
    Reach,
    ResultFile,
    SecretKey,
    Text,
    UrlOf,
    Volume,
    Workload,
)
from ethrex_operator.topology.workload import File as WorkloadFile

LIMIT_SECONDS = 20.0

SERVER = """
    import http.server, pathlib, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            ready = not pathlib.Path(sys.argv[2]).exists()
            self.send_response(200 if ready else 503)
            self.end_headers()
            self.wfile.write(b'{"reasons": {"head": "is old"}}')
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Commands of an installation, that do what their first argument says."""
    folder = tmp_path / "programs"
    folder.mkdir()
    path = folder / "ethrex"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$@"\n')
    path.chmod(0o755)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Whatever a test leaves behind is ended."""
    yield tmp_path / "run"
    for record in supervisor.recorded(tmp_path / "run").values():
        if record.alive:
            os.kill(record.pid, signal.SIGKILL)


def service(name: str, code: str, *arguments: Argument, **more: object) -> Workload:
    made = Workload(
        name=name,
        role="l1",
        account=name,
        program=Program.NODE,
        image=Image("unused:1"),
        lifetime=Lifetime.SERVICE,
        arguments=(textwrap.dedent(code), *arguments),
        stop_seconds=5,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def task_of(answer: str, then: str = "") -> Workload:
    code = f"import pathlib, sys\npathlib.Path(sys.argv[1]).write_text({answer!r})\n{then}"
    return service("task", code, ResultFile(), lifetime=Lifetime.TASK)


SLEEPER = service("sleeper", "import time\nwhile True: time.sleep(1)")


@asynccontextmanager
async def supervised(
    folder: Path, programs: Path, shelf: library.Library | None = None, *, end: bool = True
) -> AsyncIterator[Supervisor]:
    one = Supervisor(folder, shelf or library.Library(), programs)
    try:
        yield one
        if end:
            await one.end()
    finally:
        await one.close()


async def until(kept: Supervisor, name: str, holds: Callable[[State], bool]) -> State:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not holds(kept.states()[name]):
            await asyncio.sleep(0.02)
    return kept.states()[name]


def is_ready(state: State) -> bool:
    return state.phase is Phase.READY


async def test_a_service_runs_until_the_end(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([SLEEPER])
        state = await until(kept, "sleeper", is_ready)

        assert state.pid is not None
        assert psutil.pid_exists(state.pid)
    assert not psutil.pid_exists(state.pid)


async def test_readiness_is_what_the_probe_says(folder: Path, programs: Path, tmp_path: Path) -> None:
    hush = tmp_path / "not-ready"
    hush.touch()
    server = service(
        "web", SERVER, OwnPort("http"), str(hush), ports=(Port("http", 18_080, Reach.PUBLIC),), probes=Probes("http")
    )
    async with supervised(folder, programs) as kept:
        await kept.ensure([server])
        state = await until(kept, "web", lambda state: "is old" in state.reason)
        hush.unlink()
        later = await until(kept, "web", is_ready)

        assert state.phase is Phase.STARTING
        assert later.pid == state.pid


async def test_what_ends_comes_again_and_its_last_words_are_told(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([service("weak", "import sys; print('no space left'); sys.exit(3)")])
        state = await until(kept, "weak", lambda state: state.restarts >= 2)

        assert state.phase is Phase.BACK_OFF
        assert state.reason == "ended with 3: no space left"


async def test_a_killed_process_is_replaced(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([SLEEPER])
        first = await until(kept, "sleeper", is_ready)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        second = await until(kept, "sleeper", lambda state: is_ready(state) and state.pid != first.pid)

        assert second.restarts == 1


async def test_a_task_runs_once_and_its_answer_is_kept(folder: Path, programs: Path) -> None:
    task = task_of('{"made": 1}')
    async with supervised(folder, programs) as kept:
        await kept.ensure([task])
        await until(kept, "task", lambda state: state.phase is Phase.DONE)
        answer = kept.result("task")
    async with supervised(folder, programs) as again:
        await again.ensure([task])
        state = await until(again, "task", lambda state: state.phase is Phase.DONE)

        assert answer is not None
        assert json.loads(answer) == {"made": 1}
        assert again.result("task") == answer
        assert state.pid is None


async def test_a_task_that_was_changed_runs_again(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([task_of("1")])
        await until(kept, "task", lambda state: state.phase is Phase.DONE)
        await kept.ensure([task_of("2")])
        await until(kept, "task", lambda state: state.phase is Phase.DONE)

        assert kept.result("task") == b"2"


async def test_a_failed_task_has_no_answer(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([task_of("half", "raise SystemExit(1)")])
        await until(kept, "task", lambda state: state.restarts >= 1)

        assert kept.result("task") is None


async def test_what_comes_before_has_to_succeed_first(folder: Path, programs: Path, tmp_path: Path) -> None:
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    waits = f"import pathlib, sys; sys.exit(0 if pathlib.Path({str(gate)!r}).exists() else 1)"
    main = f"import pathlib, time; pathlib.Path({str(seen)!r}).touch(); time.sleep(1000)"
    async with supervised(folder, programs) as kept:
        await kept.ensure([service("late", main, before=((waits,),))])
        await until(kept, "late", lambda state: state.restarts >= 1)
        early = seen.exists()
        gate.touch()
        await until(kept, "late", is_ready)

        assert not early


async def test_only_what_changed_is_started_again(folder: Path, programs: Path) -> None:
    other = replace(SLEEPER, name="other")
    async with supervised(folder, programs) as kept:
        await kept.ensure([SLEEPER, other])
        before = [(await until(kept, name, is_ready)).pid for name in ("sleeper", "other")]
        await kept.ensure([replace(SLEEPER, environment={"MODE": "2"}), other])
        after = [
            (await until(kept, "sleeper", lambda state: is_ready(state) and state.pid != before[0])).pid,
            kept.states()["other"].pid,
        ]

        assert after[1] == before[1]
        assert not psutil.pid_exists(before[0] or 0)


async def test_what_is_no_longer_wanted_is_ended(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([SLEEPER])
        state = await until(kept, "sleeper", is_ready)
        await kept.ensure([])

        assert not kept.states()
        assert not psutil.pid_exists(state.pid or 0)


async def test_who_does_not_listen_is_killed(folder: Path, programs: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"
    )
    async with supervised(folder, programs) as kept:
        await kept.ensure([service("deaf", deaf, stop_seconds=1)])
        state = await until(kept, "deaf", is_ready)
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (folder / "logs" / "deaf.log").read_text():
                await asyncio.sleep(0.02)

    assert not psutil.pid_exists(state.pid or 0)


async def test_the_next_supervisor_takes_over_what_runs(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs, end=False) as kept:
        await kept.ensure([SLEEPER])
        first = await until(kept, "sleeper", is_ready)
    async with supervised(folder, programs) as again:
        await again.ensure([SLEEPER])
        second = await until(again, "sleeper", is_ready)

        assert second.pid == first.pid
    assert not psutil.pid_exists(first.pid or 0)


async def test_what_an_earlier_run_left_behind_and_nobody_wants_is_ended(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs, end=False) as kept:
        await kept.ensure([SLEEPER])
        first = await until(kept, "sleeper", is_ready)
    async with supervised(folder, programs) as again:
        await again.ensure([])

        assert not psutil.pid_exists(first.pid or 0)


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


KILLED = """
import asyncio, sys
from pathlib import Path
from ethrex_operator.local import library
from ethrex_operator.local.supervisor import Supervisor
sys.path.insert(0, {tests!r})
from unit.operator.local.test_supervisor import SLEEPER, is_ready, until
async def main():
    kept = Supervisor(Path({folder!r}), library.Library(), Path({programs!r}))
    await kept.ensure([SLEEPER])
    await until(kept, "sleeper", is_ready)
    print("up", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_processes_outlive_a_killed_supervisor_and_are_found(folder: Path, programs: Path) -> None:
    tests = str(Path(__file__).parents[3])
    code = KILLED.format(tests=tests, folder=str(folder), programs=str(programs))
    with running(code) as other:
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == b"up\n"
        with pytest.raises(supervisor.InUse, match=f"pid {other.pid}"):
            Supervisor(folder, library.Library(), programs)
        other.kill()
    left = supervisor.recorded(folder)["sleeper"]
    async with supervised(folder, programs) as again:
        await again.ensure([SLEEPER])
        state = await until(again, "sleeper", is_ready)

        assert state.pid == left.pid
    assert not left.alive


async def test_a_pid_that_was_given_to_somebody_else_is_not_touched(folder: Path, programs: Path) -> None:
    with running("import time; time.sleep(1000)") as bystander:
        record = folder / "state" / "sleeper.process"
        record.parent.mkdir(parents=True)
        given = {"pid": bystander.pid, "started": 1, "boot": process.boot_id(), "digest": "d"}
        record.write_text(json.dumps(given))
        async with supervised(folder, programs) as kept:
            await kept.ensure([])

        assert bystander.poll() is None


async def test_a_port_that_is_taken_is_stepped_over_and_then_kept(folder: Path, programs: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wish = taken.getsockname()[1]
        web = service(
            "web", SERVER, OwnPort("http"), "/nowhere", ports=(Port("http", wish, Reach.PUBLIC),), probes=Probes("http")
        )
        asks = service(
            "asks", "import sys, time; print(sys.argv[1], flush=True); time.sleep(1000)", UrlOf("web", "http")
        )
        async with supervised(folder, programs) as kept:
            await kept.ensure([web, asks])
            await until(kept, "web", is_ready)
            chosen = kept.ports.of("web", "http")
    async with supervised(folder, programs) as again:
        await again.ensure([web, asks])
        await until(again, "asks", is_ready)

        assert chosen > wish
        assert again.ports.of("web", "http") == chosen
        assert (folder / "logs" / "asks.log").read_text().startswith(f"http://127.0.0.1:{chosen}\n")


async def test_files_volumes_and_secrets_are_there(folder: Path, programs: Path, tmp_path: Path) -> None:
    shelf = library.of([{"kind": "Secret", "metadata": {"name": "keys"}, "data": {"main": "aGlkZGVu"}}], {})
    code = """
        import pathlib, sys, time
        volume, plan, secret = sys.argv[1:]
        pathlib.Path(volume, "seen").write_text(pathlib.Path(plan).read_text() + pathlib.Path(secret[4:]).read_text())
        time.sleep(1000)
    """
    reader = service(
        "reader",
        code,
        InVolume("data"),
        FileOf("plan"),
        Joined(("key:", FileOf("key"))),
        files=(WorkloadFile("plan", Text("planned ")), WorkloadFile("key", SecretKey("keys", "main"))),
        volumes=(Volume("data", 1 << 30),),
    )
    seen = folder / "data" / "reader" / "data" / "seen"
    async with supervised(folder, programs, shelf) as kept:
        await kept.ensure([reader])
        end = time.monotonic() + LIMIT_SECONDS
        while not (seen.exists() and seen.read_text()):
            assert time.monotonic() < end
            await asyncio.sleep(0.02)

    assert seen.read_text() == "planned hidden"
    assert (folder / "files" / "reader" / "key").stat().st_mode & 0o077 == 0


async def test_a_missing_secret_is_named(folder: Path, programs: Path) -> None:
    needs = service("needs", "pass", files=(WorkloadFile("key", SecretKey("keys", "main")),))
    async with supervised(folder, programs) as kept:
        with pytest.raises(library.Missing, match=r"Secret keys is neither .* --secret keys=FOLDER"):
            await kept.ensure([needs])


async def test_a_program_that_is_not_installed_is_named(folder: Path, programs: Path) -> None:
    async with supervised(folder, programs) as kept:
        await kept.ensure([replace(SLEEPER, program=Program.PROVER)])
        state = await until(kept, "sleeper", lambda state: state.phase is Phase.BACK_OFF)

        assert "ethrex-prover is not installed" in state.reason
