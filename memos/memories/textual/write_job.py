"""What a writer is given, and the memories that facts become. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from memos.ids import JobId, UserId, memory_id
from memos.mem_reader.base import Conversation, Fact
from memos.types import Lane, Memory, Message


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteJob:
    """One job's messages. ``answer`` is what an earlier attempt read from them, if it got so far.

    One that is not ``repeatable`` is never attempted again, so it is written as a whole or not at all.
    """

    job: JobId
    user: UserId
    messages: tuple[Message, ...]
    answer: str | None = None
    repeatable: bool = True

    @property
    def conversation(self) -> Conversation:
        """The messages as a reader takes them."""
        return Conversation(job=self.job, user=self.user, messages=self.messages)


def build_memories(lane: Lane, item: WriteJob, facts: Iterable[Fact], now_ms: int) -> tuple[Memory, ...]:
    """The memories that facts become; every attempt builds the same ones but for their times."""
    return tuple(_build_memory(lane, item, ordinal, fact, now_ms) for ordinal, fact in enumerate(facts))


def _build_memory(lane: Lane, item: WriteJob, ordinal: int, fact: Fact, now_ms: int) -> Memory:
    evidence = [item.messages[position] for position in fact.evidence]
    return Memory(
        id=memory_id(lane.tenant, lane.cube, item.job, ordinal),
        cube=lane.cube,
        user=item.user,
        session=lane.session,
        text=fact.text,
        memory_type=fact.memory_type,
        category=fact.category,
        speaker=fact.speaker,
        key=fact.key,
        entities=fact.entities,
        tags=fact.tags,
        confidence=fact.confidence,
        importance_at_ms=now_ms,
        said_at_ms=max(message.said_at_ms for message in evidence),
        valid_at_ms=fact.valid_at_ms,
        invalid_at_ms=fact.invalid_at_ms,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        source_ids=tuple(message.id for message in evidence),
        info=fact.info,
    )
