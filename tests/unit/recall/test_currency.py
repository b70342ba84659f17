"""Questions about now."""

import pytest

from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.recall.currency import CHANGE, CURRENT, HEAD, add_currency, asks_for_now, tells_change
from memos.recall.fuse import DEFAULT_WEIGHTS, Candidate
from memos.types import Memory

CUBE = CubeId("cube")


@pytest.mark.parametrize(
    "question",
    [
        "Where does Ana live?",
        "What is her job?",
        "Who's Ben's boss?",
        "Which bus do I take to work?",
        "When is the meeting?",
    ],
)
def test_the_present_tense_asks_for_now(question: str) -> None:
    assert asks_for_now(question)


@pytest.mark.parametrize(
    "question",
    [
        "Where did Ana live?", "What was her job?", "When did we meet?", "Where does she go to work since 2021?",
        "What has she read?", "What does she plan before May?", "Which book is her first?", "Wo wohnt Ana?", "cats",
    ],
)  # fmt: skip
def test_another_tense_and_another_time_do_not(question: str) -> None:
    assert not asks_for_now(question)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I am on the late shift now.", True),
        ("We moved to Faro.", True),
        ("My new dentist is kind.", True),
        ("I don't eat meat anymore.", True),
        ("I have lived here for six years now.", False),
        ("I know the renewed station.", False),
        ("I live in Porto.", False),
    ],
)
def test_what_tells_a_change(text: str, told: bool) -> None:
    assert tells_change(text) is told


def ranked(question: str) -> dict[str, dict[str, float]]:
    """The parts that are added to an old statement and to a new one that tells a change, both in 'text' alike."""
    told = {"old": ("I live in Porto.", 0), "new": ("I live in Faro now.", 1000)}
    memories = {
        (CUBE, MemoryId(name)): Memory(
            id=MemoryId(name), cube=CUBE, user=UserId("u"), session=SessionId("s"), text=text, said_at_ms=said
        )
        for name, (text, said) in told.items()
    }
    items = [Candidate(key=key, parts={"text": 1.0}) for key in memories]
    return {item.key[1]: dict(item.parts) for item in add_currency(items, memories, question)}


def test_a_question_about_now_counts_recency_more_and_changes_too() -> None:
    found = ranked("Where does Ana live?")
    assert list(found) == ["new", "old"]
    assert found["new"] == {"text": 1.0, "change": CHANGE, "recency": CURRENT.recency}
    assert found["old"] == {"text": 1.0, "recency": 0.0}


def test_any_other_question_leaves_it_at_a_little_recency() -> None:
    found = ranked("Where did Ana live?")
    assert found["new"] == {"text": 1.0, "recency": DEFAULT_WEIGHTS.recency}
    assert CURRENT.recency > DEFAULT_WEIGHTS.recency


def test_what_matches_less_stays_behind_however_late_it_was_said() -> None:
    memories = {
        (CUBE, MemoryId(str(place))): Memory(
            id=MemoryId(str(place)), cube=CUBE, user=UserId("u"), session=SessionId("s"), text="now", said_at_ms=place
        )
        for place in range(HEAD + 1)
    }
    items = [Candidate(key=key, parts={"text": -float(key[1])}) for key in memories]
    found = add_currency(items, memories, "Where does Ana live?")
    assert found[-1] == items[HEAD]
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
