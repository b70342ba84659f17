"""Textual memories as an application sees them. Items answer to attributes and to keys, as MemOS users expect."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Final, cast

from pydantic import BeforeValidator, Field, JsonValue

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, MessageId, SessionId, UserId
from memos.memories.item import ItemPart
from memos.types import (
    DEFAULT_IMPORTANCE,
    Category,
    EdgeType,
    Hit,
    Memory,
    MemoryStatus,
    MemoryType,
    Message,
    Role,
    Source,
)
from memos.wellformed import well_formed

MAX_INFO_DEPTH: Final = 16


def _check_info(value: object, depth: int = MAX_INFO_DEPTH) -> object:
    """Refuse what pydantic takes for JSON and no store can keep. Deep values are refused before anybody shows them."""
    if depth < 0:
        raise InvalidRequest(f"TextualMemoryMetadata field info: nested deeper than {MAX_INFO_DEPTH} levels")
    if isinstance(value, float) and not isfinite(value):
        raise InvalidRequest(f"TextualMemoryMetadata field info: {value} is no JSON number")
    if isinstance(value, str) and well_formed(value) != value:
        raise InvalidRequest("TextualMemoryMetadata field info: a lone surrogate; send valid Unicode")
    if isinstance(value, Mapping):
        for name, each in cast(Mapping[object, object], value).items():
            _check_info(name, depth)
            _check_info(each, depth - 1)
    if isinstance(value, list):
        for each in cast(list[object], value):
            _check_info(each, depth - 1)
    return value


Info = Annotated[Mapping[str, JsonValue], BeforeValidator(_check_info)]
"""What an application keeps with a memory: JSON values by name, which this project stores and does not interpret."""


class SourceItem(ItemPart):
    """Who said it, when, in which session, in which words."""

    message_id: str
    session_id: str
    role: Role
    speaker: str
    content: str
    chat_time: datetime


class TextualMemoryMetadata(ItemPart):
    """What is known about a memory beside its text. Times are UTC.

    ``importance`` held at ``importance_at``, by default the moment it is stored, and halves with time from then on.
    ``info`` is the application's own.
    """

    user_id: str = ""
    session_id: str = ""
    memory_type: MemoryType = MemoryType.LONG_TERM
    type: Category = Category.FACT
    status: MemoryStatus = MemoryStatus.ACTIVATED
    speaker: str = ""
    key: str = ""
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    confidence: float = Field(default=1.0, ge=0, le=1)
    importance: float = Field(default=DEFAULT_IMPORTANCE, ge=0, le=1)
    importance_at: datetime | None = None
    said_at: datetime | None = None
    valid_at: datetime | None = None
    invalid_at: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = Field(default=1, ge=1)
    info: Info = Field(default_factory=dict)


class TextualMemoryItem(ItemPart):
    """One memory. A search adds ``score``, the weighted ``parts`` that sum to it, and ``sources``."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1, max_length=128)
    memory: str = Field(min_length=1)
    metadata: TextualMemoryMetadata = TextualMemoryMetadata()
    score: float | None = None
    parts: Mapping[str, float] | None = None
    sources: tuple[SourceItem, ...] = ()


class TextualEdge(ItemPart):
    """A directed relation between two memories, or from a memory to the message it came from."""

    source: str
    target: str
    type: EdgeType


def memory_of_item(item: TextualMemoryItem, cube: CubeId, user: UserId, session: SessionId, *, now_ms: int) -> Memory:
    """What is stored of an item; owner, session and times that it does not name are those given."""
    known = item.metadata
    created_ms = now_ms if known.created_at is None else milliseconds_of(known.created_at)
    return Memory(
        id=MemoryId(item.id),
        cube=cube,
        user=UserId(known.user_id) if known.user_id else user,
        session=SessionId(known.session_id) if known.session_id else session,
        text=item.memory,
        memory_type=known.memory_type,
        category=known.type,
        status=known.status,
        speaker=known.speaker,
        key=known.key,
        entities=known.entities,
        tags=known.tags,
        confidence=known.confidence,
        importance=known.importance,
        importance_at_ms=now_ms if known.importance_at is None else milliseconds_of(known.importance_at),
        said_at_ms=created_ms if known.said_at is None else milliseconds_of(known.said_at),
        valid_at_ms=None if known.valid_at is None else milliseconds_of(known.valid_at),
        invalid_at_ms=None if known.invalid_at is None else milliseconds_of(known.invalid_at),
        expires_at_ms=None if known.expires_at is None else milliseconds_of(known.expires_at),
        pinned=known.pinned,
        created_at_ms=created_ms,
        updated_at_ms=created_ms if known.updated_at is None else milliseconds_of(known.updated_at),
        version=known.version,
        source_ids=tuple(MessageId(source.message_id) for source in item.sources),
        info=known.info,
    )


def item_of_memory(memory: Memory, sources: Sequence[Source] = ()) -> TextualMemoryItem:
    """A stored memory."""
    return TextualMemoryItem(
        id=memory.id,
        memory=memory.text,
        metadata=_metadata(memory),
        sources=tuple(_source(source) for source in sources),
    )


def item_of_hit(hit: Hit) -> TextualMemoryItem:
    """A found memory, with its score and sources."""
    found = item_of_memory(hit.memory, hit.sources)
    return found.model_copy(update={"score": hit.score, "parts": dict(hit.parts) or None})


def _metadata(memory: Memory) -> TextualMemoryMetadata:
    return TextualMemoryMetadata(
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
        importance=memory.importance,
        importance_at=time_of(memory.importance_at_ms or memory.created_at_ms),
        said_at=time_of(memory.said_at_ms),
        valid_at=None if memory.valid_at_ms is None else time_of(memory.valid_at_ms),
        invalid_at=None if memory.invalid_at_ms is None else time_of(memory.invalid_at_ms),
        expires_at=None if memory.expires_at_ms is None else time_of(memory.expires_at_ms),
        pinned=memory.pinned,
        created_at=time_of(memory.created_at_ms),
        updated_at=time_of(memory.updated_at_ms),
        version=memory.version,
        info=memory.info,
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


def message_of_source(source: SourceItem) -> Message:
    """The message that a source shows."""
    return Message(
        id=MessageId(source.message_id),
        role=source.role,
        text=source.content,
        speaker=source.speaker,
        said_at_ms=milliseconds_of(source.chat_time),
    )


def source_of_item(source: SourceItem) -> Source:
    """A source as recall hands it on."""
    return Source(
        message_id=MessageId(source.message_id),
        session=SessionId(source.session_id),
        role=source.role,
        speaker=source.speaker,
        text=source.content,
        said_at_ms=milliseconds_of(source.chat_time),
    )


def milliseconds_of(time: datetime) -> int:
    """Milliseconds since the epoch; a time without an offset is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def time_of(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as an aware UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
