"""Search: candidates weighed, followed along their relations, and read from the graph with their sources.

    query ──> two lists (candidates.py) ──> weigh (evidence.py) ──> relations (paths.py) ──> memories
                                                  top k <── reranker, if any <── recency, importance ──┘

A list that cannot be had within the deadline is named in ``degraded``; when neither can, the search raises. What the
graph no longer has is not shown, whatever the index says. With a reranker the first candidates come in its order; when
it is away, the order stays and ``degraded`` says why.
"""

from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.candidates import CandidateSearch
from memos.recall.evidence import weigh
from memos.recall.fuse import Candidate, Key, add_importance, add_recency
from memos.recall.paths import HOPS, Neighbours, neighbours_of, spread
from memos.recall.second_look import SecondLook
from memos.rerankers.base import Reranker
from memos.types import Hit, Memory, MemoryStatus, MemoryType, Source
from memos.vec_dbs.base import IndexFilter

DEADLINE_S: Final = 5.0
# Candidates from each list: enough for the union to hold what either would rank among its first top_k.
MIN_CANDIDATES: Final = 100
# Read from the graph beyond the answer: recency and importance can lift some, and some may be deleted by now.
SPARE_CANDIDATES: Final = 10
# Relations read in one step; a memory that is related to thousands of others is no evidence for any of them.
MAX_EDGES: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """Hits, best first, and what was missing while they were found (empty when nothing was)."""

    hits: list[Hit]
    degraded: tuple[str, ...] = ()


class Recall:
    """Finds memories in cubes of one tenant, and what they are related to within ``hops`` steps. Thread-safe."""

    def __init__(
        self,
        stores: TextStores,
        reranker: Reranker | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        hops: int = HOPS,
    ) -> None:
        """The ``reranker`` has the last word on the order; it stays its owner's to close."""
        self._stores = stores
        self._second_look = SecondLook(reranker, deadline_s=deadline_s)
        self._hops = hops
        self._candidates = CandidateSearch(stores, deadline_s=deadline_s)

    def search(
        self,
        tenant: TenantId,
        cubes: Sequence[CubeId],
        query: str,
        *,
        top_k: int,
        memory_types: Sequence[MemoryType] = (),
    ) -> SearchResult:
        """The ``top_k`` best memories of the cubes. Raises Unavailable when the graph or both lists are away."""
        where = IndexFilter(cubes=tuple(cubes), memory_types=tuple(memory_types))
        asked = self._candidates.find(tenant, query, where, limit=max(MIN_CANDIDATES, 3 * top_k))
        wanted = max(top_k + SPARE_CANDIDATES, self._second_look.count_wanted(top_k))
        fused = weigh(asked.lists, query)[:wanted]
        candidates = spread(fused, partial(self._find_neighbours, tenant), hops=self._hops)
        reached = len(candidates) - len(fused)
        candidates = candidates[: wanted + min(reached, SPARE_CANDIDATES)]
        memories = self._load(tenant, [item.key for item in candidates], where.memory_types)
        found = [item for item in candidates if item.key in memories]
        ranked = add_importance(add_recency(found, memories), memories)
        looked = self._second_look.reorder(query, ranked, memories, top_k=top_k)
        hits = self._with_sources(tenant, looked.candidates, memories)
        return SearchResult(hits=hits, degraded=(*asked.degraded, *looked.degraded))

    def close(self) -> None:
        """End the threads."""
        self._second_look.close()
        self._candidates.close()

    def _find_neighbours(self, tenant: TenantId, keys: Sequence[Key]) -> Neighbours:
        graph = self._stores.graph
        found = [
            neighbours_of(cube, graph.find_edges(tenant, cube, ids, limit=MAX_EDGES))
            for cube, ids in _by_cube(keys).items()
        ]
        return ChainMap(*map(dict, found))

    def _load(self, tenant: TenantId, keys: Sequence[Key], kinds: Collection[MemoryType]) -> dict[Key, Memory]:
        found: dict[Key, Memory] = {}
        for cube, ids in _by_cube(keys).items():
            memories = self._stores.graph.find_memories(tenant, cube, ids)
            active = (item for item in memories.values() if _is_wanted(item, kinds))
            found.update({(cube, memory.id): memory for memory in active})
        return found

    def _with_sources(self, tenant: TenantId, ranked: Sequence[Candidate], memories: Mapping[Key, Memory]) -> list[Hit]:
        sources: dict[Key, tuple[Source, ...]] = {}
        for cube, ids in _by_cube([item.key for item in ranked]).items():
            found = self._stores.graph.find_sources(tenant, cube, ids)
            sources.update({(cube, memory): messages for memory, messages in found.items()})
        return [
            Hit(
                memory=memories[item.key],
                score=item.score,
                parts=item.parts,
                sources=sources.get(item.key, ()),
            )
            for item in ranked
        ]


def _is_wanted(memory: Memory, kinds: Collection[MemoryType]) -> bool:
    return memory.status is MemoryStatus.ACTIVATED and (not kinds or memory.memory_type in kinds)


def _by_cube(keys: Sequence[Key]) -> dict[CubeId, list[MemoryId]]:
    grouped: dict[CubeId, list[MemoryId]] = {}
    for cube, memory in keys:
        grouped.setdefault(cube, []).append(memory)
    return grouped
