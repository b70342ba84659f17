"""The shapes in which MOS answers: one shelf a cube."""

from collections.abc import Sequence
from typing import Any

from memos.graph_dbs.base import GraphStore
from memos.ids import CubeId, TenantId
from memos.memories.textual.item import item_of_hit, item_of_memory
from memos.memories.textual.listing import list_all
from memos.recall.search import SearchResult


def search_shelves(cubes: Sequence[CubeId], result: SearchResult) -> dict[str, Any]:
    """Hits grouped by cube, each group best first; every cube that was searched has a shelf."""
    shelves: dict[CubeId, list[Any]] = {cube: [] for cube in cubes}
    for hit in result.hits:
        shelves[hit.memory.cube].append(item_of_hit(hit))
    text = [{"cube_id": cube, "memories": items} for cube, items in shelves.items()]
    return {"text_mem": text, "act_mem": [], "para_mem": [], "degraded": list(result.degraded)}


def list_shelf(graph: GraphStore, tenant: TenantId, cube: CubeId) -> dict[str, Any]:
    """All active memories of a cube as nodes, oldest first, and the edges from each to its sources."""
    memories = list_all(graph, tenant, cube)
    edges = [
        {"source": memory.id, "target": source, "type": "DERIVED_FROM"}
        for memory in memories
        for source in memory.source_ids
    ]
    return {"cube_id": cube, "memories": {"nodes": [item_of_memory(memory) for memory in memories], "edges": edges}}
