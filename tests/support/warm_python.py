"""Python processes that begin with the models' packages imported, which costs every other one 6 s of a core.

    test ──a line: what to run──> this file as a script ── fork ──> a process that runs it, and exits as any other
      └────────── its status ──────────┘

Nothing of ours is imported before the fork, and no package is used there: a fork has none of a library's threads.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

_PACKAGES = ("torch", "transformers", "sentence_transformers")


class WarmPython:
    """Runs one process after the other; not for several threads at once."""

    def __init__(self) -> None:
        self._parent: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def run(
        self, *arguments: str, cwd: Path, env: Mapping[str, str], timeout_s: float, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """``python -c CODE`` or ``python FILE``, to its end. Raises TimeoutExpired, having killed it."""
        with TemporaryDirectory() as directory:
            files = [Path(directory) / name for name in ("stdin", "stdout", "stderr")]
            files[0].write_text(said, encoding="utf-8")
            order = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "streams": list(map(str, files))}
            status = self._ask(json.dumps(order), timeout_s)
            _, out, err = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(arguments, status, out, err)

    def _ask(self, order: str, timeout_s: float) -> int:
        parent = self._parent or self._start()
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(f"{order}\n")
        parent.stdin.flush()
        if not select.select([parent.stdout], [], [], timeout_s)[0]:
            self._kill()
            raise subprocess.TimeoutExpired(order, timeout_s)
        return int(parent.stdout.readline())

    def _start(self) -> subprocess.Popen[str]:
        self._parent = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self._parent

    def _kill(self) -> None:
        """What runs now goes with it."""
        if self._parent is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._parent.pid, signal.SIGKILL)
            self._parent.communicate()
            self._parent = None


def main() -> None:
    """Fork for each line; the fork is the one that goes on to run it."""
    for package in _PACKAGES:
        importlib.import_module(package)
    gc.freeze()  # else each fork copies all of it when it ends
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(**json.loads(line))
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _run(arguments: list[str], cwd: str, env: dict[str, str], streams: list[str]) -> None:
    for number, (file, flags) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2), strict=True)):
        os.dup2(os.open(file, flags, 0o600), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    first, *rest = arguments
    if first == "-c":
        script = Path(streams[0]).with_name("code.py")
        script.write_text(rest[0], encoding="utf-8")
        sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
        runpy.run_path(str(script), run_name="__main__")
    else:
        sys.argv, sys.path[0] = arguments, str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
