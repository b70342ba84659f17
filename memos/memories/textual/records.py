"""Items as an index keeps them whole, and what adding and updating make of them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import ValidationError

from memos.errors import Corrupt, InvalidRequest
from memos.ids import CubeId, SessionId, UserId
from memos.memories.textual.item import SourceItem, TextualMemoryItem, item_of_memory, memory_of_item, time_of
from memos.memories.textual.payload import parse_text
from memos.types import Memory, MemoryStatus

DIRECT_USER: Final = UserId("root")
DIRECT_SESSION: Final = SessionId("direct")


def build_record(item: TextualMemoryItem) -> str:
    """The item as JSON, without what a search added to it."""
    return item.model_dump_json(exclude={"score", "parts"})


def parse_record(record: str) -> TextualMemoryItem:
    """The item that was stored. Raises Corrupt."""
    try:
        return TextualMemoryItem.model_validate_json(record)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise Corrupt(f"a stored memory cannot be read ({reason}): {record:.80}") from None
    except InvalidRequest as error:  # items tell of their own fields so
        raise Corrupt(f"a stored memory cannot be read ({error}): {record:.80}") from None


def memory_of(item: TextualMemoryItem, cube: CubeId, *, now_ms: int) -> Memory:
    """What an index needs to know of the item; what it leaves open is this cube's, direct, and now."""
    return memory_of_item(item, cube, DIRECT_USER, DIRECT_SESSION, now_ms=now_ms)


def complete(item: TextualMemoryItem, cube: CubeId, *, now_ms: int) -> TextualMemoryItem:
    """The item with an owner, a session, and times in whole milliseconds, UTC. Raises InvalidRequest for its text."""
    parse_text(item.memory, "memory")
    stored = item_of_memory(memory_of(item, cube, now_ms=now_ms))
    return stored.model_copy(update={"sources": _in_order(item.sources)})


def succeed(old: TextualMemoryItem, new: TextualMemoryItem) -> TextualMemoryItem:
    """``new`` as the next version of ``old``: where it came from (owner, session, creation, sources) stays."""
    kept = {name: old.metadata[name] for name in ("user_id", "session_id", "created_at")}
    metadata = new.metadata.model_copy(update={**kept, "version": old.metadata.version + 1})
    return new.model_copy(update={"id": old.id, "metadata": metadata, "sources": old.sources})


def touched(item: TextualMemoryItem, *, now_ms: int) -> TextualMemoryItem:
    """The item, updated now."""
    metadata = item.metadata.model_copy(update={"updated_at": time_of(now_ms)})
    return item.model_copy(update={"metadata": metadata})


def active_in_order(items: Iterable[TextualMemoryItem]) -> list[TextualMemoryItem]:
    """The active ones, the oldest first."""
    active = (item for item in items if item.metadata.status is MemoryStatus.ACTIVATED)
    return sorted(active, key=lambda item: (item.metadata.created_at, item.id))


def parse_ids(given: Sequence[object]) -> list[str]:
    """The ids that a caller named, where one alone may be given as it is. Raises InvalidRequest."""
    return [given] if isinstance(given, str) else [parse_id(memory) for memory in given]


def parse_id(given: object) -> str:
    """One id. Raises InvalidRequest."""
    if not isinstance(given, str):
        raise InvalidRequest(f"an id of a memory must be a string, not {type(given).__name__}")
    return given


def _in_order(sources: Iterable[SourceItem]) -> tuple[SourceItem, ...]:
    return tuple(sorted(sources, key=lambda source: source.chat_time))
