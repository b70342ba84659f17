"""The vector index in Milvus: a server of 2.6 or later, or Milvus Lite's server form."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from memos.configs.secret import reveal
from memos.configs.vec_db import MilvusVecDBConfig
from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, TenantId
from memos.vec_dbs import rows as layout
from memos.vec_dbs import schema
from memos.vec_dbs.base import IndexFilter, IndexHit, IndexRow
from memos.vec_dbs.milvus_collection import CALL_TIMEOUT_S, FLUSH_AFTER_ROWS, MilvusCollection

ROWS_PER_CALL: Final = 200
CHARS_PER_CALL: Final = 2_000_000  # what Milvus Lite takes in within a second, be it a few long texts
IDS_PER_PAGE: Final = 4000
MAX_HITS: Final = 16_384  # Milvus's own limit


class MilvusIndex:
    """A VecIndex in Milvus. Thread-safe. Connects at first use; make a new one after a fork."""

    shape: ClassVar[schema.Shape] = schema.INDEX

    def __init__(self, url: str, token: str, collection: str, *, flush_after_rows: int = FLUSH_AFTER_ROWS) -> None:
        self._collection = MilvusCollection(url, token, collection, self.shape, flush_after_rows=flush_after_rows)
        self._dimension: int | None = None

    def ensure(self, *, dimension: int, model: str) -> None:
        """Make the collection, or check that it fits. Raises InvalidConfig when it was made for something else."""
        self._collection.ensure(dimension=dimension, model=model)
        self._dimension = dimension

    def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
        """Write rows. Raises InvalidRequest for a vector of another dimension."""
        for row in rows:
            self._check(row)
        built = (self._build_row(tenant, row) for row in rows)
        for chunk in layout.build_chunks(built, max_rows=ROWS_PER_CALL, max_chars=CHARS_PER_CALL):
            self._collection.call("upsert", data=chunk, partition_name=layout.partition_of(tenant))
            self._collection.count_fresh(len(chunk))

    def search_dense(
        self, tenant: TenantId, vector: Sequence[float], where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The nearest rows by cosine, best first."""
        return self._search(tenant, ("dense", list(vector)), where, limit=limit, timeout_s=timeout_s)

    def search_text(
        self, tenant: TenantId, text: str, where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        """The best rows by BM25, best first."""
        words = layout.searchable(text)
        if not words:
            return []
        found = self._search(tenant, ("sparse", words), where, limit=limit, timeout_s=timeout_s)
        # Milvus Lite reports BM25 as a distance, below zero.
        return [replace(hit, score=abs(hit.score)) for hit in found]

    def delete(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Remove rows."""
        keys = layout.primary_keys(tenant, cube, ids)
        for start in range(0, len(keys), IDS_PER_PAGE):
            chunk = keys[start : start + IDS_PER_PAGE]
            self._collection.call("delete", ids=chunk, partition_name=layout.partition_of(tenant))

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove every row of a cube."""
        expression = layout.cube_expression(tenant, [cube])
        self._collection.call("delete", filter=expression, partition_name=layout.partition_of(tenant))

    def list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """The ids of all rows of a cube, read in pages."""
        pages = self._pages(tenant, cube, ["memory_id"], IDS_PER_PAGE)
        return [MemoryId(row["memory_id"]) for page in pages for row in page]

    def drop(self) -> None:
        """Remove the collection, whatever model or version it was made for."""
        self._collection.drop()
        self._dimension = None

    def flush(self) -> None:
        """Seal fresh rows on Milvus Lite. Nothing to do on a real Milvus."""
        self._collection.flush()

    def ping(self) -> str:
        """The server's version."""
        return self._collection.ping()

    def close(self) -> None:
        """Wait for a flush that is under way, and disconnect. The index may be used again afterwards."""
        self._collection.close()

    def _check(self, row: IndexRow) -> None:
        if self._dimension not in (None, len(row.vector)):
            raise InvalidRequest(f"the vector has {len(row.vector)} dimensions, the index {self._dimension}")

    def _build_row(self, tenant: TenantId, row: IndexRow) -> dict[str, Any]:
        return layout.build_row(tenant, row)

    def _search(
        self, tenant: TenantId, target: tuple[str, object], where: IndexFilter, *, limit: int, timeout_s: float
    ) -> list[IndexHit]:
        if limit < 1 or not where.cubes:
            return []
        field, query = target
        found = self._collection.call(
            "search",
            data=[query],
            anns_field=field,
            filter=layout.search_expression(tenant, where),
            limit=min(limit, MAX_HITS),
            output_fields=list(self.shape.told),
            partition_names=[layout.partition_of(tenant)],
            consistency_level="Session",
            timeout=min(timeout_s, CALL_TIMEOUT_S),
        )
        return [_hit(hit) for hit in found[0]]

    def _pages(
        self, tenant: TenantId, cube: CubeId, fields: Sequence[str], rows: int
    ) -> Generator[list[dict[str, Any]]]:
        """Every row of a cube, so many at once."""
        return self._collection.pages(
            filter=layout.cube_expression(tenant, [cube]),
            output_fields=list(fields),
            batch_size=rows,
            partition_names=[layout.partition_of(tenant)],
        )


def _hit(hit: Any) -> IndexHit:
    entity = hit["entity"]
    return IndexHit(
        memory_id=MemoryId(entity["memory_id"]),
        cube=CubeId(entity["cube"]),
        score=hit["distance"],
        session=entity.get("session", ""),
        speaker=entity.get("speaker", ""),
        said_at_ms=entity.get("said_at_ms", 0),
    )


def build_index(config: MilvusVecDBConfig) -> MilvusIndex:
    """The index that the configuration describes."""
    return MilvusIndex(config.url, reveal(config.token), config.collection, flush_after_rows=config.flush_after_rows)
