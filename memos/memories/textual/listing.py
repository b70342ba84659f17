"""All of a cube's memories, page by page."""

from collections.abc import Iterator
from typing import Final

from memos.errors import NotFound
from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.item import TextualMemoryItem, item_of_memory
from memos.types import Memory, MemoryStatus

_PAGE: Final = 1000


def list_items(
    graph: GraphStore, tenant: TenantId, cube: CubeId, *, status: MemoryStatus | None = MemoryStatus.ACTIVATED
) -> Iterator[TextualMemoryItem]:
    """Every memory of this status, or of any, with its sources, the oldest first."""
    for page in _pages(graph, tenant, cube, status):
        sources = graph.find_sources(tenant, cube, [memory.id for memory in page])
        yield from (item_of_memory(memory, sources.get(memory.id, ())) for memory in page)


def list_all(
    graph: GraphStore, tenant: TenantId, cube: CubeId, *, status: MemoryStatus | None = MemoryStatus.ACTIVATED
) -> list[Memory]:
    """Every memory of this status, or of any, the oldest first."""
    return [memory for page in _pages(graph, tenant, cube, status) for memory in page]


def _pages(graph: GraphStore, tenant: TenantId, cube: CubeId, status: MemoryStatus | None) -> Iterator[list[Memory]]:
    listed: list[MemoryId] = []
    while page := _page_behind(listed, graph, tenant, cube, status):
        yield page
        if len(page) < _PAGE:
            return
        listed += [memory.id for memory in page]


def _page_behind(
    listed: list[MemoryId], graph: GraphStore, tenant: TenantId, cube: CubeId, status: MemoryStatus | None
) -> list[Memory]:
    """The memories behind the last one listed, which is taken off when somebody deleted it meanwhile."""
    while True:
        after = listed[-1] if listed else None
        try:
            return graph.list_memories(tenant, cube, status=status, after=after, limit=_PAGE)
        except NotFound:
            listed.pop()
