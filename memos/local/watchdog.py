"""No orphans: a small process that kills what its owner started once the owner is gone, however it went.

    owner ──pipe──> watchdog            "+PGID" a group to kill, "-PGID" one that has ended
      │ kill -9        │ end of file
      x                └─> SIGTERM to every group, SIGKILL after a grace, then exit

The kernel closes the pipe when the owner dies, so nothing is polled and nothing can be forgotten. The watchdog also
holds the data directory's lock, which therefore stays taken until the last server is gone. This file is run as a
script by an isolated interpreter, and so imports the standard library only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import IO, Final

GRACE_S: Final = 5.0
_POLL_S: Final = 0.05


class Watchdog:
    """The owner's end of the pipe. A dead watchdog is replaced at the next call."""

    def __init__(self, *, keep_open: int) -> None:
        self._keep_open = keep_open
        self._groups: set[int] = set()
        self._process = self._start()

    def guard(self, group: int) -> None:
        """From the return on, the process group dies with this process."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget a group that has ended."""
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def restart_if_dead(self) -> bool:
        """Replace a watchdog that died; True when it had."""
        if self._process.poll() is None:
            return False
        self._process = self._start()
        for group in self._groups:
            self._write(f"+{group}\n")
        return True

    def close(self) -> None:
        """Kill every group that is still guarded, then the watchdog ends."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe().close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # A replacement has been told of every group already, this one included.
        if not self.restart_if_dead():
            self._write(line)

    def _write(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died just now; restart_if_dead will see it
            self._pipe().write(line)
            self._pipe().flush()

    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None  # noqa: S101 - it was opened with stdin=PIPE
        return self._process.stdin

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._keep_open],
            start_new_session=True,
            text=True,
        )


def main() -> None:
    """Read the owner's lines until the pipe ends, then end the groups."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    end_groups(groups)


def end_groups(groups: Iterable[int], *, grace_s: float = GRACE_S) -> None:
    """SIGTERM to all, and SIGKILL to those that are there after the grace."""
    left = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = {group for group in left if _signal_group(group, 0)}
    for group in left:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False  # gone; macOS says EPERM for a group of zombies
    return True


if __name__ == "__main__":
    main()
