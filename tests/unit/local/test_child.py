"""Children here are real processes: small shell scripts."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.errors import Unavailable
from memos.local.child import Child, ChildSpec
from memos.local.watchdog import Watchdog


@pytest.fixture
def watchdog(tmp_path: Path) -> Iterator[Watchdog]:
    handle = os.open(tmp_path, os.O_RDONLY)
    dog = Watchdog(keep_open=handle)
    yield dog
    dog.close()
    os.close(handle)


@pytest.fixture
def spawn(tmp_path: Path, watchdog: Watchdog) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(script: str, **changes: Any) -> Child:
        values: dict[str, Any] = {"name": "child", "argv": ("/bin/sh", "-c", script), "directory": tmp_path / "home"}
        values |= {"probe": lambda: None, **changes}
        child = Child(ChildSpec(**values), log=tmp_path / "logs" / "child.log", watchdog=watchdog)
        children.append(child)
        return child

    yield start
    for child in children:
        child.bury()


def _file_probe(path: Path) -> Callable[[], None]:
    def probe() -> None:
        if not path.exists():
            raise Unavailable("child", "no file yet")

    return probe


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_is_ready_once_its_probe_passes(spawn: Callable[..., Child], tmp_path: Path) -> None:
    ready = tmp_path / "home" / "ready"
    child = spawn("sleep 0.2; touch ready; exec sleep 60", probe=_file_probe(ready))
    child.wait_ready()
    assert ready.exists()
    assert child.exit_code is None


def test_a_child_that_dies_before_it_is_ready_is_reported_with_its_last_words(
    spawn: Callable[..., Child], tmp_path: Path
) -> None:
    child = spawn("echo cannot bind; exit 3", probe=_file_probe(tmp_path / "never"))
    with pytest.raises(Unavailable, match=r"code 3(.|\n)*cannot bind"):
        child.wait_ready()


def test_a_child_that_never_gets_ready_is_given_up_after_the_bound(spawn: Callable[..., Child], tmp_path: Path) -> None:
    child = spawn("exec sleep 60", probe=_file_probe(tmp_path / "never"), ready_within_s=0.2)
    with pytest.raises(Unavailable, match=r"not ready in 0.2 s \(child is unavailable: no file yet\)"):
        child.wait_ready()


def test_what_an_earlier_run_left_does_not_count_as_ready(spawn: Callable[..., Child], tmp_path: Path) -> None:
    stale = tmp_path / "home" / "ready"
    stale.parent.mkdir()
    stale.touch()
    child = spawn("exec sleep 60", probe=_file_probe(stale), clears=(stale,))
    assert child.find_unreadiness() is not None


def test_a_child_that_obeys_is_not_killed(spawn: Callable[..., Child]) -> None:
    child = spawn("exec sleep 60")
    assert not child.end(by_s=child.ask_to_stop())


def test_a_child_that_ignores_sigterm_is_killed_after_the_bound(spawn: Callable[..., Child], tmp_path: Path) -> None:
    ready = tmp_path / "home" / "ready"
    child = spawn("trap '' TERM; touch ready; sleep 60", probe=_file_probe(ready), stop_within_s=0.2)
    child.wait_ready()
    assert child.end(by_s=child.ask_to_stop())
    assert child.exit_code == -signal.SIGKILL


def test_grandchildren_go_with_the_child(
    spawn: Callable[..., Child], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    ready = tmp_path / "home" / "ready"
    child = spawn("sleep 60 & echo $! > grandchild; touch ready; wait", probe=_file_probe(ready))
    child.wait_ready()
    grandchild = int((tmp_path / "home" / "grandchild").read_text())
    child.end(by_s=child.ask_to_stop())
    eventually(lambda: not _is_alive(grandchild))


def test_a_child_gets_its_environment_and_nothing_on_its_standard_input(
    spawn: Callable[..., Child], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    child = spawn('cat; echo "got $COLOUR"', environment={"COLOUR": "blue"})
    eventually(lambda: child.exit_code == 0)
    assert child.log.read_text() == "got blue\n"


def test_files_of_a_child_are_private(
    spawn: Callable[..., Child], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    child = spawn("touch made")
    eventually(lambda: child.exit_code == 0)
    assert (tmp_path / "home" / "made").stat().st_mode & 0o077 == 0
    assert child.log.stat().st_mode & 0o077 == 0


def test_ending_several_times_is_harmless(spawn: Callable[..., Child]) -> None:
    child = spawn("exec sleep 60")
    child.end(by_s=child.ask_to_stop())
    assert not child.end(by_s=time.monotonic())
