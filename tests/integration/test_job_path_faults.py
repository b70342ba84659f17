"""Redis away, silent, guarded by another password, killed and started again."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos.errors import Unavailable
from memos.ids import JobId, TenantId
from memos.settings import Settings, load_settings
from memos.types import JobState
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from tests.support.job_path import (
    PASSWORD,
    OwnValkey,
    Processes,
    free_port,
    lane,
    spec,
    wait_until,
)

pytestmark = pytest.mark.servers
TENANT = TenantId("t")
CALLS: list[Callable[[MemScheduler], object]] = [
    lambda scheduler: scheduler.submit(spec(TENANT)),
    lambda scheduler: scheduler.status(TENANT, JobId("0")),
    lambda scheduler: scheduler.wait(TENANT, [JobId("0")], timeout_s=60),
    lambda scheduler: scheduler.list_jobs(TENANT),
    lambda scheduler: scheduler.pending_payloads(lane(TENANT)),
    lambda scheduler: scheduler.ping(),
]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    server = OwnValkey(tmp_path, free_port())
    server.start()
    yield server
    server.kill()


@pytest.fixture
def processes(valkey: OwnValkey, tmp_path: Path) -> Iterator[Processes]:
    main = Settings(redis_url=valkey.url)
    started = Processes(
        load_settings(
            data_dir=tmp_path / "path",
            redis_url=valkey.url,
            broker_url=sibling_url(main, 1),
            gpu_broker_url=sibling_url(main, 2),
        )
    )
    started.settings.data_dir.mkdir()
    yield started
    started.stop_all()


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://:secret@127.0.0.1:{server.getsockname()[1]}/0"


def refused_within_5_s(url: str, call: Callable[[MemScheduler], object]) -> str:
    scheduler = MemScheduler.from_url(url)
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        call(scheduler)
    assert time.monotonic() - started < 5
    assert caught.value.dependency == "redis"
    scheduler.close()
    return str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_a_redis_that_is_away_is_named_at_once(call: Callable[[MemScheduler], object]) -> None:
    told = refused_within_5_s(f"redis://:secret@127.0.0.1:{free_port()}/0", call)
    assert "memos up" in told
    assert "secret" not in told


@pytest.mark.parametrize("call", CALLS[:1])
def test_a_silent_redis_is_given_up_within_5_s(silent_url: str, call: Callable[[MemScheduler], object]) -> None:
    assert "secret" not in refused_within_5_s(silent_url, call)


@pytest.mark.parametrize("url", ["redis://:wrong@127.0.0.1:{}/0", "redis://127.0.0.1:{}/0"])
def test_a_wrong_or_missing_password_is_said_to_be_one(redis_url: str, url: str) -> None:
    port = redis_url.rpartition(":")[2].partition("/")[0]
    told = refused_within_5_s(url.format(port), CALLS[0])
    assert "password" in told
    assert "MEMOS_REDIS_URL" in told


def test_accepted_jobs_survive_a_killed_redis(valkey: OwnValkey) -> None:
    scheduler = MemScheduler.from_url(valkey.url)
    jobs = [scheduler.submit(spec(TENANT, n=n)) for n in range(20)]
    valkey.kill()
    with pytest.raises(Unavailable):
        scheduler.submit(spec(TENANT, n=99))
    valkey.start()
    assert [payload["n"] for payload in scheduler.pending_payloads(lane(TENANT))] == list(range(20))
    assert {record.state for record in scheduler.wait(TENANT, jobs, timeout_s=0)} == {JobState.QUEUED}
    scheduler.close()


def test_the_whole_path_recovers_from_a_killed_redis(valkey: OwnValkey, processes: Processes) -> None:
    dispatcher = processes.start_dispatcher()
    worker = processes.start_worker()
    scheduler = MemScheduler.from_url(valkey.url)
    before = [scheduler.submit(spec(TENANT, payload={"n": n, "sleep_ms": 20})) for n in range(30)]
    wait_until(lambda: scheduler.status(TENANT, before[0]).state is not JobState.QUEUED, "the work began")
    valkey.kill()
    valkey.start()
    after = [scheduler.submit(spec(TENANT, "other", n=n)) for n in range(5)]
    records = scheduler.wait(TENANT, [*before, *after], timeout_s=60)
    assert {record.state for record in records} == {JobState.SUCCEEDED}
    assert (dispatcher.poll(), worker.poll()) == (None, None)
    assert PASSWORD not in processes.log()
    scheduler.close()


def test_a_dispatcher_waits_for_a_redis_that_starts_after_it(valkey: OwnValkey, processes: Processes) -> None:
    valkey.kill()
    dispatcher = processes.start_dispatcher(wait=False)
    wait_until(lambda: "cannot dispatch" in processes.log(), "it says that it waits")
    valkey.start()
    wait_until(lambda: "dispatching" in processes.log(), "it goes on", within_s=15)
    assert dispatcher.poll() is None
