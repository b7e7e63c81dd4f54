"""A member's disk: what was kept is there after a crash, and what went bad is never given."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ethrex_node._native import keccak256
from ethrex_node.rollup.committee.errors import CannotKeep
from ethrex_node.rollup.committee.vault import Vault

PAYLOAD = b"a payload" * 100
DIGEST = keccak256(PAYLOAD)


def file_of(vault: Vault, digest: bytes = DIGEST) -> Path:
    return vault.folder / digest.hex()[:2] / digest.hex()


def test_what_is_kept_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "payloads")
    assert vault.find(DIGEST) is None

    vault.keep(DIGEST, PAYLOAD)
    vault.keep(DIGEST, PAYLOAD)

    again = Vault.open(tmp_path / "payloads")
    assert again.find(DIGEST) == PAYLOAD
    assert vault.payloads == again.payloads == 1


def test_what_a_crash_left_half_written_is_no_payload(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    part = file_of(vault).with_name(DIGEST.hex() + "-0.part")
    part.write_bytes(PAYLOAD[:7])

    vault = Vault.open(tmp_path)

    assert not part.exists()
    assert vault.find(DIGEST) is None
    assert vault.payloads == 0


@pytest.mark.parametrize("content", [b"", PAYLOAD[:-1], PAYLOAD + b"\0", b"x" * len(PAYLOAD)])
def test_a_file_that_went_bad_is_put_aside_and_written_anew(tmp_path: Path, content: bytes) -> None:
    vault = Vault.open(tmp_path)
    vault.keep(DIGEST, PAYLOAD)
    file_of(vault).write_bytes(content)

    assert vault.find(DIGEST) is None
    assert (vault.damaged, vault.payloads) == (1, 0)
    vault.keep(DIGEST, PAYLOAD)

    assert vault.find(DIGEST) == PAYLOAD
    assert file_of(vault).with_name(DIGEST.hex() + ".damaged").read_bytes() == content


def test_the_same_from_many_at_once_is_one_payload(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: vault.keep(DIGEST, PAYLOAD), range(50)))

    assert Vault.open(tmp_path).payloads == 1
    assert vault.find(DIGEST) == PAYLOAD


def test_a_disk_that_does_not_take_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotKeep, match="Not a directory"):
        Vault.open(tmp_path / "file")
    vault = Vault.open(tmp_path / "payloads")
    file_of(vault).mkdir()
    with pytest.raises(CannotKeep, match="Is a directory"):
        vault.keep(DIGEST, PAYLOAD)


def test_what_went_bad_is_known_as_lost_until_it_comes_again(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path)
    vault.keep(DIGEST, PAYLOAD)
    assert vault.lost == set()
    file_of(vault).write_bytes(PAYLOAD[:5])
    assert vault.find(DIGEST) is None

    again = Vault.open(tmp_path)
    assert vault.lost == again.lost == {DIGEST}
    again.keep(DIGEST, PAYLOAD)

    assert again.lost == Vault.open(tmp_path).lost == set()


def test_a_file_that_the_disk_does_not_read_is_put_aside_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault.open(tmp_path)
    vault.keep(DIGEST, PAYLOAD)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert vault.find(DIGEST) is None

    vault.keep(DIGEST, PAYLOAD)
    assert vault.find(DIGEST) == PAYLOAD


def fail(_: Path) -> bytes:
    raise OSError(errno.EIO, "Input/output error")
