import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memos.local.lock import DirectoryInUse, DirectoryLock, DirectoryUnusable, explain_disk_error, find_owner
from memos.settings import is_locked

_HOLD = """
import sys
from pathlib import Path
from memos.local.lock import DirectoryLock
lock = DirectoryLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_directory_is_made_private(tmp_path: Path) -> None:
    DirectoryLock.acquire(tmp_path / "new").close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_the_lock_is_free_again_after_close(tmp_path: Path) -> None:
    lock = DirectoryLock.acquire(tmp_path)
    assert is_locked(tmp_path)
    lock.close()
    assert not is_locked(tmp_path)


def test_a_second_process_is_told_who_has_the_directory_and_what_to_do(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert find_owner(tmp_path) == holder.pid
        with pytest.raises(DirectoryInUse, match=rf"process {holder.pid} .*memos down"):
            DirectoryLock.acquire(tmp_path, patience_s=0)
        holder.kill()
    DirectoryLock.acquire(tmp_path).close()


def test_the_owner_of_a_directory_never_used_is_unknown(tmp_path: Path) -> None:
    assert find_owner(tmp_path) is None


def test_a_file_in_place_of_the_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryUnusable, match=r"file.*--data-dir"):
        DirectoryLock.acquire(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_explained(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DirectoryUnusable, match="Permission denied"):
        DirectoryLock.acquire(tmp_path)


def test_no_space_left_is_one_line_that_names_the_directory(tmp_path: Path) -> None:
    error = explain_disk_error(OSError(28, "No space left on device"), tmp_path)
    assert str(tmp_path) in str(error)
    assert "No space left on device" in str(error)
    assert "\n" not in str(error)
