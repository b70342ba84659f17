import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import errors
from scheduler.retry import UNKNOWN, Again, Drop, GiveUp, bound_ms, decide, rule_for

DEAD_AT_ONCE = [
    errors.InvalidRequest("x"),
    errors.InvalidConfig("x"),
    errors.NotFound("x"),
    errors.AccessDenied("x"),
    errors.Corrupt("x"),
]
chances = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize("error", DEAD_AT_ONCE)
def test_what_cannot_succeed_is_given_up_at_once(error: Exception) -> None:
    assert decide(error, attempts=1, random=lambda: 0.5) == GiveUp()


@pytest.mark.parametrize("error", [ValueError("x"), errors.MemosError("x"), MemoryError()])
def test_the_unknown_gets_three_attempts(error: Exception) -> None:
    decisions = [decide(error, attempts=attempts, random=lambda: 0.5) for attempts in (1, 2, 3)]
    assert [type(decision) for decision in decisions] == [Again, Again, GiveUp]


def test_a_fenced_holder_says_nothing() -> None:
    assert decide(errors.Fenced("x"), attempts=99, random=lambda: 0.5) == Drop()


@given(attempts=st.integers(1, 2879), chance=chances)
def test_an_outage_is_waited_out_with_pauses_of_a_minute_at_most(attempts: int, chance: float) -> None:
    decision = decide(errors.Unavailable("redis", "x"), attempts=attempts, random=lambda: chance)
    assert isinstance(decision, Again)
    assert 0 <= decision.delay_ms <= min(60_000, 250 * 2 ** (attempts - 1))


def test_an_outage_is_waited_out_for_about_a_day() -> None:
    error = errors.Unavailable("neo4j", "x")
    rule = rule_for(error)
    mean_ms = sum(bound_ms(rule, attempts) for attempts in range(1, rule.max_attempts)) / 2
    assert 20 < mean_ms / 3_600_000 < 28
    assert decide(error, attempts=rule.max_attempts, random=lambda: 0.5) == GiveUp()


@given(wait_s=st.floats(min_value=0, max_value=10_000), attempts=st.integers(1, 2000), chance=chances)
def test_a_quota_is_never_asked_again_too_early(wait_s: float, attempts: int, chance: float) -> None:
    error = errors.QuotaExceeded("x", retry_after_s=wait_s)
    decision = decide(error, attempts=attempts, random=lambda: chance)
    assert isinstance(decision, Again)
    assert decision.delay_ms >= round(wait_s * 1000)


@given(attempts=st.integers(1, 10_000))
def test_bounds_grow_up_to_the_cap(attempts: int) -> None:
    assert bound_ms(UNKNOWN, attempts) <= bound_ms(UNKNOWN, attempts + 1) <= UNKNOWN.cap_ms


def test_jitter_spreads_over_the_whole_bound() -> None:
    error = errors.Unavailable("milvus", "x")
    delays = [decide(error, attempts=5, random=lambda chance=chance: chance) for chance in (0.0, 0.5, 0.999)]
    assert delays == [Again(delay_ms=0), Again(delay_ms=2000), Again(delay_ms=3996)]
