"""The vector index's twin in RAM: exact cosine and BM25, the same walls, nothing kept."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from memos.configs.vec_db import MemoryVecDBConfig
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.types import Memory
from memos.vec_dbs.base import IndexFilter, IndexHit, IndexRow, StoredRecord
from memos.vec_dbs.bm25 import Bm25Index
from memos.vec_dbs.conditions import admits
from memos.vec_dbs.rows import MAX_RECORD_BYTES, check_labels, check_record

_RowKey = tuple[CubeId, MemoryId]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stored:
    memory: Memory
    record: str
    labels: frozenset[str]
    vector: NDArray[np.float32]
    direction: NDArray[np.float32]
    context: str

    @property
    def key(self) -> _RowKey:
        return self.memory.cube, self.memory.id

    def matches(self, where: IndexFilter) -> bool:
        return admits(where, self.memory) and self.labels.issuperset(where.labels)

    def as_record(self, *, vectors: bool) -> StoredRecord:
        vector = tuple(self.vector.tolist()) if vectors else ()
        return StoredRecord(memory_id=self.memory.id, record=self.record, vector=vector)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shelf:
    """What one tenant has."""

    rows: dict[_RowKey, _Stored] = field(default_factory=dict[_RowKey, _Stored])
    words: Bm25Index[_RowKey] = field(default_factory=Bm25Index[_RowKey])

    def put(self, row: _Stored) -> None:
        self.rows[row.key] = row
        self.words.put(row.key, f"{row.memory.text} {row.context}")

    def remove(self, key: _RowKey) -> None:
        self.rows.pop(key, None)
        self.words.remove(key)


class MemoryIndex:
    """A VecIndex, a RecordIndex and a LabelledIndex for tests and for running without a server.

    A row takes no more than ``max_record_bytes``, if that is given. A dimension of 0 means that rows have no vectors
    and are found by their words alone.
    """

    def __init__(self, *, max_record_bytes: int | None = None) -> None:
        self._max_record_bytes = max_record_bytes
        self._lock = threading.Lock()
        self._made_for: tuple[int, str] | None = None
        self._shelves: dict[TenantId, _Shelf] = {}

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
            shelf = self._shelves.setdefault(tenant, _Shelf())
            for row in stored:
                shelf.put(row)

    def search_dense(
        self, tenant: TenantId, vector: Sequence[float], where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The nearest rows by cosine. ``timeout_s`` has no meaning in RAM."""
        rows = [row for row in self._of(tenant) if row.matches(where)]
        if not rows:
            return []
        cosines = np.stack([row.direction for row in rows]) @ _unit(vector)
        return _best(zip(rows, cosines.tolist(), strict=True), limit)

    def search_text(
        self, tenant: TenantId, text: str, where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The best rows by BM25 over the tenant's rows. ``timeout_s`` has no meaning in RAM."""
        with self._lock:
            shelf = self._shelf(tenant)
            scored = [(shelf.rows[key], score) for key, score in shelf.words.scores(text).items()]
        return _best(((row, score) for row, score in scored if row.matches(where)), limit)

    def delete(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Remove rows."""
        with self._lock:
            shelf = self._shelves.get(tenant, _Shelf())
            for memory in ids:
                shelf.remove((cube, memory))

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove every row of a cube."""
        self.delete(tenant, cube, self.list_ids(tenant, cube))

    def list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """The ids of all rows of a cube."""
        return [row.memory.id for row in self._of(tenant) if row.memory.cube == cube]

    def drop(self) -> None:
        """Forget every row, and what the index was made for."""
        with self._lock:
            self._made_for = None
            self._shelves = {}

    def find_records(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, vectors: bool = False
    ) -> dict[MemoryId, StoredRecord]:
        """Those of the ids that exist."""
        with self._lock:
            mine = self._shelf(tenant).rows
            found = [mine[cube, memory] for memory in ids if (cube, memory) in mine]
        return {row.memory.id: row.as_record(vectors=vectors) for row in found}

    def list_records(self, tenant: TenantId, cube: CubeId, *, vectors: bool = False) -> Iterator[StoredRecord]:
        """Every record of a cube."""
        return self.list_labelled(tenant, cube, (), vectors=vectors)

    def list_labelled(
        self, tenant: TenantId, cube: CubeId, labels: Sequence[str], *, vectors: bool = False
    ) -> Iterator[StoredRecord]:
        """Every record of a cube that has all the labels."""
        rows = (row for row in self._of(tenant) if row.memory.cube == cube and row.labels.issuperset(labels))
        return (row.as_record(vectors=vectors) for row in rows)

    def flush(self) -> None:
        """Nothing is held back in RAM."""

    def ping(self) -> str:
        """Always there."""
        return "memory"

    def close(self) -> None:
        """Nothing to let go of."""

    def _of(self, tenant: TenantId) -> list[_Stored]:
        with self._lock:
            return list(self._shelf(tenant).rows.values())

    def _shelf(self, tenant: TenantId) -> _Shelf:
        self._dimension()
        return self._shelves.get(tenant, _Shelf())

    def _build(self, row: IndexRow) -> _Stored:
        if len(row.vector) != self._dimension():
            raise InvalidRequest(f"the vector has {len(row.vector)} dimensions, the index {self._dimension()}")
        if self._max_record_bytes is not None:
            check_record(row, limit_bytes=self._max_record_bytes)
        check_labels(row)
        return _Stored(
            memory=row.memory,
            record=row.record,
            labels=frozenset(row.labels),
            vector=np.asarray(row.vector, dtype=np.float32),
            direction=_unit(row.vector),
            context=row.context,
        )

    def _dimension(self) -> int:
        if self._made_for is None:
            raise Unavailable("milvus", "the collection is missing; call ensure() first")
        return self._made_for[0]


def _unit(vector: Sequence[float]) -> NDArray[np.float32]:
    array = np.asarray(vector, dtype=np.float32)
    return array / np.float32(max(float(np.linalg.norm(array)), 1e-12))


def _best(scored: Iterable[tuple[_Stored, float]], limit: int) -> list[IndexHit]:
    ranked = nsmallest(max(limit, 0), scored, key=lambda pair: (-pair[1], pair[0].memory.id))
    return [_hit(row.memory, score) for row, score in ranked]


def _hit(memory: Memory, score: float) -> IndexHit:
    return IndexHit(
        memory_id=memory.id,
        cube=memory.cube,
        score=score,
        session=memory.session,
        speaker=memory.speaker,
        said_at_ms=memory.said_at_ms,
    )


def build_index(config: MemoryVecDBConfig) -> MemoryIndex:
    """An empty index; a MemoryVecDBConfig has nothing to say."""
    return MemoryIndex()


def build_records(config: MemoryVecDBConfig) -> MemoryIndex:
    """An empty index with the limit of a real one."""
    return MemoryIndex(max_record_bytes=MAX_RECORD_BYTES)
