"""Recall over all cubes of a user: those in the tenant's stores at once, and the application's own objects."""

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

from memos.ids import CubeId, SessionId, TenantId, UserId
from memos.mem_cube.base import BaseMemCube
from memos.memories.textual.item import TextualMemoryItem, memory_of_item, source_of_item
from memos.recall.search import Recall, SearchResult
from memos.types import Hit

_NOBODY = UserId("object")
_NOWHERE = SessionId("object")


class FederatedRecall:
    """Searches like ``Recall``. Scores of different cubes cannot be compared, so that hits take turns by their rank."""

    def __init__(self, open_stores: Callable[[], Recall], find_object: Callable[[CubeId], BaseMemCube | None]) -> None:
        self._open_stores = open_stores
        self._find_object = find_object

    def search(self, tenant: TenantId, cubes: Sequence[CubeId], query: str, *, top_k: int) -> SearchResult:
        """The ``top_k`` best memories of the cubes. Raises Unavailable when one of them cannot be searched at all."""
        objects = {cube: found for cube in cubes if (found := self._find_object(cube)) is not None}
        stored = [cube for cube in cubes if cube not in objects]
        result = self._open_stores().search(tenant, stored, query, top_k=top_k) if stored else SearchResult(hits=[])
        if not objects:
            return result
        lists = [result.hits, *(_hits(cube, found.search(query, top_k)) for cube, found in objects.items())]
        merged = (hit for hit in chain.from_iterable(zip_longest(*lists)) if hit is not None)
        return SearchResult(hits=list(merged)[:top_k], degraded=result.degraded)


def _hits(cube: CubeId, items: Sequence[TextualMemoryItem]) -> list[Hit]:
    return [
        Hit(
            memory=memory_of_item(item, cube, _NOBODY, _NOWHERE, now_ms=0),
            score=item.score or 0.0,
            parts=item.parts or {},
            sources=tuple(source_of_item(source) for source in item.sources),
        )
        for item in items
    ]
