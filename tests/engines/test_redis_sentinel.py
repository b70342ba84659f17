"""Data plane and broker behind Sentinels: a master, a replica and three Sentinels, and a real fail-over under load."""

import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from memos.errors import Unavailable
from memos.ids import JobId, TenantId
from memos.settings import Settings, load_settings
from memos.types import JobState
from scheduler import MemScheduler
from scheduler.broker import Publisher, cpu_app, gpu_app, sibling_url
from scheduler.connection import ask_redis
from scheduler.keys import Queue
from tests.support.job_path import PASSWORD, Processes, lane, spec, wait_until
from tests.support.path_proof import APP, PathProof
from tests.support.valkeys import Node, OwnSentinels

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSentinels]:
    made = OwnSentinels(tmp_path_factory.mktemp("sentinels"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def _everybody_is_up_afterwards(group: OwnSentinels) -> Iterator[None]:
    yield
    for server in group.servers:
        if server.process is None:
            server.start()
    wait_until(group.is_replicating, "the master has its replica")


@pytest.fixture(scope="module")
def processes(group: OwnSentinels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    broker = sibling_url(Settings(redis_url=group.url()), 1)
    started = Processes(
        app_module=APP,
        settings=load_settings(
            data_dir=tmp_path_factory.mktemp("sentinel_path"),
            redis_url=group.url(replicas="1"),
            broker_url=broker,
            gpu_broker_url=broker,
        ),
    )
    try:
        started.start_dispatcher()
        started.start_worker()
        yield started
    finally:
        started.stop_all()


@pytest.fixture
def scheduler(group: OwnSentinels) -> Iterator[MemScheduler]:
    made = MemScheduler.from_url(group.url(replicas="1"))
    yield made
    made.close()


def replica_of(group: OwnSentinels) -> Node:
    master = group.master()
    return next(node for node in group.servers if node is not master)


class Submitter:
    """Submits 0, 1, 2 ... without a pause, and remembers which of them were accepted."""

    def __init__(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        self.accepted: dict[int, JobId] = {}
        self.refused: list[int] = []
        self._scheduler, self._tenant, self._stop = scheduler, tenant, Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Submitter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.002):
            try:
                self.accepted[number] = self._scheduler.submit(spec(self._tenant, f"s{number % 4}", n=number))
            except Unavailable:
                self.refused.append(number)
            number += 1


def test_jobs_take_effect_in_order_behind_sentinels(
    processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    proof = PathProof(processes=processes, scheduler=scheduler, tenant=tenant)
    proof.finish(proof.submit(range(100)))
    proof.assert_in_order_and_once(100)


def test_nothing_that_was_accepted_is_lost_when_the_master_dies_under_load(
    group: OwnSentinels, processes: Processes, scheduler: MemScheduler, tenant: TenantId
) -> None:
    old = group.master()
    with Submitter(scheduler, tenant) as submitter:
        wait_until(lambda: len(submitter.accepted) > 200, "there is load")
        old.kill()
        wait_until(lambda: group.master() is not old, "the replica was promoted")
        old.start()
        before = len(submitter.accepted)
        wait_until(lambda: len(submitter.accepted) > before + 100, "submissions are accepted again")
    assert submitter.refused, "while there was no master, nothing was accepted"
    jobs = list(submitter.accepted.values())
    records = scheduler.wait(tenant, jobs, timeout_s=90)
    assert {record.state for record in records} == {JobState.SUCCEEDED}, processes.log()[-3000:]
    done = PathProof(processes=processes, scheduler=scheduler, tenant=tenant).effects()
    assert set(submitter.accepted) <= {number for numbers in done.values() for number in numbers}
    assert all(numbers == sorted(set(numbers)) for numbers in done.values()), "in order, and once"
    assert [child.poll() for child in processes.running] == [None, None]
    assert PASSWORD not in processes.log()


def test_a_job_that_no_replica_holds_is_not_said_to_be_accepted(
    group: OwnSentinels, scheduler: MemScheduler, tenant: TenantId
) -> None:
    group.master().ask("CONFIG", "SET", "min-replicas-to-write", "0")
    replica_of(group).kill()
    try:
        with pytest.raises(Unavailable, match="0 of 1 replicas hold the job"):
            scheduler.submit(spec(tenant))
    finally:
        group.master().ask("CONFIG", "SET", "min-replicas-to-write", "1")


def test_a_master_that_lost_its_replicas_stores_nothing_and_says_why(
    group: OwnSentinels, scheduler: MemScheduler, tenant: TenantId
) -> None:
    replica_of(group).kill()
    wait_until(lambda: "min-replicas-to-write" in refusal(scheduler, tenant), "the master noticed")
    assert "min-replicas-to-write" in refusal(scheduler, tenant)


def refusal(scheduler: MemScheduler, tenant: TenantId) -> str:
    with pytest.raises(Unavailable) as caught:
        scheduler.submit(spec(tenant))
    return str(caught.value)


def test_hints_go_to_the_new_master_after_a_fail_over(group: OwnSentinels) -> None:
    settings = Settings(redis_url=group.url(database=5))
    publisher = Publisher(*(make(Settings(broker_url=settings.redis_url)) for make in (cpu_app, gpu_app)))
    publisher.publish(lane(TenantId("t"), "~kv"))
    before = group.master()
    before.wait_for_replica()  # a hint that only a dead master had is lost, and may be
    before.kill()
    wait_until(lambda: group.master() is not before, "the replica was promoted")
    before.start()
    wait_until(group.is_replicating, "the master has its replica")
    wait_until(lambda: is_published(publisher), "the publisher found the new master")
    assert publisher.count_queued(Queue.KV_BUILD) >= 2
    publisher.close()


def is_published(publisher: Publisher) -> bool:
    try:
        publisher.publish(lane(TenantId("t"), "~kv"))
    except Unavailable:
        return False
    return True


def test_sentinels_that_are_all_away_are_named_within_5_s(tenant: TenantId) -> None:
    scheduler = MemScheduler.from_url(f"sentinel://:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/memos/0")
    started = time.monotonic()
    with pytest.raises(Unavailable, match="No master found for 'memos'") as caught:
        scheduler.submit(spec(tenant))
    assert time.monotonic() - started < 5
    assert PASSWORD not in str(caught.value)
    scheduler.close()


def test_the_doctor_asks_the_master(group: OwnSentinels) -> None:
    facts = ask_redis(group.url())
    assert (facts["role"], facts["aof_enabled"]) == ("master", "1")
