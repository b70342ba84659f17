"""Submit, dispatch, worker, commit: real processes on a real Valkey, some of them killed."""

import signal
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memos.ids import JobId, TenantId
from memos.settings import Settings, load_settings
from memos.types import JobKind, JobRecord, JobSpec, JobState
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.support import job_path
from tests.support.job_path import Processes, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def path_settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(
        data_dir=tmp_path_factory.mktemp("job_path"),
        redis_url=sibling_url(settings, 8),
        broker_url=sibling_url(settings, 9),
        gpu_broker_url=sibling_url(settings, 10),
    )


@pytest.fixture(scope="module")
def processes(path_settings: Settings) -> Iterator[Processes]:
    started = Processes(path_settings)
    try:
        started.start_dispatcher()
        started.start_worker()
        yield started
    finally:
        started.stop_all()


@pytest.fixture
def scheduler(path_settings: Settings) -> Iterator[MemScheduler]:
    made = MemScheduler.from_url(str(path_settings.redis_url))
    yield made
    made.close()


def spec(tenant: TenantId, session: str, **payload: Any) -> JobSpec:
    return job_path.spec(tenant, session, payload=payload)


def read_log(settings: Settings, tenant: TenantId) -> list[str]:
    redis = connect(str(settings.redis_url))
    try:
        return [str(line) for line in redis.lrange(f"test:log:{tenant}", 0, -1)]
    finally:
        redis.close()


def by_session(lines: list[str]) -> dict[str, list[int]]:
    done: dict[str, list[int]] = {}
    for line in lines:
        session, _, n = line.partition(":")
        done.setdefault(session, []).append(int(n))
    return done


def finish_all(
    scheduler: MemScheduler, tenant: TenantId, jobs: list[JobId], *, within_s: float = 60
) -> list[JobRecord]:
    records = scheduler.wait(tenant, jobs, timeout_s=within_s)
    assert {record.state for record in records} == {JobState.SUCCEEDED}
    return records


def test_jobs_of_a_session_take_effect_in_the_order_of_submission(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    jobs = [scheduler.submit(spec(tenant, f"s{n % 5}", n=n)) for n in range(100)]
    finish_all(scheduler, tenant, jobs)
    done = by_session(read_log(processes.settings, tenant))
    assert done == {f"s{place}": list(range(place, 100, 5)) for place in range(5)}


def test_a_killed_worker_loses_nothing_and_repeats_no_effect(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    victim = processes.start_worker()
    jobs = [scheduler.submit(spec(tenant, f"s{n % 4}", n=n, sleep_ms=20)) for n in range(60)]
    wait_until(lambda: len(read_log(processes.settings, tenant)) >= 5, "the workers are in the middle of it")
    processes.kill(victim)
    finish_all(scheduler, tenant, jobs)
    done = by_session(read_log(processes.settings, tenant))
    assert done == {f"s{place}": list(range(place, 60, 4)) for place in range(4)}


def test_a_job_whose_process_dies_is_attempted_again(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    jobs = [scheduler.submit(spec(tenant, "s", n=0, die=True)), scheduler.submit(spec(tenant, "s", n=1))]
    first, _ = finish_all(scheduler, tenant, jobs)
    assert first.attempts == 2
    assert by_session(read_log(processes.settings, tenant)) == {"s": [0, 1]}


def test_a_bad_job_ends_dead_and_the_lane_goes_on(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    jobs = [
        scheduler.submit(spec(tenant, "s", n=0)),
        scheduler.submit(spec(tenant, "s", n=1, fail="InvalidRequest")),
        scheduler.submit(spec(tenant, "s", n=2)),
    ]
    records = scheduler.wait(tenant, jobs, timeout_s=30)
    assert [record.state for record in records] == [JobState.SUCCEEDED, JobState.DEAD, JobState.SUCCEEDED]
    assert (records[1].error_class, records[1].error_message) == ("InvalidRequest", "as the test wishes")
    assert by_session(read_log(processes.settings, tenant)) == {"s": [0, 2]}
    wait_until(lambda: "1 jobs ended dead (InvalidRequest)" in processes.log(), "the hint is a failure for Celery")


def test_kv_jobs_go_to_the_gpu_worker(processes: Processes, scheduler: MemScheduler, tenant: TenantId) -> None:
    kv = job_path.spec(tenant, kind=JobKind.KV_BUILD, lane=job_path.lane(tenant, "~kv"))
    waiting, extract = scheduler.submit(kv), scheduler.submit(spec(tenant, "s", n=1))
    finish_all(scheduler, tenant, [extract])
    assert scheduler.status(tenant, waiting).state is JobState.QUEUED
    worker = processes.start_worker("gpu")
    finish_all(scheduler, tenant, [waiting])
    processes.kill(worker)


def test_two_dispatchers_at_once_are_harmless(processes: Processes, scheduler: MemScheduler, tenant: TenantId) -> None:
    second = processes.start_dispatcher()
    jobs = [scheduler.submit(spec(tenant, f"s{n % 10}", n=n)) for n in range(100)]
    finish_all(scheduler, tenant, jobs)
    processes.kill(second)
    assert by_session(read_log(processes.settings, tenant)) == {f"s{n}": list(range(n, 100, 10)) for n in range(10)}


def test_a_dispatcher_that_comes_late_finds_what_was_accepted(
    path_settings: Settings, processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    dispatcher = processes.running[0]
    processes.kill(dispatcher)
    job = scheduler.submit(spec(tenant, "s", n=0))
    processes.start_dispatcher()
    finish_all(scheduler, tenant, [job])


def test_idle_latency_is_printed(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[int] = []
    for n in range(30):
        job = scheduler.submit(spec(tenant, f"s{n}", n=n))
        record = finish_all(scheduler, tenant, [job])[0]
        assert record.wait_ms is not None
        waits.append(record.wait_ms)
    with capsys.disabled():
        sys.stdout.write(f"\nidle submit -> start: p50 {statistics.median(waits)} ms, max {max(waits)} ms\n")


def test_log_lines_carry_no_text_of_users(processes: Processes, scheduler: MemScheduler, tenant: TenantId) -> None:
    job = scheduler.submit(spec(tenant, "s", n=0, text="a-most-private-sentence", fail="Corrupt"))
    scheduler.wait(tenant, [job], timeout_s=30)
    wait_until(lambda: f"tenant={tenant}" in processes.log(), "the worker logged the hint")
    assert "a-most-private-sentence" not in processes.log()


def test_sigterm_stops_the_dispatcher_cleanly(processes: Processes) -> None:
    child = processes.start_dispatcher()
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=5) == 0
    processes.running.remove(child)
