"""How a memory becomes a row of the collection, and a filter an expression. Pure.

    pk          digest(tenant, cube, memory)   primary key
    tenant_key  digest(tenant)                 the wall: in every filter; also chooses the partition
    cube_key    digest(tenant, cube)
    words       the text and its context, analysed (memos.vec_dbs.words); the server derives ``sparse`` by BM25
    dense       the embedding
    record      where memories are kept whole: the memory, as its owner wrote it
    labels      where memories have labels: digest(tenant, label) of each
    facets      digest(tenant, field, value) of each (memos.vec_dbs.conditions)

An expression holds nothing but digests made here, whole numbers and the values of our own enums. A digest has only the
letters 0-9 and a-f, so no id that a caller chose can change what an expression means. (Milvus's own parameters for
expressions are not understood by Milvus Lite 3.2.)
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, TenantId, storage_key
from memos.types import MemoryStatus
from memos.vec_dbs.base import Facet, IndexFilter, IndexRow, Period
from memos.vec_dbs.conditions import OVERFULL, facets_of, moments_of
from memos.vec_dbs.words import words_of

# Tenants are spread over partitions that are made by hand, and a request names the one it needs: Milvus Lite reads
# all partitions of a partition key. Measured at 10,000 rows: 3 ms instead of 9, unflushed 30 ms instead of 390.
PARTITIONS: Final = 32
DIGEST_CHARS: Final = 32
MAX_ID_BYTES: Final = 4 * 128
MAX_WORDS_BYTES: Final = 60_000
MAX_RECORD_BYTES: Final = 65_535  # Milvus's own limit for a text
MAX_LABELS: Final = 16
MAX_SPEAKER_CHARS: Final = 128
MAX_TEXT_CHARS: Final = 4 * MAX_WORDS_BYTES  # more is not even analysed: what is kept has been filled long before


def digest(tenant: TenantId, *parts: str) -> str:
    """A name for these ids that is safe inside an expression."""
    key = storage_key(tenant, *parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(key, digest_size=DIGEST_CHARS // 2).hexdigest()


def partition_of(tenant: TenantId) -> str:
    """The partition that holds all rows of a tenant."""
    return partition_names()[int(digest(tenant), 16) % PARTITIONS]


def partition_names() -> list[str]:
    """All partitions, in order."""
    return [f"shard_{number:02d}" for number in range(PARTITIONS)]


def primary_keys(tenant: TenantId, cube: CubeId, ids: Iterable[MemoryId]) -> list[str]:
    """The primary keys of memories."""
    return [digest(tenant, cube, memory) for memory in ids]


def build_row(tenant: TenantId, row: IndexRow) -> dict[str, Any]:
    """What is stored for a memory. Words beyond the server's limit are not indexed; the graph has the whole text."""
    memory = row.memory
    return {
        "pk": digest(tenant, memory.cube, memory.id),
        "tenant_key": digest(tenant),
        "cube_key": digest(tenant, memory.cube),
        "cube": memory.cube,
        "memory_id": memory.id,
        "session": memory.session,
        "speaker": memory.speaker[:MAX_SPEAKER_CHARS],
        "status": memory.status.value,
        "memory_type": memory.memory_type.value,
        **{moment.value: at_ms for moment, at_ms in moments_of(memory).items()},
        "facets": [_facet_key(tenant, facet) for facet in facets_of(memory)],
        "words": searchable(f"{memory.text} {row.context}"),
        "dense": list(row.vector),
    }


def build_record_row(tenant: TenantId, row: IndexRow) -> dict[str, Any]:
    """What is stored of a memory that is kept whole. Check the row before (check_record)."""
    memory = row.memory
    return {
        "pk": digest(tenant, memory.cube, memory.id),
        "tenant_key": digest(tenant),
        "cube_key": digest(tenant, memory.cube),
        "cube": memory.cube,
        "memory_id": memory.id,
        "status": memory.status.value,
        "memory_type": memory.memory_type.value,
        "words": searchable(memory.text),
        "record": row.record,
        "dense": list(row.vector),
    }


def build_labelled_row(tenant: TenantId, row: IndexRow) -> dict[str, Any]:
    """What is stored of a memory that has labels. Check the row before (check_labels)."""
    return {**build_record_row(tenant, row), "labels": label_keys(tenant, row.labels)}


def label_keys(tenant: TenantId, labels: Iterable[str]) -> list[str]:
    """Labels as a row keeps them."""
    return [digest(tenant, label) for label in labels]


def check_labels(row: IndexRow) -> None:
    """Raise InvalidRequest, naming the limit, for more labels than a row takes."""
    if len(row.labels) > MAX_LABELS:
        raise InvalidRequest(f"memory {row.memory.id!r:.80} has {len(row.labels)} labels; the limit is {MAX_LABELS}")


def check_record(row: IndexRow, *, limit_bytes: int = MAX_RECORD_BYTES) -> None:
    """Raise InvalidRequest, naming the limit, for a record that does not fit."""
    size = len(row.record.encode())
    if size > limit_bytes:
        raise InvalidRequest(
            f"memory {row.memory.id!r:.80} takes {size:,} bytes with its metadata and sources; Milvus keeps at most "
            f"{limit_bytes:,}: split its text, or keep it in a tree_text memory"
        )


def build_chunks(rows: Iterable[dict[str, Any]], *, max_rows: int, max_chars: int) -> Iterator[list[dict[str, Any]]]:
    """The rows in order, in chunks that have so many rows and, but for a single row, so many characters at most."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        chars = len(row["words"]) + len(row.get("record", ""))
        if chunk and (len(chunk) == max_rows or size + chars > max_chars):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += chars
    if chunk:
        yield chunk


def searchable(text: str) -> str:
    """The words of a text, joined, as an index stores them and a query sends them."""
    joined = " ".join(words_of(text[:MAX_TEXT_CHARS]))
    if len(joined) * 4 <= MAX_WORDS_BYTES:
        return joined
    clipped = joined.encode()[:MAX_WORDS_BYTES].decode("utf-8", "ignore")
    return clipped if len(clipped) == len(joined) else clipped.rpartition(" ")[0]


def search_expression(tenant: TenantId, where: IndexFilter) -> str:
    """The filter of a search: this tenant, these cubes, activated, and what else is asked for."""
    terms = [
        cube_expression(tenant, where.cubes),
        f'status == "{MemoryStatus.ACTIVATED.value}"',
    ]
    if where.memory_types:
        terms.append(f"memory_type in {_listed(kind.value for kind in where.memory_types)}")
    if where.labels:
        terms.append(labels_expression(tenant, where.labels))
    terms += [bound for period in where.periods for bound in _bounds(period)]
    terms += [_facets_expression(tenant, group) for group in where.facets]
    return " and ".join(terms)


def record_expression(tenant: TenantId, cube: CubeId, ids: Iterable[MemoryId]) -> str:
    """The filter that holds for these memories of a cube."""
    return f"{cube_expression(tenant, [cube])} and pk in {_listed(primary_keys(tenant, cube, ids))}"


def labelled_expression(tenant: TenantId, cube: CubeId, labels: Sequence[str]) -> str:
    """The filter that holds for the rows of a cube that have all these labels."""
    expression = cube_expression(tenant, [cube])
    return f"{expression} and {labels_expression(tenant, labels)}" if labels else expression


def labels_expression(tenant: TenantId, labels: Sequence[str]) -> str:
    """The filter that holds for all rows that have these labels."""
    return f"array_contains_all(labels, {_listed(label_keys(tenant, labels))})"


def cube_expression(tenant: TenantId, cubes: Sequence[CubeId]) -> str:
    """The filter that holds for all rows of a tenant's cubes."""
    keys = _listed(digest(tenant, cube) for cube in cubes)
    return f'tenant_key == "{digest(tenant)}" and cube_key in {keys}'


def _bounds(period: Period) -> Iterator[str]:
    if period.first_ms is not None:
        yield f"{period.moment.value} >= {period.first_ms:d}"
    if period.end_ms is not None:
        yield f"{period.moment.value} < {period.end_ms:d}"


def _facets_expression(tenant: TenantId, group: Iterable[Facet]) -> str:
    """The filter that holds for rows that have one of the facets, and for those that have too many to tell."""
    return f"array_contains_any(facets, {_listed(_facet_key(tenant, facet) for facet in (OVERFULL, *group))})"


def _facet_key(tenant: TenantId, facet: Facet) -> str:
    return digest(tenant, facet.field, facet.value)


def _listed(values: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"
