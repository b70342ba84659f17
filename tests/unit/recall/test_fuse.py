"""How candidates become one ranking."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.recall.fuse import Weights, add_importance, add_recency, fuse, standardise
from memos.types import Memory
from memos.vec_dbs.base import IndexHit

CUBE = CubeId("c")
IMPORTANCE = {"dull": 0.4, "vital": 0.9}
scores = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
lists = st.dictionaries(st.sampled_from("abcdefgh"), scores, max_size=8)


def hits(values: dict[str, float]) -> list[IndexHit]:
    return [IndexHit(memory_id=MemoryId(name), cube=CUBE, score=score) for name, score in values.items()]


def order(dense: dict[str, float], text: dict[str, float]) -> list[str]:
    return [item.key[1] for item in fuse(hits(dense), hits(text))]


def memory(name: str, said_at_ms: int) -> Memory:
    where = {"cube": CUBE, "user": UserId("u"), "session": SessionId("s")}
    return Memory(id=MemoryId(name), text=name, said_at_ms=said_at_ms, **where)


@given(lists, lists)
def test_neither_list_gates_the_other(dense: dict[str, float], text: dict[str, float]) -> None:
    assert set(order(dense, text)) == dense.keys() | text.keys()


@given(lists, lists)
def test_the_parts_sum_to_the_score_and_the_scores_fall(dense: dict[str, float], text: dict[str, float]) -> None:
    ranked = fuse(hits(dense), hits(text))
    assert all(abs(sum(item.parts.values()) - item.score) < 1e-9 for item in ranked)
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)


@given(lists, st.floats(min_value=0.01, max_value=100), scores)
def test_the_scale_of_a_list_does_not_matter(dense: dict[str, float], factor: float, shift: float) -> None:
    plain = standardise(hits({name: round(score) for name, score in dense.items()}))
    scaled = standardise(hits({name: round(score) * factor + shift for name, score in dense.items()}))
    assert all(abs(plain[key] - scaled[key]) < 1e-3 for key in plain)


def test_what_both_lists_rank_high_comes_first() -> None:
    assert order({"a": 0.9, "b": 0.8, "c": 0.1}, {"b": 12.0, "c": 2.0, "d": 1.0})[0] == "b"


def test_a_hit_of_one_list_alone_is_not_lost() -> None:
    assert order({}, {"x": 3.0, "y": 1.0}) == ["x", "y"]


def test_of_two_that_match_equally_the_later_one_comes_first() -> None:
    ranked = fuse(hits({"old": 0.5, "new": 0.5}), [])
    memories = {(CUBE, MemoryId("old")): memory("old", 1_000), (CUBE, MemoryId("new")): memory("new", 9_000)}
    assert [item.key[1] for item in add_recency(ranked, memories)] == ["new", "old"]


def test_of_two_equal_statements_the_more_important_one_comes_first_and_its_parts_say_so() -> None:
    ranked = fuse(hits({"dull": 0.5, "vital": 0.5}), [])
    memories = {
        (CUBE, MemoryId(name)): replace(memory(name, 0), importance=value) for name, value in IMPORTANCE.items()
    }
    first, second = add_importance(ranked, memories)
    assert (first.key[1], second.key[1]) == ("vital", "dull")
    assert (first.parts["importance"], second.parts["importance"]) == (0.2 * 0.9, 0.2 * 0.4)
    assert first.score == sum(first.parts.values())


def test_the_weight_of_importance_says_how_much_it_counts() -> None:
    ranked = fuse(hits({"dull": 0.9, "vital": 0.1}), [])
    memories = {
        (CUBE, MemoryId(name)): replace(memory(name, 0), importance=value) for name, value in IMPORTANCE.items()
    }
    by_weight = [
        [item.key[1] for item in add_importance(ranked, memories, Weights(importance=weight))] for weight in (0, 100)
    ]
    assert by_weight == [["dull", "vital"], ["vital", "dull"]]


@given(lists, lists, st.floats(0, 1))
def test_among_equally_important_memories_the_order_stays(
    dense: dict[str, float], text: dict[str, float], importance: float
) -> None:
    ranked = fuse(hits(dense), hits(text))
    memories = {item.key: replace(memory(item.key[1], 0), importance=importance) for item in ranked}
    assert [item.key for item in add_importance(ranked, memories)] == [item.key for item in ranked]


def test_nothing_found_is_an_empty_ranking() -> None:
    assert fuse([], []) == []
    assert add_recency([], {}) == []
    assert add_importance([], {}) == []
