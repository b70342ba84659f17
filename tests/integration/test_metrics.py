"""The pages of real processes, as Prometheus and a cluster's probes see them."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from memos.ids import TenantId
from memos.settings import Settings, child_environment
from memos.types import JobState
from scheduler import MemScheduler
from tests.support import job_path
from tests.support.job_path import ROOT, free_port, wait_until
from tests.support.worker_processes import WorkerProcesses, environment_of

pytestmark = pytest.mark.servers


def get(port: int, path: str) -> tuple[int, str]:
    """0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_dispatcher_exports_what_its_workers_did(
    path_settings: Settings, processes: WorkerProcesses, tenant: TenantId
) -> None:
    port = free_port()
    processes.start(["-m", "scheduler.dispatch"], MEMOS_METRICS_PORT=str(port))
    processes.start_worker("w1@test")
    wait_until(lambda: get(port, "/readyz")[0] == 200, "the dispatcher is ready")
    assert get(port, "/livez") == (200, "ok\n")
    scheduler = MemScheduler.from_url(str(path_settings.redis_url))
    jobs = [scheduler.submit(job_path.spec(tenant, payload={"n": 0}))]
    jobs += [scheduler.submit(job_path.spec(tenant, "bad", payload={"n": 1, "fail": "InvalidRequest"}))]
    states = [record.state for record in scheduler.wait(tenant, jobs, timeout_s=30)]
    scheduler.close()
    assert states == [JobState.SUCCEEDED, JobState.DEAD]
    seen = samples(get(port, "/metrics")[1])
    assert seen["memos_jobs_total", "extract", "succeeded"] == 1
    assert seen["memos_jobs_total", "extract", "dead"] == 1
    assert seen["memos_hints_total", "extract"] >= 2
    assert (seen["memos_redis_up",], seen["memos_dispatcher_leader",]) == (1, 1)
    wait_until(
        lambda: samples(get(port, "/metrics")[1])["memos_workers_alive", "memos-cpu"] == 1, "the worker was noted"
    )


def test_a_dispatcher_without_redis_lives_is_not_ready_and_claims_nothing(processes: WorkerProcesses) -> None:
    port = free_port()
    processes.settings = processes.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    processes.start(["-m", "scheduler.dispatch"], MEMOS_METRICS_PORT=str(port))
    wait_until(lambda: get(port, "/livez")[0] == 200, "it lives")
    assert get(port, "/readyz")[0] == 503
    assert samples(get(port, "/metrics")[1]) == {("memos_redis_up",): 0, ("memos_dispatcher_leader",): 0}


def test_a_port_that_is_taken_is_said_and_the_dispatcher_does_not_start(
    path_settings: Settings, processes: WorkerProcesses
) -> None:
    port = free_port()
    processes.start(["-m", "scheduler.dispatch"], MEMOS_METRICS_PORT=str(port))
    wait_until(lambda: get(port, "/livez")[0] == 200, "the first one lives")
    second = processes.start(["-m", "scheduler.dispatch"], MEMOS_METRICS_PORT=str(port))
    assert second.wait(timeout=30) == 2
    assert "set MEMOS_METRICS_PORT to a free port" in processes.log()


def test_a_worker_answers_probes_and_is_not_ready_while_it_stops(
    path_settings: Settings, processes: WorkerProcesses, tenant: TenantId
) -> None:
    port = free_port()
    processes.start_dispatcher()
    worker = processes.start_worker("w1@test", MEMOS_METRICS_PORT=str(port))
    wait_until(lambda: get(port, "/readyz")[0] == 200, "the worker is ready")
    assert get(port, "/livez") == (200, "ok\n")
    scheduler = MemScheduler.from_url(str(path_settings.redis_url))
    scheduler.submit(job_path.spec(tenant, payload={"n": 0, "sleep_ms": 3000}))
    scheduler.close()
    wait_until(lambda: processes.events(tenant) != [], "it works")
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: get(port, "/readyz") == (503, "it is stopping\n"), "it says that it stops")
    assert get(port, "/livez")[0] == 200
    assert worker.wait(timeout=20) == 0


def test_the_command_prints_what_a_scrape_would_get(path_settings: Settings) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "memos.cli.main", "metrics"],
        cwd=ROOT,
        env=child_environment(**environment_of(path_settings)),
        capture_output=True,
        text=True,
        check=True,
    )
    seen = samples(ran.stdout)
    assert seen["memos_redis_up",] == 1
    assert seen["memos_jobs_total", "extract", "dead"] == 0
    assert ("memos_dispatcher_leader",) not in seen
