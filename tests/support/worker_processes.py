"""Workers of tests/integration/worker_app.py as processes, each with a name, beside a dispatcher."""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from memos.settings import Settings, child_environment
from scheduler.connection import connect
from tests.support.job_path import ROOT, wait_until
from tests.support.worker_handler import events_key

MODULE = "tests.integration.worker_app"


@dataclass
class WorkerProcesses:
    """Starts processes on the servers of ``settings``; their output is in ``data_dir/log``."""

    settings: Settings
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_dispatcher(self) -> subprocess.Popen[bytes]:
        ready = self.settings.data_dir / f"dispatch-{uuid.uuid4().hex}.ready"
        child = self.start(["-m", "scheduler.dispatch", "--ready-file", str(ready)])
        wait_until(ready.exists, "the dispatcher is ready")
        return child

    def start_worker(self, node: str, *, app: str = "cpu", wait: bool = True, **given: str) -> subprocess.Popen[bytes]:
        """A worker that consumes; ``given`` are settings by their environment's names."""
        shown = self.alive_file(node, app)
        shown.unlink(missing_ok=True)
        child = self.start(list(worker_arguments(node, app)), **given)
        wait_until(lambda: not wait or shown.exists() or child.poll() is not None, "the worker consumes")
        return child

    def start(self, arguments: list[str], **given: str) -> subprocess.Popen[bytes]:
        with (self.settings.data_dir / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=child_environment(**environment_of(self.settings), **given),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(child)
        return child

    def alive_file(self, node: str, app: str = "cpu") -> Path:
        return self.settings.data_dir / "run" / f"memos-{app}.{node}.alive"

    def events(self, tenant: str) -> list[str]:
        """``begin:n`` and ``end:n`` in the order in which they happened."""
        return [line.rpartition(":")[0] for line in self._lines(events_key(tenant))]

    def pids(self, tenant: str) -> list[int]:
        """The process of each ``begin``."""
        return [int(line.rpartition(":")[2]) for line in self._lines(events_key(tenant)) if line.startswith("begin")]

    def log(self) -> str:
        return (self.settings.data_dir / "log").read_text(encoding="utf-8")

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """kill -9 of the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self.running.remove(child)

    def stop_all(self) -> None:
        for child in list(self.running):
            self.kill(child)

    def _lines(self, key: str) -> list[str]:
        redis = connect(str(self.settings.redis_url))
        try:
            return [str(line) for line in redis.lrange(key, 0, -1)]
        finally:
            redis.close()


def worker_arguments(node: str, app: str = "cpu") -> tuple[str, ...]:
    options = ("--concurrency", "2") if app == "cpu" else ()
    return ("-m", "celery", "-A", f"{MODULE}:{app}", "worker", "-n", node, "--loglevel", "INFO", *options)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables by which a process finds the servers of ``settings``."""
    return {
        "MEMOS_DATA_DIR": str(settings.data_dir),
        "MEMOS_REDIS_URL": str(settings.redis_url),
        "MEMOS_BROKER_URL": str(settings.broker_url),
    }
