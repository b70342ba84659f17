"""Recall over all cubes of a user: those in the tenant's stores at once, and the application's own objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from itertools import chain, zip_longest

from memos.errors import InvalidRequest
from memos.ids import CubeId, SessionId, TenantId, UserId
from memos.mem_cube.base import BaseMemCube
from memos.memories.textual.item import TextualMemoryItem, memory_of_item, source_of_item
from memos.memories.textual.search import MAX_TOP_K
from memos.recall.choice import choose, count_ranked
from memos.recall.options import PLAIN, SearchOptions
from memos.recall.search import Recall, SearchResult
from memos.types import Hit

_NOBODY = UserId("object")
_NOWHERE = SessionId("object")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    """A hit in its turn: the later, the lower the ``score``."""

    hit: Hit
    score: float


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
        if not objects:
            return self._search_stored(tenant, cubes, queries, top_k, options)
        plain = replace(options, mmr=None, max_tokens=None)  # what holds for the answer as a whole, choose() does
        _check_followed(plain, objects)
        pool = max(top_k, min(count_ranked(top_k, options), MAX_TOP_K))
        stored = [cube for cube in cubes if cube not in objects]
        found = self._search_stored(tenant, stored, queries, pool, plain)
        return [
            replace(result, hits=_merge([result.hits, *_search_objects(objects, query, pool, plain)], top_k, options))
            for query, result in zip(queries, found, strict=True)
        ]

    def _search_stored(
        self, tenant: TenantId, cubes: Sequence[CubeId], queries: Sequence[str], top_k: int, options: SearchOptions
    ) -> list[SearchResult]:
        if not cubes:
            return [SearchResult(hits=[]) for _ in queries]
        recall = self._open_stores()
        if len(queries) == 1:
            return [recall.search(tenant, cubes, queries[0], top_k=top_k, options=options)]
        return recall.search_many(tenant, cubes, queries, top_k=top_k, options=options)


def _check_followed(options: SearchOptions, objects: Mapping[CubeId, BaseMemCube]) -> None:
    """An object of the application's own may have a search that takes no options, or only some."""
    for cube, found in objects.items():
        beyond = [name for name in options.keywords if not _takes(found, name)]
        if beyond:
            raise InvalidRequest(
                f"cube {cube!r} is an object of the application's own, which cannot be searched with "
                f"{', '.join(beyond)}; leave these out, or name other cubes in mem_cube_ids"
            )


def _takes(found: BaseMemCube, name: str) -> bool:
    """Whether the object's search takes this keyword, and that of its memories, to which it is handed on."""
    searches = [found.search, *([] if found.text_mem is None else [found.text_mem.search])]
    return all(
        name in parameters or any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
        for parameters in (signature(search).parameters for search in searches)
    )


def _search_objects(
    objects: Mapping[CubeId, BaseMemCube], query: str, top_k: int, options: SearchOptions
) -> list[list[Hit]]:
    return [_hits(cube, found.search(query, top_k, **options.keywords)) for cube, found in objects.items()]


def _merge(lists: Sequence[Sequence[Hit]], top_k: int, options: SearchOptions) -> list[Hit]:
    """The hits of all lists in turn, as different as the options want them and within their bound of tokens."""
    taken = [hit for hit in chain.from_iterable(zip_longest(*lists)) if hit is not None]
    turns = [_Turn(hit=hit, score=-place) for place, hit in enumerate(taken)]
    chosen = choose(turns, [hit.memory.text for hit in taken], top_k=top_k, options=options)
    return [turn.hit if options.explain else replace(turn.hit, parts={}) for turn in chosen]


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
