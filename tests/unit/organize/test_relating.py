"""Relations between facts: few, and for a reason that can be read."""

from typing import Any

import pytest

from memos.organize.relating import RELATED_TO, find_relations
from memos.organize.surroundings import Surroundings
from memos.types import Category, Edge, EdgeType, Memory
from tests.unit.organize.around import around, edge, memory

EVENT: dict[str, Any] = {"key": "job", "category": Category.EVENT}


def edges_of(found: Surroundings) -> list[Edge]:
    return [relation.edge for relation in find_relations(found, gone=())]


def named(number: int, text: str, *names: str, **changes: Any) -> Memory:
    return memory(number, text, entities=names, **changes)


def test_two_that_share_a_name_and_stand_near_are_related_the_later_to_the_earlier() -> None:
    one, two = named(1, "Oliver is my cat.", "Oliver"), named(2, "We took oliver to the vet.", "oliver")
    (relation,) = find_relations(around(one, two, cosine=0.75), gone=())
    assert relation.edge == edge(two, EdgeType.RELATES, one)
    assert relation.reason == 'both name "oliver", cosine 0.75'


@pytest.mark.parametrize("name", ["Ana", "Here"])
def test_the_speakers_own_name_and_a_word_that_begins_a_sentence_are_no_names(name: str) -> None:
    assert edges_of(around(named(1, "x", name), named(2, "y", name))) == []


def test_a_name_shared_from_afar_relates_nothing() -> None:
    assert edges_of(around(named(1, "x", "Oliver"), named(2, "y", "Oliver"), cosine=0.69)) == []


def test_a_memory_has_no_more_of_them_than_it_may_those_it_had_counted() -> None:
    hub, *others = [named(number, "x", f"N{number}") for number in range(6)]
    hub = named(9, "x", *(f"N{number}" for number in range(6)))
    had = edge(hub, EdgeType.RELATES, memory(20, "an old one"))
    assert len(edges_of(around(hub, *others))) == RELATED_TO
    assert len(edges_of(around(hub, *others, edges=[had]))) == RELATED_TO - 1


def test_two_that_are_related_already_and_one_that_is_merged_away_get_nothing() -> None:
    one, two = named(1, "x", "Oliver"), named(2, "y", "Oliver")
    assert edges_of(around(one, two, edges=[edge(one, EdgeType.CAUSE, two)])) == []
    assert find_relations(around(one, two), gone={two.id}) == []


def test_an_event_follows_the_nearest_earlier_one_of_its_key() -> None:
    lost, sought = memory(1, "I lost my job.", **EVENT), memory(2, "I looked for a job.", **EVENT)
    found = memory(3, "I got a job at Bosch.", **EVENT)
    assert edges_of(around(lost, sought, found, fresh=[found])) == [edge(found, EdgeType.FOLLOWS, lost)]
    had = edge(found, EdgeType.FOLLOWS, sought)
    assert edges_of(around(lost, sought, found, fresh=[found], edges=[had])) == []


@pytest.mark.parametrize(
    "changes",
    [{"key": "trip"}, {"category": Category.FACT}, {"speaker": "Ben"}, {"said_at_ms": memory(1, "").said_at_ms}],
    ids=lambda changes: next(iter(changes)),
)
def test_nothing_follows_what_is_of_another_key_kind_speaker_or_no_earlier(changes: dict[str, Any]) -> None:
    lost, found = memory(1, "I lost my job.", **EVENT), memory(2, "I got a job.", **{**EVENT, **changes})
    assert edges_of(around(lost, found)) == []


def test_a_key_that_is_but_a_statements_first_words_is_no_subject() -> None:
    first = {"key": "keep pushing", "category": Category.PLAN}
    assert edges_of(around(memory(1, "Keep pushing hard.", **first), memory(2, "I keep pushing.", **first))) == []
