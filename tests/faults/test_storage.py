"""Storage that fails: the process says what is wrong, ends with a code, and nothing that was there is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from faults import disk, load, process, small_map, story

ROUNDS = 3
PAGE = 4096
IMPORTED_BLOCKS = 100
HEAVY_BLOCKS = 24  # of half a MiB each
NEWER = b"\xff\xff\xff\x00"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> story.Story:
    return story.tell(tmp_path_factory.mktemp("story"), ROUNDS)


@pytest.fixture
def genesis(tmp_path: Path, told: story.Story) -> Path:
    file = tmp_path / "genesis.json"
    file.write_bytes(told.genesis)
    return file


@pytest.fixture
def filled(tmp_path: Path, genesis: Path, told: story.Story) -> Path:
    """A folder that has the story."""
    node = process.Process(tmp_path / "data", genesis).start()
    for head in told.heads:
        story.make_head(node.engine, told, head)
    assert node.stop() == 0
    return tmp_path / "data"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two and a half MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2560k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can only be made by root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def refused(folder: Path, genesis: Path, *flags: str) -> str:
    """What a node says that does not start."""
    node = process.Process(folder, genesis, flags)
    with pytest.raises(process.Gone):
        node.start()
    assert node.process.returncode not in (0, None)
    assert "Traceback" not in node.errors
    assert node.errors.startswith("ethrex: ")
    return node.errors


def mapped_bytes(node: process.Process) -> int:
    """The address space that the process gives to its database."""
    lines = Path(f"/proc/{node.process.pid}/maps").read_text().splitlines()
    spans = [line.split()[0].split("-") for line in lines if line.endswith("data.mdb")]
    return sum(int(end, 16) - int(start, 16) for start, end in spans)


def test_a_full_disk_loses_nothing(small_disk: Path, genesis: Path, told: story.Story) -> None:
    node = process.Process(small_disk / "data", genesis).start()
    filler = small_disk / "filler"
    story.make_head(node.engine, told, told.heads[0])
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(PAGE)):
                pass
    except OSError:
        pass  # full
    promised, failed = told.heads[0], None
    for head in told.heads[1:]:
        try:
            story.make_head(node.engine, told, head)
        except process.Refused as error:
            failed = error
            break
        promised = head

    assert "disk full" in str(failed), failed
    assert node.ask("eth_getBlockByNumber", "latest", False)["hash"] == promised
    filler.unlink()
    for head in told.heads[told.heads.index(promised) + 1 :]:
        story.make_head(node.engine, told, head)
    assert node.stop() == 0
    assert "Traceback" not in node.errors
    disk.check(disk.reader(small_disk / "data"), told, {told.heads[-1]})


def test_an_import_on_a_full_disk_keeps_what_was_good(small_disk: Path, tmp_path: Path) -> None:
    told = story.straight(tmp_path / "source", IMPORTED_BLOCKS)
    genesis, file = tmp_path / "genesis.json", tmp_path / "chain.rlp"
    genesis.write_bytes(told.genesis)
    file.write_bytes(b"".join(block.rlp for block in told.path(told.heads[-1])))
    folder = small_disk / "data"
    command = [process.COMMAND, "--network", str(genesis), "--datadir", str(folder)]
    subprocess.run([*command, "init"], check=True, capture_output=True)
    filler = small_disk / "filler"
    free = os.statvfs(small_disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 30 * PAGE))

    failed = subprocess.run([*command, "import", str(file)], capture_output=True, text=True, check=False)
    reached = int(disk.reader(folder)("eth_blockNumber"), 16)
    filler.unlink()
    went_on = subprocess.run([*command, "import", str(file)], capture_output=True, text=True, check=False)

    assert failed.returncode > 0
    assert failed.stderr.startswith("ethrex: ")
    assert "disk full" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert reached < IMPORTED_BLOCKS
    assert went_on.returncode == 0, went_on.stderr
    disk.check(disk.reader(folder), told, {told.heads[-1]})


def test_a_full_map_grows_by_itself(tmp_path: Path) -> None:
    """While readers in two worker processes look at it."""
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(story.genesis())
    blocks = story.heavy(tmp_path / "source", HEAVY_BLOCKS)
    program = (sys.executable, str(Path(small_map.__file__)))
    node = process.Process(tmp_path / "data", genesis, ("--http.workers", "2"), program=program).start()
    at_first = mapped_bytes(node)
    with load.Readers(node) as readers:
        try:
            for block in blocks:
                story.send(node.engine, [block])
                story.choose(node.engine, block.hash)
                assert node.ask("eth_getBlockByNumber", "latest", False)["hash"] == block.hash
            at_last = mapped_bytes(node)
        finally:
            code = node.stop()

    assert code == 0
    assert not readers.wrong, readers.wrong
    assert "Traceback" not in node.errors
    assert at_first <= 2 * small_map.MAP_BYTES
    assert at_last >= 8 * small_map.MAP_BYTES
    again = process.Process(tmp_path / "data", genesis).start()
    try:
        for block in blocks:
            assert again.ask("debug_getRawBlock", hex(block.number)) == "0x" + block.rlp.hex()
    finally:
        assert again.stop() == 0


def test_a_newer_schema_is_refused(filled: Path, genesis: Path, told: story.Story) -> None:
    """And opens again by the program that knows it."""

    def exchange(schema: bytes | None) -> bytes:
        with lmdb.open(str(filled / "chain"), map_size=1 << 30, max_dbs=64) as environment:
            table = environment.open_db(b"meta", create=False)
            with environment.begin(write=True, db=table) as txn:
                held: bytes = txn.get(b"schema", b"")
                txn.put(b"schema", schema or held[:-4] + NEWER)
        return held

    held = exchange(None)

    said = refused(filled, genesis)

    assert f"schema {int.from_bytes(NEWER, 'big')} is newer" in said
    assert "use a newer release" in said
    assert said.count("\n") == 1
    exchange(held)
    disk.check(disk.reader(filled), told, {told.heads[-1]})
    node = process.Process(filled, genesis).start()
    assert node.stop() == 0


def test_a_folder_that_cannot_be_written_is_refused(filled: Path, genesis: Path, told: story.Story) -> None:
    bind = ["mount", "--bind", str(filled), str(filled)]
    if os.geteuid() != 0 or subprocess.run(bind, capture_output=True, check=False).returncode != 0:
        pytest.skip("root writes everywhere but on a read-only mount, which only root can make")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", filled], check=True)
        said = refused(filled, genesis)
    finally:
        subprocess.run(["umount", filled], check=True)

    assert str(filled) in said
    disk.check(disk.reader(filled), told, {told.heads[-1]})


def test_a_second_process_is_refused(filled: Path, genesis: Path, told: story.Story) -> None:
    node = process.Process(filled, genesis).start()
    try:
        second = process.Process(filled, genesis)
        with pytest.raises(process.Gone) as error:
            second.start()

        assert second.process.returncode == 2
        assert str(node.process.pid) in str(error.value)
        assert node.ask("eth_getBlockByNumber", "latest", False)["hash"] == told.heads[-1]
    finally:
        assert node.stop() == 0


def test_another_chain_s_folder_is_refused(filled: Path, tmp_path: Path, told: story.Story) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(told.genesis.replace(b'"timestamp": "0x1"', b'"timestamp": "0x2"'))

    assert "genesis" in refused(filled, other)
    disk.check(disk.reader(filled), told, {told.heads[-1]})


@pytest.mark.parametrize("what", ["last page", "cut", "meta pages", "empty"])
def test_a_damaged_file_is_named(filled: Path, genesis: Path, told: story.Story, what: str) -> None:
    """Never a crash: the process serves from what is good, or says that the file is damaged and ends."""
    file = filled / "chain" / "data.mdb"
    good = file.read_bytes()
    bad = {
        "last page": good[:-PAGE] + b"\xa5" * PAGE,
        "cut": good[: len(good) // 2 // PAGE * PAGE],
        "meta pages": b"\xa5" * (2 * PAGE) + good[2 * PAGE :],
        "empty": good[:100],
    }[what]
    file.write_bytes(bad)
    node = process.Process(filled, genesis)
    try:
        node.start()
        for head in (told.heads[-1], told.heads[0]):
            try:
                node.ask("eth_getBlockByHash", head, True)
                node.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
            except process.Refused as error:
                assert "corrupt" in str(error) or "not held" in str(error), error
        assert node.process.poll() is None
        node.stop()
    except process.Gone:
        assert node.process.wait(process.TIMEOUT_SECONDS) > 0, "killed by a signal"
        assert "Traceback" not in node.errors
        assert "corrupt" in node.errors or "damaged" in node.errors, node.errors
    file.write_bytes(good)
    disk.check(disk.reader(filled), told, {told.heads[-1]})
