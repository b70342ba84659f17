from hypothesis import given
from hypothesis import strategies as st

from memos.local.restart import FIRST_DELAY_S, HEALTHY_AFTER_S, LONGEST_DELAY_S, Health


def test_each_death_in_a_row_waits_twice_as_long() -> None:
    health, delays = Health(), list[float]()
    for _ in range(4):
        health = health.after_death(now_s=100.0, lived_s=0.1)
        delays.append((health.retry_at_s or 0) - 100.0)
    assert delays == [FIRST_DELAY_S, FIRST_DELAY_S * 2, FIRST_DELAY_S * 4, FIRST_DELAY_S * 8]


def test_a_long_life_forgives_earlier_deaths() -> None:
    health = Health(failures=9).after_death(now_s=0.0, lived_s=HEALTHY_AFTER_S)
    assert health.retry_at_s == FIRST_DELAY_S


@given(deaths=st.integers(min_value=1, max_value=2000))
def test_the_wait_is_bounded_however_often_it_dies(deaths: int) -> None:
    health = Health(failures=deaths).after_death(now_s=0.0, lived_s=0.0)
    assert FIRST_DELAY_S <= (health.retry_at_s or 0) <= LONGEST_DELAY_S


def test_a_start_ends_the_wait_and_keeps_count() -> None:
    health = Health().after_death(now_s=0.0, lived_s=0.0).after_start()
    assert (health.ready, health.retry_at_s, health.failures) == (False, None, 1)
    assert health.after_ready().ready
