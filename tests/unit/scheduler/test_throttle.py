import uuid
from collections.abc import Callable

import pytest
from redis import Redis

from memos.errors import QuotaExceeded
from scheduler.throttle import FULL_RETRY_S, Permit, Provider, Throttle, name_provider, read_loads

pytestmark = pytest.mark.servers

Open = Callable[..., Throttle]


@pytest.fixture
def provider() -> Provider:
    return Provider(digest=uuid.uuid4().hex, label=f"host/{uuid.uuid4().hex}")


@pytest.fixture
def throttle(redis: Redis, provider: Provider) -> Throttle:
    return Throttle(redis, provider, max_calls=4)


def take_all(throttle: Throttle, *, at_most: int = 50) -> list[Permit]:
    """Permits until there is none."""
    permits: list[Permit] = []
    for _ in range(at_most):
        try:
            permits.append(throttle.acquire())
        except QuotaExceeded:
            return permits
    raise AssertionError("it never refused")


def test_no_more_calls_than_the_maximum_are_in_flight(throttle: Throttle) -> None:
    permits = take_all(throttle)
    assert len(permits) == 4
    with pytest.raises(QuotaExceeded) as refusal:
        throttle.acquire()
    assert (refusal.value.reason, refusal.value.retry_after_s) == ("provider", FULL_RETRY_S)
    throttle.release_success(permits[0])
    assert len(take_all(throttle)) == 1


def test_all_workers_share_one_limit(redis: Redis, provider: Provider, throttle: Throttle) -> None:
    assert len(take_all(throttle)) == 4
    assert take_all(Throttle(redis, provider, max_calls=4)) == []


def test_a_refusal_halves_the_limit_and_closes_the_provider(
    throttle: Throttle, eventually: Callable[..., None]
) -> None:
    throttle.release_throttled(throttle.acquire(), retry_after_s=0.2)
    with pytest.raises(QuotaExceeded) as refusal:
        throttle.acquire()
    assert 0 < refusal.value.retry_after_s <= 0.2
    reopened: list[Permit] = []
    eventually(lambda: reopened.extend(take_all(throttle)) or reopened)
    assert len(reopened) == 2


def test_refusals_of_calls_that_began_together_halve_once(throttle: Throttle) -> None:
    for permit in take_all(throttle):
        throttle.release_throttled(permit, retry_after_s=0)
    assert (throttle.read().limit, throttle.read().throttled) == (2.0, 4)


def test_the_limit_never_falls_below_one_call(throttle: Throttle, eventually: Callable[..., None]) -> None:
    for _ in range(6):
        before = throttle.read()
        eventually(lambda: throttle.release_throttled(throttle.acquire(), retry_after_s=0) is None)
        assert throttle.read().throttled == before.throttled + 1
    assert throttle.read().limit == 1.0
    assert len(take_all(throttle)) == 1


def test_each_success_grows_the_limit_by_its_share_up_to_the_maximum(
    throttle: Throttle, eventually: Callable[..., None]
) -> None:
    throttle.release_throttled(throttle.acquire(), retry_after_s=0)
    assert throttle.read().limit == 2.0

    def grow() -> bool:
        throttle.release_success(throttle.acquire())
        return throttle.read().limit > 2.0

    eventually(grow)  # the first call may have begun in the very millisecond of the halving
    assert throttle.read().limit == pytest.approx(2.5)
    for _ in range(50):
        throttle.release_success(throttle.acquire())
    assert throttle.read().limit == 4.0


def test_a_success_from_before_the_halving_grows_nothing(throttle: Throttle) -> None:
    early, refused = throttle.acquire(), throttle.acquire()
    throttle.release_throttled(refused, retry_after_s=0)
    throttle.release_success(early)
    assert throttle.read().limit == 2.0


def test_a_failure_says_nothing_of_the_limit(throttle: Throttle) -> None:
    throttle.release_failure(throttle.acquire())
    assert throttle.read().limit == 4.0
    assert throttle.read().in_flight == 0


def test_a_permit_whose_holder_vanished_is_free_again(
    redis: Redis, provider: Provider, eventually: Callable[..., None]
) -> None:
    brief = Throttle(redis, provider, max_calls=1, permit_ms=50)
    brief.acquire()
    eventually(lambda: len(take_all(brief)) == 1, within_s=5)


def test_a_renewed_permit_outlives_its_time(redis: Redis, provider: Provider, eventually: Callable[..., None]) -> None:
    brief = Throttle(redis, provider, max_calls=2, permit_ms=1500)
    renewed, _ = brief.acquire(), brief.acquire()
    Throttle(redis, provider, max_calls=2, permit_ms=60_000).renew(renewed)
    eventually(lambda: brief.read().in_flight == 1)  # the younger one has run out, the older one has not
    assert len(take_all(brief)) == 1


def test_an_absurd_retry_after_closes_for_some_minutes_only(throttle: Throttle) -> None:
    throttle.release_throttled(throttle.acquire(), retry_after_s=1e9)
    with pytest.raises(QuotaExceeded) as refusal:
        throttle.acquire()
    assert refusal.value.retry_after_s <= 300


def test_accounts_at_one_url_are_throttled_apart_and_no_key_is_shown() -> None:
    one = name_provider("https://user:pw@api.example.com/v1", "m", "sk-one")
    other = name_provider("https://user:pw@api.example.com/v1", "m", "sk-other")
    assert one.digest != other.digest
    assert one.label == other.label == "api.example.com/m"
    assert "sk-one" not in f"{one}"


def test_metrics_join_the_accounts_of_a_label(redis: Redis) -> None:
    label = f"host/{uuid.uuid4().hex}"
    for _ in range(2):
        account = Throttle(redis, Provider(digest=uuid.uuid4().hex, label=label), max_calls=3)
        account.acquire()
    loads = {load.label: load for load in read_loads(redis)}
    assert (loads[label].limit, loads[label].in_flight) == (6.0, 2)
