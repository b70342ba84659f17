"""How uses fade, and what they add to a score."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.fuse import Candidate, Key
from memos.recall.search import Recall
from memos.recall.use import (
    HALF_LIFE_MS,
    MOST_LIFT,
    WEIGHT,
    FindUses,
    add_use,
    count_at,
    join_levels,
    level_of_use,
    read_uses,
)
from tests.support.text import LANE, open_twins, work, write

NOW_MS = 1_750_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000
ages = st.lists(st.integers(min_value=0, max_value=YEAR_MS), min_size=1, max_size=30)
levels = st.floats(min_value=-10, max_value=10_000)
counts = st.floats(min_value=0, max_value=1e300)


def key(name: str) -> Key:
    return CubeId("c"), MemoryId(name)


def candidates(**scores: float) -> list[Candidate]:
    ranked = [Candidate(key=key(name), parts={"dense": score}) for name, score in scores.items()]
    return sorted(ranked, key=lambda item: -item.score)


def order(ranked: list[Candidate]) -> str:
    return "".join(item.key[1] for item in ranked)


def level_of(given_ages: list[int]) -> float:
    first, *others = [level_of_use(NOW_MS - age_ms) for age_ms in given_ages]
    for other in others:
        first = join_levels(first, other)
    return first


@given(ages)
def test_a_count_is_the_sum_of_its_uses_each_worth_half_after_every_half_life(given_ages: list[int]) -> None:
    summed = sum(0.5 ** (age_ms / HALF_LIFE_MS) for age_ms in given_ages)
    assert count_at(level_of(given_ages), NOW_MS) == pytest.approx(summed, rel=1e-6)


@given(ages)
def test_the_order_of_the_uses_does_not_matter(given_ages: list[int]) -> None:
    assert level_of(given_ages) == pytest.approx(level_of(given_ages[::-1]), abs=1e-9)


@given(levels, levels)
def test_joined_uses_are_no_less_than_either_and_no_more_than_twice_the_higher(one: float, other: float) -> None:
    assert max(one, other) <= join_levels(one, other) <= max(one, other) + 1


@given(levels, levels, st.integers(min_value=0, max_value=4_000_000_000_000))
def test_the_higher_level_is_the_higher_count_at_any_time_and_nothing_overflows(
    one: float, other: float, now_ms: int
) -> None:
    low, high = sorted((count_at(one, now_ms), count_at(other, now_ms)))
    assert (low, high) == (count_at(min(one, other), now_ms), count_at(max(one, other), now_ms))
    assert high < float("inf")


def test_a_use_is_worth_one_now_and_half_a_half_life_later() -> None:
    level = level_of_use(NOW_MS)
    assert [count_at(level, NOW_MS + age * HALF_LIFE_MS) for age in (0, 1, 3)] == [1.0, 0.5, 0.125]
    assert join_levels(level, level) == pytest.approx(level + log2(2))


def test_of_two_that_match_equally_the_used_one_comes_first_and_its_parts_say_why() -> None:
    first, second = add_use(candidates(a=0.5, b=0.5), {key("b"): 1.0})
    assert (first.key, second.key) == (key("b"), key("a"))
    assert first.parts == {"dense": 0.5, "use": pytest.approx(0.0693, abs=1e-4)}
    assert second.parts == {"dense": 0.5}


def test_of_two_that_were_used_the_one_used_more_comes_first() -> None:
    assert order(add_use(candidates(a=0.5, b=0.5), {key("a"): 1.0, key("b"): 2.0})) == "ba"


@given(counts)
def test_no_count_lifts_by_more_than_a_third_of_a_deviation(count: float) -> None:
    (ranked,) = add_use(candidates(a=0.0), {key("a"): count})
    assert 0 <= ranked.parts["use"] <= MOST_LIFT < 1 / 3


@given(counts, counts)
def test_more_uses_never_lift_less(one: float, other: float) -> None:
    lifts = [add_use(candidates(a=0.0), {key("a"): count})[0].score for count in sorted((one, other))]
    assert lifts == sorted(lifts)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 5), max_size=8))
def test_without_counts_the_ranking_is_what_it_was(scores: dict[str, float]) -> None:
    assert add_use(candidates(**scores), {}) == candidates(**scores)


def test_what_is_used_most_does_not_pass_what_matches_better() -> None:
    assert order(add_use(candidates(a=1.0, b=0.5), {key("b"): 1e9})) == "ab"
    assert WEIGHT < MOST_LIFT


class TestReading:
    TENANT = TenantId("acme")

    def test_where_nobody_counts_nothing_was_used_and_nothing_is_missing(self) -> None:
        assert read_uses(None, self.TENANT, candidates(a=1.0)) == ({}, ())

    def test_for_no_candidates_nobody_is_asked(self) -> None:
        assert read_uses(fail, self.TENANT, []) == ({}, ())

    def test_counts_that_cannot_be_had_are_missing_and_no_error(self) -> None:
        assert read_uses(fail, self.TENANT, candidates(a=1.0)) == ({}, ("use: redis is unavailable: gone",))


def fail(tenant: TenantId, keys: object) -> dict[Key, float]:
    raise Unavailable("redis", "gone")


@pytest.fixture
def stores() -> TextStores:
    """Two statements that match equally, each in words of its own besides."""
    opened = open_twins()
    write(opened, work("j1", "Ana keeps two cats", "Ana plays the violin"))
    return opened


def search(stores: TextStores, find_uses: FindUses | None) -> tuple[list[str], list[dict[str, float]], tuple[str, ...]]:
    found = Recall(stores, find_uses=find_uses).search(LANE.tenant, [LANE.cube], "Ana", top_k=5)
    return [hit.memory.text for hit in found.hits], [dict(hit.parts) for hit in found.hits], found.degraded


def test_a_search_counts_in_what_was_used(stores: TextStores) -> None:
    asked: list[TenantId] = []

    def find(tenant: TenantId, keys: object) -> dict[Key, float]:
        asked.append(tenant)
        return {(LANE.cube, cats.id): 2.0}

    cats, _ = stores.graph.list_memories(LANE.tenant, LANE.cube)
    texts, parts, degraded = search(stores, find)
    assert parts[texts.index("Ana keeps two cats")]["use"] == pytest.approx(0.1099, abs=1e-4)
    assert "use" not in parts[texts.index("Ana plays the violin")]
    assert (asked, degraded) == ([LANE.tenant], ())


def test_a_search_whose_counts_cannot_be_had_says_so_and_ranks_as_without(stores: TextStores) -> None:
    plain, missing = search(stores, None), search(stores, fail)
    assert missing[:2] == plain[:2]
    assert missing[2] == ("use: redis is unavailable: gone",)
