"""What is left of a memory when a user's messages are forgotten. Pure.

rests on the user's messages alone          nothing: it is deleted
the user's, and rests on no message         nothing
sums up one of these, at any remove         nothing: its text may say what they said
rests on messages of others as well         stays, without those sources, and as a memory of one of the others
follows one of the messages in its session  stays, and is indexed anew without it among the words around
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from memos.ids import MemoryId, MessageId, UserId
from memos.types import Edge, EdgeType, Memory, Source


def find_baseless(
    memories: Iterable[Memory],
    sources: Mapping[MemoryId, Sequence[Source]],
    *,
    said: Collection[MessageId],
    user: UserId,
) -> list[MemoryId]:
    """Those of the memories that nothing is left of without the messages that the user ``said``."""
    return [memory.id for memory in memories if _is_baseless(memory, sources.get(memory.id, ()), said, user)]


def find_summaries(edges: Iterable[Edge], gone: Collection[MemoryId]) -> list[MemoryId]:
    """What sums up a memory that is gone, and is not gone itself; each once."""
    above = (edge.source for edge in edges if edge.type is EdgeType.PARENT and edge.target in gone)
    return [memory for memory in dict.fromkeys(above) if memory not in gone]


def find_bereft(edges: Iterable[Edge], gone: Collection[MemoryId]) -> list[MemoryId]:
    """What loses the memory that sums it up, and stays; each once."""
    below = (edge.target for edge in edges if edge.type is EdgeType.PARENT and edge.source in gone)
    return [memory for memory in dict.fromkeys(below) if memory not in gone]


def loosen(
    memory: Memory, said: Collection[MessageId], others: Sequence[UserId], *, user: UserId, now_ms: int
) -> Memory:
    """The memory in its next version, without the messages that the user ``said``.

    ``others`` are those whose messages it rests on as well; a memory of the user's becomes the first one's.
    """
    return replace(
        memory,
        user=others[0] if memory.user == user and others else memory.user,
        source_ids=tuple(source for source in memory.source_ids if source not in said),
        version=memory.version + 1,
        updated_at_ms=now_ms,
    )


def _is_baseless(memory: Memory, sources: Sequence[Source], said: Collection[MessageId], user: UserId) -> bool:
    if not sources:
        return memory.user == user
    return all(source.message_id in said for source in sources)
