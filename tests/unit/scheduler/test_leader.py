import logging
import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.settings import Settings
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.keys import LEADER_KEY
from scheduler.leader import LEASE_S, RENEW_S, TRY_S, Leader
from tests.support.job_path import free_port, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A database where nobody else leads."""
    client = connect(sibling_url(settings, 6))
    client.flushdb()
    yield client
    client.close()


def let_lease_end(redis: Redis) -> None:
    """As if LEASE_S had passed for Redis."""
    redis.hset(LEADER_KEY, "till", 1)


def test_the_first_leads_and_the_second_stands_by(redis: Redis) -> None:
    first, second = Leader(redis), Leader(redis)
    assert first.ask()
    assert not second.ask()
    assert (first.leads, second.leads) == (True, False)
    assert second.epoch == first.epoch > 0


def test_until_redis_was_asked_nobody_leads(redis: Redis) -> None:
    leader = Leader(redis)
    assert (leader.leads, leader.is_known) == (False, False)
    leader.ask()
    assert leader.is_known


def test_a_leader_that_renews_stays_it(redis: Redis) -> None:
    clock = ManualClock()
    first, second = Leader(redis, clock=clock), Leader(redis)
    first.ask()
    epoch = first.epoch
    for _ in range(5):
        clock.advance_ms(round(RENEW_S * 1000))
        assert first.ask()
        assert not second.ask()
    assert first.epoch == epoch


def test_the_lease_is_prolonged_in_redis_by_each_renewal(redis: Redis) -> None:
    leader = Leader(redis)
    leader.ask()
    redis.pexpire(LEADER_KEY, 50)
    leader.ask()
    assert redis.pttl(LEADER_KEY) > (LEASE_S - 1) * 1000


def test_another_takes_over_when_the_lease_has_ended_under_a_higher_epoch(redis: Redis) -> None:
    first, second = Leader(redis), Leader(redis)
    first.ask()
    let_lease_end(redis)
    assert second.ask()
    assert second.epoch > first.epoch
    assert not first.ask()
    assert not first.leads


def test_a_leader_that_cannot_renew_stops_before_its_lease_ends(redis: Redis) -> None:
    clock = ManualClock()
    leader = Leader(redis, clock=clock)
    leader.ask()
    clock.advance_ms(round(LEASE_S * 1000) - 600)
    assert leader.leads
    clock.advance_ms(200)
    assert not leader.leads


def test_who_resigns_is_succeeded_at_once(redis: Redis) -> None:
    first, second = Leader(redis), Leader(redis)
    first.ask()
    first.resign()
    assert not first.leads
    assert second.ask()


def test_resigning_does_not_depose_another(redis: Redis) -> None:
    first, second = Leader(redis), Leader(redis)
    first.ask()
    second.resign()
    assert first.ask()


def test_a_lease_in_an_impossible_future_is_cut_to_its_length(redis: Redis) -> None:
    """As after a step of Redis's clock back by an hour."""
    first, second = Leader(redis), Leader(redis)
    first.ask()
    seconds, _ = redis.time()
    redis.hset(LEADER_KEY, "till", (seconds + 3600) * 1000)
    redis.persist(LEADER_KEY)
    assert not second.ask()
    assert int(redis.hget(LEADER_KEY, "till") or 0) <= (seconds + LEASE_S + 5) * 1000


def test_a_leader_that_ran_out_but_was_not_succeeded_goes_on(redis: Redis) -> None:
    clock = ManualClock()
    leader = Leader(redis, clock=clock)
    leader.ask()
    clock.advance_ms(60_000)
    assert not leader.leads
    assert leader.ask()


def test_a_redis_that_is_away_is_said_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    leader = Leader(connect(f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(Unavailable):
        leader.ask()
    stop = threading.Event()
    running = threading.Thread(target=lambda: leader.run(stop=stop))
    running.start()
    try:
        wait_until(lambda: "cannot dispatch" in caplog.text, "it says that it cannot")
        assert running.is_alive()
    finally:
        stop.set()
        running.join()
    leader.resign()  # says so, and raises nothing
    assert "could not resign" in caplog.text


def test_it_leads_while_it_runs_and_says_so(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "scheduler.leader")
    leader, stop = Leader(redis, name="me"), threading.Event()
    running = threading.Thread(target=lambda: leader.run(stop=stop))
    running.start()
    try:
        wait_until(lambda: leader.leads, "it leads")
    finally:
        stop.set()
        running.join()
    assert "me leads" in caplog.text


def test_a_take_over_is_within_ten_seconds() -> None:
    assert LEASE_S + TRY_S < 10
    assert 2 * RENEW_S < LEASE_S
