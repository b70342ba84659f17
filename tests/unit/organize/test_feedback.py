"""What verdicts do to an importance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.organize.feedback import Verdict, judge

shares = st.floats(0, 1)


def test_useful_adds_half_of_what_is_missing_and_wrong_leaves_a_tenth() -> None:
    assert judge(0.5, Verdict.USEFUL) == pytest.approx(0.75)
    assert judge(0.5, Verdict.WRONG) == pytest.approx(0.05)


@given(shares)
def test_a_verdict_stays_within_bounds_and_moves_the_right_way(importance: float) -> None:
    assert importance <= judge(importance, Verdict.USEFUL) <= 1
    assert 0 <= judge(importance, Verdict.WRONG) <= importance


@given(shares, shares)
def test_one_verdict_on_two_memories_keeps_their_order(one: float, two: float) -> None:
    low, high = sorted((one, two))
    for verdict in Verdict:
        assert judge(low, verdict) <= judge(high, verdict)
