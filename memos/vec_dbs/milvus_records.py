"""Whole memories in Milvus: collections beside the index, for cubes that have no graph.

COLLECTION_records    whole memories
COLLECTION_labelled   whole memories that the server can tell apart by labels
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from memos.configs.secret import reveal
from memos.configs.vec_db import MilvusVecDBConfig
from memos.ids import CubeId, MemoryId, TenantId
from memos.vec_dbs import rows as layout
from memos.vec_dbs import schema
from memos.vec_dbs.base import IndexRow, StoredRecord
from memos.vec_dbs.milvus import MilvusIndex

# The largest records and their vectors stay below the 64 MB that a server sends at once.
RECORDS_PER_PAGE: Final = 500
LABELLED_SUFFIX: Final = "_labelled"
_LABELS: Final = {
    "element_type": "VARCHAR",
    "max_capacity": layout.MAX_LABELS,
    "max_length": layout.DIGEST_CHARS,
}
LABELLED: Final = schema.Shape(
    scalar_fields=(*schema.RECORDS.scalar_fields, ("labels", "ARRAY", _LABELS)),
    stamp={**schema.RECORDS.stamp, "labels": 1},
)


class MilvusRecords(MilvusIndex):
    """A RecordIndex in Milvus. Thread-safe. Connects at first use; make a new one after a fork."""

    shape: ClassVar[schema.Shape] = schema.RECORDS

    def find_records(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, vectors: bool = False
    ) -> dict[MemoryId, StoredRecord]:
        """Those of the ids that exist, read in pages."""
        wanted = list(dict.fromkeys(ids))
        found: dict[MemoryId, StoredRecord] = {}
        for start in range(0, len(wanted), RECORDS_PER_PAGE):
            rows = self._query(tenant, cube, wanted[start : start + RECORDS_PER_PAGE], _fields(vectors))
            found.update({record.memory_id: record for record in map(_record, rows)})
        return found

    def list_records(self, tenant: TenantId, cube: CubeId, *, vectors: bool = False) -> Iterator[StoredRecord]:
        """Every record of a cube."""
        for page in self._pages(tenant, cube, _fields(vectors), RECORDS_PER_PAGE):
            yield from map(_record, page)

    def _query(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], fields: Sequence[str]
    ) -> list[dict[str, Any]]:
        return self._collection.call(
            "query",
            filter=layout.record_expression(tenant, cube, ids),
            output_fields=list(fields),
            partition_names=[layout.partition_of(tenant)],
        )

    def _check(self, row: IndexRow) -> None:
        super()._check(row)
        layout.check_record(row)

    def _build_row(self, tenant: TenantId, row: IndexRow) -> dict[str, Any]:
        return layout.build_record_row(tenant, row)


class MilvusLabelled(MilvusRecords):
    """A LabelledIndex in Milvus. Thread-safe. Connects at first use; make a new one after a fork."""

    shape: ClassVar[schema.Shape] = LABELLED

    def list_labelled(
        self, tenant: TenantId, cube: CubeId, labels: Sequence[str], *, vectors: bool = False
    ) -> Iterator[StoredRecord]:
        """Every record of a cube that has all the labels."""
        pages = self._collection.pages(
            filter=layout.labelled_expression(tenant, cube, labels),
            output_fields=_fields(vectors),
            batch_size=RECORDS_PER_PAGE,
            partition_names=[layout.partition_of(tenant)],
        )
        for page in pages:
            yield from map(_record, page)

    def _check(self, row: IndexRow) -> None:
        super()._check(row)
        layout.check_labels(row)

    def _build_row(self, tenant: TenantId, row: IndexRow) -> dict[str, Any]:
        return layout.build_labelled_row(tenant, row)


def _fields(vectors: bool) -> list[str]:
    return ["memory_id", "record", "dense"] if vectors else ["memory_id", "record"]


def _record(row: Mapping[str, Any]) -> StoredRecord:
    vector = tuple(float(value) for value in row.get("dense", ()))
    return StoredRecord(memory_id=MemoryId(row["memory_id"]), record=row["record"], vector=vector)


def build_records(config: MilvusVecDBConfig) -> MilvusRecords:
    """The record index beside the collection that the configuration names."""
    name = config.collection + schema.RECORDS_SUFFIX
    return MilvusRecords(config.url, reveal(config.token), name, flush_after_rows=config.flush_after_rows)


def build_labelled(config: MilvusVecDBConfig) -> MilvusLabelled:
    """The index of labelled memories beside the collection that the configuration names."""
    name = config.collection + LABELLED_SUFFIX
    return MilvusLabelled(config.url, reveal(config.token), name, flush_after_rows=config.flush_after_rows)
