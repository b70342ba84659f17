"""What is read of a cube to be shown: its newest memories with all that belongs to them, and counts of everything."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, MemoryId, TenantId
from memos.types import Edge, Memory, Source
from memos.view.standing import standing

_PAGE: Final = 1000
_MOST_EDGES: Final = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The newest memories of a cube, oldest first, the relations among them, and the messages behind each.

    ``older`` is the number of memories that were left out; with ``more_edges`` there are relations beyond ``edges``.
    """

    cube: CubeId
    taken_at_ms: int
    memories: tuple[Memory, ...]
    edges: tuple[Edge, ...]
    sources: Mapping[MemoryId, tuple[Source, ...]]
    older: int
    more_edges: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many memories a cube has, by type and by standing, and how many relations by type; each sorted by name."""

    memories: int
    types: Mapping[str, int]
    standings: Mapping[str, int]
    relations: Mapping[str, int]


def read_snapshot(
    graph: GraphStore, tenant: TenantId, cube: CubeId, *, limit: int, now_ms: int, edge_limit: int = _MOST_EDGES
) -> Snapshot:
    """The newest ``limit`` memories, whatever their status, and at most ``edge_limit`` relations among them.

    The port lists the oldest first, so that a cube is read whole; what is kept meanwhile is bounded.
    """
    newest, count = deque[Memory](maxlen=limit), 0
    for page in _pages(graph, tenant, cube):
        newest.extend(page)
        count += len(page)
    ids = [memory.id for memory in newest]
    edges = _edges_among(graph, tenant, cube, ids, edge_limit + 1)
    return Snapshot(
        cube=cube,
        taken_at_ms=now_ms,
        memories=tuple(newest),
        edges=tuple(edges[:edge_limit]),
        sources=graph.find_sources(tenant, cube, ids),
        older=count - len(newest),
        more_edges=len(edges) > edge_limit,
    )


def count_cube(graph: GraphStore, tenant: TenantId, cube: CubeId, *, now_ms: int) -> Counts:
    """Count all memories and relations of a cube."""
    types, standings, relations = Counter[str](), Counter[str](), Counter[str]()
    for page in _pages(graph, tenant, cube):
        types.update(memory.memory_type.value for memory in page)
        standings.update(standing(memory, now_ms=now_ms).value for memory in page)
        # A relation begins at one memory, and so in one page.
        begins = {memory.id for memory in page}
        found = graph.find_edges(tenant, cube, sorted(begins))
        relations.update(edge.type.value for edge in found if edge.source in begins)
    by_name = (dict(sorted(counter.items())) for counter in (types, standings, relations))
    return Counts(memories=types.total(), **dict(zip(("types", "standings", "relations"), by_name, strict=True)))


def _pages(graph: GraphStore, tenant: TenantId, cube: CubeId) -> Iterator[list[Memory]]:
    after = None
    while page := graph.list_memories(tenant, cube, status=None, after=after, limit=_PAGE):
        yield page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _edges_among(graph: GraphStore, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], limit: int) -> list[Edge]:
    shown = frozenset(ids)
    found = graph.find_edges(tenant, cube, ids)
    return sorted((edge for edge in found if shown.issuperset((edge.source, edge.target))), key=_order)[:limit]


def _order(edge: Edge) -> tuple[str, str, str]:
    return edge.source, edge.target, edge.type.value
