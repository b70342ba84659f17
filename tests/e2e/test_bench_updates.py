"""``memos bench updates`` on the whole stack, with two conversations of its own."""

from datetime import date

import pytest

from memos.bench.changes import ChangingFact, Talk, Value
from memos.bench.updates import measure
from memos.settings import Settings

pytestmark = [pytest.mark.servers, pytest.mark.models]

JANUARY, JUNE = date(2024, 1, 8), date(2024, 6, 21)


def talk(name: str, old: str, new: str) -> Talk:
    values = (Value(says=old, day=JANUARY), Value(says=new, day=JUNE))
    return Talk(
        name=name,
        days={
            JANUARY: (f"{name}: I live in {old}, near the river.", "Ben: My bicycle was stolen on Sunday."),
            JUNE: (f"{name}: I moved to {new}, I live in {new} now.", "Ben: I have planted twenty tulips."),
        },
        facts=(ChangingFact(about="home city", question=f"Where does {name} live?", values=values),),
    )


def test_each_talk_is_searched_alone_now_and_as_of_the_days_of_its_values(stack: Settings) -> None:
    figures, answers = measure(stack, [talk("Ana", "Lisbon", "Porto"), talk("Eva", "Porto", "Lisbon")])
    assert [answer.talk for answer in answers] == ["Ana", "Eva"]
    assert all(set(answer.found) == {0, 1} for answer in answers), answers
    assert all(answer.found_as_of[0] and 1 not in answer.found_as_of[0] for answer in answers), answers
    assert (figures["conversations"], figures["turns"], figures["questions"], figures["as_of_days"]) == (2, 8, 2, 4)
    assert figures["latest_found"] == figures["older_found_too"] == 1.0
    assert figures["search_p95_ms"] >= figures["search_p50_ms"] > 0


def test_a_value_that_is_not_among_the_first_memories_is_not_found(stack: Settings) -> None:
    figures, (answer,) = measure(stack, [talk("Kim", "Oslo", "Rome")], top_k=1)
    assert figures["top_k"] == 1
    assert len(answer.found) <= 1
    assert figures["latest_found"] + figures["older_found_too"] <= 1.0
