"""One child process: started behind a gate, probed until ready, stopped within a bound.

    spawn ──> gate (sh waits for a line) ──> guarded by the watchdog ──> exec ──> probe … ready

The gate closes the gap in which a parent that is killed between fork and registration would leave an orphan: the
shell ends by itself when its pipe does.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from memos.errors import AccessDenied, Unavailable
from memos.local.logs import open_log, read_tail
from memos.local.watchdog import Watchdog
from memos.settings import child_environment

_GATE: Final = 'umask 077; read -r go && exec "$@" </dev/null'
_POLL_S: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSpec:
    """How a child is run. ``probe`` raises Unavailable until it is ready; ``clears`` are removed before each start.

    ``find_stall`` tells why a child that was ready does no work any more, though it lives; None while it is well.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    probe: Callable[[], None]
    clears: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ready_within_s: float = 60.0
    stop_within_s: float = 10.0
    find_stall: Callable[[], str | None] = lambda: None


class Child:
    """A started child in a process group of its own."""

    def __init__(self, spec: ChildSpec, *, log: Path, watchdog: Watchdog) -> None:
        self.spec = spec
        self.log = log
        self._watchdog = watchdog
        self._process = self._spawn()
        self.started_at_s = time.monotonic()

    @property
    def pid(self) -> int:
        """The process id, which is also the group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def wait_ready(self) -> None:
        """Return once the probe passes. Raises Unavailable, with the last log lines, on death or after the bound."""
        deadline = time.monotonic() + self.spec.ready_within_s
        while (reason := self.find_unreadiness()) is not None:
            if self.exit_code is not None:
                raise Unavailable(self.spec.name, f"it {reason}; {self._log_tail()}")
            if time.monotonic() > deadline:
                waited = f"not ready in {self.spec.ready_within_s:g} s"
                raise Unavailable(self.spec.name, f"{waited} ({reason}); {self._log_tail()}")
            time.sleep(_POLL_S)

    def find_unreadiness(self) -> str | None:
        """Why the child cannot be used right now, or None when it can."""
        if self.exit_code is not None:
            return f"ended with code {self.exit_code}"
        try:
            self.spec.probe()
        except (Unavailable, AccessDenied) as error:
            return str(error)
        return None

    def ask_to_stop(self) -> float:
        """SIGTERM to the main process, which stops its own children in order; returns when its patience ends."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
        return time.monotonic() + self.spec.stop_within_s

    def end(self, *, by_s: float) -> bool:
        """Wait for the end until then, and kill what is left; True when it had to be killed."""
        try:
            self._process.wait(max(0.0, by_s - time.monotonic()))
            killed = False
        except subprocess.TimeoutExpired:
            killed = True
        self.bury()
        return killed

    def bury(self) -> None:
        """Kill whatever is left of the group, and let the watchdog forget it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._watchdog.release(self.pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.spec.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in self.spec.clears:
            stale.unlink(missing_ok=True)
        with open_log(self.log) as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "sh", *self.spec.argv],
                cwd=self.spec.directory,
                env=child_environment(**self.spec.environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog.guard(process.pid)
        assert process.stdin is not None  # noqa: S101 - it was opened with stdin=PIPE
        with contextlib.suppress(BrokenPipeError), process.stdin as gate:
            gate.write(b"go\n")
        return process

    def _log_tail(self) -> str:
        return f"the end of {self.log}:\n{read_tail(self.log)}"
