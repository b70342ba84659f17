"""Which memories become one: those that differ in filler only, and no others."""

from typing import Any

import pytest

from memos.ids import UserId
from memos.organize.merging import find_merges
from memos.types import Memory, MemoryStatus, MemoryType
from tests.unit.organize.around import T0, around, memory

NOW = T0 + 10**9


def merged(one: Memory, other: Memory, cosine: float = 0.98) -> bool:
    return bool(find_merges(around(one, other, cosine=cosine), now_ms=NOW))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I love tea.", "I really love tea!"),
        ("I'm a nurse.", "I am a nurse"),
        ("I don't eat meat.", "I do not actually eat meat."),
    ],
)
def test_what_differs_in_filler_is_one(one: str, other: str) -> None:
    assert merged(memory(1, one), memory(2, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I have 2 cats.", "I have 3 cats."),
        ("I eat meat.", "I don't eat meat."),
        ("I moved from Rome to Turin.", "I moved from Turin to Rome."),
        ("I love cats and hate dogs.", "I love dogs and hate cats."),
        ("My brother is a nurse.", "My sister is a nurse."),
        ("I run before work.", "I run after work."),
        ("I ran on 3 May 2023.", "I ran on 4 May 2023."),
    ],
)
def test_what_differs_in_a_number_a_date_a_denial_or_a_word_stays_two(one: str, other: str) -> None:
    assert not merged(memory(1, one), memory(2, other))


@pytest.mark.parametrize(
    "changes",
    [
        {"user": UserId("ben")},
        {"speaker": "Ben"},
        {"entities": ("Tea",)},
        {"valid_at_ms": T0},
        {"invalid_at_ms": T0},
        {"expires_at_ms": T0},
        {"pinned": True},
        {"status": MemoryStatus.ARCHIVED},
        {"memory_type": MemoryType.OUTER},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_person_name_or_time_keeps_them_apart(changes: dict[str, Any]) -> None:
    assert not merged(memory(1, "I love tea.", speaker=""), memory(2, "I love tea.", **{"speaker": "", **changes}))


def test_what_is_not_near_enough_stays_two() -> None:
    assert not merged(memory(1, "I love tea."), memory(2, "I love tea!"), cosine=0.96)


def test_the_first_id_lives_on_with_the_sources_of_all_and_the_larger_importance() -> None:
    first, second = memory(1, "I love tea.", importance=0.2), memory(2, "I love tea!", importance=0.9)
    third = memory(3, "I really love tea.")
    (merge,) = find_merges(around(third, second, first, cosine=0.99), now_ms=NOW)
    assert (merge.kept.id, merge.kept.text, merge.kept.version) == (first.id, first.text, 2)
    assert merge.kept.source_ids == (*first.source_ids, *second.source_ids, *third.source_ids)
    assert (merge.kept.importance, merge.kept.said_at_ms) == (0.9, third.said_at_ms)
    assert [(gone.id, gone.status, gone.version) for gone in merge.gone] == [
        (second.id, MemoryStatus.ARCHIVED, 2),
        (third.id, MemoryStatus.ARCHIVED, 2),
    ]
