import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from redis import Redis

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from memos.types import JobKind, Lane
from scheduler import keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.dispatch import Dispatcher, main
from scheduler.lease import Failure
from scheduler.mailbox import Mailbox
from scheduler.wakes import Wakes, order_turns
from tests.support.job_path import lane, must_take, spec, successes, wait_until

pytestmark = pytest.mark.servers


@dataclass
class Paper:
    """A broker that only writes down. ``taken`` hints count as picked up."""

    published: list[Lane] = field(default_factory=list[Lane])
    taken: int = 0
    away: set[JobKind] = field(default_factory=set[JobKind])

    def publish(self, lane: Lane) -> None:
        if keys.lane_kind(lane) in self.away:
            raise Unavailable("broker", "as the test wishes")
        self.published.append(lane)

    def count_queued(self, kind: JobKind) -> int:
        return sum(keys.lane_kind(lane) is kind for lane in self.published) - self.taken


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A database of its own: the dispatcher looks at all tenants."""
    client = connect(sibling_url(settings, 5))
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def hints() -> Paper:
    return Paper()


@pytest.fixture
def dispatcher(redis: Redis, hints: Paper) -> Dispatcher:
    return Dispatcher(wakes=Wakes(redis), hints=hints, max_queued=4)


def step(dispatcher: Dispatcher) -> None:
    """One look, as after a signal from every shard."""
    Dispatcher(wakes=dispatcher.wakes, hints=dispatcher.hints, max_queued=dispatcher.max_queued).step()


def test_a_lane_with_work_is_woken_once(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis) -> None:
    mailbox.put(spec(TenantId("a")))
    mailbox.put(spec(TenantId("a")))
    step(dispatcher)
    step(dispatcher)
    assert hints.published == [lane(TenantId("a"))]


def test_of_two_dispatchers_one_gets_the_lane(mailbox: Mailbox, redis: Redis) -> None:
    mailbox.put(spec(TenantId("a")))
    claims = [Wakes(redis).claim(JobKind.EXTRACT, {TenantId("a"): 5}) for _ in range(2)]
    assert claims == [[[lane(TenantId("a"))]], [[]]]


def test_a_lane_rings_again_when_its_hint_was_lost(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    tenant = TenantId("a")
    mailbox.put(spec(tenant))
    step(dispatcher)
    ready, tenants = keys.turn_keys(tenant, JobKind.EXTRACT)
    assert redis.zscore(ready, keys.lane_member(lane(tenant))) == redis.zscore(tenants, tenant)
    redis.zadd(ready, {keys.lane_member(lane(tenant)): 1})  # as if WAKE_MS had passed
    redis.zadd(tenants, {tenant: 1})
    step(dispatcher)
    assert hints.published == [lane(tenant)] * 2


def test_a_lane_whose_holder_vanished_rings_at_the_end_of_the_lease(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    tenant = TenantId("a")
    mailbox.put(spec(tenant))
    step(dispatcher)
    must_take(mailbox, lane(tenant), ttl_ms=50)
    redis.zadd(
        keys.turn_keys(tenant, JobKind.EXTRACT)[1], {tenant: 1}
    )  # a turn may come too early: then nothing is due
    wait_until(lambda: (step(dispatcher), len(hints.published) == 2)[1], "the lane rings again")


def test_a_tenant_without_work_leaves_the_line(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    tenant = TenantId("a")
    mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    mailbox.commit(lease, successes(lease))
    step(dispatcher)
    assert hints.published == []
    assert redis.exists(*keys.turn_keys(tenant, JobKind.EXTRACT)) == 0


def test_a_retry_is_woken_when_it_is_due(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis) -> None:
    tenant = TenantId("a")
    mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    mailbox.retry(lease, Failure(error_class="X", message=""), delay_ms=100, isolate=False)
    (view,) = [view for view in Wakes(redis).look(range(keys.SHARDS)) if view.due or view.next_in_ms]
    assert view.next_in_ms is None or view.next_in_ms <= 100
    wait_until(lambda: (step(dispatcher), len(hints.published) == 1)[1], "the retry is woken")
    assert must_take(mailbox, lane(tenant)).jobs[0].attempts == 1


def test_the_queue_stays_short(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis) -> None:
    for n in range(10):
        mailbox.put(spec(TenantId("a"), f"s{n}"))
    step(dispatcher)
    step(dispatcher)
    assert len(hints.published) == 4
    hints.taken = 3
    step(dispatcher)
    assert len(hints.published) == 7


def test_a_flood_does_not_delay_another_tenant(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    for n in range(100):
        mailbox.put(spec(TenantId("flood"), f"s{n}"))
    step(dispatcher)
    mailbox.put(spec(TenantId("quiet")))
    hints.taken = 2
    step(dispatcher)
    assert {lane.tenant for lane in hints.published[4:]} == {"flood", "quiet"}


def test_turns_go_round_when_there_are_more_tenants_than_places(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    several = [TenantId(f"t{n}") for n in range(10)]
    for tenant in several:
        for n in range(3):
            mailbox.put(spec(tenant, f"s{n}"))
    for _ in range(5):
        step(dispatcher)
        hints.taken = len(hints.published)
    assert {tenant: [lane.tenant for lane in hints.published].count(tenant) for tenant in several} == dict.fromkeys(
        several, 2
    )


def test_a_broker_that_is_away_does_not_hold_up_the_other(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    hints.away = {JobKind.KV_BUILD}
    mailbox.put(spec(TenantId("a"), kind=JobKind.KV_BUILD, lane=lane(TenantId("a"), "~kv")))
    mailbox.put(spec(TenantId("a")))
    step(dispatcher)
    assert hints.published == [lane(TenantId("a"))]


def test_a_put_ends_the_dispatchers_sleep(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper) -> None:
    stop, ready = threading.Event(), threading.Event()
    running = threading.Thread(target=lambda: dispatcher.run(stop=stop, on_ready=ready.set))
    running.start()
    try:
        assert ready.wait(10)
        started = time.monotonic()
        mailbox.put(spec(TenantId("a")))
        wait_until(lambda: len(hints.published) == 1, "the hint is out")
        assert time.monotonic() - started < 0.4  # its longest sleep is 0.5 s
    finally:
        stop.set()
        running.join()


def test_signals_do_not_pile_up(mailbox: Mailbox, redis: Redis) -> None:
    for n in range(5):
        mailbox.put(spec(TenantId("a"), f"s{n}"))
    assert sum(redis.llen(key) for key in keys.signal_keys()) == 1


def test_turns_of_all_shards_are_ordered_by_time(mailbox: Mailbox, redis: Redis) -> None:
    several = [TenantId(f"t{n}") for n in range(5)]
    for place, tenant in enumerate(several):
        mailbox.put(spec(tenant))
        redis.zadd(keys.turn_keys(tenant, JobKind.EXTRACT)[1], {tenant: 100 - place})
    views = Wakes(redis).look(range(keys.SHARDS))
    assert order_turns(views) == {JobKind.EXTRACT: several[::-1]}


def test_a_queue_without_a_place_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--max-queued", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_a_dispatcher_without_a_redis_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    assert main([]) == 2
    assert "memos up" in capsys.readouterr().err
