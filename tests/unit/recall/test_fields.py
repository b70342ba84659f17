"""Which fields a filter may name, and what it may ask of each."""

from typing import Any

import pytest

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.memories.textual.item import TextualMemoryMetadata
from memos.recall.fields import KINDS, fields_of, parse_condition
from memos.recall.filters import matches
from memos.types import Category, Memory, MemoryType

MEMORY = Memory(
    id=MemoryId("m"),
    cube=CubeId("c"),
    user=UserId("ann"),
    session=SessionId("monday"),
    text="Ann travels to Porto",
    memory_type=MemoryType.USER,
    category=Category.PLAN,
    speaker="Ann",
    key="travel",
    entities=("Porto",),
    tags=("trip", "summer"),
    confidence=0.75,
    importance=0.5,
    said_at_ms=1_777_593_600_000,
    created_at_ms=1_777_680_000_000,
    valid_at_ms=1_780_272_000_000,
    info={"colour": "red", "nested": {"a": 1}, "empty": ""},
)
BARE = Memory(
    id=MemoryId("b"),
    cube=CubeId("c"),
    user=UserId(""),
    session=SessionId(""),
    text="tea",
    confidence=0.0,
    importance=0.0,
)

HOLDS: dict[str, Any] = {
    "user_id": "ann",
    "session_id": {"in": ["monday", "tuesday"]},
    "speaker": {"icontains": "ANN"},
    "type": "plan",
    "memory_type": "UserMemory",
    "key": {"contains": "trav"},
    "entities": {"icontains": "porto"},
    "tags": {"contains": "summer"},
    "said_at": {"gte": "2026-05-01", "lt": "2026-05-02"},
    "created_at": {"gt": "2026-05-01T23:59:59Z"},
    "valid_at": {"lte": "2026-06-01T02:00:00+02:00"},
    "confidence": {"gt": 0.7},
    "importance": 0.5,
    "info.colour": {"ne": "blue"},
}


def holds(filters: Any, memory: Memory = MEMORY) -> bool:
    condition = parse_condition(filters)
    assert condition is not None
    return matches(condition, fields_of(memory))


@pytest.mark.parametrize("field", HOLDS)
def test_each_field_is_read_from_the_memory(field: str) -> None:
    assert holds({field: HOLDS[field]})
    assert not holds({field: HOLDS[field]}, BARE)
    assert not holds({"NOT": [{field: HOLDS[field]}]})


def test_every_field_is_tested_and_is_named_like_that_of_an_item() -> None:
    assert {*KINDS, "info.colour"} == set(HOLDS)
    assert set(KINDS) <= set(TextualMemoryMetadata.model_fields)


def test_empty_texts_and_lists_are_absent_but_not_in_info() -> None:
    for field in ("user_id", "session_id", "speaker", "key", "entities", "tags", "valid_at"):
        assert not holds({field: "*"}, BARE)
        assert holds({field: "*"})
    assert holds({"info.empty": "*"})
    assert not holds({"info.nested": {"eq": 1}})


def test_no_filter_is_none() -> None:
    assert parse_condition(None) is parse_condition({}) is None


BAD: dict[str, tuple[Any, str]] = {
    "another field": ({"colour": "red"}, r"unknown field 'colour'; known: user_id, .*, importance, info\.NAME"),
    "deep inside": ({"OR": [{"key": "a"}, {"NOT": [{"status": "archived"}]}]}, "unknown field 'status'"),
    "presence of another field": ({"colour": "*"}, "unknown field 'colour'"),
    "another operator": ({"key": {"near": "a"}}, "unknown operator 'near'; known: eq, ne"),
    "a list that is a text": ({"tags": "work"}, "tags has no operator 'eq'; known: contains, icontains"),
    "a number in order of lists": ({"entities": {"gt": "a"}}, "entities has no operator 'gt'"),
    "an exact moment": ({"said_at": "2026-05-01"}, "said_at has no operator 'eq'; known: gt, gte, lt, lte"),
    "no time": ({"said_at": {"gt": "yesterday"}}, "said_at is compared with a time in ISO 8601"),
    "a number for a time": ({"valid_at": {"lt": 5}}, "valid_at is compared with a time"),
    "a part of a number": ({"confidence": {"contains": "0"}}, "confidence has no operator 'contains'"),
}


@pytest.mark.parametrize(("given", "why"), BAD.values(), ids=BAD)
def test_what_can_never_hold_is_refused_with_what_can(given: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse_condition(given)
