"""Which memories a pruning takes, and why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.organize.decay import DAY_MS, is_spared
from memos.organize.prune import Moment, PruneRules, Reason, count_reasons, parse_rules, plan
from memos.types import Category, Memory, MemoryStatus, MemoryType

T0 = 1_750_000_000_000
NOW = Moment(now_ms=T0, half_life_days=10)
WHERE = {"cube": CubeId("c"), "user": UserId("u"), "session": SessionId("s")}


def a_memory(name: str, *, days_old: float = 0, **changes: Any) -> Memory:
    stored_ms = round(T0 - days_old * DAY_MS)
    memory = Memory(id=MemoryId(name), text=name, created_at_ms=stored_ms, importance_at_ms=stored_ms, **WHERE)
    return replace(memory, **changes)


def taken(memories: list[Memory], rules: PruneRules) -> list[tuple[str, Reason]]:
    return [(each.memory.id, each.reason) for each in plan(memories, rules, NOW)]


def test_what_was_stored_longer_ago_goes() -> None:
    memories = [a_memory("old", days_old=10.1), a_memory("just", days_old=10), a_memory("new")]
    assert taken(memories, PruneRules(max_age_days=10)) == [("old", Reason.AGE)]


def test_what_is_less_important_by_now_goes_whenever_its_importance_was_stored() -> None:
    memories = [a_memory("faded", days_old=11, importance=0.6), a_memory("low", importance=0.29), a_memory("fresh")]
    expected = [("faded", Reason.IMPORTANCE), ("low", Reason.IMPORTANCE)]
    assert taken(memories, PruneRules(below_importance=0.3)) == expected


def test_the_best_are_kept_active_before_archived_important_before_less_so_new_before_old() -> None:
    memories = [
        a_memory("archived", importance=1.0, status=MemoryStatus.ARCHIVED),
        a_memory("old", days_old=1, importance_at_ms=T0),
        a_memory("new"),
        a_memory("best", days_old=1, importance=0.9),
    ]
    order = ["archived", "old", "new", "best"]
    for keep in range(1, 5):
        assert taken(memories, PruneRules(keep=keep)) == [(name, Reason.SIZE) for name in order[: 4 - keep]]


def test_what_goes_for_another_reason_does_not_count_towards_the_number() -> None:
    memories = [a_memory("old", days_old=9), a_memory("one"), a_memory("two")]
    assert taken(memories, PruneRules(max_age_days=5, keep=2)) == [("old", Reason.AGE)]


@pytest.mark.parametrize(
    "kept", [{"pinned": True}, {"memory_type": MemoryType.WORKING}, {"category": Category.INSTRUCTION}]
)
def test_what_is_spared_stays_and_is_counted(kept: Mapping[str, Any]) -> None:
    memories = [a_memory("kept", days_old=99, importance=0.0, **kept), a_memory("one"), a_memory("two", importance=0.4)]
    rules = PruneRules(max_age_days=10, below_importance=0.1, keep=2)
    assert taken(memories, rules) == [("two", Reason.SIZE)]


@given(
    st.lists(
        st.builds(
            a_memory,
            st.uuids().map(str),
            days_old=st.integers(0, 40),
            importance=st.floats(0, 1),
            pinned=st.booleans(),
            status=st.sampled_from(MemoryStatus),
        ),
        max_size=12,
    ),
    st.none() | st.integers(1, 40),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(1, 12),
)
def test_each_goes_once_what_is_spared_stays_and_again_there_is_nothing_to_do(
    memories: list[Memory], days: int | None, below: float | None, keep: int | None
) -> None:
    rules = PruneRules(max_age_days=days, below_importance=below, keep=keep)
    gone = {each.memory.id for each in plan(memories, rules, NOW)}
    assert len(gone) == len(plan(memories, rules, NOW))
    left = [memory for memory in memories if memory.id not in gone]
    assert [memory for memory in memories if is_spared(memory) and memory not in left] == []
    assert keep is None or len(left) <= max(keep, sum(map(is_spared, memories)))
    assert plan(left, rules, NOW) == []


def test_reasons_are_counted_also_those_that_take_nothing() -> None:
    pruned = plan([a_memory("old", days_old=9), a_memory("older", days_old=10)], PruneRules(max_age_days=5), NOW)
    assert count_reasons(pruned) == {"age": 2, "importance": 0, "size": 0}


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"max_age_days": 0}, "age"),
    ({"max_age_days": float("nan")}, "age"),
    ({"max_age_days": "180d"}, "age"),
    ({"below_importance": 0}, "importance"),
    ({"below_importance": 1.1}, "importance"),
    ({"below_importance": True}, "importance"),
    ({"keep": 0}, "number to keep"),
    ({"keep": 1.5}, "number to keep"),
    ({"keep": True}, "number to keep"),
]


@pytest.mark.parametrize(("given", "word"), IMPOSSIBLE)
def test_rules_that_make_no_sense_are_refused(given: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        parse_rules(**given)


def test_rules_are_taken_as_given() -> None:
    rules = parse_rules(max_age_days=0.5, below_importance=1, keep=3)
    assert rules == PruneRules(max_age_days=0.5, below_importance=1, keep=3)
    assert parse_rules() == PruneRules()
