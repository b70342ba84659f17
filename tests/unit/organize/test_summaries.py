"""Summaries: made of four, joined by others, made anew when a child changes, gone when one is left."""

from dataclasses import replace
from typing import Any

import pytest

from memos.ids import UserId
from memos.organize.summaries import MAX_CHILDREN, Summaries, Summary, plan_summaries
from memos.organize.surroundings import SUMMARY_SESSION, Surroundings
from memos.types import Edge, EdgeType, Memory, MemoryStatus
from tests.unit.organize.around import T0, around, edge, memory

NOW = T0 + 10**10


def clay(number: int, text: str = "I make bowls.", **changes: Any) -> Memory:
    return memory(number, text, **{"key": "pottery", **changes})


def planned(found: Surroundings) -> Summaries:
    return plan_summaries(found, {}, now_ms=NOW)


def made_of(*children: Memory) -> tuple[Summary, list[Edge]]:
    """The summary that four or more make, and its edges."""
    (summary,) = planned(around(*children)).made
    parent = summary.memory
    return summary, [Edge(source=parent.id, target=child, type=EdgeType.PARENT) for child in summary.children]


FOUR = [clay(number, f"I make {thing}.") for number, thing in enumerate(("bowls", "cups", "blue cups", "vases"), 1)]


def test_four_near_memories_of_one_topic_get_a_summary_in_the_speakers_words() -> None:
    (summary,) = planned(around(*FOUR)).made
    told = summary.memory
    assert summary.children == tuple(each.id for each in FOUR)
    assert told.text.startswith('Ana about "pottery": I make ')
    assert told.text.count("(said ") == 3
    assert "I make blue cups (said 18 June 2025)" in told.text
    assert (told.speaker, told.key, told.tags, told.session) == ("Ana", "pottery", ("summary",), SUMMARY_SESSION)
    assert told.source_ids == tuple(source for each in FOUR for source in each.source_ids)
    assert (told.said_at_ms, told.created_at_ms, told.version) == (FOUR[-1].said_at_ms, NOW, 1)


def test_its_id_comes_from_the_first_child_whoever_is_fresh() -> None:
    (one,) = planned(around(*FOUR)).made
    (two,) = planned(around(*reversed(FOUR), fresh=[FOUR[3]])).made
    assert one == two


def test_a_name_is_a_topic_as_well() -> None:
    four = [replace(each, key="", entities=("Marley",)) for each in FOUR]
    (summary,) = planned(around(*four)).made
    assert summary.memory.key == "marley"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "trip"},
        {"speaker": "Ben"},
        {"user": UserId("ben")},
        {"status": MemoryStatus.ARCHIVED},
    ],
    ids=["key", "speaker", "user", "status"],
)
def test_three_and_one_of_another_topic_or_person_get_none(changes: dict[str, Any]) -> None:
    assert planned(around(*FOUR[:3], replace(FOUR[3], **changes))) == Summaries()


def test_keys_that_are_but_the_first_words_of_their_statements_are_no_topic() -> None:
    assert planned(around(*[clay(number, "I sell bowls daily.", key="sell bowls daily") for number in range(4)])) == (
        Summaries()
    )


def test_what_stands_apart_gets_none() -> None:
    assert planned(around(*FOUR, cosine=0.49)) == Summaries()


def test_a_superseded_memory_is_no_child() -> None:
    newer = memory(9, "other")
    assert planned(around(*FOUR, newer, edges=[edge(newer, EdgeType.SUPERSEDES, FOUR[0])])) == Summaries()


def test_a_fifth_joins_the_summary_which_keeps_its_id() -> None:
    summary, edges = made_of(*FOUR)
    fifth = clay(5, "I sell blue cups.")
    done = planned(around(*FOUR, summary.memory, fifth, fresh=[fifth], edges=edges))
    (again,) = done.refreshed
    assert (again.memory.id, again.memory.version) == (summary.memory.id, 2)
    assert again.children == (*summary.children, fifth.id)
    assert again.memory.said_at_ms == fifth.said_at_ms
    assert (done.made, done.retired) == ((), ())


def test_a_full_summary_takes_no_more_and_four_others_make_the_next() -> None:
    many = [clay(number) for number in range(MAX_CHILDREN)]
    summary, edges = made_of(*many)
    others = [clay(number) for number in range(50, 54)]
    one = planned(around(*many, summary.memory, others[0], fresh=others[:1], edges=edges))
    assert one == Summaries()
    four = planned(around(*many, summary.memory, *others, fresh=others, edges=edges))
    assert [each.children for each in four.made] == [tuple(other.id for other in others)]


def test_a_cluster_is_cut_at_the_largest_number_of_children() -> None:
    (summary,) = planned(around(*[clay(number) for number in range(MAX_CHILDREN + 2)])).made
    assert len(summary.children) == MAX_CHILDREN


def test_a_child_that_was_archived_leaves_it() -> None:
    summary, edges = made_of(*FOUR)
    gone = replace(FOUR[2], status=MemoryStatus.ARCHIVED, version=2)
    (again,) = planned(around(*FOUR[:2], gone, FOUR[3], summary.memory, fresh=[gone], edges=edges)).refreshed
    assert gone.id not in again.children
    assert "blue cups" not in again.memory.text


def test_a_child_that_was_superseded_leaves_it() -> None:
    summary, edges = made_of(*FOUR)
    newer = memory(9, "other")
    superseding = [*edges, edge(newer, EdgeType.SUPERSEDES, FOUR[0])]
    (again,) = planned(around(*FOUR, newer, summary.memory, fresh=[FOUR[0]], edges=superseding)).refreshed
    assert again.children == tuple(each.id for each in FOUR[1:])


def test_with_one_child_left_it_is_removed() -> None:
    summary, edges = made_of(*FOUR)
    gone = [replace(each, status=MemoryStatus.ARCHIVED, version=2) for each in FOUR[1:]]
    done = planned(around(FOUR[0], *gone, summary.memory, fresh=gone, edges=edges))
    assert done == Summaries(retired=(summary.memory,))


def test_a_summary_that_was_hidden_by_a_deletion_comes_back_without_the_words() -> None:
    summary, edges = made_of(*FOUR)
    hidden = replace(summary.memory, status=MemoryStatus.ARCHIVED, version=2)
    (again,) = planned(around(*FOUR[:3], hidden, fresh=[hidden], edges=edges[:3])).refreshed
    assert (again.memory.status, again.memory.version) == (MemoryStatus.ACTIVATED, 3)
    assert "vases" not in again.memory.text


def test_a_summary_that_somebody_archived_stays_as_it_is() -> None:
    summary, edges = made_of(*FOUR)
    archived = replace(summary.memory, status=MemoryStatus.ARCHIVED, version=2)
    changed = replace(FOUR[0], text="Ana said: I make plates.", version=2)
    assert planned(around(changed, *FOUR[1:], archived, fresh=[changed], edges=edges)) == Summaries()


def test_looking_again_changes_nothing() -> None:
    summary, edges = made_of(*FOUR)
    assert planned(around(*FOUR, summary.memory, edges=edges)) == Summaries()
