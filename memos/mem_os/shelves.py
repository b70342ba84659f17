"""The shapes in which MOS answers: one shelf a cube."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from memos.errors import Unavailable
from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, TenantId
from memos.memories.textual.item import TextualEdge, item_of_hit, item_of_memory
from memos.memories.textual.listing import list_all
from memos.memories.textual.relations import Relations
from memos.recall.search import SearchResult
from memos.types import EdgeType

ListHeld = Callable[[CubeId], Sequence[Any]]
"""What a cube holds of one kind, beside its textual memories."""

NOTHING_HELD: Final[Mapping[str, ListHeld]] = MappingProxyType({})


def search_shelves(
    cubes: Sequence[CubeId], result: SearchResult, held: Mapping[str, ListHeld] = NOTHING_HELD
) -> dict[str, Any]:
    """Hits grouped by cube, each group best first; every cube that was searched has a shelf.

    ``held`` lists act_mem and para_mem, each where it is used in chats; what cannot be listed is among ``degraded``.
    """
    shelves: dict[CubeId, list[Any]] = {cube: [] for cube in cubes}
    for hit in result.hits:
        shelves[hit.memory.cube].append(item_of_hit(hit))
    text = [{"cube_id": cube, "memories": items} for cube, items in shelves.items()]
    found: dict[str, Any] = {"text_mem": text, "act_mem": [], "para_mem": [], "degraded": list(result.degraded)}
    for kind, list_held in held.items():
        try:
            found[kind] = [{"cube_id": cube, "memories": list(list_held(cube))} for cube in cubes]
        except Unavailable as error:
            found["degraded"].append(f"{kind}: {error}")
    return found


def list_shelf(graph: GraphStore, tenant: TenantId, cube: CubeId) -> dict[str, Any]:
    """All active memories of a cube as nodes, oldest first; edges from each to its sources, then those between them."""
    memories = list_all(graph, tenant, cube)
    rests = [
        TextualEdge(source=memory.id, target=source, type=EdgeType.DERIVED_FROM)
        for memory in memories
        for source in memory.source_ids
    ]
    related = Relations(graph=graph, tenant=tenant, cube=cube).among([memory.id for memory in memories])
    nodes = [item_of_memory(memory) for memory in memories]
    return {"cube_id": cube, "memories": {"nodes": nodes, "edges": [*rests, *related]}}
