"""How messages and jobs become properties of nodes, and back. Pure; the keys are laid out in rows.py."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memos.errors import InvalidRequest
from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.rows import Row, cube_range
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId, storage_key
from memos.types import Message, Role, Source

Pair = Sequence[Any]
"""A memory's id and a message's properties, as find_sources.cypher returns them."""


def once_each(cube: CubeId, writes: Sequence[JobWrite]) -> list[JobWrite]:
    """The writes without repetitions of a job. Raises InvalidRequest for a memory of another cube."""
    for memory in (memory for write in writes for memory in (*write.memories, *write.archived)):
        if memory.cube != cube:
            raise InvalidRequest(f"memory {memory.id} belongs to cube {memory.cube!r}, not to {cube!r}")
    first: dict[JobId, JobWrite] = {}
    for write in writes:
        first.setdefault(write.job, write)
    return list(first.values())


def job_row(tenant: TenantId, cube: CubeId, session: SessionId, write: JobWrite) -> Row:
    """The witness of a job as write_jobs.cypher takes it."""
    properties = {
        "key": storage_key(tenant, cube, write.job),
        "tenant": tenant,
        "cube": cube,
        "session": session,
        "user": write.user,
        "id": write.job,
        "memory_ids": write.memory_ids,
    }
    return {"properties": properties}


def message_rows(
    tenant: TenantId, cube: CubeId, session: SessionId, writes: Iterable[JobWrite], *, first_seq: int
) -> list[Row]:
    """All messages of the jobs as write_messages.cypher takes them, numbered in their order."""
    spoken = ((write.user, message) for write in writes for message in write.messages)
    return [
        {
            "key": storage_key(tenant, cube, message.id),
            "properties": {
                "key": storage_key(tenant, cube, message.id),
                "order_key": _message_place(tenant, cube, session, seq),
                "tenant": tenant,
                "cube": cube,
                "session": session,
                "user": user,
                "seq": seq,
                "id": message.id,
                "role": message.role.value,
                "text": message.text,
                "speaker": message.speaker,
                "said_at_ms": message.said_at_ms,
            },
        }
        for seq, (user, message) in enumerate(spoken, start=first_seq)
    ]


def read_message(properties: Mapping[str, Any]) -> tuple[UserId, Message]:
    """A message, and the user whose turn it was, from its node's properties."""
    message = Message(
        id=MessageId(properties["id"]),
        role=Role(properties["role"]),
        text=properties["text"],
        speaker=properties["speaker"],
        said_at_ms=properties["said_at_ms"],
    )
    return UserId(properties["user"]), message


def read_sources(found: Iterable[Pair]) -> dict[MemoryId, tuple[Source, ...]]:
    """The sources of each memory, oldest first."""
    of_memory: dict[MemoryId, list[Mapping[str, Any]]] = {}
    for memory, properties in found:
        of_memory.setdefault(MemoryId(memory), []).append(properties)
    return {memory: tuple(_source(each) for each in sorted(all_, key=_age)) for memory, all_ in of_memory.items()}


def keys_before(tenant: TenantId, cube: CubeId, messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The order_keys of the messages before these in their sessions, each once."""
    places = {(each["session"], each["seq"] - 1): None for each in messages if each["seq"] > 1}
    return [_message_place(tenant, cube, SessionId(session), seq) for session, seq in places]


def message_places(tenant: TenantId, cube: CubeId, session: SessionId, seqs: Iterable[int]) -> list[str]:
    """The order_keys of the messages of a session that have these numbers."""
    return [_message_place(tenant, cube, session, seq) for seq in seqs]


def keys_around(tenant: TenantId, cube: CubeId, messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The order_keys of these messages and of those after them in their sessions, each once."""
    places = {(each["session"], seq): None for each in messages for seq in (each["seq"], each["seq"] + 1)}
    return [_message_place(tenant, cube, SessionId(session), seq) for session, seq in places]


def read_contexts(found: Iterable[Pair], before: Iterable[Mapping[str, Any]]) -> dict[MemoryId, tuple[Source, ...]]:
    """The messages of each memory, each behind the one before it, which is one of ``before`` if there is any."""
    earlier = {(each["session"], each["seq"] + 1): each for each in before}
    spoken: dict[MemoryId, dict[tuple[str, int], Mapping[str, Any]]] = {}
    for memory, message in found:
        place = (message["session"], message["seq"])
        known = spoken.setdefault(MemoryId(memory), {})
        known[place] = message
        if place in earlier:
            known[earlier[place]["session"], earlier[place]["seq"]] = earlier[place]
    return {memory: tuple(_source(known[place]) for place in sorted(known)) for memory, known in spoken.items()}


def said_parameters(tenant: TenantId, cube: CubeId, user: UserId, *, limit: int) -> Row:
    """What list_said.cypher takes."""
    above, below = cube_range(tenant, cube)
    return {"tenant": tenant, "cube": cube, "user": user, "above": above, "below": below, "limit": limit}


def _message_place(tenant: TenantId, cube: CubeId, session: SessionId, seq: int) -> str:
    return storage_key(tenant, cube, session, f"{seq:012d}")


def _age(properties: Mapping[str, Any]) -> tuple[int, int]:
    return properties["said_at_ms"], properties["seq"]


def _source(properties: Mapping[str, Any]) -> Source:
    _, message = read_message(properties)
    return Source(
        message_id=message.id,
        session=SessionId(properties["session"]),
        role=message.role,
        speaker=message.speaker,
        text=message.text,
        said_at_ms=message.said_at_ms,
    )
