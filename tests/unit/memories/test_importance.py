"""Importance as an application gives and sees it."""

from datetime import UTC, datetime

import pytest

from memos.errors import InvalidRequest
from memos.ids import CubeId, SessionId, UserId
from memos.memories.textual.item import (
    TextualMemoryItem,
    TextualMemoryMetadata,
    item_of_memory,
    memory_of_item,
    milliseconds_of,
)
from memos.types import Memory

NOW_MS = 1_750_000_000_000
EARLIER = datetime(2025, 1, 1, tzinfo=UTC)


def stored(**metadata: object) -> Memory:
    item = TextualMemoryItem(memory="Ana plays the violin", metadata=TextualMemoryMetadata(**metadata))
    return memory_of_item(item, CubeId("c"), UserId("u"), SessionId("s"), now_ms=NOW_MS)


def test_an_importance_holds_as_of_now_unless_it_says_when() -> None:
    assert (stored().importance, stored().importance_at_ms) == (0.5, NOW_MS)
    assert (stored(importance=0.9).importance, stored(created_at=EARLIER).importance_at_ms) == (0.9, NOW_MS)
    assert stored(importance_at=EARLIER).importance_at_ms == milliseconds_of(EARLIER)


def test_what_was_stored_comes_back_so_that_writing_it_again_ages_nothing() -> None:
    memory = stored(importance=0.125, importance_at=EARLIER, created_at=EARLIER)
    metadata = item_of_memory(memory).metadata
    assert (metadata.importance, metadata.importance_at) == (0.125, EARLIER)
    again = memory_of_item(item_of_memory(memory), memory.cube, memory.user, memory.session, now_ms=NOW_MS + 1)
    assert (again.importance, again.importance_at_ms) == (memory.importance, memory.importance_at_ms)


def test_a_memory_from_before_importance_shows_its_creation_as_the_time() -> None:
    where = {"cube": CubeId("c"), "user": UserId("u"), "session": SessionId("s")}
    old = Memory(id=stored().id, text="m", created_at_ms=milliseconds_of(EARLIER), **where)
    assert item_of_memory(old).metadata.importance_at == EARLIER


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_an_importance_outside_0_to_1_is_refused(wrong: float) -> None:
    with pytest.raises(InvalidRequest, match="importance"):
        stored(importance=wrong)
