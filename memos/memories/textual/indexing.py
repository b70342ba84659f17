"""From the graph to the index: rows for what is there, none for what is not."""

from collections.abc import Sequence
from typing import Final

from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.context import describe
from memos.memories.textual.difference import Difference, compare
from memos.memories.textual.listing import list_all
from memos.memories.textual.stores import TextStores
from memos.types import Memory
from memos.vec_dbs.base import IndexRow

INDEX_PAGE: Final = 500


class Indexer:
    """Brings the index up to the graph; safe to repeat."""

    def __init__(self, stores: TextStores) -> None:
        self._stores = stores

    def index(self, tenant: TenantId, cube: CubeId, memories: Sequence[Memory]) -> None:
        """Write the rows of these memories, and have them lag no more."""
        for start in range(0, len(memories), INDEX_PAGE):
            page = memories[start : start + INDEX_PAGE]
            self._stores.index.upsert(tenant, self._build_rows(tenant, cube, page))
            self._stores.graph.mark_indexed(tenant, cube, {memory.id: memory.version for memory in page})

    def index_lagging(self, tenant: TenantId, cube: CubeId) -> int:
        """Bring the index up to the graph; returns how many memories it lacked."""
        total = 0
        while lagging := self._stores.graph.list_lagging(tenant, cube, limit=INDEX_PAGE):
            self.index(tenant, cube, lagging)
            total += len(lagging)
        return total

    def reindex(self, tenant: TenantId, cube: CubeId) -> int:
        """Index every memory of a cube anew, of any status; returns how many.

        Others may write meanwhile: what they change or delete is in the index as they left it. Rows that stand for
        nothing stay; ``verify`` removes them.
        """
        return self._bring_up(tenant, cube, self._list_ids(tenant, cube))

    def verify(self, tenant: TenantId, cube: CubeId, *, repair: bool = False) -> Difference:
        """How the index differs from the graph in a cube; with ``repair`` it does no more afterwards.

        Only which memories have rows is compared, not what is in the rows: ``reindex`` writes these.
        """
        rows = self._stores.index.list_ids(tenant, cube)  # first: what is written meanwhile is in the graph by then
        found = compare(self._list_ids(tenant, cube), rows)
        if repair:
            self._bring_up(tenant, cube, [*found.missing, *found.surplus])
        return found

    def _list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """All memories of a cube, of any status, the oldest first."""
        return [memory.id for memory in list_all(self._stores.graph, tenant, cube, status=None)]

    def _bring_up(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Have the index say of these what the graph says; returns how many of them the graph has."""
        total = 0
        for start in range(0, len(ids), INDEX_PAGE):
            page = ids[start : start + INDEX_PAGE]
            total += self._bring_up_page(tenant, cube, page)
        return total

    def _bring_up_page(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Again until nobody has changed one since it was read: else an older row might have replaced a newer one."""
        indexed: dict[MemoryId, int] = {}
        while True:
            stored = self._stores.graph.find_memories(tenant, cube, ids)
            self._stores.index.delete(tenant, cube, [each for each in ids if each not in stored])
            changed = [memory for memory in stored.values() if indexed.get(memory.id) != memory.version]
            if not changed:
                return len(stored)
            self.index(tenant, cube, changed)
            indexed |= {memory.id: memory.version for memory in changed}

    def _build_rows(self, tenant: TenantId, cube: CubeId, memories: Sequence[Memory]) -> list[IndexRow]:
        """One embedding batch for all, and what was said around each."""
        spoken = self._stores.graph.find_contexts(tenant, cube, [memory.id for memory in memories])
        vectors = self._stores.embedder.embed([memory.text for memory in memories])
        return [
            IndexRow(memory=memory, vector=vector, context=describe(memory, spoken.get(memory.id, ())))
            for memory, vector in zip(memories, vectors, strict=True)
        ]
