"""Real workers that are told to stop while they work: nothing is lost, and it does not take for ever."""

import signal
import subprocess
from typing import Any

import pytest

from memos.ids import JobId, TenantId
from memos.settings import Settings
from memos.types import JobKind, JobRecord, JobState
from scheduler import MemScheduler
from scheduler.connection import connect
from tests.support import job_path
from tests.support.job_path import wait_until
from tests.support.worker_handler import closed_key
from tests.support.worker_processes import WorkerProcesses

pytestmark = pytest.mark.servers


@pytest.fixture
def processes(processes: WorkerProcesses) -> WorkerProcesses:
    """With a dispatcher that runs already."""
    processes.start_dispatcher()
    return processes


def submit(scheduler: MemScheduler, tenant: TenantId, session: str, **payload: Any) -> JobId:
    return scheduler.submit(job_path.spec(tenant, session, payload=payload))


def finish_all(scheduler: MemScheduler, tenant: TenantId, jobs: list[JobId]) -> list[JobRecord]:
    records = scheduler.wait(tenant, jobs, timeout_s=60)
    assert {record.state for record in records} == {JobState.SUCCEEDED}
    return records


def count(processes: WorkerProcesses, tenant: TenantId, what: str) -> int:
    return sum(event.startswith(what) for event in processes.events(tenant))


def states(scheduler: MemScheduler, tenant: TenantId, jobs: list[JobId]) -> set[JobState]:
    return {scheduler.status(tenant, job).state for job in jobs}


def stop(worker: subprocess.Popen[bytes], *, within_s: float) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(timeout=within_s)


def test_a_stopping_worker_finishes_its_batches_and_hands_the_rest_back(
    processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    worker = processes.start_worker("w1@test")
    jobs = [submit(scheduler, tenant, f"s{n % 4}", n=n, sleep_ms=200) for n in range(32)]
    wait_until(lambda: count(processes, tenant, "begin") >= 6, "the worker is in the middle of it")
    before = count(processes, tenant, "begin")
    assert stop(worker, within_s=15) == 0
    begun, ended = count(processes, tenant, "begin"), count(processes, tenant, "end")
    assert begun == ended <= before + 4  # two processes finish what they have, not their lanes of eight
    assert states(scheduler, tenant, jobs) == {JobState.SUCCEEDED, JobState.QUEUED}
    processes.start_worker("w2@test")
    records = finish_all(scheduler, tenant, jobs)
    assert {record.attempts for record in records} == {1}
    order = [int(event.partition(":")[2]) for event in processes.events(tenant) if event.startswith("end")]
    assert {lane: [n for n in order if n % 4 == lane] for lane in range(4)} == {
        lane: list(range(lane, 32, 4)) for lane in range(4)
    }


def test_beyond_its_bound_a_stopping_worker_is_killed_and_others_do_its_jobs(
    processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    worker = processes.start_worker("w1@test", MEMOS_WARM_STOP_S="1")
    jobs = [submit(scheduler, tenant, f"s{n}", n=n, first_ms=100_000) for n in range(2)]
    wait_until(lambda: count(processes, tenant, "begin") == 2, "both processes are at work")
    stop(worker, within_s=20)
    processes.start_worker("w2@test")
    records = finish_all(scheduler, tenant, jobs)
    assert {record.attempts for record in records} == {2}


def test_a_stopping_gpu_worker_finishes_what_it_builds(
    processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    worker = processes.start_worker("g1@test", app="gpu")
    lane = job_path.lane(tenant, "~kv")
    payload = {"n": 0, "sleep_ms": 1000}
    job = scheduler.submit(job_path.spec(tenant, kind=JobKind.KV_BUILD, lane=lane, payload=payload))
    wait_until(lambda: count(processes, tenant, "begin") == 1, "it builds")
    assert stop(worker, within_s=15) == 0
    assert scheduler.status(tenant, job).state is JobState.SUCCEEDED


def test_a_gpu_worker_that_builds_for_too_long_is_ended(
    processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    worker = processes.start_worker("g1@test", app="gpu", MEMOS_WARM_STOP_S="1")
    lane = job_path.lane(tenant, "~kv")
    payload = {"n": 0, "first_ms": 100_000}
    job = scheduler.submit(job_path.spec(tenant, kind=JobKind.KV_BUILD, lane=lane, payload=payload))
    wait_until(lambda: count(processes, tenant, "begin") == 1, "it builds")
    assert stop(worker, within_s=15) != 0
    processes.start_worker("g2@test", app="gpu")
    assert finish_all(scheduler, tenant, [job])[0].attempts == 2


def test_a_renewed_process_closes_what_it_opened(
    path_settings: Settings, processes: WorkerProcesses, scheduler: MemScheduler, tenant: TenantId
) -> None:
    processes.start_worker("w1@test", MEMOS_WORKER_MAX_TASKS="2")
    jobs = [submit(scheduler, tenant, f"s{n}", n=n, opens=True) for n in range(12)]
    finish_all(scheduler, tenant, jobs)
    redis = connect(str(path_settings.redis_url))

    def closed() -> list[int]:
        return [int(str(pid)) for pid in redis.lrange(closed_key(tenant), 0, -1)]

    wait_until(lambda: len(set(closed())) >= 3, "processes were renewed, and closed what they had opened")
    assert set(closed()) <= set(processes.pids(tenant))
    redis.close()
