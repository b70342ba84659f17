"""Real workers that live but do no work: each is found and replaced, and no other is taken for one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from memos.clock import SystemClock
from memos.errors import Unavailable
from memos.ids import JobId, TenantId
from memos.local import alive
from memos.local.child import Child, ChildSpec
from memos.local.supervisor import Supervisor
from memos.local.watchdog import Watchdog
from memos.settings import Settings, child_environment
from memos.types import JobState
from scheduler import MemScheduler
from scheduler.broker import cpu_app, sibling_url
from scheduler.keys import WORKERS_KEY
from scheduler.roll import Roll
from tests.support import job_path, rabbitmq
from tests.support.forgetful_proxy import ForgetfulProxy
from tests.support.job_path import ROOT, OwnValkey, free_port, wait_until
from tests.support.worker_processes import WorkerProcesses, environment_of, worker_arguments
from workers.stopping import STALLED_EXIT

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# That of tests/integration/worker_app.py, and a little for the machine to be busy.
PATIENCE_S = 5.0
FOUND_WITHIN_S = 30.0
NODE = "w1@test"


def submit(scheduler: MemScheduler, tenant: TenantId, **payload: Any) -> JobId:
    return scheduler.submit(job_path.spec(tenant, payload={"n": 0, **payload}))


def wait_for_work(scheduler: MemScheduler, tenant: TenantId) -> None:
    """Return once a worker has done a job that is submitted now."""
    job = submit(scheduler, tenant)
    assert scheduler.wait(tenant, [job], timeout_s=FOUND_WITHIN_S)[0].state is JobState.SUCCEEDED


def outlast_patience() -> None:
    """Wait for twice the time after which a worker that shows nothing is ended."""
    clock = SystemClock()
    until_s = clock.monotonic_s() + 2 * PATIENCE_S
    wait_until(lambda: clock.monotonic_s() > until_s, "the time is over")


def test_an_idle_worker_shows_itself_in_its_file_and_in_redis(
    path_settings: Settings, processes: WorkerProcesses
) -> None:
    worker = processes.start_worker(NODE)
    outlast_patience()
    assert worker.poll() is None
    age_s = alive.find_age_s(processes.alive_file(NODE))
    assert age_s is not None
    assert age_s < PATIENCE_S
    roll = Roll.from_url(str(path_settings.redis_url), WORKERS_KEY)
    assert roll.list_recent(30) == [f"memos-cpu\x1f{NODE}"]
    roll.close()
    assert "memos.canary" not in processes.log().partition("[tasks]")[2].partition("ready.")[2]


def test_a_worker_that_consumes_no_more_ends_itself(path_settings: Settings, processes: WorkerProcesses) -> None:
    worker = processes.start_worker(NODE)
    app = cpu_app(path_settings)
    app.control.cancel_consumer("memos.extract", destination=[NODE], reply=True, timeout=5)
    assert worker.wait(timeout=FOUND_WITHIN_S) == STALLED_EXIT
    assert "this worker does not consume memos.extract" in processes.log()
    app.close()


def test_a_worker_whose_pool_does_nothing_ends_itself(processes: WorkerProcesses) -> None:
    worker = processes.start_worker(NODE)
    for child in psutil.Process(worker.pid).children(recursive=True):
        child.suspend()
    assert worker.wait(timeout=FOUND_WITHIN_S) == STALLED_EXIT


def test_a_busy_worker_is_not_taken_for_a_stalled_one(
    processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    processes.start_dispatcher()
    worker = processes.start_worker(NODE)
    other = TenantId(f"{tenant}-2")
    long_ms = round(3 * PATIENCE_S * 1000)
    jobs = [(one, submit(scheduler, one, sleep_ms=long_ms)) for one in (tenant, other)]
    for one, job in jobs:
        record = scheduler.wait(one, [job], timeout_s=60)[0]
        assert (record.state, record.attempts) == (JobState.SUCCEEDED, 1)
    assert worker.poll() is None


def test_a_broker_that_is_away_is_not_the_workers_fault(
    path_settings: Settings, tmp_path: Path, tenant: TenantId
) -> None:
    valkey = OwnValkey(tmp_path, free_port())
    valkey.start()
    away = path_settings.model_copy(
        update={"broker_url": sibling_url(path_settings.model_copy(update={"redis_url": valkey.url}), 1)}
    )
    processes = WorkerProcesses(away)
    scheduler = MemScheduler.from_url(str(away.redis_url))
    try:
        processes.start_dispatcher()
        worker = processes.start_worker(NODE)
        wait_for_work(scheduler, tenant)
        valkey.kill()
        outlast_patience()
        assert worker.poll() is None
        valkey.start()
        wait_for_work(scheduler, tenant)
    finally:
        scheduler.close()
        processes.stop_all()
        valkey.kill()


@pytest.mark.skipif(rabbitmq.why_missing() is not None, reason=str(rabbitmq.why_missing()))
def test_on_rabbitmq_too_a_silent_broker_is_not_the_workers_fault(
    path_settings: Settings, tmp_path: Path, tenant: TenantId
) -> None:
    broker = rabbitmq.OwnRabbitMQ(tmp_path / "rabbitmq")
    processes = WorkerProcesses(path_settings.model_copy(update={"broker_url": broker.url}))
    scheduler = MemScheduler.from_url(str(path_settings.redis_url))
    try:
        broker.start()
        processes.start_dispatcher()
        worker = processes.start_worker(NODE)
        outlast_patience()
        assert worker.poll() is None
        wait_for_work(scheduler, tenant)
        broker.freeze()
        outlast_patience()
        assert worker.poll() is None
        broker.thaw()
        wait_for_work(scheduler, tenant)
    finally:
        scheduler.close()
        processes.stop_all()
        broker.stop()


@dataclass
class Ward:
    """A worker under the local stack's own supervisor."""

    children: dict[str, Child]
    supervisor: Supervisor

    @property
    def worker(self) -> Child:
        return self.children["cpu-worker"]

    def wait_for_work(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        """Supervise until a job that is submitted now is done."""
        job = submit(scheduler, tenant)

        def is_done() -> bool:
            self.supervisor.tick()
            return scheduler.status(tenant, job).state is JobState.SUCCEEDED

        wait_until(is_done, "some worker did it", within_s=FOUND_WITHIN_S)


@contextmanager
def supervise(settings: Settings) -> Iterator[Ward]:
    directory = settings.data_dir
    ready, shown = directory / "run" / "memos-cpu.ready", directory / "run" / f"memos-cpu.{NODE}.alive"
    spec = ChildSpec(
        name="cpu-worker",
        argv=(sys.executable, *worker_arguments(NODE)),
        directory=ROOT,
        probe=lambda: require_file(ready),
        clears=(ready, shown),
        environment=environment_of(settings),
        find_stall=lambda: alive.find_stall(shown, patience_s=PATIENCE_S + 2),
    )
    with (directory / "lock").open("w") as lock:
        watchdog = Watchdog(keep_open=lock.fileno())
        children = {"cpu-worker": Child(spec, log=directory / "worker.log", watchdog=watchdog)}

        def spawn(again: ChildSpec) -> None:
            children[again.name] = Child(again, log=directory / "worker.log", watchdog=watchdog)

        ward = Ward(children, Supervisor(children, spawn=spawn, clock=SystemClock(), say=lambda _: None))
        ward.worker.wait_ready()
        try:
            yield ward
        finally:
            ward.worker.bury()
            watchdog.close()


def require_file(path: Path) -> None:
    if not path.exists():
        raise Unavailable("cpu-worker", f"{path.name} is not there yet")


def test_a_frozen_worker_is_replaced_by_the_supervisor(
    path_settings: Settings, processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    processes.start_dispatcher()
    with supervise(path_settings) as ward:
        ward.wait_for_work(scheduler, tenant)
        frozen = ward.worker
        os.kill(frozen.pid, signal.SIGSTOP)
        ward.wait_for_work(scheduler, tenant)
        assert ward.worker is not frozen
        assert frozen.exit_code == -signal.SIGKILL


def test_a_worker_whose_connection_went_deaf_works_again_or_is_replaced(
    path_settings: Settings, processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    broker = urlsplit(str(path_settings.broker_url))
    proxy = ForgetfulProxy(int(broker.port or 0))
    through = broker._replace(netloc=f":{broker.password}@127.0.0.1:{proxy.port}").geturl()
    processes.start_dispatcher()
    with supervise(path_settings.model_copy(update={"broker_url": through})) as ward:
        ward.wait_for_work(scheduler, tenant)
        proxy.forget()
        ward.wait_for_work(scheduler, tenant)
    proxy.close()


def test_the_probe_of_a_pod_tells_a_frozen_worker(path_settings: Settings, processes: WorkerProcesses) -> None:
    worker = processes.start_worker(NODE)
    assert run_probe(path_settings) == (0, "memos-cpu is well\n")
    os.kill(worker.pid, signal.SIGSTOP)
    wait_until(lambda: run_probe(path_settings)[0] == 1, "the probe fails", within_s=FOUND_WITHIN_S)


def run_probe(settings: Settings) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "workers.health", "--app", "memos-cpu"],
        cwd=ROOT,
        env=child_environment(**environment_of(settings)),
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout
