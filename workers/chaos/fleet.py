"""The processes under test: dispatchers and workers, started again by the local stack's supervisor when they die."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import psutil

from memos.clock import SystemClock
from memos.errors import Unavailable
from memos.local.child import Child, ChildSpec
from memos.local.lock import DirectoryLock
from memos.local.nursery import Nursery
from memos.local.servers import python_module, thread_environment
from memos.local.supervisor import Supervisor
from memos.settings import ENV_PREFIX

WORKERS: Final = ("worker-1", "worker-2")
DISPATCHERS: Final = ("dispatcher-1", "dispatcher-2")
# While one process of a worker waits for a store or a model, the other works.
_PROCESSES: Final = 2
_TICK_S: Final = 0.1
_POLL_S: Final = 0.05
_READY_WITHIN_S: Final = 60.0


class Fleet:
    """Two workers and two dispatchers, kept alive."""

    def __init__(self, directory: Path, settings: Mapping[str, Any]) -> None:
        """Start them, and return when all are ready. Raises Unavailable."""
        self._directory = directory
        self._nursery = Nursery(directory, DirectoryLock.acquire(directory))
        self._environment = {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in settings.items()}
        self._stop = Event()
        self._keeper = Thread(target=self._keep, name="fleet", daemon=True)
        with ExitStack() as undo:
            undo.callback(self._nursery.close)
            self._nursery.start([*map(self._dispatcher, DISPATCHERS), *map(self._worker, WORKERS)])
            undo.pop_all()
        self._keeper.start()

    def kill(self, name: str) -> bool:
        """kill -9 of a process and all of its children, at once; False when it is dead already."""
        try:
            os.killpg(self._nursery.children[name].pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def children_of(self, worker: str) -> Sequence[int]:
        """The process ids of a worker's pool."""
        try:
            return [child.pid for child in psutil.Process(self._nursery.children[worker].pid).children()]
        except psutil.NoSuchProcess:
            return []

    def restart(self, name: str) -> None:
        """Ask a process to stop as an operator does, and return when another is ready in its place."""
        old = self._nursery.children[name]
        by_s = old.ask_to_stop()
        while old.exit_code is None and time.monotonic() < by_s:
            time.sleep(_POLL_S)
        if old.exit_code is None:
            self.kill(name)
        self._await_successor(old)

    def logs(self) -> list[Path]:
        """What the processes print."""
        return sorted((self._directory / "logs").glob("*.log"))

    def close(self) -> None:
        """Stop everything."""
        self._stop.set()
        self._keeper.join()
        self._nursery.close()

    def _keep(self) -> None:
        children = self._nursery.children
        supervisor = Supervisor(children, spawn=self._nursery.spawn, clock=SystemClock(), say=lambda _: None)
        while not self._stop.wait(_TICK_S):
            supervisor.tick()

    def _await_successor(self, old: Child) -> None:
        deadline_s = time.monotonic() + _READY_WITHIN_S
        while True:
            child = self._nursery.children[old.spec.name]
            if child is not old and child.find_unreadiness() is None:
                return
            if time.monotonic() > deadline_s:
                raise Unavailable(old.spec.name, f"no other was ready in its place within {_READY_WITHIN_S:g} s")
            time.sleep(_POLL_S)

    def _worker(self, name: str) -> ChildSpec:
        options = ("--pool", "prefork", "--concurrency", str(_PROCESSES), "-n", f"{name}@chaos", "--loglevel", "INFO")
        argv = (*python_module("celery"), "-A", "workers.chaos.app", "worker", *options)
        return self._spec(name, argv, ready="memos-cpu.ready")

    def _dispatcher(self, name: str) -> ChildSpec:
        ready = self._directory / name / "run" / "dispatcher.ready"
        return self._spec(name, (*python_module("workers.chaos.hints"), "--ready-file", str(ready)), ready=ready.name)

    def _spec(self, name: str, argv: tuple[str, ...], *, ready: str) -> ChildSpec:
        data_dir = self._directory / name
        file = data_dir / "run" / ready
        return ChildSpec(
            name=name,
            argv=argv,
            directory=data_dir / "run",
            probe=lambda: _probe(name, file),
            clears=(file,),
            environment={**thread_environment(1), **self._environment, f"{ENV_PREFIX}DATA_DIR": str(data_dir)},
            ready_within_s=_READY_WITHIN_S,
            stop_within_s=25.0,
        )


def _probe(name: str, file: Path) -> None:
    if not file.exists():
        raise Unavailable(name, f"{file.name} is not there yet")
