import os
import time
from pathlib import Path

import pytest

from memos.local import alive
from workers import health


def show(directory: Path, name: str, *, age_s: float = 0) -> None:
    """As if the worker had shown itself so long ago."""
    path = directory / f"{name}.alive"
    alive.show(path)
    then_ns = time.monotonic_ns() - round(age_s * 1e9)
    os.utime(path, ns=(then_ns, then_ns))


def test_a_worker_that_shows_itself_is_well(tmp_path: Path) -> None:
    show(tmp_path, "memos-cpu.w1@host")
    assert health.find_fault(tmp_path, "memos-cpu") is None


def test_a_worker_that_has_shown_nothing_does_not_run(tmp_path: Path) -> None:
    show(tmp_path, "memos-gpu.w1@host")
    assert "does not run here" in (health.find_fault(tmp_path, "memos-cpu") or "")


def test_of_several_the_stalled_one_is_named(tmp_path: Path) -> None:
    show(tmp_path, "memos-cpu.w1@host")
    show(tmp_path, "memos-cpu.w2@host", age_s=25)
    fault = health.find_fault(tmp_path, "memos-cpu")
    assert "no sign of work for 25 s" in (fault or "")
    assert "w2@host" in (fault or "")
    assert health.find_fault(tmp_path, "memos-cpu", "w1@host") is None
    assert "by the name w3@host" in (health.find_fault(tmp_path, "memos-cpu", "w3@host") or "")


def test_the_command_says_one_line_and_its_status_is_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMOS_DATA_DIR", str(tmp_path))
    show(tmp_path / "run", "memos-cpu.w1@host")
    assert health.main(["--app", "memos-cpu"]) == 0
    assert capsys.readouterr().out == "memos-cpu is well\n"
    show(tmp_path / "run", "memos-cpu.w1@host", age_s=30)
    assert health.main(["--app", "memos-cpu"]) == 1
    assert capsys.readouterr().out.startswith("memos-cpu should be replaced: ")


def test_wrong_settings_are_not_a_sick_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_NO_SUCH_SETTING", "1")
    assert health.main(["--app", "memos-cpu"]) == 2
