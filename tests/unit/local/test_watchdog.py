import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from memos.local.lock import DirectoryLock
from memos.local.watchdog import Watchdog, end_groups
from memos.settings import is_locked

# An owner that starts one obedient child and one that ignores SIGTERM, and then is killed.
_OWNER = """
import os, sys, time
from pathlib import Path
from memos.local.child import Child, ChildSpec
from memos.local.lock import DirectoryLock
from memos.local.watchdog import Watchdog
home = Path(sys.argv[1])
dog = Watchdog(keep_open=DirectoryLock.acquire(home).handle)
for script in ("exec sleep 60", "trap '' TERM; touch deaf; sleep 60"):
    spec = ChildSpec(name="c", argv=("/bin/sh", "-c", script), directory=home, probe=lambda: None)
    print(Child(spec, log=home / "c.log", watchdog=dog).pid, flush=True)
time.sleep(60)
"""


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def test_children_of_a_killed_owner_end_and_the_directory_is_free_only_then(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        groups = [int(owner.stdout.readline()) for _ in range(2)]
        eventually((tmp_path / "deaf").exists)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert is_locked(tmp_path)
        eventually(lambda: not any(map(_group_lives, groups)), within_s=15)
        eventually(lambda: not is_locked(tmp_path))


def test_a_released_group_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    lock = DirectoryLock.acquire(tmp_path)
    dog = Watchdog(keep_open=lock.handle)
    dog.guard(sleeper.pid)
    dog.release(sleeper.pid)
    dog.close()
    lock.close()
    assert sleeper.poll() is None


def test_a_killed_watchdog_is_replaced_and_knows_every_group(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    lock = DirectoryLock.acquire(tmp_path)
    others = set(psutil.Process().children())
    dog = Watchdog(keep_open=lock.handle)
    (process,) = set(psutil.Process().children()) - others
    dog.guard(sleeper.pid)
    process.kill()
    psutil.wait_procs([process], timeout=5)
    assert dog.restart_if_dead()
    assert not dog.restart_if_dead()
    closing = threading.Thread(target=dog.close)
    closing.start()
    assert sleeper.wait(timeout=5) == -signal.SIGTERM
    closing.join()
    lock.close()


def test_ending_a_group_that_is_gone_is_no_error() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    gone.wait()
    end_groups([gone.pid], grace_s=0.1)
