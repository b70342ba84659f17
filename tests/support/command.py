"""The ``memos`` command as a user has it: a process with an exit status and two streams."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memos.settings import child_environment

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def run_memos(
    *arguments: str | bytes | Path, stdin: bytes = b"", cwd: Path = ROOT, timeout_s: float = 120, **environment: str
) -> Finished:
    """Run ``memos`` to its end, on a terminal of 80 columns."""
    ran = subprocess.run(
        [sys.executable, "-m", "memos.cli.main", *arguments],
        input=stdin,
        cwd=cwd,
        env=child_environment(COLUMNS="80", LC_ALL="C.UTF-8", OMP_NUM_THREADS="1", **environment),
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Finished(code=ran.returncode, out=ran.stdout.decode(), err=ran.stderr.decode())


def assert_mistake(finished: Finished, *words: str) -> None:
    """The user's mistake: status 2, one line that holds the words, and nothing else."""
    assert finished.code == 2, finished.err
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1, finished.err
    missing = [word for word in words if word not in finished.err]
    assert missing == [], finished.err
