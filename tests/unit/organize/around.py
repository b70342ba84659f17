"""Memories and what is around them, for the pure parts of a reorganisation."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memos.ids import CubeId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.surroundings import Near, Place, Surroundings
from memos.types import Edge, EdgeType, Memory, Role, Source

PLACE = Place(tenant=TenantId("acme"), cube=CubeId("notes"))
T0 = 1_750_000_000_000
DAY = 24 * 3600 * 1000


def memory(number: int, text: str, **changes: Any) -> Memory:
    """Ana's memory of that number, said a day later than the one before."""
    made = Memory(
        id=MemoryId(f"m{number}"),
        cube=PLACE.cube,
        user=UserId("ana"),
        session=SessionId("s1"),
        text=f"Ana said: {text}",
        speaker="Ana",
        said_at_ms=T0 + number * DAY,
        created_at_ms=T0 + number * DAY,
        source_ids=(MessageId(f"said-{number}"),),
    )
    return replace(made, **changes)


def around(
    *memories: Memory, fresh: Iterable[Memory] | None = None, cosine: float = 0.8, edges: Iterable[Edge] = ()
) -> Surroundings:
    """Memories that all stand at one cosine to each other; all of them are fresh unless some are named."""
    looked_at = tuple(memories if fresh is None else fresh)
    return Surroundings(
        place=PLACE,
        fresh=looked_at,
        memories={each.id: each for each in memories},
        near=tuple(
            Near(one=one.id, other=other.id, cosine=cosine) for one in looked_at for other in memories if one != other
        ),
        edges=tuple(edges),
        sources={},
    )


def edge(source: Memory, type: EdgeType, target: Memory) -> Edge:
    return Edge(source=source.id, target=target.id, type=type)


def source(message: str, text: str, *, session: str = "s1") -> Source:
    return Source(
        message_id=MessageId(message),
        session=SessionId(session),
        role=Role.USER,
        speaker="Ana",
        text=text,
        said_at_ms=T0,
    )
