"""What the index is asked for: never less than what satisfies the filter."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.memories.textual.item import time_of
from memos.recall.fields import fields_of, parse_condition
from memos.recall.filters import matches
from memos.recall.narrowing import MAX_VALUES, build_where
from memos.recall.options import PLAIN, SearchOptions
from memos.types import Category, Memory
from memos.vec_dbs.base import IndexFilter, Moment, Period
from memos.vec_dbs.conditions import MAX_FACETS, admits

CUBE = CubeId("cube")
NOW_MS = 1_000
WORDS = st.sampled_from(["", "a", "b", "c"])
MOMENTS_MS = st.integers(-3, 3)
PLAIN_MEMORY = Memory(id=MemoryId("m"), cube=CUBE, user=UserId("u"), session=SessionId("s"), text="tea")


def where(filters: Any = None, **options: Any) -> IndexFilter:
    return build_where([CUBE], SearchOptions(condition=parse_condition(filters), **options), now_ms=NOW_MS)


def groups(filters: Any) -> list[set[tuple[str, str]]]:
    return [{(facet.field, facet.value) for facet in group} for group in where(filters).facets]


TESTS = st.one_of(
    st.builds(lambda field, value: {field: value}, st.sampled_from(["key", "speaker", "type"]), WORDS),
    st.builds(lambda values: {"key": {"in": values}}, st.lists(WORDS, max_size=3)),
    st.builds(lambda value: {"tags": {"contains": value}}, WORDS),
    st.builds(lambda value: {"tags": {"icontains": value}}, WORDS),
    st.builds(lambda operator, value: {"key": {operator: value}}, st.sampled_from(["ne", "gt", "contains"]), WORDS),
    st.builds(
        lambda field, operator, at_ms: {field: {operator: time_of(at_ms).isoformat()}},
        st.sampled_from(["said_at", "valid_at", "created_at"]),
        st.sampled_from(["gt", "gte", "lt", "lte"]),
        MOMENTS_MS,
    ),
    st.just({"speaker": "*"}),
)
FILTERS = st.recursive(
    TESTS,
    lambda inner: st.builds(
        lambda join, parts: {join: parts},
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
MEMORIES = st.builds(
    replace,
    st.just(PLAIN_MEMORY),
    key=WORDS,
    speaker=WORDS,
    category=st.sampled_from(Category),
    tags=st.lists(WORDS, max_size=2).map(tuple) | st.just(tuple(map(str, range(2 * MAX_FACETS)))),
    said_at_ms=MOMENTS_MS,
    created_at_ms=MOMENTS_MS,
    valid_at_ms=st.none() | MOMENTS_MS,
)


@example({"tags": {"contains": ""}}, replace(PLAIN_MEMORY, tags=("",)))
@given(FILTERS, MEMORIES)
def test_every_memory_that_satisfies_the_filter_satisfies_what_the_index_is_asked(filters: Any, memory: Memory) -> None:
    condition = parse_condition(filters)
    assert condition is not None
    if matches(condition, fields_of(memory)):
        assert admits(where(filters), memory)


def test_texts_elements_and_times_are_asked_of_the_index() -> None:
    assert groups({"key": "a", "speaker": ["b", "c"]}) == [{("key", "a")}, {("speaker", "b"), ("speaker", "c")}]
    assert groups({"tags": {"contains": "x"}}) == [{("tags", "x")}]
    day_ms = 86_400_000
    periods = where({"said_at": {"gte": "1970-01-02"}, "valid_at": {"lt": "1970-01-02"}}).periods
    assert periods[1:] == (
        Period(moment=Moment.SAID, first_ms=day_ms),
        Period(moment=Moment.FROM, end_ms=day_ms + 1),
    )


def test_of_alternatives_the_index_is_asked_for_one_text_each() -> None:
    either = {"OR": [{"key": "a", "speaker": ["x", "y"]}, {"tags": {"contains": "t"}}]}
    assert groups(either) == [{("key", "a"), ("tags", "t")}]
    assert groups({"OR": [{"key": "a"}, {"importance": {"gt": 0.5}}]}) == []


def test_what_the_index_cannot_compare_it_is_not_asked() -> None:
    for filters in ({"NOT": [{"key": "a"}]}, {"key": {"ne": "a"}}, {"key": {"contains": "a"}}, {"info.key": "a"}):
        assert groups(filters) == []
        assert len(where(filters).periods) == 1


def test_long_lists_are_left_to_those_who_read() -> None:
    short, long = ["x"], [str(number) for number in range(MAX_VALUES)]
    assert groups({"key": long, "speaker": short}) == [{("speaker", "x")}]
    assert len(groups({"key": long})) == 1
    assert groups({"key": [*long, "more"]}) == []


def test_nothing_that_has_expired_is_asked_for_and_nothing_else_in_the_plain_case() -> None:
    plain = build_where([CUBE], PLAIN, now_ms=NOW_MS)
    assert plain == IndexFilter(cubes=(CUBE,), periods=(Period(moment=Moment.EXPIRES, first_ms=NOW_MS + 1),))
    assert [admits(plain, replace(PLAIN_MEMORY, expires_at_ms=at)) for at in (NOW_MS, NOW_MS + 1)] == [False, True]


def test_as_of_asks_for_what_held_then() -> None:
    held = replace(PLAIN_MEMORY, valid_at_ms=10, invalid_at_ms=20)
    assert [admits(where(as_of_ms=at), held) for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_what_was_said_is_asked_for_from_the_first_moment_to_before_the_last() -> None:
    said = replace(PLAIN_MEMORY, said_at_ms=10)
    assert [admits(where(said_from_ms=at), said) for at in (10, 11)] == [True, False]
    assert [admits(where(said_until_ms=at), said) for at in (10, 11)] == [False, True]
