"""Two real dispatcher processes on one Redis: exactly one leads, and the other takes over when it is gone."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from memos.ids import TenantId
from memos.settings import Settings, load_settings
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.keys import LEADER_KEY, SHARDS, Queue, queue_keys
from tests.support.job_path import OwnValkey, Processes, free_port, spec, wait_until

pytestmark = pytest.mark.servers
TENANT = TenantId("t")
TAKE_OVER_S = 10


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    server = OwnValkey(tmp_path, free_port())
    server.start()
    yield server
    server.kill()


@pytest.fixture
def processes(valkey: OwnValkey, tmp_path: Path) -> Iterator[Processes]:
    url = sibling_url(Settings(redis_url=valkey.url), 1)
    directory = tmp_path / "dispatchers"
    directory.mkdir()
    started = Processes(load_settings(data_dir=directory, redis_url=valkey.url, broker_url=url, gpu_broker_url=url))
    yield started
    started.stop_all()


@pytest.fixture
def redis(valkey: OwnValkey) -> Iterator[Redis]:
    client = connect(valkey.url)
    yield client
    client.close()


@pytest.fixture
def two(processes: Processes) -> list[subprocess.Popen[bytes]]:
    started = [processes.start_dispatcher(wait=False) for _ in range(2)]
    wait_until(lambda: " leads" in processes.log() and " stands by" in processes.log(), "one leads, one stands by")
    return started


def find_leader(redis: Redis, running: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes] | None:
    """The process that holds the lease, by the process id in its name."""
    holder, till = redis.hmget(LEADER_KEY, ["holder", "till"])
    if holder is None or till == "0":
        return None
    return next((child for child in running if f":{child.pid}:" in str(holder)), None)


def must_find_leader(redis: Redis, running: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    leader = find_leader(redis, running)
    assert leader is not None
    return leader


def epoch(redis: Redis) -> int:
    return int(redis.hget(LEADER_KEY, "epoch") or 0)


def submit(url: str, session: str) -> None:
    scheduler = MemScheduler.from_url(url)
    scheduler.submit(spec(TENANT, session))
    scheduler.close()


def count_claimed(redis: Redis) -> int:
    """Lanes for which a hint is out."""
    return sum(int(redis.zcard(queue_keys(shard, Queue.EXTRACT)[1])) for shard in range(SHARDS))


def test_another_takes_over_within_10_s_of_a_kill(
    valkey: OwnValkey, processes: Processes, redis: Redis, two: list[subprocess.Popen[bytes]]
) -> None:
    first = must_find_leader(redis, two)
    second = next(child for child in two if child is not first)
    before = epoch(redis)
    submit(valkey.url, "one")
    wait_until(lambda: count_claimed(redis) == 1, "the leader dispatches")
    processes.kill(first)
    submit(valkey.url, "two")
    wait_until(lambda: count_claimed(redis) == 2, "the other dispatches", within_s=TAKE_OVER_S)
    assert find_leader(redis, two) is second
    assert epoch(redis) > before


def test_a_leader_that_is_told_to_end_resigns_at_once(
    processes: Processes, redis: Redis, two: list[subprocess.Popen[bytes]]
) -> None:
    first = must_find_leader(redis, two)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=10) == 0
    processes.running.remove(first)
    assert find_leader(redis, two) is not first
    wait_until(lambda: find_leader(redis, two) is not None, "the other leads")


def test_a_leader_that_was_frozen_stands_by_when_it_wakes(
    valkey: OwnValkey, processes: Processes, redis: Redis, two: list[subprocess.Popen[bytes]]
) -> None:
    first = must_find_leader(redis, two)
    second = next(child for child in two if child is not first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        submit(valkey.url, "one")
        wait_until(lambda: count_claimed(redis) == 1, "the other dispatches", within_s=TAKE_OVER_S)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    wait_until(lambda: processes.log().count("stands by") == 2, "it stands by as the other did")
    assert find_leader(redis, two) is second
    assert (first.poll(), second.poll()) == (None, None)


def test_a_redis_that_was_killed_and_came_back_has_a_leader_again(
    valkey: OwnValkey, redis: Redis, two: list[subprocess.Popen[bytes]]
) -> None:
    valkey.kill()
    valkey.start()
    submit(valkey.url, "one")
    wait_until(lambda: count_claimed(redis) == 1, "somebody dispatches", within_s=2 * TAKE_OVER_S)
    assert [child.poll() for child in two] == [None, None]
