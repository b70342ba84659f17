import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from memos.errors import Unavailable
from memos.models.convert import MARKER, convert_packaged, is_converted
from memos.models.packaged import PackagedModel

MODEL = PackagedModel(
    name="tiny", kind="llm", package="no-such-package", version="1.0", path="tiny/tiny.gguf", converts=True
)


class Writer:
    """Stands for the conversion: copies the source, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, source: Path, target: Path) -> None:
        self.calls += 1
        (target / "model.safetensors").write_bytes(source.read_bytes())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"gguf")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def test_a_model_is_converted_once(source: Path, cache: Path) -> None:
    writer = Writer()
    for _ in range(3):
        target = convert_packaged(MODEL, source, cache, write=writer)
    assert writer.calls == 1
    assert (target / "model.safetensors").read_bytes() == b"gguf"
    assert is_converted(MODEL, cache)


def test_a_conversion_that_fails_leaves_nothing_and_the_next_succeeds(source: Path, cache: Path) -> None:
    def fail(source: Path, target: Path) -> None:
        (target / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="disk"):
        convert_packaged(MODEL, source, cache, write=fail)
    assert [path.name for path in cache.iterdir()] == [".tiny.lock"]
    assert (convert_packaged(MODEL, source, cache, write=Writer()) / "model.safetensors").exists()


@pytest.mark.parametrize("marker", [None, "", "{}", '{"format": 0}'])
def test_a_directory_without_a_valid_mark_is_made_anew(marker: str | None, source: Path, cache: Path) -> None:
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / "model.safetensors").write_bytes(b"half")
    if marker is not None:
        (cache / "tiny" / MARKER).write_text(marker)
    target = convert_packaged(MODEL, source, cache, write=Writer())
    assert (target / "model.safetensors").read_bytes() == b"gguf"
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "tiny"]


def test_two_threads_convert_once(source: Path, cache: Path) -> None:
    writer = Writer()
    threads = [
        threading.Thread(target=convert_packaged, args=(MODEL, source, cache), kwargs={"write": writer})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert writer.calls == 1


_PROCESS = textwrap.dedent("""
    import os, signal, sys, threading
    from pathlib import Path
    from memos.models.convert import convert_packaged
    from memos.models.packaged import PackagedModel

    source, cache, action = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    model = PackagedModel(name="tiny", kind="llm", package="p", version="1", path="tiny/tiny.gguf", converts=True)

    def write(source, target):
        (target / "model.safetensors").write_bytes(source.read_bytes())
        if action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait(0.3)
        print("wrote", flush=True)

    print("ready", flush=True)
    sys.stdin.readline()
    convert_packaged(model, source, cache, write=write)
""")


def start(source: Path, cache: Path, action: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _PROCESS, str(source), str(cache), action]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_that_start_at_once_convert_once(source: Path, cache: Path) -> None:
    processes = [start(source, cache, "finish") for _ in range(2)]
    for process in processes:
        go(process)
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(outputs) == ["", "wrote\n"]


def test_a_killed_conversion_is_swept_away_by_the_next(source: Path, cache: Path) -> None:
    process = start(source, cache, "die")
    go(process)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert not is_converted(MODEL, cache)
    assert list(cache.glob(".tiny.*.tmp"))
    convert_packaged(MODEL, source, cache, write=Writer())
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "tiny"]
