"""The fields of a memory that a filter may name, and what may be asked of each. Pure.

    texts      user_id session_id speaker type memory_type key     every operator
    lists      entities tags                                       contains, icontains
    times      said_at created_at valid_at                         gt gte lt lte with a time in ISO 8601
    numbers    confidence importance                               eq ne gt gte lt lte in nin
    info.NAME  what the application keeps under NAME               every operator

They are named like the fields of an item's metadata. "*" may be asked of all. An empty text and an empty list count as
absent, but not in ``info``, which is read as it is.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from memos.errors import InvalidRequest
from memos.memories.textual.item import time_of
from memos.recall.filters import Comparison, Every, Filter, Neither, Present, Some, find_time, parse_filter
from memos.types import Memory

INFO_PREFIX: Final = "info."


class Kind(Enum):
    """What can be asked of a field's values: the operators; none named means all of them."""

    TEXT = ()
    LIST = ("contains", "icontains")
    TIME = ("gt", "gte", "lt", "lte")
    NUMBER = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")


KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("user_id", "session_id", "speaker", "type", "memory_type", "key"), Kind.TEXT),
    **dict.fromkeys(("entities", "tags"), Kind.LIST),
    **dict.fromkeys(("said_at", "created_at", "valid_at"), Kind.TIME),
    **dict.fromkeys(("confidence", "importance"), Kind.NUMBER),
}


def parse_condition(given: object) -> Every | None:
    """The filter that a caller wrote over these fields, None where it asks for nothing.

    Raises InvalidRequest, listing what is known, for another field or an operator that the field does not have.
    """
    condition = parse_filter({} if given is None else given)
    for test in _tests(condition):
        _check(test)
    return condition if condition.parts else None


def fields_of(memory: Memory) -> dict[str, Any]:
    """The fields of a memory, as filters compare them."""
    return {
        "user_id": memory.user or None,
        "session_id": memory.session or None,
        "speaker": memory.speaker or None,
        "type": memory.category.value,
        "memory_type": memory.memory_type.value,
        "key": memory.key or None,
        "entities": list(memory.entities) or None,
        "tags": list(memory.tags) or None,
        "said_at": time_of(memory.said_at_ms).isoformat(),
        "created_at": time_of(memory.created_at_ms).isoformat(),
        "valid_at": None if memory.valid_at_ms is None else time_of(memory.valid_at_ms).isoformat(),
        "confidence": memory.confidence,
        "importance": memory.importance,
        **{f"{INFO_PREFIX}{name}": value for name, value in memory.info.items()},
    }


def _tests(condition: Filter) -> Iterator[Present | Comparison]:
    match condition:
        case Every(parts=parts) | Some(parts=parts) | Neither(parts=parts):
            for part in parts:
                yield from _tests(part)
        case Present() | Comparison():
            yield condition


def _check(test: Present | Comparison) -> None:
    if test.field.startswith(INFO_PREFIX):
        return
    kind = KINDS.get(test.field)
    if kind is None:
        known = ", ".join((*KINDS, f"{INFO_PREFIX}NAME"))
        raise InvalidRequest(f"filters: unknown field {test.field!r:.80}; known: {known}")
    if isinstance(test, Present):
        return
    if kind.value and test.operator not in kind.value:
        raise InvalidRequest(f"filters: {test.field} has no operator {test.operator!r}; known: {', '.join(kind.value)}")
    if kind is Kind.TIME and (not isinstance(test.operand, str) or find_time(test.operand) is None):
        raise InvalidRequest(
            f"filters: {test.field} is compared with a time in ISO 8601, like '2026-05-01', not {test.operand!r:.80}"
        )
