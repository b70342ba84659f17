"""The vector index's twin in RAM: exact cosine and BM25, the same walls, nothing kept."""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from memos.configs.vec_db import MemoryVecDBConfig
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.types import Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter, IndexHit, IndexRow
from memos.vec_dbs.words import words_of

# The constants of Robertson's BM25 that Milvus has by default.
BM25_K1: Final = 1.2
BM25_B: Final = 0.75

_RowKey = tuple[CubeId, MemoryId]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stored:
    memory: Memory
    vector: NDArray[np.float32]
    words: Mapping[str, int]
    length: int

    def matches(self, where: IndexFilter) -> bool:
        memory = self.memory
        in_cube = memory.cube in where.cubes and memory.status is MemoryStatus.ACTIVATED
        return in_cube and (not where.memory_types or memory.memory_type in where.memory_types)


class MemoryIndex:
    """A VecIndex for tests and for running without a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_for: tuple[int, str] | None = None
        self._rows: dict[TenantId, dict[_RowKey, _Stored]] = {}

    def ensure(self, *, dimension: int, model: str) -> None:
        """Remember the dimension; raises InvalidConfig when it was another one."""
        with self._lock:
            made_for = self._made_for or (dimension, model)
            if made_for != (dimension, model):
                raise InvalidConfig(
                    f"the index has {made_for[0]} dimensions of {made_for[1]}, not {dimension} of {model}"
                )
            self._made_for = made_for

    def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
        """Write rows. Raises InvalidRequest for a vector of another dimension."""
        stored = [self._build(row) for row in rows]
        with self._lock:
            mine = self._rows.setdefault(tenant, {})
            mine.update({(item.memory.cube, item.memory.id): item for item in stored})

    def search_dense(
        self, tenant: TenantId, vector: Sequence[float], where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The nearest rows by cosine. ``timeout_s`` has no meaning in RAM."""
        query = _unit(vector)
        rows = [row for row in self._of(tenant) if row.matches(where)]
        return _best(((row, float(row.vector @ query)) for row in rows), limit)

    def search_text(
        self, tenant: TenantId, text: str, where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The best rows by BM25 over the tenant's rows. ``timeout_s`` has no meaning in RAM."""
        rows = self._of(tenant)
        scores = _Bm25(rows).scores(words_of(text), [row for row in rows if row.matches(where)])
        return _best(((row, score) for row, score in scores if score > 0), limit)

    def delete(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Remove rows."""
        with self._lock:
            mine = self._rows.get(tenant, {})
            for memory in ids:
                mine.pop((cube, memory), None)

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove every row of a cube."""
        self.delete(tenant, cube, self.list_ids(tenant, cube))

    def list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """The ids of all rows of a cube."""
        return [row.memory.id for row in self._of(tenant) if row.memory.cube == cube]

    def flush(self) -> None:
        """Nothing is held back in RAM."""

    def ping(self) -> str:
        """Always there."""
        return "memory"

    def close(self) -> None:
        """Nothing to let go of."""

    def _of(self, tenant: TenantId) -> list[_Stored]:
        with self._lock:
            self._dimension()
            return list(self._rows.get(tenant, {}).values())

    def _build(self, row: IndexRow) -> _Stored:
        if len(row.vector) != self._dimension():
            raise InvalidRequest(f"the vector has {len(row.vector)} dimensions, the index {self._dimension()}")
        words = words_of(row.memory.text)
        return _Stored(memory=row.memory, vector=_unit(row.vector), words=Counter(words), length=len(words))

    def _dimension(self) -> int:
        if self._made_for is None:
            raise Unavailable("milvus", "the collection is missing; call ensure() first")
        return self._made_for[0]


class _Bm25:
    """Robertson and Zaragoza 2009, with the statistics of the given rows."""

    def __init__(self, rows: Sequence[_Stored]) -> None:
        self._count = len(rows)
        self._mean_length = sum(row.length for row in rows) / max(self._count, 1) or 1.0
        self._found_in = Counter(word for row in rows for word in row.words)

    def scores(self, query: Sequence[str], rows: Sequence[_Stored]) -> list[tuple[_Stored, float]]:
        return [(row, sum(self._score(word, row) for word in query)) for row in rows]

    def _score(self, word: str, row: _Stored) -> float:
        count, found_in = row.words.get(word, 0), self._found_in[word]
        rarity = math.log(1 + (self._count - found_in + 0.5) / (found_in + 0.5))
        length_norm = 1 - BM25_B + BM25_B * row.length / self._mean_length
        return rarity * count * (BM25_K1 + 1) / (count + BM25_K1 * length_norm)


def _unit(vector: Sequence[float]) -> NDArray[np.float32]:
    array = np.asarray(vector, dtype=np.float32)
    return array / np.float32(max(float(np.linalg.norm(array)), 1e-12))


def _best(scored: Iterable[tuple[_Stored, float]], limit: int) -> list[IndexHit]:
    ranked = sorted(scored, key=lambda pair: (-pair[1], pair[0].memory.id))[: max(limit, 0)]
    return [IndexHit(memory_id=row.memory.id, cube=row.memory.cube, score=score) for row, score in ranked]


def build_index(config: MemoryVecDBConfig) -> MemoryIndex:
    """An empty index; a MemoryVecDBConfig has nothing to say."""
    return MemoryIndex()
