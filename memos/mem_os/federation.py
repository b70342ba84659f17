"""Recall over all cubes of a user: those in the tenant's stores at once, and the application's own objects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from memos.errors import InvalidRequest
from memos.ids import CubeId, SessionId, TenantId, UserId
from memos.mem_cube.base import BaseMemCube
from memos.memories.textual.item import TextualMemoryItem, memory_of_item, source_of_item
from memos.recall.budget import pack
from memos.recall.options import PLAIN, SearchOptions
from memos.recall.search import Recall, SearchResult
from memos.types import Hit

_NOBODY = UserId("object")
_NOWHERE = SessionId("object")


class FederatedRecall:
    """Searches like ``Recall``. Scores of different cubes cannot be compared, so that hits take turns by their rank."""

    def __init__(self, open_stores: Callable[[], Recall], find_object: Callable[[CubeId], BaseMemCube | None]) -> None:
        self._open_stores = open_stores
        self._find_object = find_object

    def search(
        self,
        tenant: TenantId,
        cubes: Sequence[CubeId],
        query: str,
        *,
        top_k: int,
        options: SearchOptions = PLAIN,
    ) -> SearchResult:
        """The ``top_k`` best memories of the cubes. Raises Unavailable when one of them cannot be searched at all.

        Raises InvalidRequest for an option that one of the cubes cannot follow.
        """
        (found,) = self.search_many(tenant, cubes, [query], top_k=top_k, options=options)
        return found

    def search_many(
        self,
        tenant: TenantId,
        cubes: Sequence[CubeId],
        queries: Sequence[str],
        *,
        top_k: int,
        options: SearchOptions = PLAIN,
    ) -> list[SearchResult]:
        """What ``search`` finds for each query, in their order."""
        objects = {cube: found for cube in cubes if (found := self._find_object(cube)) is not None}
        _check_followed(options, objects)
        stored = [cube for cube in cubes if cube not in objects]
        if not objects:
            return self._search_stored(tenant, stored, queries, top_k, options)
        found = self._search_stored(tenant, stored, queries, top_k, replace(options, max_tokens=None))
        return [_merge(result, objects, query, top_k, options) for query, result in zip(queries, found, strict=True)]

    def _search_stored(
        self, tenant: TenantId, cubes: Sequence[CubeId], queries: Sequence[str], top_k: int, options: SearchOptions
    ) -> list[SearchResult]:
        if not cubes:
            return [SearchResult(hits=[]) for _ in queries]
        recall = self._open_stores()
        if len(queries) == 1:
            return [recall.search(tenant, cubes, queries[0], top_k=top_k, options=options)]
        return recall.search_many(tenant, cubes, queries, top_k=top_k, options=options)


def _check_followed(options: SearchOptions, objects: Iterable[CubeId]) -> None:
    """An object of the application's own is asked by a query alone; what it finds can be cut to a budget."""
    beyond = [name for name in options.named if name != "max_tokens"]
    for cube in objects if beyond else ():
        raise InvalidRequest(
            f"cube {cube!r} is an object of the application's own, which cannot be searched with {', '.join(beyond)}; "
            "leave these out, or name other cubes in mem_cube_ids"
        )


def _merge(
    result: SearchResult, objects: Mapping[CubeId, BaseMemCube], query: str, top_k: int, options: SearchOptions
) -> SearchResult:
    lists = [result.hits, *(_hits(cube, found.search(query, top_k)) for cube, found in objects.items())]
    merged = [hit for hit in chain.from_iterable(zip_longest(*lists)) if hit is not None]
    hits = pack(merged[:top_k], lambda hit: hit.memory.text, max_tokens=options.max_tokens)
    told = hits if options.explain else [replace(hit, parts={}) for hit in hits]
    return SearchResult(hits=told, degraded=result.degraded)


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
