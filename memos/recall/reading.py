"""What one search reads of memories, each once, and which of them may be shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from memos.ids import CubeId, MemoryId, TenantId
from memos.recall.fields import fields_of
from memos.recall.filters import Every, matches
from memos.recall.fuse import Candidate, Key
from memos.types import Memory
from memos.vec_dbs.base import IndexFilter
from memos.vec_dbs.conditions import admits

PAGE: Final = 200


class FindsMemories(Protocol):
    """Where the truth is: a graph, or an index that keeps memories whole."""

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> Mapping[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        ...


class Reading:
    """Reads what satisfies ``where`` and ``condition`` by the word of the store, whatever its index says."""

    def __init__(self, store: FindsMemories, tenant: TenantId, where: IndexFilter, condition: Every | None) -> None:
        self._store = store
        self._tenant = tenant
        self._where = where
        self._condition = condition
        self._seen: set[Key] = set()
        self._kept: dict[Key, Memory] = {}

    @property
    def is_exact(self) -> bool:
        """Whether there is a condition that the index may not have evaluated to the end."""
        return self._condition is not None

    @property
    def kept(self) -> Mapping[Key, Memory]:
        """What was read and may be shown."""
        return self._kept

    def read(self, keys: Iterable[Key]) -> None:
        """Read what has not been read yet: one query a cube, if there is anything."""
        fresh = [key for key in keys if key not in self._seen]
        self._seen.update(fresh)
        for cube, ids in by_cube(fresh).items():
            found = self._store.find_memories(self._tenant, cube, ids)
            self._kept |= {(cube, memory.id): memory for memory in found.values() if self._may_show(memory)}

    def find_first(self, ranked: Sequence[Candidate], count: int) -> list[Candidate]:
        """The first ``count`` that may be shown; no more is read than it takes to find them."""
        found: list[Candidate] = []
        for start in range(0, len(ranked), PAGE):
            page = ranked[start : start + PAGE]
            self.read(item.key for item in page)
            found += [item for item in page if item.key in self._kept]
            if len(found) >= count:
                break
        return found[:count]

    def _may_show(self, memory: Memory) -> bool:
        if not admits(self._where, memory):
            return False
        return self._condition is None or matches(self._condition, fields_of(memory))


def by_cube(keys: Iterable[Key]) -> dict[CubeId, list[MemoryId]]:
    """The memories of each cube, in order."""
    grouped: dict[CubeId, list[MemoryId]] = {}
    for cube, memory in keys:
        grouped.setdefault(cube, []).append(memory)
    return grouped
