"""How a memory came to be what it is: the memories that took each other's place before it and after it."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, MemoryId, TenantId
from memos.types import Edge, EdgeType

# A query a step; in a chain a step goes one memory further on both sides.
MAX_STEPS: Final = 50
_PLACE_TAKEN: Final = frozenset((EdgeType.SUPERSEDES, EdgeType.MERGED_TO))


def find_chain(graph: GraphStore, tenant: TenantId, cube: CubeId, start: MemoryId) -> list[MemoryId]:
    """What is up to MAX_STEPS along SUPERSEDES and MERGED_TO from a memory, in both directions, oldest first."""
    known: dict[MemoryId, None] = {start: None}
    edges: dict[Edge, None] = {}
    frontier = [start]
    for _ in range(MAX_STEPS):
        found = graph.find_edges(tenant, cube, frontier)
        edges |= dict.fromkeys(edge for edge in found if edge.type in _PLACE_TAKEN)
        reached = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target))
        frontier = [memory for memory in reached if memory not in known]
        if not frontier:
            break
        known |= dict.fromkeys(frontier)
    found = graph.find_memories(tenant, cube, list(known))
    in_place = [memory for memory in _by_place(list(known), list(edges)) if memory in found]
    return sorted(in_place, key=lambda memory: found[memory].said_at_ms)


def _by_place(memories: Sequence[MemoryId], edges: Sequence[Edge]) -> list[MemoryId]:
    """Each behind those whose place it took, which decides between memories of one time; as given in a circle."""
    sorter = TopologicalSorter[MemoryId](dict.fromkeys(memories, ()))
    for edge in edges:
        newer, older = (edge.source, edge.target) if edge.type is EdgeType.SUPERSEDES else (edge.target, edge.source)
        sorter.add(newer, older)
    try:
        return list(sorter.static_order())
    except CycleError:
        return list(memories)
