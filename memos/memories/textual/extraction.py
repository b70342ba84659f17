"""From conversations to items, with their sources and without storing anything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from memos.clock import Clock, SystemClock
from memos.configs.llm import LLMConfigFactory
from memos.ids import CubeId, SessionId, TenantId, UserId, new_job_id
from memos.mem_reader.base import Conversation, Fact, Reader
from memos.memories.textual.item import SourceItem, TextualMemoryItem, TextualMemoryMetadata, time_of
from memos.memories.textual.payload import messages_of, parse_messages
from memos.settings import Settings
from memos.types import Lane, Message

# Only names: what is extracted gets its place when it is added somewhere.
_NOWHERE: Final = Lane(tenant=TenantId("extract"), cube=CubeId("extract"), session=SessionId("extract"))


def open_extractor(config: LLMConfigFactory | None, settings: Settings) -> Reader:
    """The reader over a language model, else the one that follows rules. Raises InvalidConfig."""
    if config is None:
        from memos.mem_reader.rules import RulesReader

        return RulesReader()
    from memos.llms.factory import LLMFactory
    from memos.mem_reader.simple_struct import SimpleStructReader

    return SimpleStructReader(LLMFactory.from_config(config, settings=settings))


def extract_items(
    reader: Reader,
    conversations: Sequence[Sequence[Mapping[str, Any]]],
    *,
    user_id: str = "",
    session_id: str = "",
    clock: Clock | None = None,
) -> list[list[TextualMemoryItem]]:
    """What is worth remembering of each conversation, all read in one call. Ids are new; sources come along.

    Raises InvalidRequest for messages that are none, Unavailable when the model is away.
    """
    now_ms = (clock or SystemClock()).now_ms()
    parsed = [_parse(messages, now_ms) for messages in conversations]
    asked = [Conversation(job=new_job_id(), user=UserId(user_id), messages=messages) for messages in parsed]
    found = reader.read(asked)
    return [
        [_build_item(fact, messages, user_id, session_id, now_ms) for fact in facts]
        for messages, facts in zip(parsed, found, strict=True)
    ]


def _parse(messages: Sequence[Mapping[str, Any]], now_ms: int) -> tuple[Message, ...]:
    return messages_of(_NOWHERE, new_job_id(), {"messages": parse_messages(messages, now_ms=now_ms)})


def _build_item(
    fact: Fact, messages: Sequence[Message], user_id: str, session_id: str, now_ms: int
) -> TextualMemoryItem:
    evidence = [messages[position] for position in fact.evidence]
    metadata = TextualMemoryMetadata(
        user_id=user_id,
        session_id=session_id,
        memory_type=fact.memory_type,
        type=fact.category,
        speaker=fact.speaker,
        key=fact.key,
        tags=fact.tags,
        entities=fact.entities,
        confidence=fact.confidence,
        said_at=time_of(max(message.said_at_ms for message in evidence)),
        valid_at=None if fact.valid_at_ms is None else time_of(fact.valid_at_ms),
        invalid_at=None if fact.invalid_at_ms is None else time_of(fact.invalid_at_ms),
        created_at=time_of(now_ms),
        updated_at=time_of(now_ms),
        info=fact.info,
    )
    sources = tuple(_build_source(message, session_id) for message in evidence)
    return TextualMemoryItem(memory=fact.text, metadata=metadata, sources=sources)


def _build_source(message: Message, session_id: str) -> SourceItem:
    return SourceItem(
        message_id=message.id,
        session_id=session_id,
        role=message.role,
        speaker=message.speaker,
        content=message.text,
        chat_time=time_of(message.said_at_ms),
    )
