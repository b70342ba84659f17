import stat
from dataclasses import replace
from pathlib import Path

import pytest

from memos.errors import Corrupt
from memos.local.access import FILE_NAME, open_access, save_access, write_private


def test_passwords_are_made_once_and_kept(tmp_path: Path) -> None:
    first = open_access(tmp_path)
    assert open_access(tmp_path) == first
    assert len({first.redis_password, first.graph_password, first.flower_password}) == 3
    assert min(map(len, (first.redis_password, first.graph_password, first.flower_password))) >= 32


def test_two_directories_have_different_passwords(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert open_access(tmp_path / "a") != open_access(tmp_path / "b")


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    open_access(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_ports_are_kept_beside_the_passwords(tmp_path: Path) -> None:
    access = replace(open_access(tmp_path), ports={"valkey": 1234})
    save_access(tmp_path, access)
    assert open_access(tmp_path) == access


def test_passwords_are_not_shown_when_printed(tmp_path: Path) -> None:
    access = open_access(tmp_path)
    assert access.redis_password not in repr(access)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ports": {"valkey": "x"}}', b"\xff\x00"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(Corrupt, match=r"access\.json.*remove it"):
        open_access(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    open_access(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(TypeError):
        write_private(tmp_path / FILE_NAME, {"not json": object()})
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
