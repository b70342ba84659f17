"""The ports to a vector index: what recall and writing ask of Milvus, and of its twin in RAM.

    VecIndex        rebuildable from the graph, holds no truth of its own
    RecordIndex     the same searches over memories that it keeps whole, where there is no graph
    LabelledIndex   the same over memories with labels, which the store itself can tell apart by them

Every method that touches rows takes the tenant, and no implementation may answer with another tenant's row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from memos.ids import CubeId, MemoryId, TenantId
from memos.types import Memory, MemoryType


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexRow:
    """A memory and the embedding of its text: ``vector`` has the collection's dimension and unit length.

    ``context`` is what was said where the memory comes from: text search finds the row by its words too.
    ``record`` is the whole memory in its owner's own form; only a RecordIndex keeps it, and only a LabelledIndex the
    ``labels``: words of the owner's own, 16 at most.
    """

    memory: Memory
    vector: Sequence[float]
    record: str = ""
    labels: tuple[str, ...] = ()
    context: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRecord:
    """A memory that is kept whole, as it was written. ``vector`` is empty unless it was asked for."""

    memory_id: MemoryId
    record: str
    vector: Sequence[float] = ()


class Moment(StrEnum):
    """The times of a memory that can be compared, in milliseconds (memos/vec_dbs/conditions.py)."""

    SAID = "said_at_ms"
    FROM = "from_ms"
    UNTIL = "until_ms"
    EXPIRES = "expires_ms"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A moment lies at ``first_ms`` or later, and before ``end_ms``; None is no bound."""

    moment: Moment
    first_ms: int | None = None
    end_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Whether this time lies within."""
        return (self.first_ms is None or at_ms >= self.first_ms) and (self.end_ms is None or at_ms < self.end_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """A field of a memory has this text as its value, or as one of its values."""

    field: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFilter:
    """What a row must satisfy inside the store. Empty ``memory_types`` means all; only activated rows are found.

    A row must have all the ``labels``; only a LabelledIndex can be asked for some. Its times must lie within all
    ``periods``, and it must have one facet at least of each group in ``facets``; no RecordIndex can be asked for these.
    Rows with very many facets may be found without having one (memos/vec_dbs/conditions.py).
    """

    cubes: tuple[CubeId, ...]
    memory_types: tuple[MemoryType, ...] = ()
    labels: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    facets: tuple[tuple[Facet, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexHit:
    """A row that matched. Larger ``score`` is better: cosine for dense search, BM25 for text search.

    A RecordIndex may leave out ``session``, ``speaker`` and ``said_at_ms``.
    """

    memory_id: MemoryId
    cube: CubeId
    score: float
    session: str = ""
    speaker: str = ""
    said_at_ms: int = 0


class VecIndex(Protocol):
    """An index over memories: dense vectors and BM25 text.

    A row that ``upsert`` has accepted is found by the next search of the same object. Errors: Unavailable when the
    server is away (within 5 s), InvalidConfig when the collection was made for another dimension or schema.
    """

    def ensure(self, *, dimension: int, model: str) -> None:
        """Make the collection if it is missing; safe when two processes do it at once.

        Raises InvalidConfig, naming both dimensions, when it exists with another one.
        """
        ...

    def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
        """Write rows, replacing those of the same tenant, cube and id."""
        ...

    def search_dense(
        self, tenant: TenantId, vector: Sequence[float], where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The nearest rows by cosine, best first."""
        ...

    def search_text(
        self, tenant: TenantId, text: str, where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The best rows by BM25, best first; none when no word of ``text`` occurs."""
        ...

    def delete(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Remove rows; an absent id is no error."""
        ...

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove every row of a cube."""
        ...

    def list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """The ids of all rows of a cube, in no order; any number of rows."""
        ...

    def drop(self) -> None:
        """Remove the collection with the rows of every tenant; ``ensure`` makes a new one. An absent one is no error.

        It may have been made for another dimension, model or version. Raises InvalidConfig, and removes nothing, when
        it is of another kind: what is not ours, or keeps records that this index does not, cannot be made anew.
        """
        ...

    def flush(self) -> None:
        """Seal fresh rows, so that large collections stay fast. Costs up to a second on Milvus Lite."""
        ...

    def ping(self) -> str:
        """The server's version. Raises Unavailable within 5 s."""
        ...

    def close(self) -> None: ...


class RecordIndex(VecIndex, Protocol):
    """An index that keeps memories whole.

    ``upsert`` raises InvalidRequest, before it writes anything, for a record beyond the store's limit; a later call
    with the same rows completes one that was interrupted.
    """

    def find_records(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, vectors: bool = False
    ) -> dict[MemoryId, StoredRecord]:
        """Those of the ids that exist in this cube, whatever their status."""
        ...

    def list_records(self, tenant: TenantId, cube: CubeId, *, vectors: bool = False) -> Iterator[StoredRecord]:
        """Every record of a cube, whatever its status, in no order; read page by page."""
        ...


class LabelledIndex(RecordIndex, Protocol):
    """An index whose rows have labels. ``upsert`` raises InvalidRequest for a row with too many."""

    def list_labelled(
        self, tenant: TenantId, cube: CubeId, labels: Sequence[str], *, vectors: bool = False
    ) -> Iterator[StoredRecord]:
        """Every record of a cube that has all the labels, whatever its status, in no order; read page by page."""
        ...
