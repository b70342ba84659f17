"""From scores to an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId
from memos.recall.fuse import Candidate
from memos.recall.rerank import MIN_SHOWN, count_shown, order_by


def candidates(count: int) -> list[Candidate]:
    """``count`` of them, best first."""
    return [
        Candidate(key=(CubeId("c"), MemoryId(str(place))), parts={"dense": float(-place), "text": 1.0})
        for place in range(count)
    ]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12))
def test_the_scores_decide_and_equal_ones_keep_their_order(scores: list[float]) -> None:
    found = candidates(len(scores))
    ranked = order_by(scores, found)
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    assert [item.key for item in ranked] == [found[place].key for place in expected]
    assert [item.score for item in ranked] == [scores[place] for place in expected]


def test_by_what_a_candidate_was_found_is_still_told() -> None:
    (ranked,) = order_by([0.25], candidates(1))
    assert ranked.parts == {"dense": 0.0, "text": 1.0, "rerank": 0.25}


def test_every_candidate_has_its_score() -> None:
    with pytest.raises(ValueError, match="shorter"):
        order_by([1.0], candidates(2))


def test_a_reranker_is_shown_more_than_is_asked_for() -> None:
    assert [count_shown(top_k) for top_k in (1, 10, 11, 100)] == [MIN_SHOWN, MIN_SHOWN, 22, 200]
