"""The children of one process on one data directory: locked in, guarded, started together, stopped in order.

open: lock ──> watchdog ──> spawn* ──> wait_ready* ──> … ──> stop (last started first) ──> watchdog ends ──> unlock
"""

import os
from pathlib import Path

from memos.local.child import Child, ChildSpec
from memos.local.lock import DirectoryLock, explain_disk_error
from memos.local.stackfile import remove_stack_file
from memos.local.watchdog import Watchdog


class Nursery:
    """Owns a data directory's lock and every process that runs there. A fork of the owner owns nothing."""

    def __init__(self, data_dir: Path, lock: DirectoryLock) -> None:
        self.data_dir = data_dir
        self.children: dict[str, Child] = {}
        self._owner = os.getpid()
        self._lock = lock
        remove_stack_file(data_dir)  # what a killed owner left
        self.watchdog = Watchdog(keep_open=lock.handle)

    def spawn(self, spec: ChildSpec) -> Child:
        """Start a child, in the place of a dead one of its name. Raises Unavailable when the disk is full."""
        log = self.data_dir / "logs" / f"{spec.name}.log"
        try:
            child = Child(spec, log=log, watchdog=self.watchdog)
        except OSError as error:
            raise explain_disk_error(error, self.data_dir) from None
        self.children[spec.name] = child
        return child

    def start(self, specs: list[ChildSpec]) -> None:
        """Start children side by side and return when all are ready; if one fails, none of them is left."""
        started: list[Child] = []
        try:
            started.extend(self.spawn(spec) for spec in specs)
            for child in started:
                child.wait_ready()
        except BaseException:
            self.stop([child.spec.name for child in started])
            raise

    def stop(self, names: list[str]) -> list[str]:
        """Ask these to stop, all at once, and wait for each within its bound; returns those that had to be killed."""
        stopping = [self.children.pop(name) for name in names if name in self.children]
        deadlines = [child.ask_to_stop() for child in stopping]
        return [child.spec.name for child, by_s in zip(stopping, deadlines, strict=True) if child.end(by_s=by_s)]

    def close(self) -> None:
        """Stop what is left and let go of the directory."""
        if os.getpid() != self._owner:
            return
        remove_stack_file(self.data_dir)
        self.stop(list(self.children))
        self.watchdog.close()
        self._lock.close()
