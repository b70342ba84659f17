"""What the collections are made of, and the stamp that says what one was made for. Pure.

    COLLECTION          an index whose truth is elsewhere            (a tree's)
    COLLECTION_records  whole memories, found by the same searches   (those of general_text)

The fields are explained in memos.vec_dbs.rows. The stamp is a JSON object, {"schema", "model", "dimension"}, with
"records" where memories are kept whole, which travels with the collection: vectors of two models cannot be compared,
even where their dimensions agree.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from memos.errors import InvalidConfig
from memos.vec_dbs.base import Moment
from memos.vec_dbs.conditions import MAX_FACETS
from memos.vec_dbs.rows import DIGEST_CHARS, MAX_ID_BYTES, MAX_RECORD_BYTES, MAX_SPEAKER_CHARS, MAX_WORDS_BYTES

INDEX_VERSION: Final = 3
SCHEMA_VERSION: Final = 1
RECORDS_VERSION: Final = 1
RECORDS_SUFFIX: Final = "_records"
STAMP_PROPERTY: Final = "memos"
_ELSEWHERE: Final = "set another MEMOS_MILVUS_COLLECTION"

_KEY: Final = {"max_length": DIGEST_CHARS}
_ID: Final = {"max_length": MAX_ID_BYTES}
_NAME: Final = {"max_length": 64}
_WORDS: Final = {
    "max_length": MAX_WORDS_BYTES,
    "enable_analyzer": True,
    "analyzer_params": {"tokenizer": "standard"},
}
_FACETS: Final = {"element_type": "VARCHAR", "max_capacity": MAX_FACETS, "max_length": DIGEST_CHARS}
_Fields = tuple[tuple[str, str, Mapping[str, Any]], ...]
_KEYS: Final[_Fields] = (
    ("pk", "VARCHAR", {"is_primary": True, **_KEY}),
    ("tenant_key", "VARCHAR", _KEY),
    ("cube_key", "VARCHAR", _KEY),
    ("cube", "VARCHAR", _ID),
    ("memory_id", "VARCHAR", _ID),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The scalar fields of a kind of collection, those that a hit tells, and what its stamp says beside the model."""

    scalar_fields: _Fields
    stamp: Mapping[str, int]
    told: tuple[str, ...] = ("memory_id", "cube")


INDEX: Final = Shape(
    scalar_fields=(
        *_KEYS,
        ("session", "VARCHAR", _ID),
        ("speaker", "VARCHAR", {"max_length": 4 * MAX_SPEAKER_CHARS}),
        ("status", "VARCHAR", _NAME),
        ("memory_type", "VARCHAR", _NAME),
        *((moment.value, "INT64", {}) for moment in Moment),
        ("facets", "ARRAY", _FACETS),
        ("words", "VARCHAR", _WORDS),
    ),
    stamp={"schema": INDEX_VERSION},
    told=("memory_id", "cube", "session", "speaker", "said_at_ms"),
)
RECORDS: Final = Shape(
    scalar_fields=(
        *_KEYS,
        ("status", "VARCHAR", _NAME),
        ("memory_type", "VARCHAR", _NAME),
        ("words", "VARCHAR", _WORDS),
        ("record", "VARCHAR", {"max_length": MAX_RECORD_BYTES}),
    ),
    stamp={"schema": SCHEMA_VERSION, "records": RECORDS_VERSION},
)

INDEXES: Final = {"dense": ("AUTOINDEX", "COSINE"), "sparse": ("SPARSE_INVERTED_INDEX", "BM25")}


def build_stamp(*, dimension: int, model: str, shape: Shape = INDEX) -> str:
    """The stamp of a collection of this shape for this model."""
    return json.dumps({**shape.stamp, "model": model, "dimension": dimension}, sort_keys=True)


def check_stamp(found: str, wanted: str, *, collection: str) -> None:
    """Raise InvalidConfig, naming both sides, when a collection was made for something else."""
    if found == wanted:
        return
    try:
        made_for = _describe(found)
    except (ValueError, TypeError, KeyError):
        raise _foreign(collection) from None
    raise InvalidConfig(
        f"Milvus collection {collection!r} was made for {made_for}, but this process has {_describe(wanted)}; "
        f"{_advise(found, wanted)}"
    )


def check_kind(found: str, shape: Shape, *, collection: str) -> None:
    """Raise InvalidConfig when a collection is of another kind than this shape, of whatever version or model."""
    try:
        made_for, kind = _describe(found), _kind(found)
    except (ValueError, TypeError, KeyError):
        raise _foreign(collection) from None
    if kind != _kind(build_stamp(dimension=0, model="", shape=shape)):
        raise InvalidConfig(
            f"Milvus collection {collection!r} holds something else ({made_for}), and is not removed; {_ELSEWHERE}"
        )


def _foreign(collection: str) -> InvalidConfig:
    return InvalidConfig(f"Milvus collection {collection!r} was not made by memos; {_ELSEWHERE}")


def _advise(found: str, wanted: str) -> str:
    """What to do about another stamp: a graph makes an index anew, and nobody makes records."""
    if _kind(found) != _kind(wanted):
        return _ELSEWHERE
    if _kind(wanted):
        return (
            "use that embedder again, or dump the cubes with it and load them into another collection "
            "(MEMOS_MILVUS_COLLECTION)"
        )
    return "run `memos index rebuild`, which makes it anew from the graph, or use that embedder again"


def _kind(stamp: str) -> frozenset[str]:
    """What a collection keeps beside what every one does; nothing for an index whose truth is elsewhere."""
    return frozenset(json.loads(stamp)) - {"schema", "model", "dimension"}


def _describe(stamp: str) -> str:
    values = cast(dict[str, Any], json.loads(stamp))
    records = f", records {values['records']}" if "records" in values else ""
    return f"{values['dimension']} dimensions of model {values['model']!r} (schema {values['schema']}{records})"
