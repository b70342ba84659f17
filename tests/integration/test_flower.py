"""What a real Flower shows of real hints: the truth, in names, arguments and states."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memos.ids import TenantId
from memos.settings import Settings, load_settings
from memos.types import JobKind
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.support import job_path
from tests.support.job_path import ROOT, free_port, wait_until
from tests.support.worker_processes import MODULE, WorkerProcesses

pytest.importorskip("flower")
pytestmark = pytest.mark.servers

PASSWORD = "look-only-7"
Shown = dict[str, Any]


class Flower:
    """The HTTP API of a Flower, as somebody with the password reads it."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("memos", PASSWORD), timeout=10)

    def answers(self) -> bool:
        try:
            return self._client.get("/healthcheck").is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._client.close()

    def tasks(self) -> list[Shown]:
        return list(self._get("/api/tasks?limit=10000").values())

    def states(self, **ids: str) -> set[str]:
        """The states of the hints whose arguments carry these ids."""
        wanted = [f"'{name}': '{value}'" for name, value in ids.items()]
        return {task["state"] for task in self.tasks() if all(part in (task["kwargs"] or "") for part in wanted)}

    def workers(self) -> set[str]:
        return set(self._get("/api/workers?status=true"))

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(path).raise_for_status().json()
        return found


@pytest.fixture(scope="module")
def path_settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = load_settings(
        data_dir=tmp_path_factory.mktemp("flower"),
        redis_url=sibling_url(settings, 11),
        broker_url=sibling_url(settings, 12),
    )
    for url in (found.redis_url, found.broker_url):
        redis = connect(str(url))
        redis.flushdb()
        redis.close()
    return found


@pytest.fixture(scope="module")
def flower(path_settings: Settings) -> Iterator[Flower]:
    processes = WorkerProcesses(path_settings)
    port = free_port()
    shown = Flower(port)
    conf = ROOT / "memos" / "local" / "flowerconfig.py"
    arguments = ["-m", "celery", "-A", f"{MODULE}:cpu", "flower", f"--port={port}", f"--conf={conf}"]
    try:
        processes.start([*arguments, "--address=127.0.0.1"], MEMOS_FLOWER_PASSWORD=PASSWORD)
        wait_until(shown.answers, "Flower answers")
        processes.start_dispatcher()
        processes.start_worker("w1@test")
        processes.start_worker("g1@test", app="gpu")
        wait_until(lambda: {"w1@test", "g1@test"} <= shown.workers(), "Flower knows both workers")
        yield shown
    finally:
        shown.close()
        processes.stop_all()


@pytest.fixture
def scheduler(path_settings: Settings) -> Iterator[MemScheduler]:
    made = MemScheduler.from_url(str(path_settings.redis_url))
    yield made
    made.close()


def submit(scheduler: MemScheduler, tenant: TenantId, session: str, **payload: Any) -> None:
    scheduler.submit(job_path.spec(tenant, session, payload={"n": 0, **payload}))


def test_a_hint_whose_jobs_are_done_is_a_success_with_their_ids(
    flower: Flower, scheduler: MemScheduler, tenant: TenantId
) -> None:
    submit(scheduler, tenant, "good")
    wait_until(lambda: flower.states(tenant=tenant, session="good") == {"SUCCESS"}, "a success")
    (task,) = [task for task in flower.tasks() if tenant in (task["kwargs"] or "")]
    assert (task["name"], task["worker"]) == ("memos.extract", "w1@test")
    assert task["kwargs"] == f"{{'tenant': '{tenant}', 'cube': 'c', 'session': 'good'}}"


def test_a_hint_of_which_a_job_died_is_a_failure_that_says_why(
    flower: Flower, scheduler: MemScheduler, tenant: TenantId
) -> None:
    submit(scheduler, tenant, "bad", fail="InvalidRequest")
    wait_until(lambda: flower.states(tenant=tenant, session="bad") == {"FAILURE"}, "a failure")
    (task,) = [task for task in flower.tasks() if tenant in (task["kwargs"] or "")]
    assert "1 jobs ended dead (InvalidRequest)" in task["exception"]


def test_a_hint_whose_jobs_wait_for_another_attempt_is_a_retry(
    flower: Flower, scheduler: MemScheduler, tenant: TenantId
) -> None:
    submit(scheduler, tenant, "away", fail="Unavailable")
    wait_until(lambda: "RETRY" in flower.states(tenant=tenant, session="away"), "a retry")
    assert "FAILURE" not in flower.states(tenant=tenant, session="away")
    retried = [task for task in flower.tasks() if tenant in (task["kwargs"] or "") and task["state"] == "RETRY"]
    assert "1 jobs wait for another attempt (Unavailable)" in retried[0]["exception"]


def test_a_worker_process_that_was_lost_is_seen(flower: Flower, scheduler: MemScheduler, tenant: TenantId) -> None:
    submit(scheduler, tenant, "killed", die=True)
    seen: list[str] = []

    def is_seen() -> bool:
        seen.extend(str(task["exception"]) for task in flower.tasks() if tenant in (task["kwargs"] or ""))
        return any("WorkerLostError" in exception for exception in seen)

    wait_until(is_seen, "Flower shows the loss")


def test_a_hint_for_the_gpu_worker_is_in_the_same_flower(
    flower: Flower, scheduler: MemScheduler, tenant: TenantId
) -> None:
    kv = job_path.spec(tenant, kind=JobKind.KV_BUILD, lane=job_path.lane(tenant, "~kv"), payload={"n": 0})
    scheduler.submit(kv)
    wait_until(lambda: flower.states(tenant=tenant, session="~kv") == {"SUCCESS"}, "a success")
    (task,) = [task for task in flower.tasks() if tenant in (task["kwargs"] or "")]
    assert (task["name"], task["worker"]) == ("memos.kv", "g1@test")


def test_nothing_but_hints_is_shown(flower: Flower, scheduler: MemScheduler, tenant: TenantId) -> None:
    submit(scheduler, tenant, "last")
    wait_until(lambda: flower.states(tenant=tenant, session="last") == {"SUCCESS"}, "a success")
    assert {task["name"] for task in flower.tasks()} <= {"memos.extract", "memos.kv"}
