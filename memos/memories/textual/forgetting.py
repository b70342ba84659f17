"""Forgetting what a user said in a cube: in graph, index and KV artefacts; what was built from it goes as well.

    list ──> what nothing is left of (memos/organize/forget.py), and its summaries
         ──> what these summed up is fresh ──> index ──> KV artefacts ──> graph: memories, then messages and jobs
         ──> index of what is left

The graph comes last, so that a call after one that was killed finds what it has to do there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from memos.clock import Clock
from memos.ids import CubeId, MemoryId, TenantId, UserId
from memos.kv.store import ArtefactStore
from memos.memories.textual.listing import list_all
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.forget import find_baseless, find_bereft, find_summaries
from memos.recall.use import ForgetUses, uncounted
from memos.types import Edge

_PAGE: Final = 250
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgottenCounts:
    """What was removed from cubes: memories, each with its vector, summaries among them; messages; KV artefacts."""

    memories: int = 0
    messages: int = 0
    artefacts: int = 0

    def __add__(self, other: "ForgottenCounts") -> "ForgottenCounts":
        return ForgottenCounts(
            memories=self.memories + other.memories,
            messages=self.messages + other.messages,
            artefacts=self.artefacts + other.artefacts,
        )


class Forgetter:
    """Forgets users in cubes of the tenant's stores. Safe to repeat: a second run finds nothing."""

    def __init__(
        self, stores: TextStores, artefacts: ArtefactStore, clock: Clock, *, forget_uses: ForgetUses = uncounted
    ) -> None:
        self._stores = stores
        self._artefacts = artefacts
        self._clock = clock
        self._forget_uses = forget_uses

    def forget(self, tenant: TenantId, cube: CubeId, user: UserId) -> ForgottenCounts:
        """Remove the user's messages, and what rests on nothing else. What others said stays, and is found.

        What the user adds meanwhile may stay; the same call again removes it.
        """
        gone, edges = self._find_gone(tenant, cube, user)
        # Before the summaries go: whoever is killed in between has others summed up once more, and no worse.
        self._stores.graph.freshen(tenant, cube, find_bereft(edges, frozenset(gone)))
        memories, artefacts = self._remove(tenant, cube, gone)
        said = self._stores.graph.forget_said(tenant, cube, user, now_ms=self._clock.now_ms())
        TextWriter(self._stores, self._clock).index_lagging(tenant, cube)
        return ForgottenCounts(memories=memories, messages=said.messages, artefacts=artefacts)

    def forget_cube(self, tenant: TenantId, cube: CubeId) -> ForgottenCounts:
        """Remove all that a cube remembers, whoever said it."""
        self._stores.index.delete_cube(tenant, cube)
        artefacts = self._artefacts.delete_cube(tenant, cube)
        counts = self._stores.graph.delete_cube(tenant, cube)
        artefacts += self._artefacts.delete_cube(tenant, cube)  # what was built meanwhile
        return ForgottenCounts(memories=counts.memories, messages=counts.messages, artefacts=artefacts)

    def _find_gone(self, tenant: TenantId, cube: CubeId, user: UserId) -> tuple[list[MemoryId], list[Edge]]:
        """What nothing is left of, and all edges of that."""
        graph, gone, edges = self._stores.graph, dict[MemoryId, None](), list[Edge]()
        said = frozenset(graph.list_said(tenant, cube, user))
        for page in _pages(list_all(graph, tenant, cube, status=None)):
            sources = graph.find_sources(tenant, cube, [memory.id for memory in page])
            gone |= dict.fromkeys(find_baseless(page, sources, said=said, user=user))
        newest = list(gone)
        while newest:
            found = self._find_edges(tenant, cube, newest)
            newest = find_summaries(found, gone)
            gone |= dict.fromkeys(newest)
            edges += found
        return list(gone), edges

    def _find_edges(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> list[Edge]:
        return [edge for page in _pages(ids) for edge in self._stores.graph.find_edges(tenant, cube, page)]

    def _remove(self, tenant: TenantId, cube: CubeId, gone: Sequence[MemoryId]) -> tuple[int, int]:
        memories = artefacts = 0
        for page in _pages(gone):
            self._forget_uses(tenant, cube, page)
            self._stores.index.delete(tenant, cube, page)
            artefacts += self._artefacts.delete_derived(tenant, cube, page)
            memories += self._stores.graph.delete_memories(tenant, cube, page)
            artefacts += self._artefacts.delete_derived(tenant, cube, page)  # what was built from them meanwhile
        return memories, artefacts


def _pages(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))
