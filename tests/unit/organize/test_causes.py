"""Reasons that the text itself gives, between statements that stand side by side."""

from dataclasses import replace

import pytest

from memos.ids import MemoryId, MessageId
from memos.organize.causes import find_causes
from memos.types import Source
from tests.unit.organize.around import around, memory, source


def causes(*told: tuple[str, Source], before: Source | None = None) -> list[tuple[str, str, str]]:
    """What is found among statements, each with the message it came from."""
    memories = [
        memory(number, text, source_ids=(MessageId(said.message_id),)) for number, (text, said) in enumerate(told)
    ]
    sources = {
        each.id: ((before, said) if before and said.message_id != before.message_id else (said,))
        for each, (_, said) in zip(memories, told, strict=True)
    }
    found = replace(around(*memories), sources=sources)
    return list(find_causes(found))


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ("I lost my job.", "So I opened a shop.", "So I"),
        ("I lost my job.", "That's why I moved.", "That's why"),
        ("My knee hurts.", "As a result I swim.", "As a result"),
        ("My knee hurts.", "Because of that I swim.", "Because of that"),
    ],
)
def test_a_consequence_has_the_statement_before_it_as_its_cause(one: str, two: str, words: str) -> None:
    said = source("a", f"{one} {two}")
    assert causes((one, said), (two, said)) == [("m0", "m1", words)]


def test_a_statement_that_begins_with_because_is_the_cause_of_the_one_before_it() -> None:
    said = source("a", "I stayed in. Because my knee hurts.")
    assert causes(("I stayed in.", said), ("Because my knee hurts.", said)) == [("m1", "m0", "Because")]


@pytest.mark.parametrize("text", ["So much has happened.", "So glad I came.", "Sometimes I swim.", "I swim so often."])
def test_other_statements_have_none(text: str) -> None:
    said = source("a", f"I lost my job. {text}")
    assert causes(("I lost my job.", said), (text, said)) == []


def test_what_was_said_in_between_parts_them() -> None:
    said = source("a", "I lost my job. Wow! So I opened a shop.")
    assert causes(("I lost my job.", said), ("So I opened a shop.", said)) == []


def test_a_message_may_draw_the_consequence_of_the_one_before_it() -> None:
    first, second = source("a", "Well. Pottery is calming."), source("b", "That's why I love it.")
    told = (("Pottery is calming.", first), ("That's why I love it.", second))
    assert causes(*told, before=first) == [("m0", "m1", "That's why")]
    assert causes(*told) == []
    elsewhere = source("b", "That's why I love it.", session="s2")
    assert causes(("Pottery is calming.", first), ("That's why I love it.", elsewhere), before=first) == []


def test_a_first_so_only_begins_a_message() -> None:
    first, second = source("a", "Pottery is calming."), source("b", "So I went to Rome.")
    assert causes(("Pottery is calming.", first), ("So I went to Rome.", second), before=first) == []


def test_dates_that_were_made_absolute_do_not_hide_a_statement() -> None:
    said = source("a", "I lost my job yesterday. So I moved.")
    told = ("I lost my job yesterday (4 May 2023).", said), ("So I moved.", said)
    assert causes(*told) == [(MemoryId("m0"), MemoryId("m1"), "So I")]


def test_words_of_a_models_own_are_found_nowhere() -> None:
    said = source("a", "I lost my job. So I moved.")
    assert causes(("Ana became unemployed.", said), ("So I relocated.", said)) == []
