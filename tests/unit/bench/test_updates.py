"""How answers about facts that changed are judged and counted."""

from datetime import date

from memos.bench.changes import ChangingFact, Value
from memos.bench.updates import Answer, summarise

HOME = ChangingFact(
    about="home city",
    question="Where does Ana live?",
    values=(Value(says="Oslo", day=date(2024, 1, 1)), Value(says="Rome", day=date(2024, 3, 1))),
)


def answer(found: list[int], *found_as_of: list[int]) -> Answer:
    return Answer(talk="ana", fact=HOME, found=found, found_as_of=found_as_of)


def test_the_latest_is_first_only_when_it_is_found_before_every_older_one() -> None:
    assert answer([1, 0], [0], [1]).is_latest_first
    assert not answer([0, 1], [0], [1]).is_latest_first
    assert not answer([], [0], [1]).is_latest_first


def test_as_of_is_right_where_the_value_of_the_day_comes_first() -> None:
    assert answer([1], [0, 1], [1]).is_right_as_of == [True, True]
    assert answer([1], [1, 0], []).is_right_as_of == [False, False]


def test_shares_come_with_what_they_are_of() -> None:
    answers = [answer([1, 0], [0], [1]), answer([0, 1], [1], [1]), answer([0], [0], [0]), answer([], [0], [1])]
    assert summarise(answers) == {
        "questions": 4,
        "latest_first": 0.25,
        "latest_found": 0.5,
        "older_found_too": 0.75,
        "as_of_days": 8,
        "right_as_of": 0.75,
        "past_days": 4,
        "right_as_of_past": 0.75,
    }


def test_a_line_tells_values_by_their_words() -> None:
    line = answer([1, 0], [0], []).as_line()
    assert line["found"] == ["Rome", "Oslo"]
    assert line["as_of"] == [{"day": "2024-01-31", "found": ["Oslo"]}, {"day": "2024-03-31", "found": []}]
    assert (line["latest_first"], line["right_as_of"]) == (True, [True, False])
