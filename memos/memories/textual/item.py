"""Textual memories as an application sees them. Items answer to attributes and to keys, as MemOS users expect."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from memos.types import Category, Hit, Memory, MemoryStatus, MemoryType, Role, Source


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True)

    def __getitem__(self, name: str) -> Any:
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or ``default`` when there is none of that name."""
        return getattr(self, name) if name in type(self).model_fields else default


class SourceItem(_Item):
    """Who said it, when, in which session, in which words."""

    message_id: str
    session_id: str
    role: Role
    speaker: str
    content: str
    chat_time: datetime


class MemoryMetadata(_Item):
    """What is known about a memory beside its text. Times are UTC."""

    user_id: str
    session_id: str
    memory_type: MemoryType
    type: Category
    status: MemoryStatus
    speaker: str
    key: str
    tags: tuple[str, ...]
    entities: tuple[str, ...]
    confidence: float
    said_at: datetime
    valid_at: datetime | None
    invalid_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class MemoryItem(_Item):
    """One memory. A search adds ``score``, the weighted ``parts`` that sum to it, and ``sources``."""

    id: str
    memory: str
    metadata: MemoryMetadata
    score: float | None = None
    parts: Mapping[str, float] | None = None
    sources: tuple[SourceItem, ...] = ()


def item_of_memory(memory: Memory, sources: Sequence[Source] = ()) -> MemoryItem:
    """A stored memory."""
    return MemoryItem(
        id=memory.id,
        memory=memory.text,
        metadata=_metadata(memory),
        sources=tuple(_source(source) for source in sources),
    )


def item_of_hit(hit: Hit) -> MemoryItem:
    """A found memory, with its score and sources."""
    found = item_of_memory(hit.memory, hit.sources)
    return found.model_copy(update={"score": hit.score, "parts": dict(hit.parts)})


def _metadata(memory: Memory) -> MemoryMetadata:
    return MemoryMetadata(
        user_id=memory.user,
        session_id=memory.session,
        memory_type=memory.memory_type,
        type=memory.category,
        status=memory.status,
        speaker=memory.speaker,
        key=memory.key,
        tags=memory.tags,
        entities=memory.entities,
        confidence=memory.confidence,
        said_at=time_of(memory.said_at_ms),
        valid_at=None if memory.valid_at_ms is None else time_of(memory.valid_at_ms),
        invalid_at=None if memory.invalid_at_ms is None else time_of(memory.invalid_at_ms),
        created_at=time_of(memory.created_at_ms),
        updated_at=time_of(memory.updated_at_ms),
        version=memory.version,
    )


def _source(source: Source) -> SourceItem:
    return SourceItem(
        message_id=source.message_id,
        session_id=source.session,
        role=source.role,
        speaker=source.speaker,
        content=source.text,
        chat_time=time_of(source.said_at_ms),
    )


def time_of(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
