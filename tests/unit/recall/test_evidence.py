"""Weighing two lists: what lifts a candidate, by how much, and what says nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId
from memos.recall.evidence import DEFAULT_EVIDENCE, EvidenceWeights, Lists, weigh
from memos.recall.fuse import Candidate
from memos.vec_dbs.base import IndexHit

CUBE = CubeId("cube")
LIMIT = 10
DAY_MS = 24 * 3600 * 1000
NOW_MS = 19_000 * DAY_MS  # 8 January 2022


def hits(*scored: tuple[str, float], session: str = "s", speaker: str = "") -> list[IndexHit]:
    return [
        IndexHit(memory_id=MemoryId(name), cube=CUBE, score=score, session=session, speaker=speaker)
        for name, score in scored
    ]


def lists(**given: Sequence[IndexHit]) -> Lists:
    return Lists(limit=LIMIT, **given)


def ranked_by(found: Lists, question: str, weights: EvidenceWeights = DEFAULT_EVIDENCE) -> list[Candidate]:
    return weigh(found, question, now_ms=NOW_MS, weights=weights)


def names(ranked: Sequence[Candidate]) -> list[str]:
    return [item.key[1] for item in ranked]


def parts(ranked: Sequence[Candidate]) -> Mapping[str, Mapping[str, float]]:
    return {item.key[1]: item.parts for item in ranked}


@pytest.mark.parametrize("name", ["dense", "text"])
def test_each_list_ranks_by_itself_and_its_weight_decides_between_two(name: str) -> None:
    other = "text" if name == "dense" else "dense"
    found = lists(**{name: hits(("a", 2.0), ("b", 1.0)), other: hits(("b", 2.0), ("a", 1.0))})
    heavy = EvidenceWeights(**{"session": 0.0, name: 2.0, other: 1.0})
    light = EvidenceWeights(**{"session": 0.0, name: 1.0, other: 2.0})
    assert names(ranked_by(found, "q", heavy)) == ["a", "b"]
    assert names(ranked_by(found, "q", light)) == ["b", "a"]


def test_no_list_gates_another() -> None:
    assert set(names(ranked_by(lists(dense=hits(("a", 0.9)), text=hits(("b", 7.0))), "q"))) == {"a", "b"}


def test_nothing_found_is_no_ranking() -> None:
    assert ranked_by(lists(), "q") == []


def test_a_list_that_could_not_be_asked_is_no_part_of_a_score() -> None:
    [only] = ranked_by(lists(dense=hits(("a", 0.9))), "q")
    assert only.parts.keys() == {"dense"}


def test_the_only_one_with_a_word_of_the_question_stands_out_where_the_list_is_not_full() -> None:
    dense = hits(*((f"m{number}", 0.5) for number in range(9)))
    ranked = ranked_by(lists(dense=dense, text=hits(("m4", 3.0))), "q", EvidenceWeights(text=1.0))
    assert names(ranked)[0] == "m4"
    assert parts(ranked)["m4"]["text"] == pytest.approx(1.0)
    assert parts(ranked)["m1"]["text"] == pytest.approx(-1.0)


def test_of_a_full_list_the_rest_is_as_its_last() -> None:
    text = hits(*((f"m{number:02}", 10.0 - number) for number in range(LIMIT)))
    told = parts(ranked_by(lists(text=text, dense=hits(("other", 0.5))), "q"))
    assert told["other"]["text"] == told["m09"]["text"]


def test_a_session_that_speaks_of_the_question_lifts_what_is_said_in_it() -> None:
    about = hits(("a1", 5.0), ("a2", 4.0), session="about")
    aside = hits(("b1", 4.5), session="aside")
    dense = [*hits(("a3", 0.5), session="about"), *hits(("b2", 0.5), session="aside")]
    told = parts(ranked_by(lists(text=[*about, *aside], dense=dense), "q"))
    assert told["a3"]["session"] > told["b2"]["session"]
    assert told["a3"]["session"] == told["a1"]["session"]


def test_one_text_of_several_memories_counts_once_for_its_session() -> None:
    many = hits(*((f"a{number}", 2.0) for number in range(6)), session="many")
    two = hits(("b1", 2.0), ("b2", 1.5), session="two")
    told = parts(ranked_by(lists(text=[*many, *two]), "q"))
    assert told["b1"]["session"] > told["a1"]["session"]


def test_one_session_alone_is_no_evidence() -> None:
    told = parts(ranked_by(lists(text=hits(("a", 5.0), ("b", 1.0))), "q"))
    assert "session" not in told["a"]


def spoken() -> Lists:
    return lists(dense=[*hits(("a", 0.9), speaker="Ana Lima"), *hits(("b", 0.8), speaker="Ben")])


@pytest.mark.parametrize("question", ["What did Ben say?", "Ben's boat", "Is it Ben?"])
def test_the_one_whom_the_question_names_is_preferred(question: str) -> None:
    ranked = ranked_by(spoken(), question)
    assert names(ranked)[0] == "b"
    assert parts(ranked)["b"]["speaker"] == DEFAULT_EVIDENCE.speaker
    assert parts(ranked)["a"]["speaker"] == 0.0


@pytest.mark.parametrize("question", ["Who said it?", "What did Ana tell Ben?", "ben and others", "Benjamin?", ""])
def test_a_question_that_names_nobody_or_both_prefers_nobody(question: str) -> None:
    assert "speaker" not in parts(ranked_by(spoken(), question))["a"]


def test_a_part_of_a_name_is_a_name() -> None:
    assert parts(ranked_by(spoken(), "Where does Lima live?"))["a"]["speaker"] > 0


def test_where_one_speaks_alone_the_name_says_nothing() -> None:
    alone = lists(dense=hits(("a", 0.9), ("b", 0.8), speaker="Ben"))
    assert "speaker" not in parts(ranked_by(alone, "Ben?"))["a"]


def test_what_was_said_in_the_time_that_is_asked_about_is_lifted() -> None:
    found = hits(("now", 0.9), ("then", 0.5), ("before", 0.7))
    said = {"now": NOW_MS, "then": NOW_MS - DAY_MS, "before": NOW_MS - 3 * DAY_MS}
    dense = [replace(hit, said_at_ms=said[hit.memory_id]) for hit in found]
    told = parts(ranked_by(lists(dense=dense), "What did I do yesterday?"))
    assert {name: each["time"] for name, each in told.items()} == {"now": 0.0, "then": 2.0, "before": 0.0}
    assert names(ranked_by(lists(dense=dense), "What did I do yesterday?"))[0] == "then"
    assert "time" not in parts(ranked_by(lists(dense=dense), "What did I do?"))["then"]
    assert "time" not in parts(ranked_by(lists(dense=dense), "What did I do in 1999?"))["then"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.floats(0.01, 50)), max_size=LIMIT, unique_by=lambda pair: pair[0]
    ),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.floats(0.01, 50)), max_size=LIMIT, unique_by=lambda pair: pair[0]
    ),
)
def test_the_parts_are_the_score_and_every_hit_is_ranked_once(
    dense: list[tuple[str, float]], text: list[tuple[str, float]]
) -> None:
    ranked = ranked_by(lists(dense=hits(*dense), text=hits(*text)), "q")
    assert sorted(names(ranked)) == sorted({name for name, _ in [*dense, *text]})
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)
    assert all(sum(item.parts.values()) == pytest.approx(item.score) for item in ranked)
