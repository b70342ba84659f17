"""Relations of three origins: what the text says, what a model has said, what rules find."""

from dataclasses import replace
from typing import Any

import pytest

from memos.organize.linking import link
from memos.organize.relating import RELATED_TO, Relation
from memos.organize.surroundings import Surroundings
from memos.organize.told import NOTHING_TOLD, Told
from memos.types import Edge, EdgeType, MemoryStatus
from tests.unit.organize.around import around, edge, memory

ONE, TWO = memory(1, "x", entities=("Oliver",)), memory(2, "y", entities=("Oliver",))
CAUSE = edge(ONE, EdgeType.CAUSE, TWO)


def say(found: Surroundings, *edges: Edge) -> Told:
    return Told(model="m", relations=edges, versions={each: known.version for each, known in found.memories.items()})


def linked(found: Surroundings, *edges: Edge, gone: Any = ()) -> list[Relation]:
    return link(found, say(found, *edges), gone=gone)


def test_what_a_model_says_comes_before_what_rules_find() -> None:
    found = around(ONE, TWO, cosine=0.75)
    assert [each.edge.type for each in link(found, NOTHING_TOLD, gone=())] == [EdgeType.RELATES]
    assert linked(found, CAUSE) == [Relation(edge=CAUSE, reason="m says so")]


def test_what_rules_find_of_others_stays() -> None:
    third = memory(3, "z", entities=("Oliver",))
    found = linked(around(ONE, TWO, third, cosine=0.75), CAUSE)
    assert [each.edge for each in found] == [
        CAUSE,
        edge(third, EdgeType.RELATES, ONE),
        edge(third, EdgeType.RELATES, TWO),
    ]


@pytest.mark.parametrize(
    "changed",
    [replace(TWO, version=2), replace(TWO, status=MemoryStatus.ARCHIVED)],
    ids=["another version", "archived"],
)
def test_what_is_no_more_what_the_model_was_shown_is_not_related(changed: Any) -> None:
    told = say(around(ONE, TWO), CAUSE)
    assert link(around(ONE, changed, cosine=0), told, gone=()) == []
    assert link(around(ONE, cosine=0), told, gone=()) == []


def test_two_that_are_related_already_and_one_that_is_merged_away_get_nothing() -> None:
    had = edge(TWO, EdgeType.FOLLOWS, ONE)
    assert linked(around(ONE, TWO, cosine=0, edges=[had]), CAUSE) == []
    assert linked(around(ONE, TWO, cosine=0), CAUSE, gone={TWO.id}) == []


def test_a_memory_has_no_more_of_relates_than_it_may_whoever_says_so() -> None:
    hub, *others = [memory(number, "x", entities=("Oliver",)) for number in range(6)]
    told = [edge(each, EdgeType.RELATES, hub) for each in others]
    of_hub = [
        each
        for each in linked(around(hub, *others, cosine=0.75), *told)
        if hub.id in (each.edge.target, each.edge.source)
    ]
    assert [each.edge for each in of_hub] == told[:RELATED_TO]
    had = edge(memory(20, "old"), EdgeType.RELATES, hub)
    assert len(linked(around(hub, *others, cosine=0, edges=[had]), *told)) == RELATED_TO - 1
