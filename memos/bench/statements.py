"""Generated statements as what a job writes, for filling stores without a reader. Pure."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from memos.bench.sentences import sentences
from memos.graph_dbs.base import JobWrite
from memos.ids import JobId, UserId, memory_id, message_id
from memos.types import Lane, Memory, Message, Role

_USER: Final = UserId("bench")
_SYLLABLES: Final = (
    *("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu"),
    *("na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo", "zu"),
)
_BEGINS_MS: Final = 1_704_067_200_000  # 2024-01-01
_MINUTE_MS: Final = 60_000


def statements(seed: int) -> Iterator[str]:
    """An endless stream of sentences, each with one of 8,000 made-up names behind it; the same for one seed."""
    random = Random(seed)
    for sentence in sentences(seed):
        yield f"{sentence} That was in {''.join(random.choices(_SYLLABLES, k=3)).capitalize()}."


def build_write(lane: Lane, texts: Sequence[str], *, first: int) -> JobWrite:
    """A message and its memory for each text, a minute apart; ``first`` is the number of the first in its cube."""
    job = JobId(f"fill-{first}")
    messages = tuple(
        Message(
            id=message_id(lane.tenant, lane.cube, job, ordinal),
            role=Role.USER,
            text=text,
            speaker=_USER,
            said_at_ms=_BEGINS_MS + (first + ordinal) * _MINUTE_MS,
        )
        for ordinal, text in enumerate(texts)
    )
    memories = tuple(_memory_of(lane, job, ordinal, message) for ordinal, message in enumerate(messages))
    return JobWrite(job=job, user=_USER, messages=messages, memories=memories)


def _memory_of(lane: Lane, job: JobId, ordinal: int, message: Message) -> Memory:
    return Memory(
        id=memory_id(lane.tenant, lane.cube, job, ordinal),
        cube=lane.cube,
        user=_USER,
        session=lane.session,
        text=message.text,
        speaker=message.speaker,
        importance_at_ms=message.said_at_ms,
        said_at_ms=message.said_at_ms,
        created_at_ms=message.said_at_ms,
        updated_at_ms=message.said_at_ms,
        source_ids=(message.id,),
    )
