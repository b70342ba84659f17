"""Heights along relations: how far a hit lifts what it is related to."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId
from memos.recall.fuse import Candidate, Key
from memos.recall.paths import DAMPING, FRONTIER, SUCCESSION, Neighbours, neighbours_of, spread
from memos.types import Edge, EdgeType

CUBE = CubeId("cube")


def key(name: str) -> Key:
    return CUBE, MemoryId(name)


def candidate(name: str, score: float) -> Candidate:
    return Candidate(key=key(name), parts={"dense": score})


class Relations:
    """Answers like the graph, and remembers what it was asked."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        edges = (Edge(source=MemoryId(a), target=MemoryId(b), type=EdgeType.PARENT) for a, b in pairs)
        self._all = neighbours_of(CUBE, edges)
        self.asked: list[Sequence[Key]] = []

    def __call__(self, keys: Sequence[Key]) -> Neighbours:
        self.asked.append(keys)
        return {each: self._all[each] for each in keys if each in self._all}


def scores(ranked: Sequence[Candidate]) -> Mapping[str, float]:
    return {item.key[1]: item.score for item in ranked}


def test_a_neighbour_that_no_list_has_stands_half_as_high_as_its_hit() -> None:
    ranked = spread([candidate("hit", 3.0), candidate("low", -1.0)], Relations(("hit", "near")), hops=1)
    assert [item.key[1] for item in ranked] == ["hit", "near", "low"]
    assert scores(ranked)["near"] == pytest.approx(-2.0 + DAMPING * 5.0)
    assert ranked[1].parts == {"graph": ranked[1].score}


def test_two_steps_away_is_a_share_of_the_share_and_needs_two_hops() -> None:
    relations = Relations(("hit", "near"), ("far", "near"))
    candidates = [candidate("hit", 3.0), candidate("low", -1.0)]
    assert "far" not in scores(spread(candidates, relations, hops=1))
    assert scores(spread(candidates, relations, hops=2))["far"] == pytest.approx(-2.0 + DAMPING**2 * 5.0)


def test_a_weak_candidate_is_lifted_and_says_so() -> None:
    ranked = spread([candidate("hit", 3.0), candidate("other", 0.0), candidate("low", -1.0)], Relations(("hit", "low")))
    assert [item.key[1] for item in ranked] == ["hit", "low", "other"]
    assert ranked[1].parts == {"dense": -1.0, "graph": pytest.approx(1.5)}


def test_what_stands_higher_by_its_own_words_stays_as_it_is() -> None:
    candidates = [candidate("hit", 3.0), candidate("good", 2.5), candidate("low", -1.0)]
    assert spread(candidates, Relations(("hit", "good"))) == candidates


def test_without_hops_or_candidates_nothing_is_asked() -> None:
    relations = Relations(("hit", "near"))
    assert spread([candidate("hit", 1.0)], relations, hops=0) == [candidate("hit", 1.0)]
    assert spread([], relations) == []
    assert relations.asked == []


def test_a_step_that_reaches_nothing_new_is_the_last() -> None:
    relations = Relations()
    spread([candidate("hit", 1.0)], relations, hops=4)
    assert len(relations.asked) == 1


def test_a_step_starts_from_a_limited_number_of_memories() -> None:
    relations = Relations(*(("hit", f"near-{number}") for number in range(3 * FRONTIER)))
    spread([candidate("hit", 1.0)], relations, hops=2)
    assert [len(keys) for keys in relations.asked] == [1, FRONTIER]


def test_a_hit_alone_lifts_its_neighbour_too() -> None:
    assert scores(spread([candidate("hit", 1.0)], Relations(("hit", "near")), hops=1)) == {"hit": 1.0, "near": 0.5}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 5), min_size=1),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")).filter(lambda pair: pair[0] != pair[1])
    ),
    st.integers(0, 4),
)
def test_relations_only_lift_and_never_above_the_best_hit(
    own: dict[str, float], pairs: list[tuple[str, str]], hops: int
) -> None:
    ranked = spread([candidate(name, score) for name, score in own.items()], Relations(*pairs), hops=hops)
    after = scores(ranked)
    assert after.keys() >= own.keys()
    assert all(after[name] >= score - 1e-9 for name, score in own.items())
    assert max(after.values()) <= max(own.values()) + 1e-9
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)


@pytest.mark.parametrize("kind", [EdgeType.SUPERSEDES, EdgeType.CONTRADICTS])
def test_what_came_later_stands_as_high_as_what_it_speaks_of_and_not_the_other_way_round(kind: EdgeType) -> None:
    edge = Edge(source=MemoryId("later"), target=MemoryId("earlier"), type=kind)
    found = neighbours_of(CUBE, [edge])
    told = scores(spread([candidate("earlier", 3.0), candidate("low", -1.0)], lambda _: found, hops=1))
    assert told["later"] == pytest.approx(3.0)
    told = scores(spread([candidate("later", 3.0), candidate("low", -1.0)], lambda _: found, hops=1))
    assert told["earlier"] == pytest.approx(-2.0 + DAMPING * 5.0)


def test_of_two_relations_the_one_that_hands_on_most_counts() -> None:
    ends = {"source": MemoryId("later"), "target": MemoryId("earlier")}
    both = [Edge(**ends, type=EdgeType.SUPERSEDES), Edge(**ends, type=EdgeType.RELATES)]
    for edges in (both, both[::-1]):
        found = neighbours_of(CUBE, edges)
        assert found[key("earlier")] == {key("later"): SUCCESSION}
        assert found[key("later")] == {key("earlier"): DAMPING}
