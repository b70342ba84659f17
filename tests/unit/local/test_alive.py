import os
import time
from pathlib import Path

from memos.local import alive


def test_a_file_that_was_never_shown_has_no_age_and_no_stall(tmp_path: Path) -> None:
    assert alive.find_age_s(tmp_path / "x.alive") is None
    assert alive.find_stall(tmp_path / "x.alive", patience_s=0) is None


def test_showing_makes_the_file_and_its_directory_and_its_age_begins(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.alive"
    alive.show(path)
    age_s = alive.find_age_s(path)
    assert age_s is not None
    assert 0 <= age_s < 60


def test_a_file_that_has_not_been_shown_for_long_is_a_stall(tmp_path: Path) -> None:
    path = tmp_path / "x.alive"
    alive.show(path)
    long_ago_ns = max(time.monotonic_ns() - 25 * 10**9, 0)
    os.utime(path, ns=(long_ago_ns, long_ago_ns))
    assert alive.find_stall(path, patience_s=60) is None
    assert "no sign of work for 25 s" in (alive.find_stall(path) or "")
    alive.show(path)
    assert alive.find_stall(path) is None


def test_a_file_from_before_the_machine_started_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.alive"
    path.touch()  # the time of day is far ahead of a clock that began with the machine
    assert alive.find_age_s(path) is None


def test_patience_ends_only_when_it_is_exceeded() -> None:
    assert alive.describe_stall(20.0, patience_s=20.0) is None
    assert alive.describe_stall(20.1, patience_s=20.0) is not None
