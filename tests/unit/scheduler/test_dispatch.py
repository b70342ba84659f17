import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from redis import Redis

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from memos.types import JobKind, Lane, Step
from scheduler import keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.dispatch import Dispatcher, main
from scheduler.keys import Queue
from scheduler.lease import Failure
from scheduler.limits import TenantPolicy
from scheduler.mailbox import Mailbox
from scheduler.wakes import Wakes
from tests.support.job_path import lane, must_take, spec, successes, wait_until

pytestmark = pytest.mark.servers


@dataclass
class Paper:
    """A broker that only writes down. ``taken`` hints count as picked up."""

    published: list[Lane] = field(default_factory=list[Lane])
    taken: int = 0
    away: set[Queue] = field(default_factory=set[Queue])
    refuses: bool = False

    def publish(self, lane: Lane) -> None:
        if self.refuses:
            raise Unavailable("broker", "as the test wishes")
        self.published.append(lane)

    def count_queued(self, queue: Queue) -> int:
        if queue in self.away:
            raise Unavailable("broker", "as the test wishes")
        mine = [lane for lane in self.published[self.taken :] if keys.queue_of(lane) is queue]
        return len(mine)

    def take_all(self) -> None:
        self.taken = len(self.published)


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
    for shard in range(keys.SHARDS):
        dispatcher.attention.signal(shard)
    dispatcher.step()


def test_a_lane_with_work_is_woken_once(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis) -> None:
    mailbox.put(spec(TenantId("a")))
    mailbox.put(spec(TenantId("a")))
    step(dispatcher)
    step(dispatcher)
    assert hints.published == [lane(TenantId("a"))]


def test_of_two_dispatchers_one_gets_the_lane(mailbox: Mailbox, redis: Redis) -> None:
    mailbox.put(spec(TenantId("a")))
    claims = [Wakes(redis).claim(Queue.EXTRACT, {TenantId("a"): 5})[TenantId("a")] for _ in range(2)]
    assert [[claim.lane for claim in each] for each in claims] == [[lane(TenantId("a"))], []]


def test_a_lane_rings_again_when_its_hint_was_lost(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    tenant = TenantId("a")
    mailbox.put(spec(tenant))
    step(dispatcher)
    ready, tenants = keys.turn_keys(tenant, Queue.EXTRACT)[:2]
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
    redis.zadd(keys.turn_keys(tenant, Queue.EXTRACT)[1], {tenant: 1})  # a turn may come too early: then nothing is due
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
    assert redis.exists(*keys.turn_keys(tenant, Queue.EXTRACT)[:4]) == 0


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


def test_a_newcomer_does_not_wait_for_a_place(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    for n in range(100):
        mailbox.put(spec(TenantId("flood"), f"s{n}"))
    step(dispatcher)
    for n in range(9):
        mailbox.put(spec(TenantId("quiet"), f"s{n}"))
    step(dispatcher)
    step(dispatcher)
    assert [lane.tenant for lane in hints.published[4:]] == ["quiet"]


def test_a_newcomers_hint_goes_before_those_of_a_flood(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    for n in range(100):
        mailbox.put(spec(TenantId("flood"), f"s{n}"))
    step(dispatcher)
    hints.take_all()
    mailbox.put(spec(TenantId("quiet")))
    step(dispatcher)
    assert [lane.tenant for lane in hints.published[4:]] == ["quiet", "flood", "flood", "flood", "flood"]


def test_newcomers_together_at_most_double_the_queue(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    for n in range(30):
        mailbox.put(spec(TenantId(f"t{n}")))
    for _ in range(3):
        step(dispatcher)
    assert len(hints.published) == 8


def test_a_flood_over_many_sessions_gets_no_more_than_another_tenant(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    for n in range(100):
        mailbox.put(spec(TenantId("flood"), f"s{n}"))
    for n in range(20):
        mailbox.put(spec(TenantId("modest"), f"s{n}"))
    for _ in range(8):
        step(dispatcher)
        hints.take_all()
    counts = [sum(lane.tenant == name for lane in hints.published) for name in ("flood", "modest")]
    assert sum(counts) >= 32
    assert abs(counts[0] - counts[1]) <= 4


def test_every_tenant_has_its_turn_when_there_are_more_than_places(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    several = [TenantId(f"t{n}") for n in range(10)]
    for tenant in several:
        for n in range(3):
            mailbox.put(spec(tenant, f"s{n}"))
    while len(hints.published) < 20:
        step(dispatcher)
        hints.take_all()
    counts = [sum(lane.tenant == tenant for lane in hints.published) for tenant in several]
    assert max(counts) - min(counts) <= 1


def test_interactive_goes_before_bulk_which_is_not_starved(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    tenant = TenantId("a")
    for n in range(30):
        mailbox.put(spec(tenant, lane=replace(lane(tenant, f"s{n}"), bulk=True)))
    for n in range(30):
        mailbox.put(spec(tenant, f"s{n}"))
    for _ in range(5):
        step(dispatcher)
        hints.take_all()
    assert len(hints.published) == 20
    assert sum(lane.bulk for lane in hints.published) == 4


def test_bulk_alone_gets_every_place(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis) -> None:
    tenant = TenantId("a")
    for n in range(9):
        mailbox.put(spec(tenant, lane=replace(lane(tenant, f"s{n}"), bulk=True)))
    step(dispatcher)
    assert [lane.bulk for lane in hints.published] == [True] * 4


def test_a_cap_is_kept_and_its_tenant_wakes_when_a_slot_is_free(mailbox: Mailbox, hints: Paper, redis: Redis) -> None:
    dispatcher = Dispatcher(wakes=Wakes(redis, TenantPolicy(max_in_flight=2)), hints=hints, max_queued=4)
    tenant = TenantId("a")
    for n in range(5):
        mailbox.put(spec(tenant, f"s{n}"))
    mailbox.put(spec(TenantId("b")))
    for _ in range(3):
        step(dispatcher)
        hints.take_all()
    assert sorted(lane.tenant for lane in hints.published) == ["a", "a", "b"]
    first = next(one for one in hints.published if one.tenant == tenant)
    lease = must_take(mailbox, first)
    mailbox.commit(lease, successes(lease))
    step(dispatcher)
    hints.take_all()
    assert [lane.tenant for lane in hints.published[3:]] == ["a"]


def test_running_drains_are_told_when_several_tenants_wait(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    field = f"contend{keys.KEY_SEPARATOR}{Queue.EXTRACT}"
    for n in range(9):
        mailbox.put(spec(TenantId("a"), f"s{n}"))
    step(dispatcher)
    assert redis.hget(keys.overload_key(0), field) is None
    mailbox.put(spec(TenantId("b")))
    step(dispatcher)
    assert redis.hget(keys.overload_key(0), field) is not None


def test_overload_pauses_organize_and_kv_alone(mailbox: Mailbox, hints: Paper, redis: Redis) -> None:
    level = Step.PAUSE.level
    dispatcher = Dispatcher(wakes=Wakes(redis), hints=hints, level=lambda: level)
    tenant = TenantId("a")
    for kind, session in keys.CUBE_SESSIONS.items():
        mailbox.put(spec(tenant, kind=kind, lane=lane(tenant, session)))
    mailbox.put(spec(tenant))
    step(dispatcher)
    assert hints.published == [lane(tenant)]
    level = Step.COALESCE.level
    step(dispatcher)
    assert len(hints.published) == 3


def test_a_broker_that_is_away_does_not_hold_up_the_other(
    mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper, redis: Redis
) -> None:
    hints.away = {Queue.KV_BUILD}
    mailbox.put(spec(TenantId("a"), kind=JobKind.KV_BUILD, lane=lane(TenantId("a"), "~kv")))
    mailbox.put(spec(TenantId("a")))
    step(dispatcher)
    assert hints.published == [lane(TenantId("a"))]


def test_a_broker_that_failed_is_asked_before_anything_is_claimed_for_it(
    mailbox: Mailbox, hints: Paper, redis: Redis
) -> None:
    clock = ManualClock()
    dispatcher = Dispatcher(wakes=Wakes(redis), hints=hints, clock=clock, max_queued=4)
    for n in range(6):
        mailbox.put(spec(TenantId("a"), f"s{n}"))
    hints.refuses = True
    step(dispatcher)  # there was a place, and the broker failed only then: one claim is lost for WAKE_MS
    hints.away, hints.refuses = {Queue.EXTRACT}, False
    clock.advance_ms(3000)
    step(dispatcher)
    ready = keys.turn_keys(TenantId("a"), Queue.EXTRACT)[0]
    assert redis.zcount(ready, "-inf", redis.time()[0] * 1000 + 999) == 2
    hints.away = set()
    clock.advance_ms(3000)
    step(dispatcher)
    assert len(hints.published) == 2


def test_a_put_ends_the_dispatchers_sleep(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper) -> None:
    stop, ready = threading.Event(), threading.Event()
    running = threading.Thread(target=lambda: dispatcher.run(stop=stop, on_step=ready.set))
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


def test_who_stands_by_dispatches_nothing(mailbox: Mailbox, dispatcher: Dispatcher, hints: Paper) -> None:
    mailbox.put(spec(TenantId("a")))
    stop, steps, leads = threading.Event(), threading.Semaphore(0), threading.Event()
    running = threading.Thread(
        target=lambda: dispatcher.run(stop=stop, leads=leads.is_set, on_step=lambda: steps.release())
    )
    running.start()
    try:
        assert all(steps.acquire(timeout=10) for _ in range(3))
        assert hints.published == []
        leads.set()
        wait_until(lambda: len(hints.published) == 1, "it dispatches once it leads")
    finally:
        stop.set()
        running.join()


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
